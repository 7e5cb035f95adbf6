#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

struct Query {
  std::string tenant_id, type, actor, action, resource, from, to;
  int limit = 100;
};

// "payment.*" as a prefix for SQL: LIKE's own signs in it are letters.
std::string like_pattern(std::string text) {
  std::string out;
  for (const char c : text) {
    if (c == '*') {
      out += '%';
    } else {
      if (c == '%' || c == '_' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

void query(Session& session, const Query& wanted) {
  const auto url = session.setting("TENANTRY_ANALYST_DATABASE_URL");
  if (!url) return session.fail(url.error());
  for (const auto& [name, at] : {std::pair{"--from", wanted.from}, std::pair{"--to", wanted.to}}) {
    if (!at.empty() && !from_rfc3339(at)) {
      session.fail(Error::invalid(name, "rfc3339", "must be an RFC 3339 time, 2026-11-21T00:00:00Z"));
      session.exit_code = 2;
      return;
    }
  }
  db::Connection connection(*url, "tenantry audit query");
  db::Transaction tx(connection);
  const auto optional = [](const std::string& text) { return text.empty() ? db::Param(nullptr) : db::Param(text); };
  const auto rows = tx.exec(
      "SELECT tenant_id, sequence, event_id, type, occurred_at, actor_kind, actor_id, action, resource, resource_id, "
      "outcome, coalesce(payload::text, '') FROM analytics.audit_events "
      "WHERE ($1::text IS NULL OR tenant_id = $1) AND ($2::text IS NULL OR type LIKE $2) "
      "AND ($3::text IS NULL OR actor_id = $3) AND ($4::text IS NULL OR action = $4) "
      "AND ($5::text IS NULL OR resource = $5) AND ($6::timestamptz IS NULL OR occurred_at >= $6) "
      "AND ($7::timestamptz IS NULL OR occurred_at < $7) ORDER BY recorded_at DESC, tenant_id, sequence DESC LIMIT $8",
      {optional(wanted.tenant_id), wanted.type.empty() ? db::Param(nullptr) : db::Param(like_pattern(wanted.type)),
       optional(wanted.actor), optional(wanted.action), optional(wanted.resource), optional(wanted.from),
       optional(wanted.to), wanted.limit});
  std::vector<std::vector<std::string>> table;
  for (const auto row : rows) {
    const std::string actor = std::string(row.text(5)) + (row.text(6).empty() ? "" : ":" + std::string(row.text(6)));
    const std::string resource = std::string(row.text(8)) + (row.text(9).empty() ? "" : "/" + std::string(row.text(9)));
    if (session.json) {
      const std::string payload{row.text(11)};
      print_json({{"tenant_id", row.text(0)},
                  {"sequence", row.int64(1)},
                  {"event_id", row.text(2)},
                  {"type", row.text(3)},
                  {"occurred_at", to_rfc3339(row.timestamp(4))},
                  {"actor", actor},
                  {"action", row.text(7)},
                  {"resource", resource},
                  {"outcome", row.text(10)},
                  {"payload", payload.empty() ? nlohmann::json(nullptr) : nlohmann::json::parse(payload)}});
    } else {
      table.push_back({std::string(row.text(0)), std::string(row.text(1)), to_rfc3339(row.timestamp(4)).substr(0, 19),
                       std::string(row.text(3)), actor, resource, std::string(row.text(10))});
    }
  }
  if (session.json) return;
  std::ranges::reverse(table);  // the newest last, next to the prompt
  print_table({"TENANT", "SEQ", "TIME (UTC)", "TYPE", "ACTOR", "RESOURCE", "OUTCOME"}, table);
}

}  // namespace

void add_audit(CLI::App& app, Session& session) {
  auto* command = app.add_subcommand("audit",
                                     "The audit log, as an analyst\n\nExamples:\n"
                                     "  tenantry audit query --tenant acme --type 'payment.*'\n"
                                     "  tenantry --json audit query --from 2026-11-01T00:00:00Z | jq .type");
  command->require_subcommand(1);
  auto* queried = command->add_subcommand("query", "Records that match, the newest last");
  static Query wanted;
  queried->add_option("--tenant", wanted.tenant_id, "One tenant's records");
  queried->add_option("--type", wanted.type, "Event type; * stands for anything");
  queried->add_option("--actor", wanted.actor, "Who did it: a user's id, a worker's name");
  queried->add_option("--action", wanted.action, "CREATE, UPDATE, DELETE, LOGIN, ... or an event type");
  queried->add_option("--resource", wanted.resource, "Kind of resource: tenant, client, payment, ...");
  queried->add_option("--from", wanted.from, "From this instant on (RFC 3339)");
  queried->add_option("--to", wanted.to, "Before this instant (RFC 3339)");
  queried->add_option("--limit", wanted.limit, "At most so many; 100")->check(CLI::Range(1, 100000));
  queried->callback([&session] { query(session, wanted); });
}

}  // namespace tenantry::cli
