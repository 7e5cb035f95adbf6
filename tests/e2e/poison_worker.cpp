// A worker in metering's place whose handler does what no handler should: it throws, stops the process or takes too
// long, as the event's metric says. A process of its own, so that tests can see it die. What it handles it tells with a
// usage.threshold_reached. POISON_CURED=1 is the build in which all of that is fixed.
#include <signal.h>

#include <cstdlib>

#include "events/proto_time.h"
#include "shared/db/connection.h"
#include "shared/service/service.h"
#include "tenantry/events/v1/usage.pb.h"

namespace {

using namespace tenantry;
namespace v1 = tenantry::events::v1;

class PoisonWorker final : public messaging::Worker {
 public:
  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

 private:
  Result<void> recorded(messaging::Unit& unit, const events::Event& event, const v1::UsageRecorded& usage) {
    const bool cured = std::getenv("POISON_CURED") != nullptr;
    if (!cured && usage.metric() == "throws") throw std::runtime_error("a bug of the handler");
    if (!cured && usage.metric() == "crashes") raise(SIGKILL);
    if (!cured && usage.metric() == "takes_too_long") unit.tx.exec("SELECT pg_sleep(600)");
    v1::UsageThresholdReached reached;
    reached.set_metric(usage.metric());
    reached.set_percent(80);
    reached.set_quantity(usage.quantity());
    *reached.mutable_period_start() = events::to_proto(unit.now);
    unit.outbox.publish(event.tenant_id, reached);
    return {};
  }

  const std::vector<messaging::ConsumerRow> rows_ = {
      messaging::on<v1::UsageRecorded>(this, &PoisonWorker::recorded, {.attempts_max = 3})};
};

}  // namespace

int main() {
  config::Reader reader(config::process_environment());
  messaging::WorkerSpec spec{.name = "metering",
                             .database_url = reader.required_secret(config::service_database_variable("metering")),
                             .make = [](const messaging::LaneContext&) { return std::make_unique<PoisonWorker>(); }};
  return service::run(reader,
                      {.name = "poison", .amqp_variable = "TENANTRY_METERING_AMQP_URL", .workers = {std::move(spec)}});
}
