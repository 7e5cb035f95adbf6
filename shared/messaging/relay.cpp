#include "shared/messaging/relay.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "shared/db/clock_offset.h"
#include "shared/db/connection.h"
#include "shared/db/run.h"
#include "shared/loop/loop.h"
#include "shared/messaging/outbox_rows.h"
#include "shared/messaging/traces.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"

namespace tenantry::messaging {
namespace {

using Monotonic = std::chrono::steady_clock;
constexpr std::chrono::hours partition_check_every{6};
constexpr std::chrono::minutes housekeeping_every{1};
constexpr std::chrono::seconds housekeeping_again{1};  // where a batch was full
constexpr Milliseconds clock_check_every{1'000};       // between two the monotonic clock carries the time on

}  // namespace

struct Relay::State {
  State(loop::Loop& l, RelayOptions o, const Clock& c, IdGenerator& ids)
      : loop(l),
        options(std::move(o)),
        clock(c),
        connection(options.database_url, "tenantry relay"),
        publisher(
            l, options.publisher, ids,
            [this](const RowKey& key, const OutboxRow& row, PublishOutcome outcome, const std::string& why) {
              on_done(key, row, outcome, why);
            },
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
  Answers answers;
  std::set<RowKey> in_flight;
  PublishTraces traces;
  bool stopping = false;

  std::atomic<bool> broker_up{false};
  std::atomic<bool> database_up{true};
  Monotonic::time_point partitions_checked_at{};
  Monotonic::time_point housekeeping_due_at{};
  Monotonic::time_point clock_checked_at{};

  void on_done(const RowKey& key, const OutboxRow& row, PublishOutcome outcome, const std::string& why) {
    if (outcome == PublishOutcome::returned) {
      log::error("no queue took an event; it stays in the outbox",
                 {{"event_id", row.id.to_string()}, {"type", row.type}, {"tenant_id", row.tenant_id}});
    }
    metrics::counter("tenantry_relay_publishes_total", "Rows of the outbox given to the broker, by outcome",
                     {{"outcome", outcome == PublishOutcome::confirmed  ? "confirmed"
                                  : outcome == PublishOutcome::returned ? "returned"
                                  : outcome == PublishOutcome::nacked   ? "nacked"
                                  : outcome == PublishOutcome::released ? "released"
                                                                        : "unpublishable"}});
    const std::lock_guard lock(mutex);
    traces.end(key, row, outcome);
    if (outcome == PublishOutcome::unpublishable) {
      answers.unpublishable.push_back({key, why});
      work.notify_all();
      return;
    }
    auto& list = outcome == PublishOutcome::confirmed  ? answers.confirmed
                 : outcome == PublishOutcome::released ? answers.released
                                                       : answers.failed;
    list.push_back(key);
    work.notify_all();  // the thread; drain() may wait beside it
  }

  // Rows that are not on their way already; marks them as such.
  std::vector<OutboxRow> admit(std::vector<OutboxRow> rows) {
    const std::lock_guard lock(mutex);
    std::erase_if(rows, [&](const OutboxRow& row) {
      return in_flight.size() >= options.in_flight_max || !in_flight.insert(key_of(row)).second;
    });
    for (auto& row : rows) traces.begin(row);
    return rows;
  }

  void publish(std::vector<OutboxRow> rows) {
    rows = admit(std::move(rows));
    if (rows.empty()) return;
    loop.post([this, moved = std::move(rows)]() mutable { publisher.publish(std::move(moved)); });
  }

  // A test's clock jumps, and whoever moved it waits for us: every sweep looks.
  void check_clock() {
    if (options.clock == nullptr) return;
    if (!options.test_clock && Monotonic::now() - clock_checked_at < clock_check_every) return;
    options.clock->follow(db::read_platform_time(connection, options.test_clock));
    clock_checked_at = Monotonic::now();
  }

  void check_partitions() {
    if (Monotonic::now() - partitions_checked_at < partition_check_every) return;
    db::Transaction tx(connection);
    tx.send("SELECT messaging.ensure_inbox_partitions($1)", {clock.now()});
    tx.commit();
    partitions_checked_at = Monotonic::now();
  }

  // What is over in the database (migrations/0038_keep_house.sql), a batch of each table at a time. The lock of a month
  // of the inbox that leaves is waited for briefly: whoever works on holds it up for seconds at most.
  void keep_house() {
    if (Monotonic::now() < housekeeping_due_at) return;
    housekeeping_due_at = Monotonic::now() + housekeeping_every;
    try {
      db::Transaction tx(connection);
      tx.exec("SET LOCAL lock_timeout = '1s'");
      for (const auto row : tx.exec("SELECT relation, removed, more FROM housekeeping.sweep($1)", {clock.now()})) {
        if (row.int64(1) > 0) {
          metrics::counter("tenantry_housekeeping_removed_total",
                           "Rows that were kept long enough, or months of the inbox",
                           {{"relation", std::string(row.text(0))}}, static_cast<double>(row.int64(1)));
        }
        if (row.boolean(2)) housekeeping_due_at = Monotonic::now() + housekeeping_again;
      }
      tx.commit();
    } catch (const db::Unavailable&) {
      throw;
    } catch (const std::exception& error) {
      log::warn("housekeeping is done later", {{"error", error.what()}});
    }
  }

  // One turn: settle what the broker answered, and, when it is time, look for rows that are due. True: more is due.
  bool turn(bool sweep_now, const Answers& settled) {
    std::vector<OutboxRow> rows;
    const auto finished = db::run(connection, {.in_doubt = db::InDoubtCommit::rerun, .deadline = Milliseconds{0}},
                                  [&](db::Transaction& tx) -> Result<void> {
                                    settle_rows(tx, settled);
                                    rows.clear();
                                    if (sweep_now && broker_up) {
                                      rows = claim_due(tx, clock.now(), options.sweep_rows_max);
                                    }
                                    return {};
                                  });
    if (!finished) throw db::Unavailable(finished.error().message);
    {
      const std::lock_guard lock(mutex);
      for (const auto* list : {&settled.confirmed, &settled.failed, &settled.released}) {
        for (const auto& key : *list) in_flight.erase(key);
      }
      for (const auto& each : settled.unpublishable) in_flight.erase(each.key);
      if (stopping) work.notify_all();  // drain() waits for it
    }
    const bool more = rows.size() == static_cast<std::size_t>(options.sweep_rows_max);
    publish(std::move(rows));
    return more;
  }

  void run() {
    auto next_sweep = Monotonic::now();
    Milliseconds wait_after_failure{100};
    for (;;) {
      Answers settled;
      bool leave = false;
      {
        std::unique_lock lock(mutex);
        work.wait_until(lock, next_sweep, [&] { return stopping || !answers.empty(); });
        std::swap(settled, answers);
        leave = stopping && in_flight.empty();
        if (stopping && !leave && settled.empty()) {
          // Draining: drain() decides when to stop waiting for confirms.
          work.wait_for(lock, Milliseconds{20});
        }
      }
      const bool sweep_now = Monotonic::now() >= next_sweep;
      try {
        if (sweep_now && !leave) {
          check_clock();
          check_partitions();
          keep_house();
        }
        const bool more = turn(sweep_now && !leave, settled);
        if (sweep_now) next_sweep = more ? Monotonic::now() : Monotonic::now() + options.sweep_every;
        database_up = true;
        wait_after_failure = Milliseconds{100};
      } catch (const std::exception& error) {
        if (database_up.exchange(false)) log::error("relay lost the database", {{"error", error.what()}});
        connection.disconnect();
        std::unique_lock lock(mutex);
        // What the broker confirmed is deleted once the database is back; until then its rows are only repeated.
        const auto put_back = [](std::vector<RowKey>& to, const std::vector<RowKey>& from) {
          to.insert(to.end(), from.begin(), from.end());
        };
        put_back(answers.confirmed, settled.confirmed);
        put_back(answers.failed, settled.failed);
        put_back(answers.released, settled.released);
        answers.unpublishable.insert(answers.unpublishable.end(), settled.unpublishable.begin(),
                                     settled.unpublishable.end());
        if (stopping) {
          in_flight.clear();  // nobody will settle them: they stay in the database, for a sweeper
          work.notify_all();
          return;
        }
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
  for (auto& row : rows) row.timer_key.clear();  // due as it was written: part of what it follows from
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
  // A loop that has stopped keeps what is posted to it, and must not keep us.
  state_->loop.post([weak = std::weak_ptr(state_)] {
    if (const auto state = weak.lock()) state->publisher.close();
  });
}

bool Relay::broker_reachable() const {
  return state_->broker_up;
}

bool Relay::database_reachable() const {
  return state_->database_up;
}

}  // namespace tenantry::messaging
