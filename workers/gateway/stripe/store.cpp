#include "workers/gateway/stripe/store.h"

#include <algorithm>

#include "shared/crypto/hash.h"
#include "shared/db/connection.h"

namespace tenantry::gateway::stripe_store {

using db::Param;

bool add(db::Transaction& tx, const Row& row, std::string_view body, Timestamp now) {
  const auto made = tx.exec(
      "INSERT INTO billing.stripe_events (stripe_event_id, type, account, tenant_id, state, reason, detail, stated_at, "
      "object_ids, body, body_hash, received_at) VALUES ($1, $2, $3, nullif($4, ''), $5, $6, $7, $8, $9, $10, $11, "
      "$12) "
      "ON CONFLICT DO NOTHING",
      {row.event_id, row.type, row.account, row.tenant_id, row.state, row.reason, row.detail, row.stated_at,
       Param::array(row.object_ids), as_bytes(body), ByteView{crypto::sha256(as_bytes(body))}, now});
  return made.affected() == 1;
}

std::optional<Body> find_body(db::Transaction& tx, std::string_view event_id) {
  const auto rows = tx.exec("SELECT body, body_hash FROM billing.stripe_events WHERE stripe_event_id = $1", {event_id});
  if (rows.empty()) return std::nullopt;
  return Body{std::string(as_text(rows[0].bytes(0))), rows[0].bytes(1)};
}

Bytes hash_of(std::string_view body) {
  const auto digest = crypto::sha256(as_bytes(body));
  return {digest.begin(), digest.end()};
}

// In one order for all, so that two wait for each other and not in a ring.
void lock_objects(db::Transaction& tx, const std::vector<std::string>& object_ids) {
  if (object_ids.empty()) return;
  tx.send(
      "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended(id, 0) AS key "
      "FROM unnest($1::text[]) AS id ORDER BY key) AS keys",
      {Param::array(object_ids)});
}

std::string find_owner(db::Transaction& tx, std::initializer_list<std::string_view> named,
                       const std::vector<std::string>& object_ids) {
  std::vector<std::string> names(named.begin(), named.end());
  const auto rows = tx.exec(
      "SELECT t.tenant_id FROM (SELECT name AS tenant_id, place FROM unnest($1::text[]) WITH ORDINALITY AS n (name, "
      "place) UNION ALL SELECT l.tenant_id, 1000 + o.place FROM unnest($2::text[]) WITH ORDINALITY AS o (id, place) "
      "JOIN billing.stripe_links AS l ON l.stripe_object_id = o.id) AS c JOIN platform.tenants AS t USING (tenant_id) "
      "WHERE t.status <> 'deleted' ORDER BY c.place LIMIT 1",
      {Param::array(names), Param::array(object_ids)});
  return rows.empty() ? "" : std::string(rows[0].text(0));
}

namespace {

std::vector<Unplaced> read_unplaced(const db::Rows& rows) {
  std::vector<Unplaced> out;
  for (const auto row : rows) {
    out.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(as_text(row.bytes(2))),
                   row.text(3) == "parked"});
  }
  return out;
}

}  // namespace

std::vector<Unplaced> learn(db::Transaction& tx, std::string_view tenant_id, const std::vector<std::string>& object_ids,
                            int at_most, Timestamp now) {
  if (object_ids.empty()) return {};
  // One statement learns and sees what waits, so that what was known before asks for nothing.
  const auto rows = tx.exec(
      "WITH learnt AS (INSERT INTO billing.stripe_links AS l (stripe_object_id, tenant_id, created_at) "
      "SELECT DISTINCT id, $2, $3::timestamptz FROM unnest($1::text[]) AS id ON CONFLICT (stripe_object_id) DO UPDATE "
      "SET tenant_id = excluded.tenant_id, created_at = excluded.created_at "
      "WHERE l.tenant_id <> excluded.tenant_id AND NOT EXISTS (SELECT FROM platform.tenants AS t WHERE t.tenant_id = "
      "l.tenant_id AND t.status <> 'deleted') "
      "RETURNING stripe_object_id), "
      "waiting AS (SELECT stripe_event_id, row_number() OVER (ORDER BY state DESC, stated_at, stripe_event_id) AS "
      "place "
      "FROM billing.stripe_events WHERE tenant_id IS NULL AND state IN ('parked', 'ignored') "
      "AND (state = 'ignored' OR reason IN ('no_tenant', 'unknown_tenant')) "
      "AND object_ids && (SELECT coalesce(array_agg(stripe_object_id), '{}') FROM learnt)), "
      "later AS (UPDATE billing.stripe_events SET reason = 'due' WHERE stripe_event_id IN "
      "(SELECT stripe_event_id FROM waiting WHERE place > $4) AND state IN ('parked', 'ignored')) "
      "SELECT e.stripe_event_id, e.type, e.body, e.state FROM billing.stripe_events e JOIN waiting w USING "
      "(stripe_event_id) WHERE w.place <= $4 AND e.state IN ('parked', 'ignored') ORDER BY w.place FOR UPDATE OF e",
      {Param::array(object_ids), tenant_id, now, at_most});
  return read_unplaced(rows);
}

std::vector<Unplaced> take_due(db::Transaction& tx, Timestamp future_from, int at_most) {
  return read_unplaced(tx.exec(
      "SELECT stripe_event_id, type, body, state FROM billing.stripe_events WHERE state IN ('parked', 'ignored') "
      "AND reason IN ('due', 'future') AND (reason = 'due' OR stated_at <= $1) ORDER BY stated_at, stripe_event_id "
      "LIMIT $2 FOR UPDATE SKIP LOCKED",
      {future_from, at_most}));
}

void wait_for(db::Transaction& tx, std::string_view event_id, std::string_view reason) {
  tx.send("UPDATE billing.stripe_events SET reason = $2 WHERE stripe_event_id = $1", {event_id, reason});
}

void own(db::Transaction& tx, std::string_view event_id, std::string_view tenant_id) {
  tx.send("UPDATE billing.stripe_events SET tenant_id = $2, reason = '' WHERE stripe_event_id = $1",
          {event_id, tenant_id});
}

std::optional<Stored> lock(db::Transaction& tx, std::string_view event_id) {
  const auto rows =
      tx.exec("SELECT state, body FROM billing.stripe_events WHERE stripe_event_id = $1 FOR UPDATE", {event_id});
  if (rows.empty()) return std::nullopt;
  return Stored{std::string(rows[0].text(0)), std::string(as_text(rows[0].bytes(1)))};
}

void release(db::Transaction& tx, std::string_view event_id, std::string_view tenant_id, std::string_view by,
             Timestamp now) {
  tx.send(
      "UPDATE billing.stripe_events SET state = 'published', tenant_id = $2, settled_by = $3, settled_at = $4 "
      "WHERE stripe_event_id = $1",
      {event_id, tenant_id, by, now});
}

void drop(db::Transaction& tx, std::string_view event_id, std::string_view by, Timestamp now) {
  tx.send(
      "UPDATE billing.stripe_events SET state = 'dropped', settled_by = $2, settled_at = $3 WHERE stripe_event_id = $1",
      {event_id, by, now});
}

}  // namespace tenantry::gateway::stripe_store
