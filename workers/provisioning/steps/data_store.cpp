#include "shared/db/connection.h"
#include "workers/provisioning/steps/standard.h"
#include "workers/provisioning/store.h"
#include "workers/provisioning/tools.h"

namespace tenantry::provisioning {

Step data_store() {
  return {.name = "data_store",
          .ensure = [](Tools& tools, const Target& target) -> Result<void> {
            return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
              remember_resource(tx, target.tenant_id, "data store", "pool", tools.clock.now());
              open_store(tx, target.tenant_id, tools.clock.now());
              return {};
            });
          },
          .remove = [](Tools& tools, const Target& target) -> Result<void> {
            return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
              remove_store(tx, target.tenant_id);
              forget_resource(tx, target.tenant_id, "data store");
              return {};
            });
          },
          .verify = [](Tools& tools, const Target& target) -> Result<bool> {
            bool there = false;
            const auto looked = tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
              there = has_store(tx, target.tenant_id);
              return {};
            });
            if (!looked) return looked.error();
            return there;
          }};
}

}  // namespace tenantry::provisioning
