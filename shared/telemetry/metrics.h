// Metrics: counters, gauges and histograms of this process, rendered in Prometheus'
// text format. Thread-safe. No tenant, user or e-mail as a label: `/metrics` is public
// and labels multiply.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace prometheus {
class Histogram;
}

namespace tenantry::metrics {

using Labels = std::map<std::string, std::string>;

void counter(const std::string& name, const std::string& help, const Labels& labels = {}, double by = 1);
void gauge(const std::string& name, const std::string& help, double value, const Labels& labels = {});
// Buckets are those of the HTTP conventions: 5 ms to 10 s.
void duration(const std::string& name, const std::string& help, double seconds, const Labels& labels = {});

// The same, found once: for what is observed often. Good for the process's life; any thread.
class DurationSeries {
 public:
  void observe(double seconds) const;

 private:
  friend DurationSeries duration_series(const std::string&, const std::string&, const Labels&);
  prometheus::Histogram* histogram_ = nullptr;
};
DurationSeries duration_series(const std::string& name, const std::string& help, const Labels& labels);

std::string render();

}  // namespace tenantry::metrics
