#include "events/topology.h"
#include "shared/crypto/envelope.h"
#include "shared/db/connection.h"
#include "workers/provisioning/backup.h"
#include "workers/provisioning/steps/standard.h"
#include "workers/provisioning/store.h"
#include "workers/provisioning/tools.h"

namespace tenantry::provisioning {
namespace {

Error waiting(std::string for_what) {
  return {.code = Errc::unavailable, .reason = "not_drained", .message = std::move(for_what)};
}

Result<void> await_end(Tools& tools, std::span<const std::string_view> workers, const Uuid& marker) {
  return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    const auto behind = workers_behind(tx, workers, marker);
    return behind.empty() ? Result<void>{} : waiting("worker " + behind.front() + " has not come to the end");
  });
}

}  // namespace

Step close_stream() {
  return {.name = std::string(close_step),
          .ensure = [](Tools& tools, const Target& target) -> Result<void> {
            return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
              drop_timers(tx, target.tenant_id);
              if (!everybody_knows(tx, target.tenant_id, "release")) {
                return waiting("an older transaction is still open");
              }
              if (outbox_rows_due(tx, events::vhost_of(target.tenant_id), tools.clock.now()) > 0) {
                return waiting("events are still being published");
              }
              return {};
            });
          },
          .waits = true};
}

Step drain() {
  return {.name = std::string(drain_step),
          .ensure = [](Tools& tools,
                       const Target& target) { return await_end(tools, events::workers, target.ends.queues); },
          .waits = true};
}

Step drain_expired() {
  return {.name = std::string(drain_expired_step),
          .ensure =
              [](Tools& tools, const Target& target) {
                return await_end(tools, events::workers_of_applications(), target.ends.expired);
              },
          .waits = true};
}

// The stream has come to its end, so that nothing changes the rows any more.
Step final_backup() {
  return {.name = "final_backup", .ensure = [](Tools& tools, const Target& target) -> Result<void> {
            return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
              const auto& keys = tools.config.master_keys;
              const auto masters = crypto::MasterKeys::from_base64(keys.current, keys.former);
              return make_final_backup(tx, *masters, target.tenant_id, tools.clock.now(), tools.config.backup_years);
            });
          }};
}

Step memberships() {
  const auto forget = [](Tools& tools, const Target& target) -> Result<void> {
    return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
      remove_people(tx, target.tenant_id);
      return {};
    });
  };
  return {.name = "memberships", .ensure = forget, .remove = forget};
}

}  // namespace tenantry::provisioning
