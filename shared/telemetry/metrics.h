// Metrics: counters, gauges and histograms of this process, rendered in Prometheus'
// text format or in OpenMetrics, which has exemplars. Thread-safe. No tenant, user or e-mail as a label: `/metrics` is
// public and labels multiply.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace prometheus {
class Histogram;
}

namespace tenantry::metrics {

using Labels = std::map<std::string, std::string>;
struct Exemplars;

void counter(const std::string& name, const std::string& help, const Labels& labels = {}, double by = 1);
void gauge(const std::string& name, const std::string& help, double value, const Labels& labels = {});
// Buckets are those of the HTTP conventions: 5 ms to 10 s.
void duration(const std::string& name, const std::string& help, double seconds, const Labels& labels = {});

// The same, found once: for what is observed often. Good for the process's life; any thread.
class DurationSeries {
 public:
  // `trace_id`: of the trace that was kept of it, as 32 hex digits; "": none was. OpenMetrics shows the newest of each
  // bucket.
  void observe(double seconds, std::string_view trace_id = {}) const;

 private:
  friend DurationSeries duration_series(const std::string&, const std::string&, const Labels&);
  prometheus::Histogram* histogram_ = nullptr;
  std::shared_ptr<Exemplars> exemplars_;
};
DurationSeries duration_series(const std::string& name, const std::string& help, const Labels& labels);

std::string render();
std::string render_openmetrics();

// The form that `accept`, a header's value, prefers: OpenMetrics where it is named, else the text format.
struct Page {
  std::string content_type;
  std::string body;
};
Page render_for(std::string_view accept);

}  // namespace tenantry::metrics
