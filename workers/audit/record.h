// AuditRecord: one event as the audit log keeps it. leaf.h: the bytes that are hashed.
//
// Actor, resource id, payload and changes may speak of persons: in the leaf they are
// sealed under the tenant's key. Pure.
#pragma once

#include <string>

#include "events/codec.h"
#include "events/envelope.h"

namespace tenantry::audit {

struct AuditRecord {
  std::string tenant_id;
  std::uint64_t sequence = 0;
  Uuid event_id;
  std::string type;
  Timestamp occurred_at{};
  Timestamp recorded_at{};
  std::string actor_kind, actor_id, actor_ip, actor_agent;
  std::string action, crud, resource, resource_id;
  bool failure = false;
  std::string correlation_id, causation_id, source, exchange;
  std::string payload;  // JSON, "" where the payload is not JSON and its type unknown
  std::string changes;  // {"status":{"new":"active","old":"trial"}}, "" where no value changed
};

// Without sequence, which the head gives. `exchange`: where it was first published.
AuditRecord make_record(const events::Event& event, const std::string& exchange, Timestamp recorded_at);

}  // namespace tenantry::audit
