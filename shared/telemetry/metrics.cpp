#include "shared/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace tenantry::metrics {
namespace {

prometheus::Registry& registry() {
  static prometheus::Registry instance;
  return instance;
}

}  // namespace

void counter(const std::string& name, const std::string& help, const Labels& labels, double by) {
  prometheus::BuildCounter().Name(name).Help(help).Register(registry()).Add(labels).Increment(by);
}

void gauge(const std::string& name, const std::string& help, double value, const Labels& labels) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry()).Add(labels).Set(value);
}

DurationSeries duration_series(const std::string& name, const std::string& help, const Labels& labels) {
  static const prometheus::Histogram::BucketBoundaries buckets = {.005, .01, .025, .05, .075, .1,  .25,
                                                                  .5,   .75, 1,    2.5, 5,    7.5, 10};
  DurationSeries series;
  series.histogram_ = &prometheus::BuildHistogram().Name(name).Help(help).Register(registry()).Add(labels, buckets);
  return series;
}

void DurationSeries::observe(double seconds) const {
  histogram_->Observe(seconds);
}

void duration(const std::string& name, const std::string& help, double seconds, const Labels& labels) {
  duration_series(name, help, labels).observe(seconds);
}

std::string render() {
  return prometheus::TextSerializer().Serialize(registry().Collect());
}

}  // namespace tenantry::metrics
