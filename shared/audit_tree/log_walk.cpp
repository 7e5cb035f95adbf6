#include "shared/audit_tree/log_walk.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/audit_tree/archived_leaves.h"
#include "shared/audit_tree/evidence.h"
#include "shared/db/connection.h"
#include "shared/json/json.h"

namespace tenantry::audit {
namespace {

// Of one query: what a few megabytes hold.
constexpr std::uint64_t slice_records = 2'048;
// As workers/audit/leaf.cpp: a message of the broker's largest size, twice in base64, and what stands around it.
constexpr std::size_t leaf_size_max = 64UL * 1024 * 1024;

constexpr std::string_view slice_sql =
    "SELECT sequence, leaf, leaf_hash, event_id, type, occurred_at, recorded_at, action, crud, resource, actor_kind, "
    "outcome, correlation_id, causation_id, source, exchange FROM audit.records "
    "WHERE tenant_id = $1 AND sequence >= $2 AND sequence < $3 ORDER BY sequence, recorded_at LIMIT $4";
enum Column { sequence, leaf, leaf_hash_column, event_id, type, occurred_at, recorded_at, action };

using nlohmann::json;

bool is_text(const json& object, const char* name, std::string_view value) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() && at->get_ref<const std::string&>() == value;
}

bool is_time(const json& object, const char* name, Timestamp value) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_string()) return false;
  const auto parsed = from_rfc3339(at->get_ref<const std::string&>());
  return parsed && *parsed == value;
}

// The first column that is not what the leaf says, "" where all are. Columns that hold personal data are emptied when
// a tenant is erased: they are in no leaf in plain, and are not looked at.
std::string_view differing_column(const json& object, const std::string& tenant_id, const db::Row& row) {
  const auto number = object.find("sequence");
  if (number == object.end() || !number->is_number_integer() || number->get<std::int64_t>() != row.int64(sequence)) {
    return "sequence";
  }
  if (!is_text(object, "tenant_id", tenant_id)) return "tenant_id";
  if (!is_text(object, "event_id", row.text(event_id))) return "event_id";
  if (!is_text(object, "type", row.text(type))) return "type";
  if (!is_time(object, "occurred_at", row.timestamp(occurred_at))) return "occurred_at";
  if (!is_time(object, "recorded_at", row.timestamp(recorded_at))) return "recorded_at";
  if (!is_text(object, "action", row.text(action))) return "action";
  if (!is_text(object, "crud", row.text(action + 1))) return "crud";
  // Leaves made before they were sealed hold resource and actor as objects.
  const auto resource = object.find("resource");
  const bool old = resource != object.end() && resource->is_object();
  if (!is_text(old ? *resource : object, old ? "kind" : "resource", row.text(action + 2))) return "resource";
  const auto actor = object.find("actor");
  if (old && (actor == object.end() || !actor->is_object())) return "actor_kind";
  if (!is_text(old ? *actor : object, old ? "kind" : "actor_kind", row.text(action + 3))) return "actor_kind";
  if (!is_text(object, "outcome", row.text(action + 4))) return "outcome";
  if (!is_text(object, "correlation_id", row.text(action + 5))) return "correlation_id";
  if (!is_text(object, "causation_id", row.text(action + 6))) return "causation_id";
  if (!is_text(object, "source", row.text(action + 7))) return "source";
  if (!is_text(object, "exchange", row.text(action + 8))) return "exchange";
  return "";
}

}  // namespace

std::string Finding::describe() const {
  std::string where = "record " + std::to_string(sequence);
  if (through != sequence) where = "records " + std::to_string(sequence) + " to " + std::to_string(through);
  return log_name(tenant_id) + ", " + where + ": " + rule + ": " + detail;
}

std::optional<StoredHead> read_head(db::Transaction& tx, const std::string& tenant_id) {
  const auto rows = tx.exec("SELECT size, frontier FROM audit.heads WHERE tenant_id = $1", {tenant_id});
  if (rows.empty()) return {};
  return StoredHead{static_cast<std::uint64_t>(rows[0].int64(0)), rows[0].bytes(1)};
}

LogWalk::LogWalk(std::string tenant_id, Frontier start)
    : tenant_id_(std::move(tenant_id)), frontier_(std::move(start)), agreed_(frontier_.size()) {}

Finding LogWalk::finding(std::string rule, std::uint64_t at, std::string detail) const {
  return {tenant_id_, std::move(rule), at, at, std::move(detail)};
}

std::optional<Finding> LogWalk::advance(db::Transaction& tx, std::uint64_t until, std::uint64_t records_max) {
  const auto past = std::min(until, frontier_.size() + records_max);
  while (frontier_.size() < past) {
    const auto from = frontier_.size();
    const auto end = std::min(past, from + slice_records);
    // One more than there can be, so that one too many shows.
    const auto rows = tx.exec(slice_sql, {tenant_id_, static_cast<std::int64_t>(from), static_cast<std::int64_t>(end),
                                          static_cast<std::int64_t>(end - from + 1)});
    std::vector<Node> completed;
    // What is archived comes before what is there; read after the records, as it is written before they go.
    if (const auto kept = rows.empty() ? end : static_cast<std::uint64_t>(rows[0].int64(sequence)); kept > from) {
      if (auto wrong = take_archived(tx, std::min(kept, end), completed)) return wrong;
    }
    for (const auto row : rows) {
      const auto next = frontier_.size();
      const auto given = static_cast<std::uint64_t>(row.int64(sequence));
      if (given < next) return finding("record_inserted", given, "the sequence is there twice");
      if (given > next) return finding("record_missing", next, "there is no such record");
      const auto bytes = row.bytes(leaf);
      const auto hash = leaf_hash(bytes);
      const auto stored = to_hash(row.bytes(leaf_hash_column));
      if (!stored || *stored != hash) return finding("record_changed", next, "the leaf is not the one that was hashed");
      const auto object = parse_json(as_text(bytes), {.size = leaf_size_max});
      if (!object || !object->is_object()) return finding("record_malformed", next, "the leaf is no JSON object");
      if (const auto column = differing_column(*object, tenant_id_, row); !column.empty()) {
        return finding("record_changed", next, "column " + std::string(column) + " is not what the leaf says");
      }
      if (auto wrong = take(hash, completed)) return wrong;
    }
    if (frontier_.size() < end) return finding("record_missing", frontier_.size(), "there is no such record");
    if (auto wrong = check_nodes(tx, from, completed)) return wrong;
  }
  return {};
}

std::optional<Finding> LogWalk::take(const Hash& leaf, std::vector<Node>& completed) {
  frontier_.append(leaf, &completed);
  const auto expected = expected_.find(frontier_.size());
  if (expected == expected_.end()) return {};
  if (expected->second != frontier_.root()) {
    auto wrong = finding("history_changed", agreed_,
                         "the root at size " + std::to_string(frontier_.size()) + " is not the one that was signed");
    wrong.through = frontier_.size() - 1;
    return wrong;
  }
  agreed_ = frontier_.size();
  return {};
}

// As far as an archive says that records have left; what is behind it is not there, and the caller says so.
std::optional<Finding> LogWalk::take_archived(db::Transaction& tx, std::uint64_t until, std::vector<Node>& completed) {
  while (frontier_.size() < until) {
    const auto stretch = read_archived_stretch(tx, tenant_id_, frontier_.size());
    if (!stretch) return {};
    const auto past = std::min(until, stretch->past);
    for (const auto& hash : read_archived_leaves(tx, tenant_id_, frontier_.size(), past)) {
      ++archived_;
      if (auto wrong = take(hash, completed)) return wrong;
    }
    if (frontier_.size() < past) {
      return finding("archive_changed", frontier_.size(),
                     "it is archived with the month " + stretch->month + ", and its leaf hash is not there");
    }
  }
  return {};
}

std::optional<Finding> LogWalk::check_nodes(db::Transaction& tx, std::uint64_t from,
                                            const std::vector<Node>& completed) const {
  for (int level = levels_per_kept; from >> level != frontier_.size() >> level; level += levels_per_kept) {
    const auto rows = tx.exec(
        "SELECT index, hash FROM audit.nodes WHERE tenant_id = $1 AND level = $2 AND index >= $3 AND index < $4",
        {tenant_id_, level, static_cast<std::int64_t>(from >> level),
         static_cast<std::int64_t>(frontier_.size() >> level)});
    std::map<std::uint64_t, Bytes> stored;
    for (const auto row : rows) stored.emplace(static_cast<std::uint64_t>(row.int64(0)), row.bytes(1));
    for (const auto& node : completed) {
      if (node.level != level) continue;
      const auto at = stored.find(node.index);
      if (at != stored.end() && std::ranges::equal(at->second, node.hash)) continue;
      auto wrong = finding("node_changed", node.index << level,
                           "the stored node of level " + std::to_string(level) + " is not that of its records");
      wrong.through = ((node.index + 1) << level) - 1;
      return wrong;
    }
  }
  return {};
}

std::optional<Finding> LogWalk::check_head(db::Transaction& tx, const StoredHead& head) const {
  TENANTRY_ASSERT(head.size == frontier_.size());
  if (head.frontier != frontier_.to_bytes()) {
    return finding("head_changed", head.size == 0 ? 0 : head.size - 1, "the head is not that of its records");
  }
  // In one statement: a batch that commits meanwhile moves the head with its records.
  const auto rows = tx.exec(
      "SELECT h.size, (SELECT min(r.sequence) FROM audit.records r WHERE r.tenant_id = h.tenant_id AND "
      "r.sequence >= h.size) FROM audit.heads h WHERE h.tenant_id = $1",
      {tenant_id_});
  if (!rows.empty() && !rows[0].is_null(1)) {
    return finding("record_inserted", static_cast<std::uint64_t>(rows[0].int64(1)), "it is beyond the head");
  }
  return {};
}

}  // namespace tenantry::audit
