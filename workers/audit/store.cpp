#include "workers/audit/store.h"

#include <array>
#include <optional>

#include "shared/db/connection.h"
#include "shared/db/jsonb.h"

namespace tenantry::audit {

namespace {

// PostgreSQL's jsonb takes less than JSON: what it does not take stays in the leaf only, where it is whole, and is not
// found by its words. What a schema's message or the codec's own parser made is well-formed.
std::optional<std::string> searchable(const std::string& json) {
  if (json.empty() || !db::fits_jsonb(json)) return std::nullopt;
  return json;
}

struct Columns {
  explicit Columns(std::size_t size) {
    sequences.reserve(size);
    event_ids.reserve(size);
    occurred.reserve(size);
    recorded.reserve(size);
    payloads.reserve(size);
    changes.reserve(size);
    leaves.reserve(size);
    hashes.reserve(size);
    for (auto& column : texts) column.reserve(size);
  }
  std::vector<std::int64_t> sequences;
  std::vector<Uuid> event_ids;
  std::vector<Timestamp> occurred, recorded;
  std::array<std::vector<std::string_view>, 15> texts;  // in the order of add_texts()
  std::vector<std::optional<std::string>> payloads, changes;
  std::vector<ByteView> leaves, hashes;

  void add_texts(std::initializer_list<std::string_view> values) {
    std::size_t column = 0;
    for (const auto value : values) texts[column++].push_back(value);
  }
};

}  // namespace

Heads lock_heads(db::Transaction& tx, const std::vector<std::string>& tenants) {
  Heads heads;
  const auto rows =
      tx.exec("SELECT tenant_id, size, frontier, recorded_at, key_known, wrapped_key FROM audit.lock_heads($1)",
              {db::Param::array(tenants)});
  for (const auto row : rows) {
    auto frontier = Frontier::from_bytes(static_cast<std::uint64_t>(row.int64(1)), row.bytes(2));
    TENANTRY_ASSERT(frontier);  // a head that does not fit its size was written by somebody else
    heads.emplace(row.text(0), Head{*std::move(frontier), row.timestamp(3), row.boolean(4),
                                    row.is_null(5) ? Bytes{} : row.bytes(5)});
  }
  return heads;
}

void add_keys(db::Transaction& tx, const std::vector<NewKey>& keys) {
  if (keys.empty()) return;
  std::vector<std::string_view> ids, tenants;
  std::vector<ByteView> wrapped;
  for (const auto& key : keys) {
    ids.push_back(key.key_id);
    tenants.push_back(key.tenant_id);
    wrapped.emplace_back(key.wrapped);
  }
  using db::Param;
  tx.send("SELECT audit.add_keys($1, $2, $3)", {Param::array(ids), Param::array(tenants), Param::array(wrapped)});
}

std::map<std::string, Bytes> find_keys(db::Transaction& tx, const std::vector<std::string>& key_ids) {
  std::map<std::string, Bytes> keys;
  for (const auto row :
       tx.exec("SELECT key_id, wrapped_key FROM audit.keys WHERE key_id = ANY ($1)", {db::Param::array(key_ids)})) {
    keys.emplace(row.text(0), row.is_null(1) ? Bytes{} : row.bytes(1));
  }
  return keys;
}

void append(db::Transaction& tx, const std::vector<Leaf>& leaves, const Heads& heads,
            const std::vector<TenantNode>& nodes) {
  Columns columns(leaves.size());
  for (const auto& leaf : leaves) {
    const auto& record = leaf.record;
    columns.sequences.push_back(static_cast<std::int64_t>(record.sequence));
    columns.event_ids.push_back(record.event_id);
    columns.occurred.push_back(record.occurred_at);
    columns.recorded.push_back(record.recorded_at);
    columns.add_texts({record.tenant_id, record.type, record.actor_kind, record.actor_id, record.actor_ip,
                       record.actor_agent, record.action, record.crud, record.resource, record.resource_id,
                       record.failure ? "failure" : "success", record.correlation_id, record.causation_id,
                       record.source, record.exchange});
    columns.payloads.push_back(searchable(record.payload));
    columns.changes.push_back(searchable(record.changes));
    columns.leaves.push_back(as_bytes(leaf.bytes));
    columns.hashes.emplace_back(leaf.hash);
  }
  std::vector<std::string_view> head_tenants;
  std::vector<std::int64_t> head_sizes;
  std::vector<Bytes> frontiers;
  for (const auto& [tenant_id, head] : heads) {
    head_tenants.push_back(tenant_id);
    head_sizes.push_back(static_cast<std::int64_t>(head.frontier.size()));
    frontiers.push_back(head.frontier.to_bytes());
  }
  std::vector<std::string_view> node_tenants;
  std::vector<std::int64_t> node_levels, node_indexes;
  std::vector<ByteView> node_hashes;
  for (const auto& [tenant_id, node] : nodes) {
    node_tenants.push_back(tenant_id);
    node_levels.push_back(node.level);
    node_indexes.push_back(static_cast<std::int64_t>(node.index));
    node_hashes.emplace_back(node.hash);
  }
  using db::Param;
  const auto text = [&](std::size_t column) { return Param::array(columns.texts[column]); };
  tx.send(
      "SELECT audit.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
      "$20::jsonb[], $21::jsonb[], $22, $23, $24, $25, $26, $27, $28, $29, $30)",
      {text(0),
       Param::array(columns.sequences),
       Param::array(columns.event_ids),
       text(1),
       Param::array(columns.occurred),
       Param::array(columns.recorded),
       text(2),
       text(3),
       text(4),
       text(5),
       text(6),
       text(7),
       text(8),
       text(9),
       text(10),
       text(11),
       text(12),
       text(13),
       text(14),
       Param::array(columns.payloads),
       Param::array(columns.changes),
       Param::array(columns.leaves),
       Param::array(columns.hashes),
       Param::array(head_tenants),
       Param::array(head_sizes),
       Param::array(frontiers),
       Param::array(node_tenants),
       Param::array(node_levels),
       Param::array(node_indexes),
       Param::array(node_hashes)});
}

}  // namespace tenantry::audit
