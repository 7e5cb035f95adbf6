#include "shared/messaging/relay.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "shared/db/clock_offset.h"
#include "shared/db/connection.h"
#include "shared/db/run.h"
#include "shared/loop/loop.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"

namespace tenantry::messaging {
namespace {

struct RowKey {
  Uuid id;
  std::string exchange;
  std::string routing_key;
  auto operator<=>(const RowKey&) const = default;
};

RowKey key_of(const OutboxRow& row) {
  return {row.id, row.exchange, row.routing_key};
}

struct KeyColumns {
  std::vector<std::string> ids, exchanges, routing_keys;
  explicit KeyColumns(const std::vector<RowKey>& keys) {
    for (const auto& key : keys) {
      ids.push_back(key.id.to_string());
      exchanges.push_back(key.exchange);
      routing_keys.push_back(key.routing_key);
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
  return out;
}

using Monotonic = std::chrono::steady_clock;
constexpr std::chrono::hours partition_check_every{6};

}  // namespace

struct Relay::State {
  State(loop::Loop& l, RelayOptions o, const Clock& c, IdGenerator& ids)
      : loop(l),
        options(std::move(o)),
        clock(c),
        connection(options.database_url, "tenantry relay"),
        publisher(
            l, options.publisher, ids, [this](const OutboxRow& row, PublishOutcome outcome) { on_done(row, outcome); },
            [this](bool reachable) { broker_up = reachable; }) {}

  loop::Loop& loop;
  RelayOptions options;
  const Clock& clock;
  db::Connection connection;  // the thread's
  Publisher publisher;        // the loop's
  std::thread thread;

  std::mutex mutex;
  std::condition_variable work;
  // Guarded by mutex.
  std::vector<RowKey> confirmed;
  std::vector<RowKey> failed;
  std::vector<RowKey> released;
  std::set<RowKey> in_flight;
  bool stopping = false;

  std::atomic<bool> broker_up{false};
  std::atomic<bool> database_up{true};
  Monotonic::time_point partitions_checked_at{};

  void on_done(const OutboxRow& row, PublishOutcome outcome) {
    if (outcome == PublishOutcome::returned) {
      log::error("no queue took an event; it stays in the outbox",
                 {{"event_id", row.id.to_string()}, {"type", row.type}, {"tenant_id", row.tenant_id}});
    }
    metrics::counter("tenantry_relay_publishes_total", "Rows of the outbox given to the broker, by outcome",
                     {{"outcome", outcome == PublishOutcome::confirmed  ? "confirmed"
                                  : outcome == PublishOutcome::returned ? "returned"
                                  : outcome == PublishOutcome::nacked   ? "nacked"
                                                                        : "released"}});
    const std::lock_guard lock(mutex);
    auto& list = outcome == PublishOutcome::confirmed  ? confirmed
                 : outcome == PublishOutcome::released ? released
                                                       : failed;
    list.push_back(key_of(row));
    work.notify_one();
  }

  // Rows that are not on their way already; marks them as such.
  std::vector<OutboxRow> admit(std::vector<OutboxRow> rows) {
    const std::lock_guard lock(mutex);
    std::erase_if(rows, [&](const OutboxRow& row) {
      return in_flight.size() >= options.in_flight_max || !in_flight.insert(key_of(row)).second;
    });
    return rows;
  }

  void publish(std::vector<OutboxRow> rows) {
    rows = admit(std::move(rows));
    if (rows.empty()) return;
    loop.post([this, moved = std::move(rows)]() mutable { publisher.publish(std::move(moved)); });
  }

  void settle(db::Transaction& tx, const std::vector<RowKey>& done, const std::vector<RowKey>& bad,
              const std::vector<RowKey>& free) {
    constexpr const char* keys =
        "unnest($1::uuid[], $2::text[], $3::text[]) AS k (id, exchange, routing_key) "
        "WHERE o.id = k.id AND o.exchange = k.exchange AND o.routing_key = k.routing_key";
    const auto run = [&](const std::string& statement, const std::vector<RowKey>& list) {
      if (list.empty()) return;
      const KeyColumns columns(list);
      tx.exec(statement, {db::Param::array(columns.ids), db::Param::array(columns.exchanges),
                          db::Param::array(columns.routing_keys)});
    };
    run(std::string("DELETE FROM messaging.outbox o USING ") + keys, done);
    // Back-off of a publish that the broker took but could not place: 1 s doubling to 5 min.
    run(std::string("UPDATE messaging.outbox o SET attempts = attempts + 1, last_error = 'not taken by the broker', "
                    "claimed_until = now() + least(300, power(2, least(attempts, 9))) * interval '1 second' FROM ") +
            keys,
        bad);
    run(std::string("UPDATE messaging.outbox o SET claimed_until = NULL FROM ") + keys, free);
  }

  std::vector<OutboxRow> claim(db::Transaction& tx) {
    std::vector<OutboxRow> rows;
    const auto result = tx.exec(
        "UPDATE messaging.outbox o SET claimed_until = now() + interval '30 seconds' "
        "FROM (SELECT id, exchange, routing_key FROM messaging.outbox "
        "WHERE available_at <= $1 AND (claimed_until IS NULL OR claimed_until < now()) "
        "ORDER BY available_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED) AS due "
        "WHERE o.id = due.id AND o.exchange = due.exchange AND o.routing_key = due.routing_key "
        "RETURNING o.id, o.exchange, o.routing_key, o.vhost, o.tenant_id, o.type, o.content_type, o.headers, "
        "o.payload, o.available_at, o.seq",
        {clock.now(), options.sweep_rows_max});
    std::vector<std::pair<std::pair<Timestamp, std::int64_t>, OutboxRow>> sorted;
    for (const auto row : result) sorted.push_back({{row.timestamp(9), row.int64(10)}, read_row(row)});
    std::ranges::sort(sorted, {}, [](const auto& entry) { return entry.first; });
    for (auto& [order, row] : sorted) rows.push_back(std::move(row));
    return rows;
  }

  void check_partitions() {
    if (Monotonic::now() - partitions_checked_at < partition_check_every) return;
    db::Transaction tx(connection);
    tx.exec("SELECT messaging.ensure_inbox_partitions($1)", {clock.now()});
    tx.commit();
    partitions_checked_at = Monotonic::now();
  }

  // One turn: settle what the broker answered, and, when it is time, look for rows that are due. True: more is due.
  bool turn(bool sweep_now, const std::vector<RowKey>& done, const std::vector<RowKey>& bad,
            const std::vector<RowKey>& free) {
    std::vector<OutboxRow> rows;
    const auto finished = db::run(connection, {.in_doubt = db::InDoubtCommit::rerun, .deadline = Milliseconds{0}},
                                  [&](db::Transaction& tx) -> Result<void> {
                                    settle(tx, done, bad, free);
                                    rows.clear();
                                    if (sweep_now && broker_up) rows = claim(tx);
                                    return {};
                                  });
    if (!finished) throw db::Unavailable(finished.error().message);
    {
      const std::lock_guard lock(mutex);
      for (const auto* list : {&done, &bad, &free}) {
        for (const auto& key : *list) in_flight.erase(key);
      }
    }
    const bool more = rows.size() == static_cast<std::size_t>(options.sweep_rows_max);
    publish(std::move(rows));
    return more;
  }

  void run() {
    auto next_sweep = Monotonic::now();
    Milliseconds wait_after_failure{100};
    for (;;) {
      std::vector<RowKey> done, bad, free;
      bool leave = false;
      {
        std::unique_lock lock(mutex);
        work.wait_until(lock, next_sweep,
                        [&] { return stopping || !confirmed.empty() || !failed.empty() || !released.empty(); });
        done.swap(confirmed);
        bad.swap(failed);
        free.swap(released);
        leave = stopping && in_flight.empty();
        if (stopping && !leave && done.empty() && bad.empty() && free.empty()) {
          // Draining: drain() decides when to stop waiting for confirms.
          work.wait_for(lock, Milliseconds{20});
        }
      }
      const bool sweep_now = Monotonic::now() >= next_sweep;
      try {
        if (sweep_now && !leave) {
          if (options.test_clock != nullptr) options.test_clock->set_offset(db::read_clock_offset(connection));
          check_partitions();
        }
        const bool more = turn(sweep_now && !leave, done, bad, free);
        if (sweep_now) next_sweep = more ? Monotonic::now() : Monotonic::now() + options.sweep_every;
        database_up = true;
        wait_after_failure = Milliseconds{100};
      } catch (const std::exception& error) {
        if (database_up.exchange(false)) log::error("relay lost the database", {{"error", error.what()}});
        connection.disconnect();
        std::unique_lock lock(mutex);
        // What the broker confirmed is deleted once the database is back; until then its rows are only repeated.
        confirmed.insert(confirmed.end(), done.begin(), done.end());
        failed.insert(failed.end(), bad.begin(), bad.end());
        released.insert(released.end(), free.begin(), free.end());
        if (stopping) return;
        work.wait_for(lock, wait_after_failure, [&] { return stopping; });
        wait_after_failure = std::min(wait_after_failure * 2, Milliseconds{5'000});
        next_sweep = Monotonic::now();
      }
      if (leave) return;
    }
  }
};

Relay::Relay(loop::Loop& loop, RelayOptions options, const Clock& clock, IdGenerator& ids)
    : state_(std::make_shared<State>(loop, std::move(options), clock, ids)) {}

Relay::~Relay() {
  drain(Milliseconds{0});
}

void Relay::start() {
  state_->loop.post([state = state_] { state->publisher.start(); });
  state_->thread = std::thread([state = state_] { state->run(); });
}

void Relay::hand_over(std::vector<OutboxRow> rows) {
  if (!rows.empty()) state_->publish(std::move(rows));
}

void Relay::drain(Milliseconds deadline) {
  if (!state_->thread.joinable()) return;
  const auto until = Monotonic::now() + deadline;
  {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->work.notify_all();
    state_->work.wait_until(lock, until, [&] { return state_->in_flight.empty(); });
    state_->in_flight.clear();  // what is left stays in the database, for a sweeper
    state_->work.notify_all();
  }
  state_->thread.join();
}

bool Relay::broker_reachable() const {
  return state_->broker_up;
}

bool Relay::database_reachable() const {
  return state_->database_up;
}

}  // namespace tenantry::messaging
