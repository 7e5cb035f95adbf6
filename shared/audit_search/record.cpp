#include "shared/audit_search/record.h"

#include <array>
#include <charconv>

#include "shared/core/assert.h"
#include "shared/core/csv.h"
#include "shared/json/json.h"

namespace tenantry::audit_search {
namespace {

// In the order of record_columns.
enum Column {
  tenant_id,
  sequence,
  event_id,
  type,
  occurred_at,
  recorded_at,
  actor_kind,
  actor_id,
  actor_ip,
  actor_agent,
  action,
  crud,
  resource,
  resource_id,
  outcome,
  correlation_id,
  causation_id,
  source,
  payload,
  changes,
  xid
};
static_assert(xid + 1 == record_column_count);

// "2026-11-21 09:04:34.12+00", as the session prints it, to "2026-11-21T09:04:34.120000Z", as to_rfc3339() does.
void append_time(std::string& out, std::string_view text) {
  TENANTRY_ASSERT(text.size() >= 22 && text.ends_with("+00"));
  text.remove_suffix(3);
  const auto start = out.size();
  out += text;
  out[start + 10] = 'T';
  if (text.size() > 19) out.append(26 - text.size(), '0');
  out += 'Z';
}

}  // namespace

const char* const record_columns =
    "tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id, actor_ip, actor_agent, "
    "action, crud, resource, resource_id, outcome, correlation_id, causation_id, source, payload, changes, xid";

void append_json(std::string& out, const db::Row& row) {
  const auto member = [&](std::string_view separator_and_name, Column column) {
    out += separator_and_name;
    append_json_string(out, row.text(column));
  };
  const auto time = [&](std::string_view separator_and_name, Column column) {
    out += separator_and_name;
    append_time(out, row.text(column));
    out += '"';
  };
  const auto json = [&](std::string_view separator_and_name, Column column) {
    out += separator_and_name;
    out += row.is_null(column) ? std::string_view("null") : row.text(column);
  };
  member(R"({"tenant_id":)", tenant_id);
  out += R"(,"sequence":)";
  out += row.text(sequence);
  out += R"(,"event_id":")";
  out += row.text(event_id);
  member(R"(","type":)", type);
  time(R"(,"occurred_at":")", occurred_at);
  time(R"(,"recorded_at":")", recorded_at);
  member(R"(,"actor":{"kind":)", actor_kind);
  member(R"(,"id":)", actor_id);
  member(R"(,"ip":)", actor_ip);
  member(R"(,"user_agent":)", actor_agent);
  member(R"(},"action":)", action);
  member(R"(,"crud":)", crud);
  member(R"(,"resource":{"kind":)", resource);
  member(R"(,"id":)", resource_id);
  member(R"(},"outcome":)", outcome);
  member(R"(,"correlation_id":)", correlation_id);
  member(R"(,"causation_id":)", causation_id);
  member(R"(,"source":)", source);
  json(R"(,"payload":)", payload);
  json(R"(,"changes":)", changes);
  out += '}';
}

std::string_view csv_header() {
  return "tenant_id,sequence,event_id,type,occurred_at,recorded_at,actor_kind,actor_id,actor_ip,actor_user_agent,"
         "action,crud,resource,resource_id,outcome,correlation_id,causation_id,source,payload,changes\r\n";
}

void append_csv(std::string& out, const db::Row& row) {
  for (int column = tenant_id; column <= changes; ++column) {
    if (column != tenant_id) out += ',';
    if (column == occurred_at || column == recorded_at) {
      append_time(out, row.text(column));
    } else {
      append_csv_field(out, row.text(column));
    }
  }
  out += "\r\n";
}

std::uint64_t xid_of(const db::Row& row) {
  const auto text = row.text(xid);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Timestamp recorded_at_of(const db::Row& row) {
  return row.timestamp(recorded_at);
}

std::string_view tenant_of(const db::Row& row) {
  return row.text(tenant_id);
}

std::int64_t sequence_of(const db::Row& row) {
  return row.int64(sequence);
}

bool are_recorded_together(const db::Row& a, const db::Row& b) {
  return a.text(xid) == b.text(xid) && a.text(recorded_at) == b.text(recorded_at);
}

}  // namespace tenantry::audit_search
