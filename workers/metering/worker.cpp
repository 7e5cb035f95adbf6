#include "workers/metering/worker.h"

#include <set>

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/db/clock_offset.h"
#include "shared/db/connection.h"
#include "tenantry/events/v1/usage.pb.h"
#include "workers/metering/store.h"

namespace tenantry::metering {
namespace {

namespace v1 = events::v1;
using messaging::Incoming;
using messaging::Unit;

class MeteringWorker final : public messaging::Worker {
 public:
  explicit MeteringWorker(bool test_clock) : test_clock_(test_clock) {}

  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

  void begin(Unit& unit, std::span<const Incoming* const>) override {
    batch_.clear();
    causes_.clear();
    metrics_ = load_metrics(unit.tx);
  }

  Result<void> finish(Unit& unit) override {
    const auto counted = claim_keys(unit.tx, std::move(batch_), unit.now);
    if (counted.empty()) return {};
    const auto counters = add(unit.tx, counted, unit.now);
    close_periods_later(unit, counters);
    tell_crossings(unit, counters);
    return {};
  }

 private:
  Result<void> recorded(Unit& unit, const Incoming& incoming) {
    const auto& event = incoming.event;
    const auto& usage = event.as<v1::UsageRecorded>();
    if (incoming.first_exchange() == events::application_exchange(event.tenant_id)) {
      if (auto ok = events::check_application_usage(metrics_, usage); !ok) return ok;
    }
    auto read = events::read_usage(metrics_, usage, event.tenant_id, event.id, event.time, unit.now);
    if (test_clock_ && !read && read.error().fields.front().code == "future") {
      // That clock jumps, and who recorded this may have seen it before our process does.
      const auto now = db::read_platform_time(unit.tx, test_clock_);
      read = events::read_usage(metrics_, usage, event.tenant_id, event.id, event.time, now);
    }
    if (!read) return read.error();
    causes_[{event.tenant_id, usage.metric()}] = &event;
    batch_.push_back(*std::move(read));
    return {};
  }

  // The first usage of a month sets the timer that closes it.
  void close_periods_later(Unit& unit, const std::vector<Counter>& counters) {
    for (const auto& counter : counters) {
      if (counter.span != "month" || !counter.first) continue;
      unit.outbox.set_cause(causes_.at({counter.tenant_id, counter.metric}));
      const auto ends_at = next_month(counter.window_start);
      v1::UsagePeriodClosed closed;
      *closed.mutable_period_start() = events::to_proto(counter.window_start);
      *closed.mutable_period_end() = events::to_proto(ends_at);
      unit.outbox.schedule(counter.tenant_id + "/usage/" + to_rfc3339(counter.window_start), ends_at, counter.tenant_id,
                           closed);
    }
    unit.outbox.set_cause(nullptr);
  }

  void tell_crossings(Unit& unit, const std::vector<Counter>& counters) {
    std::set<std::string> tenants;
    std::vector<const Counter*> limited;
    for (const auto& counter : counters) {
      const auto& metric = metrics_.at(counter.metric);
      const bool period = counter.span == (metric.resets_monthly ? "month" : "total");
      if (!period || metric.limit_name.empty()) continue;
      if (metric.resets_monthly && !is_news(counter.window_start, unit.now)) continue;
      limited.push_back(&counter);
      tenants.insert(counter.tenant_id);
    }
    if (limited.empty()) return;
    const auto limits = load_limits(unit.tx, {tenants.begin(), tenants.end()}, unit.now);
    std::vector<Crossing> crossed;
    std::map<std::pair<std::string, std::string>, std::pair<double, double>> figures;  // quantity, limit
    for (const auto* counter : limited) {
      const auto limit = limits.find({counter->tenant_id, metrics_.at(counter->metric).limit_name});
      if (limit == limits.end()) continue;
      for (const int percent : crossings(counter->quantity, limit->second)) {
        crossed.push_back({counter->tenant_id, counter->metric, counter->window_start, percent});
      }
      figures[{counter->tenant_id, counter->metric}] = {counter->quantity, limit->second};
    }
    for (const auto& crossing : claim_crossings(unit.tx, crossed, unit.now)) {
      const auto [quantity, limit] = figures.at({crossing.tenant_id, crossing.metric});
      unit.outbox.set_cause(causes_.at({crossing.tenant_id, crossing.metric}));
      tell(unit, crossing, quantity, limit);
    }
    unit.outbox.set_cause(nullptr);
  }

  static void tell(Unit& unit, const Crossing& crossing, double quantity, double limit) {
    if (crossing.percent == percent_exceeded) {
      v1::UsageLimitExceeded exceeded;
      exceeded.set_metric(crossing.metric);
      exceeded.set_quantity(quantity);
      exceeded.set_limit(limit);
      *exceeded.mutable_period_start() = events::to_proto(crossing.period_start);
      unit.outbox.publish(crossing.tenant_id, exceeded);
      return;
    }
    v1::UsageThresholdReached reached;
    reached.set_metric(crossing.metric);
    reached.set_percent(crossing.percent);
    reached.set_quantity(quantity);
    reached.set_limit(limit);
    *reached.mutable_period_start() = events::to_proto(crossing.period_start);
    unit.outbox.publish(crossing.tenant_id, reached);
  }

  const bool test_clock_;
  // Of the batch at hand.
  Metrics metrics_;
  std::vector<Usage> batch_;
  std::map<std::pair<std::string, std::string>, const events::Event*> causes_;  // by tenant and metric: the last event

  const std::vector<messaging::ConsumerRow> rows_ = {
      {.type = "usage.recorded",
       .handle = [this](Unit& unit, const Incoming& incoming, const std::any&) { return recorded(unit, incoming); }}};
};

}  // namespace

messaging::WorkerSpec worker_spec(const MeteringConfig& config) {
  return {
      .name = "metering",
      .database_url = config.database_url,
      .batch_max = 500,
      .prefetch = 300,
      .make = [test_clock = config.test_clock](const messaging::LaneContext&) -> std::unique_ptr<messaging::Worker> {
        return std::make_unique<MeteringWorker>(test_clock);
      }};
}

service::Entry entry() {
  return {.name = "metering",
          .purpose = "The metering worker: usage events become counters.",
          .read = [](config::Reader& reader) { return worker_spec(read_metering_config(reader)); }};
}

}  // namespace tenantry::metering
