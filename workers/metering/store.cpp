#include "workers/metering/store.h"

#include <set>

#include "shared/core/rare.h"
#include "shared/db/connection.h"

namespace tenantry::metering {
namespace {

struct Columns {
  std::vector<std::string> tenants, metrics, event_ids, members, spans;
  std::vector<double> quantities;
  std::vector<Timestamp> at;
  bool empty() const { return tenants.empty(); }
};

// One statement per way of aggregating. A batch is folded by the hour first, so that its events are looked at once and
// not once per window; then by window, sorted against deadlock. date_trunc works in the session's time zone, UTC.
std::string upsert(const std::string& events_folded, const std::string& hours_folded, const std::string& merged) {
  return "INSERT INTO metering.counters AS c (tenant_id, metric, span, window_start, quantity, events, last_at, "
         "last_id, updated_at) SELECT h.tenant_id, h.metric, w.span, w.window_start, " +
         hours_folded +
         ", sum(h.events), max(h.last_at), (array_agg(h.last_id ORDER BY h.last_at DESC, h.last_id DESC))[1], $6 "
         "FROM (SELECT e.tenant_id, e.metric, date_trunc('hour', e.at) AS hour, " +
         events_folded +
         " AS quantity, count(*) AS events, max(e.at) AS last_at, "
         "(array_agg(e.event_id ORDER BY e.at DESC, e.event_id DESC))[1] AS last_id "
         "FROM unnest($1::text[], $2::text[], $3::float8[], $4::timestamptz[], $5::uuid[]) "
         "AS e (tenant_id, metric, quantity, at, event_id) GROUP BY 1, 2, 3) AS h "
         "JOIN metering.metrics m USING (metric) "
         "CROSS JOIN LATERAL (VALUES ('hour', h.hour), ('day', date_trunc('day', h.hour)), "
         "('month', date_trunc('month', h.hour)), ('total', timestamptz 'epoch')) AS w (span, window_start) "
         "WHERE w.span <> 'total' OR m.reset = 'never' "
         "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 "
         "ON CONFLICT (tenant_id, metric, span, window_start) DO UPDATE SET quantity = " +
         merged +
         ", events = c.events + excluded.events, "
         "last_id = CASE WHEN (excluded.last_at, excluded.last_id) > (c.last_at, c.last_id) THEN excluded.last_id "
         "ELSE c.last_id END, last_at = greatest(c.last_at, excluded.last_at), updated_at = excluded.updated_at "
         "RETURNING c.tenant_id, c.metric, c.span, c.window_start, c.quantity::float8, c.xmax = 0";
}

}  // namespace

Metrics load_metrics(db::Transaction& tx) {
  Metrics out;
  const auto rows =
      tx.exec("SELECT metric, aggregation, reset = 'monthly', coalesce(limit_name, ''), open FROM metering.metrics");
  for (const auto row : rows) {
    const std::string name{row.text(0)};
    out[name] = {name, events::aggregation_from(row.text(1)), row.boolean(2), std::string(row.text(3)), row.boolean(4)};
  }
  return out;
}

std::vector<Usage> claim_keys(db::Transaction& tx, std::vector<Usage> batch, Timestamp now) {
  std::vector<std::string> tenants, metrics, keys, event_ids;
  for (const auto& usage : batch) {
    if (usage.idempotency_key.empty()) continue;
    tenants.push_back(usage.tenant_id);
    metrics.push_back(usage.metric->name);
    keys.push_back(usage.idempotency_key);
    event_ids.push_back(usage.event_id.to_string());
  }
  if (!keys.empty()) {
    const auto rows = tx.exec(
        "INSERT INTO metering.idempotency_keys (tenant_id, metric, key, event_id, at) "
        "SELECT DISTINCT ON (tenant_id, metric, key) tenant_id, metric, key, event_id, $5 "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) AS k (tenant_id, metric, key, event_id) "
        // A key from before keys were a metric's own is every metric's.
        "WHERE NOT EXISTS (SELECT FROM metering.idempotency_keys o WHERE o.tenant_id = k.tenant_id AND o.metric = '' "
        "AND o.key = k.key) ORDER BY tenant_id, metric, key, event_id ON CONFLICT DO NOTHING RETURNING event_id",
        {db::Param::array(tenants), db::Param::array(metrics), db::Param::array(keys), db::Param::array(event_ids),
         now});
    if (rare::is(rare::Mutant::key_not_claimed)) return batch;
    std::set<Uuid> claimed;
    for (const auto row : rows) claimed.insert(row.uuid(0));
    std::erase_if(
        batch, [&](const Usage& usage) { return !usage.idempotency_key.empty() && !claimed.contains(usage.event_id); });
  }
  return batch;
}

std::vector<Counter> add(db::Transaction& tx, const std::vector<Usage>& batch, Timestamp now) {
  std::map<Aggregation, Columns> groups;
  for (const auto& usage : batch) {
    auto aggregation = usage.metric->aggregation;
    if (aggregation == Aggregation::count) aggregation = Aggregation::sum;
    auto& columns = groups[aggregation];
    columns.tenants.push_back(usage.tenant_id);
    columns.metrics.push_back(usage.metric->name);
    columns.quantities.push_back(usage.quantity);
    columns.at.push_back(usage.at);
    columns.event_ids.push_back(usage.event_id.to_string());
    columns.members.push_back(usage.member);
  }
  std::vector<Counter> out;
  const auto run = [&](const std::string& statement, const Columns& columns, bool with_members) {
    std::vector<db::Param> params = {db::Param::array(columns.tenants),    db::Param::array(columns.metrics),
                                     db::Param::array(columns.quantities), db::Param::array(columns.at),
                                     db::Param::array(columns.event_ids),  db::Param(now)};
    if (with_members) params.push_back(db::Param::array(columns.members));
    const auto rows = tx.exec(statement, params);
    for (const auto row : rows) {
      const auto span = row.text(2);
      if (span != "month" && span != "total") continue;
      out.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(span), row.timestamp(3),
                     row.real(4), row.boolean(5)});
    }
  };
  // float8 to numeric by way of text keeps the shortest decimal: 0.1 adds up as 0.1.
  static const std::string sum =
      upsert("sum(e.quantity::text::numeric)", "sum(h.quantity)", "c.quantity + excluded.quantity");
  static const std::string max =
      upsert("max(e.quantity::text::numeric)", "max(h.quantity)", "greatest(c.quantity, excluded.quantity)");
  static const std::string last =
      upsert("(array_agg(e.quantity::text::numeric ORDER BY e.at DESC, e.event_id DESC))[1]",
             "(array_agg(h.quantity ORDER BY h.last_at DESC, h.last_id DESC))[1]",
             "CASE WHEN (excluded.last_at, excluded.last_id) > (c.last_at, c.last_id) THEN excluded.quantity "
             "ELSE c.quantity END");
  // Members that are new in a window count one each.
  static const std::string unique = std::string(
      "WITH e AS (SELECT * FROM unnest($1::text[], $2::text[], $3::float8[], $4::timestamptz[], $5::uuid[], "
      "$7::text[]) AS e (tenant_id, metric, quantity, at, event_id, member)), "
      "w AS (SELECT e.tenant_id, e.metric, e.at, e.event_id, e.member, w.span, w.window_start FROM e "
      "JOIN metering.metrics m USING (metric) CROSS JOIN LATERAL (VALUES ('hour', date_trunc('hour', e.at)), "
      "('day', date_trunc('day', e.at)), ('month', date_trunc('month', e.at)), ('total', timestamptz 'epoch')) "
      "AS w (span, window_start) WHERE w.span <> 'total' OR m.reset = 'never'), "
      "fresh AS (INSERT INTO metering.unique_members (tenant_id, metric, span, window_start, member, counted_at) "
      "SELECT DISTINCT tenant_id, metric, span, window_start, member, $6::timestamptz FROM w ORDER BY 1, 2, 3, 4, 5 "
      "ON CONFLICT DO NOTHING RETURNING tenant_id, metric, span, window_start) "
      "INSERT INTO metering.counters AS c (tenant_id, metric, span, window_start, quantity, events, last_at, "
      "last_id, updated_at) SELECT w.tenant_id, w.metric, w.span, w.window_start, "
      "(SELECT count(*) FROM fresh f WHERE (f.tenant_id, f.metric, f.span, f.window_start) = "
      "(w.tenant_id, w.metric, w.span, w.window_start)), count(*), max(w.at), "
      "(array_agg(w.event_id ORDER BY w.at DESC, w.event_id DESC))[1], $6 FROM w GROUP BY 1, 2, 3, 4 "
      "ORDER BY 1, 2, 3, 4 ON CONFLICT (tenant_id, metric, span, window_start) DO UPDATE SET "
      "quantity = c.quantity + excluded.quantity, events = c.events + excluded.events, "
      "last_at = greatest(c.last_at, excluded.last_at), updated_at = excluded.updated_at "
      "RETURNING c.tenant_id, c.metric, c.span, c.window_start, c.quantity::float8, c.xmax = 0");
  for (const auto& [aggregation, columns] : groups) {
    switch (aggregation) {
      case Aggregation::max:
        run(max, columns, false);
        break;
      case Aggregation::last:
        run(last, columns, false);
        break;
      case Aggregation::unique:
        run(unique, columns, true);
        break;
      default:
        run(sum, columns, false);
        break;
    }
  }
  return out;
}

Limits load_limits(db::Transaction& tx, const std::vector<std::string>& tenants, Timestamp now) {
  Limits out;
  const auto rows = tx.exec(
      "SELECT t.tenant_id, l.name, l.value::float8 FROM platform.tenants t CROSS JOIN LATERAL "
      "platform.limits_of(t.tenant_id, t.plan, t.plan_version, $2) AS l WHERE t.tenant_id = ANY ($1)",
      {db::Param::array(tenants), now});
  for (const auto row : rows) out[{std::string(row.text(0)), std::string(row.text(1))}] = row.real(2);
  return out;
}

std::vector<Crossing> claim_crossings(db::Transaction& tx, const std::vector<Crossing>& crossings, Timestamp now) {
  std::vector<Crossing> fresh;
  if (crossings.empty()) return fresh;
  std::vector<std::string> tenants, metrics;
  std::vector<Timestamp> periods;
  std::vector<int> percents;
  for (const auto& crossing : crossings) {
    tenants.push_back(crossing.tenant_id);
    metrics.push_back(crossing.metric);
    periods.push_back(crossing.period_start);
    percents.push_back(crossing.percent);
  }
  const auto rows = tx.exec(
      "INSERT INTO metering.crossings (tenant_id, metric, period_start, percent, at) SELECT c.*, $5 FROM "
      "(SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::int[]) ORDER BY 1, 2, 3, 4) AS c "
      "ON CONFLICT DO NOTHING RETURNING tenant_id, metric, period_start, percent",
      {db::Param::array(tenants), db::Param::array(metrics), db::Param::array(periods), db::Param::array(percents),
       now});
  for (const auto row : rows) {
    fresh.push_back(
        {std::string(row.text(0)), std::string(row.text(1)), row.timestamp(2), static_cast<int>(row.int64(3))});
  }
  return fresh;
}

}  // namespace tenantry::metering
