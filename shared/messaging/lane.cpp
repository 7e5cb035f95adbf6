#include "shared/messaging/lane.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "events/topology.h"
#include "shared/db/run.h"
#include "shared/messaging/dead_letters.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"

namespace tenantry::messaging {
namespace {

// Deliveries that ended a process before a message is set aside. Patient: a machine that loses its power ten times in a
// row must not cost an innocent message, and a guilty one costs ten restarts, once.
constexpr int crash_attempts_max = 10;
// From so many on, events are handled one at a time: whoever shared a batch with a guilty one is not counted with it.
constexpr int crash_attempts_suspicious = 2;
constexpr Milliseconds database_deadline{2'000};  // within which a lost connection is retried before giving back
constexpr Seconds retry_base{1};
constexpr Seconds retry_cap{600};

using Monotonic = std::chrono::steady_clock;

}  // namespace

struct Lane::State {
  State(const WorkerSpec& s, int n, const Clock& c, IdGenerator& i, LaneHooks h)
      : spec(s),
        number(n),
        clock(c),
        ids(i),
        hooks(std::move(h)),
        connection(s.database_url, "tenantry " + s.name + " lane " + std::to_string(n)),
        worker(s.make(LaneContext{c, i, connection})) {
    for (const auto& row : worker->consumes()) rows.emplace(row.type, &row);
  }

  const WorkerSpec spec;
  const int number;
  const Clock& clock;
  IdGenerator& ids;
  const LaneHooks hooks;
  db::Connection connection;
  std::unique_ptr<Worker> worker;
  std::map<std::string, const ConsumerRow*, std::less<>> rows;
  std::thread thread;
  std::minstd_rand random{std::random_device{}()};

  mutable std::mutex mutex;
  std::condition_variable work;
  std::map<std::string, std::deque<Arrival>> waiting;  // by tenant; guarded by mutex
  std::deque<std::string> turns;                       // tenants with something waiting; guarded by mutex
  std::size_t waiting_count = 0;                       // guarded by mutex
  bool stopping = false;                               // guarded by mutex

  std::string source() const { return "/tenantry/" + spec.name; }

  Outbox new_outbox() { return {source(), events::Actor::service(spec.name), ids, clock.now()}; }

  const ConsumerRow* row_for(const events::Event& event) const {
    if (const auto exact = rows.find(event.type); exact != rows.end()) return exact->second;
    if (const auto any = rows.find("#"); any != rows.end()) return any->second;
    return nullptr;
  }

  // One event of each waiting tenant in turn, until the batch is full or nothing is left.
  std::vector<Arrival> next_batch() {
    std::unique_lock lock(mutex);
    work.wait(lock, [&] { return stopping || !turns.empty(); });
    std::vector<Arrival> batch;
    if (stopping) return batch;
    while (!turns.empty() && batch.size() < static_cast<std::size_t>(spec.batch_max)) {
      const std::string tenant = std::move(turns.front());
      turns.pop_front();
      auto& queue = waiting[tenant];
      batch.push_back(std::move(queue.front()));
      queue.pop_front();
      --waiting_count;
      if (queue.empty()) {
        waiting.erase(tenant);
      } else {
        turns.push_back(tenant);
      }
    }
    return batch;
  }

  // Runs `work` in a transaction with a fresh outbox and hands over what it published.
  Result<void> commit(const std::function<Result<void>(db::Transaction&, Outbox&)>& body) {
    std::optional<Outbox> outbox;
    const auto done = db::run(connection, {.in_doubt = db::InDoubtCommit::rerun, .deadline = database_deadline},
                              [&](db::Transaction& tx) -> Result<void> {
                                outbox.emplace(new_outbox());
                                if (auto ok = body(tx, *outbox); !ok) return ok;
                                outbox->flush(tx);
                                return {};
                              });
    if (done) hooks.published(outbox->take_due());
    return done;
  }

  // Which of the batch are new, by the inbox; their rows are inserted with the effects.
  std::set<Uuid> admit(db::Transaction& tx, const std::vector<const Arrival*>& batch) {
    std::vector<std::string> event_ids;
    for (const auto* arrival : batch) event_ids.push_back(arrival->incoming.event.id.to_string());
    const auto fresh = tx.exec(
        "INSERT INTO messaging.inbox (event_id, worker) SELECT id, $2 FROM (SELECT DISTINCT unnest($1::uuid[]) AS id "
        "ORDER BY 1) AS batch ON CONFLICT DO NOTHING RETURNING event_id",
        {db::Param::array(event_ids), spec.name});
    std::set<Uuid> out;
    for (const auto row : fresh) out.insert(row.uuid(0));
    return out;
  }

  // All effects of the batch in one transaction. `failed` tells whose error it was; null: of the batch as a whole.
  Result<void> handle(const std::vector<const Arrival*>& batch, const Arrival** failed) {
    *failed = nullptr;
    return commit([&](db::Transaction& tx, Outbox& outbox) -> Result<void> {
      auto fresh = admit(tx, batch);
      std::vector<const Incoming*> events;
      std::vector<const Arrival*> arrivals;
      for (const auto* arrival : batch) {
        // A twin within the batch has lost its place in `fresh` to the first.
        if (fresh.erase(arrival->incoming.event.id) == 0) continue;
        events.push_back(&arrival->incoming);
        arrivals.push_back(arrival);
      }
      metrics::counter("tenantry_consumed_duplicates_total", "Deliveries whose event had taken effect before",
                       {{"worker", spec.name}}, static_cast<double>(batch.size() - events.size()));
      if (!events.empty()) {
        Unit unit{tx, outbox, outbox.now()};
        worker->begin(unit, events);
        for (std::size_t i = 0; i < events.size(); ++i) {
          const auto* row = row_for(events[i]->event);
          if (row == nullptr) continue;  // bound for another reason: the end-of-stream marker
          outbox.set_cause(&events[i]->event);
          if (auto ok = row->handle(unit, *events[i]); !ok) {
            *failed = arrivals[i];
            return ok;
          }
        }
        outbox.set_cause(nullptr);
        if (auto ok = worker->finish(unit); !ok) return ok;
      }
      forget_attempts(tx, batch);
      return {};
    });
  }

  // ---- crash loops -------------------------------------------------------------------------------------------

  static std::vector<std::string> redelivered_ids(const std::vector<const Arrival*>& batch) {
    std::vector<std::string> event_ids;
    for (const auto* arrival : batch) {
      if (arrival->incoming.redelivered) event_ids.push_back(arrival->incoming.event.id.to_string());
    }
    return event_ids;
  }

  void forget_attempts(db::Transaction& tx, const std::vector<const Arrival*>& batch) {
    const auto event_ids = redelivered_ids(batch);
    if (event_ids.empty()) return;
    tx.exec("DELETE FROM messaging.attempts WHERE worker = $1 AND event_id = ANY ($2::uuid[])",
            {spec.name, db::Param::array(event_ids)});
  }

  // Whether one of them has been about when a process ended, more than once.
  Result<bool> any_suspicious(const std::vector<const Arrival*>& batch) {
    bool suspicious = false;
    const auto event_ids = redelivered_ids(batch);
    if (event_ids.empty()) return false;
    const auto looked = commit([&](db::Transaction& tx, Outbox&) -> Result<void> {
      suspicious = !tx.exec(
                          "SELECT FROM messaging.attempts WHERE worker = $1 AND event_id = ANY ($2::uuid[]) "
                          "AND attempts >= $3 LIMIT 1",
                          {spec.name, db::Param::array(event_ids), crash_attempts_suspicious})
                        .empty();
      return {};
    });
    if (!looked) return looked.error();
    return suspicious;
  }

  // A redelivered message may be one that stops the process: its try is counted before it is handled. Those whose
  // tries are spent.
  Result<std::set<Uuid>> count_redelivered(const std::vector<const Arrival*>& batch) {
    std::set<Uuid> over;
    const auto event_ids = redelivered_ids(batch);
    if (event_ids.empty()) return over;
    const auto counted = commit([&](db::Transaction& tx, Outbox&) -> Result<void> {
      const auto tries = tx.exec(
          "INSERT INTO messaging.attempts AS a (worker, event_id, attempts) SELECT $1, id, 1 FROM (SELECT DISTINCT "
          "unnest($2::uuid[]) AS id ORDER BY 1) AS batch ON CONFLICT (worker, event_id) DO UPDATE SET "
          "attempts = a.attempts + 1, last_at = now() RETURNING event_id, attempts",
          {spec.name, db::Param::array(event_ids)});
      over.clear();
      for (const auto row : tries) {
        if (row.int64(1) > crash_attempts_max) over.insert(row.uuid(0));
      }
      return {};
    });
    if (!counted) return counted.error();
    return over;
  }

  // ---- failures of one event ---------------------------------------------------------------------------------

  Timestamp retry_at(int attempts) {
    const auto ceiling = std::min<std::int64_t>(retry_base.count() << std::min(attempts, 20), retry_cap.count());
    return clock.now() + Milliseconds{std::uniform_int_distribution<std::int64_t>{100, ceiling * 1000}(random)};
  }

  OutboxRow retry_row(const Incoming& incoming) {
    const auto& event = incoming.event;
    const auto& wire = incoming.wire;
    OutboxRow row;
    row.id = event.id;
    row.vhost = incoming.vhost;
    row.routing_key = events::queue_of(events::tenant_of_vhost(incoming.vhost), spec.name);
    row.tenant_id = event.tenant_id;
    row.type = event.type;
    row.content_type = event.content_type;
    row.headers = events::encode_headers(event);
    const auto original = [&](std::string_view header, const std::string& fallback) {
      const auto at = wire.headers.find(std::string(header));
      return wire.exchange.empty() && at != wire.headers.end() ? at->second : fallback;
    };
    row.headers[std::string(events::header_exchange)] = original(events::header_exchange, wire.exchange);
    row.headers[std::string(events::header_routing_key)] = original(events::header_routing_key, wire.routing_key);
    row.headers[std::string(events::header_attempts)] = std::to_string(incoming.attempts + 1);
    row.headers[std::string(events::header_event_id)] = event.id.to_string();
    row.payload = event.payload;
    row.available_at = retry_at(incoming.attempts);
    return row;
  }

  // A delayed retry, or a dead letter when no more tries would help. In a transaction of its own.
  Result<void> fail(const Arrival& arrival, const Error& error) {
    const auto* row = row_for(arrival.incoming.event);
    const int attempts_max = row == nullptr ? 1 : row->options.attempts_max;
    const bool again = is_transient(error.code) && arrival.incoming.attempts + 1 < attempts_max;
    log::warn(again ? "an event failed and will be retried" : "an event was set aside",
              {{"worker", spec.name},
               {"event_id", arrival.incoming.event.id.to_string()},
               {"type", arrival.incoming.event.type},
               {"tenant_id", arrival.incoming.event.tenant_id},
               {"attempts", arrival.incoming.attempts + 1},
               {"error", error.describe()}});
    metrics::counter("tenantry_consumed_failures_total", "Events whose handling failed",
                     {{"worker", spec.name}, {"outcome", again ? "retry" : "dead_letter"}});
    return commit([&](db::Transaction& tx, Outbox& outbox) -> Result<void> {
      if (again) {
        outbox.retry(retry_row(arrival.incoming));
      } else {
        Unit unit{tx, outbox, outbox.now()};
        set_aside(unit, spec.name, arrival.incoming, error);
      }
      forget_attempts(tx, {&arrival});
      return {};
    });
  }

  // Runs what must not run inside a transaction, for events that have not taken effect yet.
  Result<void> act(const Arrival& arrival) {
    const auto* row = row_for(arrival.incoming.event);
    if (row == nullptr || !row->act) return {};
    bool handled = false;
    const auto looked = db::run(connection, {.in_doubt = db::InDoubtCommit::rerun, .deadline = database_deadline},
                                [&](db::Transaction& tx) -> Result<void> {
                                  handled = !tx.exec("SELECT FROM messaging.inbox WHERE event_id = $1 AND worker = $2",
                                                     {arrival.incoming.event.id, spec.name})
                                                 .empty();
                                  return {};
                                });
    if (!looked) return looked.error();
    if (handled) return {};
    return row->act(arrival.incoming);
  }

  // ---- the batch ---------------------------------------------------------------------------------------------

  static bool database_away(const Error& error) { return error.reason == "database_unavailable"; }

  // Environment errors and bugs of a handler become errors of the event; a lost database stays what it is.
  Result<void> guarded(const std::function<Result<void>()>& body) {
    try {
      return body();
    } catch (const db::Unavailable& error) {
      connection.disconnect();
      return Error{.code = Errc::unavailable, .reason = "database_unavailable", .message = error.what()};
    } catch (const std::exception& error) {
      return Error{.code = Errc::internal, .reason = "handler_failed", .message = error.what()};
    }
  }

  // Settles each arrival of the batch, or gives the rest back (false) because the database is away.
  bool process(const std::vector<Arrival>& batch) {
    std::vector<const Arrival*> all;
    for (const auto& arrival : batch) all.push_back(&arrival);
    bool careful = false;
    const auto looked = guarded([&]() -> Result<void> {
      const auto suspicious = any_suspicious(all);
      if (!suspicious) return suspicious.error();
      careful = *suspicious;
      return {};
    });
    if (!looked) return false;

    std::vector<Token> settled;
    bool done = true;
    if (careful) {
      done = std::ranges::all_of(all, [&](const Arrival* arrival) { return process_part({arrival}, settled); });
    } else {
      done = process_part(all, settled);
    }
    metrics::counter("tenantry_consumed_events_total", "Deliveries settled", {{"worker", spec.name}},
                     static_cast<double>(settled.size()));
    hooks.settled(std::move(settled));
    return done;
  }

  bool process_part(const std::vector<const Arrival*>& part, std::vector<Token>& settled) {
    const auto fail_one = [&](const Arrival& arrival, const Error& error) {
      const auto done = guarded([&] { return fail(arrival, error); });
      if (done) {
        settled.push_back(arrival.token);
        return true;
      }
      log::error("an event can be neither handled nor set aside",
                 {{"worker", spec.name}, {"error", done.error().describe()}});
      return false;
    };

    std::set<Uuid> crashed;
    const auto counted = guarded([&]() -> Result<void> {
      auto over = count_redelivered(part);
      if (!over) return over.error();
      crashed = std::move(*over);
      return {};
    });
    if (!counted) return false;

    std::vector<const Arrival*> good;
    for (const auto* arrival : part) {
      std::optional<Error> error = arrival->refused;
      if (!error && crashed.contains(arrival->incoming.event.id)) {
        error =
            Error{.code = Errc::crash, .reason = "crash_loop", .message = "handling it stopped the process too often"};
      }
      if (!error) {
        const auto acted = guarded([&] { return act(*arrival); });
        if (!acted && database_away(acted.error())) return false;
        if (!acted) error = acted.error();
      }
      if (!error) {
        good.push_back(arrival);
      } else if (!fail_one(*arrival, *error)) {
        return false;
      }
    }

    if (good.empty()) return true;
    const Arrival* failed = nullptr;
    const auto done = guarded([&] { return handle(good, &failed); });
    if (done) {
      for (const auto* arrival : good) settled.push_back(arrival->token);
      return true;
    }
    if (database_away(done.error())) return false;
    if (good.size() == 1) return fail_one(*good.front(), done.error());
    return one_by_one(good, settled, fail_one);
  }

  template <class FailOne>
  bool one_by_one(const std::vector<const Arrival*>& good, std::vector<Token>& settled, const FailOne& fail_one) {
    for (const auto* arrival : good) {
      const Arrival* failed = nullptr;
      const auto alone = guarded([&] { return handle({arrival}, &failed); });
      if (alone) {
        settled.push_back(arrival->token);
      } else if (database_away(alone.error()) || !fail_one(*arrival, alone.error())) {
        return false;
      }
    }
    return true;
  }

  // The broker keeps what we hold; we come back when the database does.
  void wait_for_database() {
    log::error("database away: deliveries are given back", {{"worker", spec.name}, {"lane", number}});
    hooks.database(false);
    Milliseconds ceiling{200};
    for (;;) {
      {
        std::unique_lock lock(mutex);
        const Milliseconds wait{std::uniform_int_distribution<std::int64_t>{50, ceiling.count()}(random)};
        if (work.wait_for(lock, wait, [&] { return stopping; })) return;
      }
      ceiling = std::min(ceiling * 2, Milliseconds{5'000});
      const auto probed = guarded([&]() -> Result<void> {
        db::Transaction probe(connection);
        probe.exec("SELECT 1");
        return {};
      });
      if (probed) break;
    }
    log::info("database back", {{"worker", spec.name}, {"lane", number}});
    hooks.database(true);
  }

  void run() {
    for (;;) {
      auto batch = next_batch();
      if (batch.empty()) return;
      if (!process(batch)) wait_for_database();
    }
  }
};

Lane::Lane(const WorkerSpec& spec, int number, const Clock& clock, IdGenerator& ids, LaneHooks hooks)
    : state_(std::make_unique<State>(spec, number, clock, ids, std::move(hooks))) {}

Lane::~Lane() {
  stop();
}

void Lane::start() {
  state_->thread = std::thread([this] { state_->run(); });
}

void Lane::push(std::vector<Arrival> arrivals) {
  const std::lock_guard lock(state_->mutex);
  for (auto& arrival : arrivals) {
    auto& queue = state_->waiting[arrival.incoming.event.tenant_id];
    if (queue.empty()) state_->turns.push_back(arrival.incoming.event.tenant_id);
    queue.push_back(std::move(arrival));
    ++state_->waiting_count;
  }
  state_->work.notify_one();
}

void Lane::drop_queued() {
  const std::lock_guard lock(state_->mutex);
  state_->waiting.clear();
  state_->turns.clear();
  state_->waiting_count = 0;
}

void Lane::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->work.notify_all();
  }
  if (state_->thread.joinable()) state_->thread.join();
}

std::size_t Lane::queued() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting_count;
}

}  // namespace tenantry::messaging
