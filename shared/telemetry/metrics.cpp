#include "shared/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <mutex>

#include "shared/core/media_type.h"

namespace tenantry::metrics {

namespace {

constexpr std::array<double, 14> bounds = {.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};

struct Exemplar {
  std::string trace_id;
  double value = 0;
  double at = 0;  // seconds since 1970
};

}  // namespace

// Of one series: the newest of each bucket, the last of which has no bound.
struct Exemplars {
  std::mutex mutex;
  std::array<Exemplar, bounds.size() + 1> of_bucket;
};

namespace {

prometheus::Registry& registry() {
  static prometheus::Registry instance;
  return instance;
}

std::string name_of_series(const std::string& name, const Labels& labels) {
  std::string out = name;
  for (const auto& [label, value] : labels) out += '\n' + label + '\n' + value;
  return out;
}

// By series. Never emptied: a series is for the process's life.
struct AllExemplars {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Exemplars>, std::less<>> of_series;
};
AllExemplars& all_exemplars() {
  static AllExemplars instance;
  return instance;
}

// ---- OpenMetrics 1.0 -----------------------------------------------------------------------------------------------

// With a point, as its canonical numbers are: le="1.0".
std::string number(double value) {
  if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
  if (std::isnan(value)) return "NaN";
  std::array<char, 32> text{};
  std::string out(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
  return out.find_first_of(".e") == out.npos ? out + ".0" : out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

std::string labels_text(const std::vector<prometheus::ClientMetric::Label>& labels, const std::string& bound = {}) {
  std::string out;
  const auto add = [&](const std::string& name, const std::string& value) {
    out += (out.empty() ? "{" : ",") + name + "=\"" + escaped(value) + '"';
  };
  for (const auto& label : labels) add(label.name, label.value);
  if (!bound.empty()) add("le", bound);
  return out.empty() ? out : out + "}";
}

std::string exemplar_text(const Exemplar& exemplar) {
  if (exemplar.trace_id.empty()) return {};
  return " # {trace_id=\"" + exemplar.trace_id + "\"} " + number(exemplar.value) + " " + number(exemplar.at);
}

void write_histogram(std::string& out, const std::string& name, const prometheus::ClientMetric& metric) {
  Labels labels;
  for (const auto& label : metric.label) labels.emplace(label.name, label.value);
  decltype(Exemplars::of_bucket) exemplars;
  {
    auto& all = all_exemplars();
    const std::lock_guard lock(all.mutex);
    if (const auto at = all.of_series.find(name_of_series(name, labels)); at != all.of_series.end()) {
      const std::lock_guard series_lock(at->second->mutex);
      exemplars = at->second->of_bucket;
    }
  }
  const auto& histogram = metric.histogram;
  for (std::size_t i = 0; i < histogram.bucket.size(); ++i) {
    const auto& bucket = histogram.bucket[i];
    out += name + "_bucket" + labels_text(metric.label, number(bucket.upper_bound)) + " " +
           std::to_string(bucket.cumulative_count) +
           (i < exemplars.size() ? exemplar_text(exemplars[i]) : std::string{}) + "\n";
  }
  out += name + "_count" + labels_text(metric.label) + " " + std::to_string(histogram.sample_count) + "\n";
  out += name + "_sum" + labels_text(metric.label) + " " + number(histogram.sample_sum) + "\n";
}

}  // namespace

void counter(const std::string& name, const std::string& help, const Labels& labels, double by) {
  prometheus::BuildCounter().Name(name).Help(help).Register(registry()).Add(labels).Increment(by);
}

void gauge(const std::string& name, const std::string& help, double value, const Labels& labels) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry()).Add(labels).Set(value);
}

DurationSeries duration_series(const std::string& name, const std::string& help, const Labels& labels) {
  static const prometheus::Histogram::BucketBoundaries buckets(bounds.begin(), bounds.end());
  DurationSeries series;
  series.histogram_ = &prometheus::BuildHistogram().Name(name).Help(help).Register(registry()).Add(labels, buckets);
  auto& all = all_exemplars();
  const std::lock_guard lock(all.mutex);
  auto& exemplars = all.of_series[name_of_series(name, labels)];
  if (!exemplars) exemplars = std::make_shared<Exemplars>();
  series.exemplars_ = exemplars;
  return series;
}

void DurationSeries::observe(double seconds, std::string_view trace_id) const {
  histogram_->Observe(seconds);
  if (trace_id.empty()) return;
  const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(bounds, seconds) - bounds.begin());
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(exemplars_->mutex);
  exemplars_->of_bucket[bucket] = {std::string(trace_id), seconds, now.count()};
}

void duration(const std::string& name, const std::string& help, double seconds, const Labels& labels) {
  duration_series(name, help, labels).observe(seconds);
}

std::string render() {
  return prometheus::TextSerializer().Serialize(registry().Collect());
}

std::string render_openmetrics() {
  std::string out;
  for (const auto& family : registry().Collect()) {
    const bool counter = family.type == prometheus::MetricType::Counter;
    const bool histogram = family.type == prometheus::MetricType::Histogram;
    // A counter's family has no suffix, its sample always has one.
    constexpr std::string_view suffix = "_total";
    auto name = family.name;
    if (counter && name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    out += "# TYPE " + name + (counter ? " counter\n" : histogram ? " histogram\n" : " gauge\n");
    out += "# HELP " + name + " " + escaped(family.help) + "\n";
    for (const auto& metric : family.metric) {
      if (histogram) {
        write_histogram(out, name, metric);
      } else {
        out += name + (counter ? std::string(suffix) : std::string{}) + labels_text(metric.label) + " " +
               number(counter ? metric.counter.value : metric.gauge.value) + "\n";
      }
    }
  }
  return out + "# EOF\n";
}

Page render_for(std::string_view accept) {
  const auto preferences = parse_preferences(accept);
  constexpr std::string_view openmetrics = "application/openmetrics-text";
  // Only where it is named: whoever takes anything gets what everybody can read.
  const bool named = std::ranges::any_of(preferences, [&](const auto& each) { return each.range == openmetrics; });
  const auto theirs = weight_of(preferences, openmetrics).value_or(0);
  if (named && theirs > 0 && theirs >= weight_of(preferences, "text/plain").value_or(0)) {
    return {"application/openmetrics-text; version=1.0.0; charset=utf-8", render_openmetrics()};
  }
  return {"text/plain; version=0.0.4; charset=utf-8", render()};
}

}  // namespace tenantry::metrics
