#include "workers/audit/store.h"

#include <nlohmann/json.hpp>

#include "shared/db/connection.h"

namespace tenantry::audit {

using nlohmann::json;

namespace {
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// PostgreSQL's jsonb has no U+0000: such a payload stays in the leaf only.
json payload_of(const AuditRecord& record) {
  if (record.payload.empty() || record.payload.find("\\u0000") != record.payload.npos) return nullptr;
  auto value = json::parse(record.payload, nullptr, false);
  return value.is_discarded() ? json(nullptr) : value;
}
}  // namespace

std::map<std::string, Frontier> lock_heads(db::Transaction& tx, const std::vector<std::string>& tenants) {
  std::map<std::string, Frontier> heads;
  const auto rows = tx.exec("SELECT tenant_id, size, frontier FROM audit.lock_heads($1)", {db::Param::array(tenants)});
  for (const auto row : rows) {
    auto frontier = Frontier::from_bytes(static_cast<std::uint64_t>(row.int64(1)), row.bytes(2));
    TENANTRY_ASSERT(frontier);  // a head that does not fit its size was written by somebody else
    heads.emplace(row.text(0), *std::move(frontier));
  }
  return heads;
}

void append(db::Transaction& tx, const std::vector<Leaf>& leaves, const std::map<std::string, Frontier>& heads) {
  json records = json::array();
  std::vector<Bytes> bytes;
  std::vector<Bytes> hashes;
  for (const auto& leaf : leaves) {
    const auto& record = leaf.record;
    records.push_back({{"position", records.size() + 1},
                       {"tenant_id", record.tenant_id},
                       {"sequence", record.sequence},
                       {"event_id", record.event_id.to_string()},
                       {"type", record.type},
                       {"occurred_at", to_rfc3339(record.occurred_at)},
                       {"recorded_at", to_rfc3339(record.recorded_at)},
                       {"actor_kind", record.actor_kind},
                       {"actor_id", record.actor_id},
                       {"actor_ip", record.actor_ip},
                       {"actor_agent", record.actor_agent},
                       {"action", record.action},
                       {"crud", record.crud},
                       {"resource", record.resource},
                       {"resource_id", record.resource_id},
                       {"outcome", record.failure ? "failure" : "success"},
                       {"correlation_id", record.correlation_id},
                       {"causation_id", record.causation_id},
                       {"source", record.source},
                       {"exchange", record.exchange},
                       {"payload", payload_of(record)}});
    bytes.emplace_back(leaf.bytes.begin(), leaf.bytes.end());
    hashes.emplace_back(leaf.hash.begin(), leaf.hash.end());
  }
  json new_heads = json::array();
  std::vector<Bytes> frontiers;
  for (const auto& [tenant_id, frontier] : heads) {
    new_heads.push_back({{"position", new_heads.size() + 1}, {"tenant_id", tenant_id}, {"size", frontier.size()}});
    frontiers.push_back(frontier.to_bytes());
  }
  tx.exec(
      "SELECT audit.append($1::jsonb, $2::bytea[], $3::bytea[], $4::jsonb, $5::bytea[])",
      {dump(records), db::Param::array(bytes), db::Param::array(hashes), dump(new_heads), db::Param::array(frontiers)});
}

}  // namespace tenantry::audit
