// A database with audit logs in it, written as the audit worker writes them; and the
// hand of a superuser who turns the triggers off.
#pragma once

#include <string>
#include <vector>

#include "shared/core/ids.h"
#include "shared/db/run.h"
#include "tests/support/services.h"
#include "workers/audit/leaf.h"
#include "workers/audit/store.h"

namespace tenantry::testing {

class AuditLog {
 public:
  // `count` records of one batch, recorded now.
  void write(const std::string& tenant, int count) { write_at(clock.now(), tenant, count); }

  void write_at(Timestamp at, const std::string& tenant, int count) {
    must(db::run(writer_, {}, [&](db::Transaction& tx) -> Result<void> {
      auto heads = audit::lock_heads(tx, {tenant});
      auto& head = heads.at(tenant);
      std::vector<audit::Leaf> leaves;
      std::vector<audit::TenantNode> nodes;
      for (int i = 0; i < count; ++i) {
        head.recorded_at = std::max(head.recorded_at, at);
        leaves.push_back(next(tenant, head, nodes));
      }
      audit::append(tx, leaves, heads, nodes);
      return {};
    }));
  }

  // As a superuser to whom no trigger applies.
  void tamper(const std::string& script) {
    std::string triggers_off, triggers_on;
    for (const char* table : {"records", "heads", "nodes", "checkpoints", "archives", "archived_leaves"}) {
      triggers_off += "ALTER TABLE audit." + std::string(table) + " DISABLE TRIGGER USER;";
      triggers_on += "ALTER TABLE audit." + std::string(table) + " ENABLE TRIGGER USER;";
    }
    database.exec("superuser", triggers_off + script + ";" + triggers_on);
  }

  TestDatabase database;
  SystemClock clock;
  SystemIdGenerator ids{clock};

 private:
  audit::Leaf next(const std::string& tenant, audit::Head& head, std::vector<audit::TenantNode>& nodes) {
    events::Event event;
    event.id = ids.next();
    event.type = "order.created";
    event.tenant_id = tenant;
    event.time = clock.now();
    event.source = "/shop";
    event.content_type = "application/json";
    event.payload = R"({"amount":12})";
    event.actor = {.kind = "user", .id = "u1"};
    audit::Leaf leaf{audit::make_record(event, tenant + ".app", head.recorded_at), {}, {}};
    leaf.record.sequence = head.frontier.size();
    leaf.bytes = audit::leaf_of(leaf.record, event, nullptr);
    leaf.hash = audit::leaf_hash(as_bytes(leaf.bytes));
    std::vector<audit::Node> completed;
    head.frontier.append(leaf.hash, &completed);
    for (const auto& node : completed) nodes.push_back({tenant, node});
    return leaf;
  }

  db::Connection writer_{database.url("audit"), "test"};
};

}  // namespace tenantry::testing
