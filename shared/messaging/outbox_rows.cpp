#include "shared/messaging/outbox_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/core/rare.h"
#include "shared/db/connection.h"

namespace tenantry::messaging {
namespace {

struct KeyColumns {
  std::vector<std::string> ids, exchanges, routing_keys;
  std::vector<std::int64_t> retries;
  explicit KeyColumns(const std::vector<RowKey>& keys) {
    for (const auto& key : keys) {
      ids.push_back(key.id.to_string());
      exchanges.push_back(key.exchange);
      routing_keys.push_back(key.routing_key);
      retries.push_back(key.retry);
    }
  }
};

OutboxRow read_row(const db::Row& row) {
  OutboxRow out;
  out.id = row.uuid(0);
  out.exchange = row.text(1);
  out.routing_key = row.text(2);
  out.vhost = row.text(3);
  out.tenant_id = row.text(4);
  out.type = row.text(5);
  out.content_type = row.text(6);
  out.headers = nlohmann::json::parse(row.text(7)).get<std::map<std::string, std::string>>();
  const auto payload = row.bytes(8);
  out.payload.assign(payload.begin(), payload.end());
  out.available_at = row.timestamp(9);
  out.retry = static_cast<int>(row.int64(10));
  out.timer_key = row.text(12);
  return out;
}

// Out of the outbox, where it would be tried for ever before all that is younger, and where a tenant's end would wait
// for it; into the dead letters, where somebody sees it, with all it was. An event may be on its way to several queues,
// and each row is a letter of its own. Rare, so a row at a time.
void set_row_aside(db::Transaction& tx, const Unpublishable& row) {
  tx.send(
      "WITH gone AS (DELETE FROM messaging.outbox WHERE id = $1 AND exchange = $2 AND routing_key = $3 AND retry = $4 "
      "RETURNING *) "
      "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, error, attempts, "
      "vhost, exchange, routing_key, properties, body, created_at, last_seen_at, form) "
      "SELECT gen_random_uuid(), CASE WHEN exchange = '' THEN $6 || '.' || routing_key ELSE $6 END, tenant_id, id, "
      "type, 'invalid', $5, attempts + 1, vhost, exchange, routing_key, "
      "jsonb_build_object('content_type', content_type, 'headers', headers, 'message_id', id, 'type', type), payload, "
      "now(), now(), 'event' FROM gone "
      "ON CONFLICT (worker, event_id) DO UPDATE SET seen = dead_letters.seen + 1, error = excluded.error, "
      "last_seen_at = excluded.last_seen_at, state = 'waiting'",
      {row.key.id, row.key.exchange, row.key.routing_key, row.key.retry, row.error, relay_worker});
}

}  // namespace

RowKey key_of(const OutboxRow& row) {
  return {row.id, row.exchange, row.routing_key, row.retry};
}

std::vector<OutboxRow> claim_due(db::Transaction& tx, Timestamp now, int rows_max) {
  std::vector<OutboxRow> rows;
  const auto result = tx.exec(
      "UPDATE messaging.outbox o SET claimed_until = now() + interval '30 seconds' "
      "FROM (SELECT id, exchange, routing_key, retry FROM messaging.outbox "
      "WHERE available_at <= $1 AND (claimed_until IS NULL OR claimed_until < now()) "
      "ORDER BY available_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED) AS due "
      "WHERE o.id = due.id AND o.exchange = due.exchange AND o.routing_key = due.routing_key AND o.retry = due.retry "
      "RETURNING o.id, o.exchange, o.routing_key, o.vhost, o.tenant_id, o.type, o.content_type, o.headers, "
      "o.payload, o.available_at, o.retry, o.seq, coalesce(o.timer_key, '')",
      {now, rows_max});
  std::vector<std::pair<std::pair<Timestamp, std::int64_t>, OutboxRow>> sorted;
  for (const auto row : result) sorted.push_back({{row.timestamp(9), row.int64(11)}, read_row(row)});
  std::ranges::sort(sorted, {}, [](const auto& entry) { return entry.first; });
  for (auto& [order, row] : sorted) rows.push_back(std::move(row));
  if (rare::is(rare::Mutant::claimed_row_deleted)) {
    for (const auto& row : rows) tx.send("DELETE FROM messaging.outbox WHERE id = $1", {row.id});
  }
  return rows;
}

void settle_rows(db::Transaction& tx, const Answers& answers) {
  constexpr const char* keys =
      "unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS k (id, exchange, routing_key, retry) WHERE o.id = k.id "
      "AND o.exchange = k.exchange AND o.routing_key = k.routing_key AND o.retry = k.retry";
  const auto run = [&](const std::string& statement, const std::vector<RowKey>& list) {
    if (list.empty()) return;
    const KeyColumns columns(list);
    tx.send(statement, {db::Param::array(columns.ids), db::Param::array(columns.exchanges),
                        db::Param::array(columns.routing_keys), db::Param::array(columns.retries)});
  };
  run(std::string("DELETE FROM messaging.outbox o USING ") + keys, answers.confirmed);
  // Back-off of a publish that the broker took but could not place: 1 s doubling to 5 min.
  run(std::string("UPDATE messaging.outbox o SET attempts = attempts + 1, last_error = 'not taken by the broker', "
                  "claimed_until = now() + least(300, power(2, least(attempts, 9))) * interval '1 second' FROM ") +
          keys,
      answers.failed);
  run(std::string("UPDATE messaging.outbox o SET claimed_until = NULL FROM ") + keys, answers.released);
  for (const auto& each : answers.unpublishable) set_row_aside(tx, each);
}

void send_through_platform(OutboxRow& row) {
  row.vhost = events::vhost_platform;
  if (row.exchange.empty()) {
    // A retry, straight to a worker's queue: the platform's queue of the same worker takes it.
    const auto worker = row.routing_key.substr(row.routing_key.rfind('.') + 1);
    row.routing_key = events::queue_of(events::platform_tenant, worker);
  } else {
    row.exchange = events::events_exchange(events::platform_tenant);
  }
}

}  // namespace tenantry::messaging
