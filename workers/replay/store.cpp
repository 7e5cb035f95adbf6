#include "workers/replay/store.h"

#include <fnmatch.h>

#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "shared/db/connection.h"
#include "tenantry/events/v1/signup.pb.h"
#include "workers/audit/keys.h"
#include "workers/audit/leaf.h"

namespace tenantry::replay {
namespace {

constexpr int page_size = 1'000;

// '*' as LIKE's '%'; LIKE's own signs are letters.
std::string pattern_of(const std::string& type) {
  std::string out;
  for (const char c : type) {
    if (c == '*') {
      out += '%';
      continue;
    }
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out.empty() ? "%" : out;
}

constexpr const char* condition =
    "($1 = '' OR tenant_id = $1) AND type LIKE $2 AND ($3::timestamptz IS NULL OR occurred_at >= $3) "
    "AND ($4::timestamptz IS NULL OR occurred_at < $4) ";

Result<Recorded> read_leaf(db::Transaction& tx, audit::LeafKeys& keys, const db::Row& row) {
  const auto recorded = [&]() -> Result<Recorded> {
    const auto leaf = audit::parse_leaf(as_text(row.bytes(3)));
    if (!leaf) return leaf.error();
    const auto personal = keys.open(tx, *leaf);
    if (!personal) return personal.error();
    return from_leaf(*leaf, *personal);
  }();
  if (recorded) return recorded;
  auto error = recorded.error();
  error.message =
      "record " + std::string(row.text(2)) + " of " + std::string(row.text(1)) + " cannot be read: " + error.message;
  return error;
}

}  // namespace

bool matches(const EventFilter& filter, const events::Event& event) {
  if (!filter.tenant_id.empty() && event.tenant_id != filter.tenant_id) return false;
  if (filter.since && event.time < *filter.since) return false;
  if (filter.until && event.time >= *filter.until) return false;
  return filter.type.empty() || fnmatch(filter.type.c_str(), event.type.c_str(), FNM_NOESCAPE) == 0;
}

Result<void> read_events(db::Transaction& tx, audit::LeafKeys& keys, const EventFilter& filter,
                         const std::function<Result<void>(Recorded&&)>& visit) {
  static const std::string statement = std::string(
                                           "SELECT recorded_at, tenant_id, sequence, leaf FROM audit.records "
                                           "WHERE ") +
                                       condition +
                                       "AND ($5::timestamptz IS NULL OR (recorded_at, tenant_id, sequence) > ($5, $6, "
                                       "$7::bigint)) ORDER BY recorded_at, tenant_id, sequence LIMIT $8";
  db::Param at{nullptr}, tenant{nullptr}, sequence{nullptr};
  for (;;) {
    const auto rows = tx.exec(statement, {filter.tenant_id, pattern_of(filter.type), filter.since, filter.until, at,
                                          tenant, sequence, page_size});
    for (const auto row : rows) {
      auto recorded = read_leaf(tx, keys, row);
      if (!recorded && recorded.error().reason == "erased") continue;
      if (!recorded) return recorded.error();
      if (auto visited = visit(*std::move(recorded)); !visited) return visited;
    }
    if (rows.size() < page_size) return {};
    const auto last = rows[rows.size() - 1];
    at = db::Param(last.timestamp(0));
    tenant = db::Param(last.text(1));
    sequence = db::Param(last.int64(2));
  }
}

std::int64_t count_events(db::Transaction& tx, const EventFilter& filter) {
  static const std::string statement = std::string("SELECT count(*) FROM audit.records WHERE ") + condition;
  return tx.exec(statement, {filter.tenant_id, pattern_of(filter.type), filter.since, filter.until})[0].int64(0);
}

std::optional<Timestamp> archived_before(db::Transaction& tx, const std::string& tenant_id) {
  return tx
      .exec(
          "SELECT (max(month) + interval '1 month') AT TIME ZONE 'UTC' FROM audit.archives WHERE $1 = '' OR "
          "tenant_id = $1",
          {tenant_id})[0]
      .optional_timestamp(0);
}

void freeze(db::Transaction& tx) {
  tx.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
}

std::map<std::string, Lifecycle> live_lifecycles(db::Transaction& tx, const std::string& tenant_id) {
  std::map<std::string, Lifecycle> out;
  const auto rows = tx.exec(
      "SELECT tenant_id, status, CASE WHEN status = 'suspended' THEN status_reason ELSE '' END, plan, "
      "trial_ends_at, CASE WHEN status IN ('cancelled', 'deleted') THEN deletion_due_at END "
      "FROM platform.tenants WHERE ($1 = '' OR tenant_id = $1) AND tenant_id NOT IN (SELECT tenant_id FROM audit.heads "
      "WHERE erased_at IS NOT NULL)",
      {tenant_id});
  for (const auto row : rows) {
    out.emplace(row.text(0), Lifecycle{.status = std::string(row.text(1)),
                                       .reason = std::string(row.text(2)),
                                       .plan = std::string(row.text(3)),
                                       .trial_ends_at = row.timestamp(4),
                                       .deletion_due_at = row.optional_timestamp(5)});
  }
  return out;
}

std::int64_t count_unpublished(db::Transaction& tx, const std::string& tenant_id, Timestamp now) {
  return tx
      .exec("SELECT count(*) FROM messaging.outbox WHERE ($1 = '' OR tenant_id = $1) AND available_at <= $2",
            {tenant_id, now})[0]
      .int64(0);
}

Result<void> add_tenant(db::Transaction& tx, const std::string& tenant_id, const events::v1::SignupRequested& request,
                        Timestamp at) {
  const auto plan = tx.exec("SELECT max(version) FROM platform.plans WHERE plan = $1", {request.plan()});
  if (plan[0].is_null(0)) return Error::invalid("/data/plan", "unknown_plan", "no plan is called " + request.plan());
  const std::string locale = request.locale() == "en" ? "en" : "fr";
  const auto made = tx.exec(
      "INSERT INTO platform.tenants (tenant_id, company_name, company_email, status, status_since, plan, plan_version, "
      "locale, trial_ends_at, created_at, updated_at) VALUES ($1, $2, $3, 'pending', $4, $5, $6, $7, "
      "$4::timestamptz + interval '14 days', $4, $4) ON CONFLICT DO NOTHING",
      {tenant_id, request.company_name(), request.company_email(), at, request.plan(), plan[0].int64(0), locale});
  if (made.affected() == 0)
    return Error{.code = Errc::conflict, .message = "tenant " + tenant_id + " is there already"};
  return {};
}

Result<void> add_owned_tenant(db::Transaction& tx, const events::Event& registered, const Uuid& user_id) {
  const auto& fact = registered.as<events::v1::TenantRegistered>();
  const auto& tenant_id = registered.tenant_id;
  if (tx.exec("SELECT FROM platform.tenants WHERE tenant_id = $1", {tenant_id}).empty()) {
    events::v1::SignupRequested request;
    request.set_company_name(fact.company_name());
    request.set_company_email(fact.owner_email());
    request.set_plan(fact.plan());
    request.set_locale(fact.locale());
    if (auto added = add_tenant(tx, tenant_id, request, registered.time); !added) return added;
  }
  tx.exec("UPDATE platform.tenants SET trial_ends_at = $2 WHERE tenant_id = $1",
          {tenant_id, events::from_proto(fact.trial_ends_at())});
  tx.exec(
      "INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, locale, created_at) "
      "VALUES ($1, $2, $3, '', 'none', $4, $5) ON CONFLICT DO NOTHING",
      {user_id, fact.owner_email(), fact.owner_first_name(), fact.locale() == "en" ? "en" : "fr", registered.time});
  tx.exec(
      "INSERT INTO platform.memberships (tenant_id, user_id, role, state, state_since, created_at) SELECT $1, user_id, "
      "'owner', 'active', $3, $3 FROM platform.users WHERE email = $2 ON CONFLICT DO NOTHING",
      {tenant_id, fact.owner_email(), registered.time});
  return {};
}

void set_plan(db::Transaction& tx, const std::string& tenant_id, const std::string& plan) {
  tx.exec(
      "UPDATE platform.tenants t SET plan = p.plan, plan_version = p.version FROM (SELECT plan, max(version) AS "
      "version "
      "FROM platform.plans WHERE plan = $2 GROUP BY plan) AS p WHERE t.tenant_id = $1",
      {tenant_id, plan});
}

void forget_leases(db::Transaction& tx) {
  tx.exec("UPDATE messaging.outbox SET claimed_until = NULL WHERE claimed_until IS NOT NULL");
}

std::optional<Timestamp> next_due(db::Transaction& tx) {
  return tx.exec("SELECT min(available_at) FROM messaging.outbox")[0].optional_timestamp(0);
}

Outcome outcome_of(db::Transaction& tx) {
  Outcome out{.lifecycles = live_lifecycles(tx, "")};
  const auto rows = tx.exec(
      "SELECT worker, tenant_id, type, reason, error FROM messaging.dead_letters "
      "WHERE state = 'waiting' ORDER BY created_at, dead_letter_id");
  for (const auto row : rows) {
    out.dead_letters.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                                std::string(row.text(3)), std::string(row.text(4))});
  }
  return out;
}

std::string usage_of(db::Transaction& tx, const std::string& tenant_id, const std::string& metric,
                     const std::string& span) {
  const auto rows =
      tx.exec("SELECT sum(quantity)::text FROM metering.counters WHERE tenant_id = $1 AND metric = $2 AND span = $3",
              {tenant_id, metric, span});
  return std::string(rows[0].text(0));
}

Recount::Recount(db::Transaction& tx) : tx_(tx) {
  tx_.exec(
      "CREATE TEMPORARY TABLE recounted (tenant_id text, metric text, quantity numeric, at timestamptz, "
      "event_id uuid, key text, member text) ON COMMIT DROP");
}

void Recount::add(const std::vector<metering::Usage>& batch) {
  if (batch.empty()) return;
  std::vector<std::string> tenants, metrics, keys, members;
  std::vector<double> quantities;
  std::vector<Timestamp> at;
  std::vector<Uuid> ids;
  for (const auto& usage : batch) {
    tenants.push_back(usage.tenant_id);
    metrics.push_back(usage.metric->name);
    keys.push_back(usage.idempotency_key);
    members.push_back(usage.member);
    quantities.push_back(usage.quantity);
    at.push_back(usage.at);
    ids.push_back(usage.event_id);
  }
  using db::Param;
  tx_.exec(
      "INSERT INTO recounted SELECT u.tenant_id, u.metric, u.quantity::text::numeric, u.at, u.event_id, u.key, "
      "u.member "
      "FROM unnest($1::text[], $2::text[], $3::float8[], $4::timestamptz[], $5::uuid[], $6::text[], $7::text[]) "
      "AS u (tenant_id, metric, quantity, at, event_id, key, member)",
      {Param::array(tenants), Param::array(metrics), Param::array(quantities), Param::array(at), Param::array(ids),
       Param::array(keys), Param::array(members)});
}

std::vector<Difference> Recount::compare(const std::string& tenant_id, Timestamp now) {
  set_aside_ = static_cast<std::int64_t>(
      tx_.exec("DELETE FROM recounted r USING messaging.dead_letters d WHERE d.worker = 'metering' "
               "AND d.event_id = r.event_id AND NOT EXISTS (SELECT FROM messaging.inbox i "
               "WHERE i.event_id = r.event_id AND i.worker = 'metering')")
          .affected());
  // Of two events under one key the first that came to metering counted. Which one that was only metering knows; that
  // it is one of them, the join says.
  tx_.exec(
      "DELETE FROM recounted r WHERE r.key <> '' AND EXISTS (SELECT FROM metering.idempotency_keys k "
      "JOIN recounted counted ON counted.tenant_id = k.tenant_id AND counted.key = k.key "
      "AND counted.event_id = k.event_id WHERE k.tenant_id = r.tenant_id AND k.key = r.key "
      "AND k.metric IN (r.metric, '') "
      "AND k.event_id <> r.event_id)");
  // Keys are kept for a time (docs/housekeeping.md): of those before it the first event in the log is taken for the
  // one.
  tx_.exec(
      "DELETE FROM recounted r USING recounted before WHERE r.key <> '' AND before.tenant_id = r.tenant_id "
      "AND before.metric = r.metric AND before.key = r.key AND before.ctid < r.ctid");
  std::vector<Difference> out;
  const auto rows = tx_.exec(
      "WITH windows AS (SELECT r.*, m.aggregation, w.span, w.window_start FROM recounted r JOIN metering.metrics m "
      "USING (metric) CROSS JOIN LATERAL (VALUES ('hour', date_trunc('hour', r.at)), ('day', date_trunc('day', r.at)), "
      "('month', date_trunc('month', r.at)), ('total', timestamptz 'epoch')) AS w (span, window_start) "
      "WHERE w.span <> 'total' OR m.reset = 'never'), "
      "again AS (SELECT tenant_id, metric, span, window_start, count(*) AS events, CASE min(aggregation) "
      "WHEN 'max' THEN max(quantity) WHEN 'unique' THEN count(DISTINCT member)::numeric "
      "WHEN 'last' THEN (array_agg(quantity ORDER BY at DESC, event_id DESC))[1] ELSE sum(quantity) END AS quantity "
      "FROM windows GROUP BY 1, 2, 3, 4) "
      "SELECT tenant_id, metric, span, window_start, coalesce(c.quantity || ' of ' || c.events, ''), "
      "coalesce(a.quantity || ' of ' || a.events, '') FROM again a FULL JOIN "
      "(SELECT * FROM metering.counters WHERE ($1 = '' OR tenant_id = $1) AND tenant_id NOT IN (SELECT tenant_id FROM "
      "audit.heads WHERE erased_at IS NOT NULL)) c "
      "USING (tenant_id, metric, span, window_start) "
      "WHERE (c.quantity IS DISTINCT FROM a.quantity OR c.events IS DISTINCT FROM a.events) "
      "AND (span = 'hour' AND window_start < $2::timestamptz - (SELECT keep - interval '1 day' FROM housekeeping.rules "
      "WHERE relation = 'metering.counters'::regclass)) IS NOT TRUE ORDER BY 1, 2, 3, 4",
      {tenant_id, now});
  for (const auto row : rows) {
    out.push_back(
        {std::string(row.text(0)),
         "usage " + std::string(row.text(1)) + " " + std::string(row.text(2)) + " " + to_rfc3339(row.timestamp(3)),
         std::string(row.text(4)), std::string(row.text(5))});
  }
  return out;
}

}  // namespace tenantry::replay
