#include "shared/messaging/processor.h"

#include <algorithm>
#include <map>
#include <set>

#include "events/topology.h"
#include "shared/amqp/reconnect.h"
#include "shared/core/rare.h"
#include "shared/db/run.h"
#include "shared/messaging/dead_letters.h"
#include "shared/messaging/traces.h"
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
constexpr Milliseconds retry_floor{100};
constexpr Seconds retry_base{1};
constexpr Seconds retry_cap{600};

}  // namespace

struct Processor::State {
  State(const WorkerSpec& s, std::string name, const Clock& c, IdGenerator& i, ProcessorHooks h)
      : spec(s),
        clock(c),
        ids(i),
        hooks(std::move(h)),
        connection(s.database_url, std::move(name), db::Plans::generic),
        worker(s.make(LaneContext{c, i, connection})),
        random(amqp::random_of(i)) {
    for (const auto& row : worker->consumes()) rows.emplace(row.type, &row);
  }

  const WorkerSpec spec;
  const Clock& clock;
  IdGenerator& ids;
  const ProcessorHooks hooks;
  db::Connection connection;
  DeadLetterBudget budget;
  std::unique_ptr<Worker> worker;
  std::map<std::string, const ConsumerRow*, std::less<>> rows;
  amqp::Random random;
  std::optional<BatchTrace> trace;  // of the batch at hand

  std::string source() const { return "/tenantry/" + spec.name; }

  Outbox new_outbox() { return {source(), events::Actor::service(spec.name), ids, clock.now()}; }

  const ConsumerRow* row_for(const events::Event& event) const {
    if (const auto exact = rows.find(event.type); exact != rows.end()) return exact->second;
    if (const auto any = rows.find("#"); any != rows.end()) return any->second;
    return nullptr;
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

  // Committed before anything is done, so that nobody waits for another worker's batch.
  Result<void> agree_on_arrivals(std::vector<Arrival>& batch) {
    const auto is_open = [](const Arrival& arrival) { return !arrival.refused && !arrival.incoming.event.time_given; };
    std::vector<std::string> event_ids;
    std::vector<Timestamp> seen;
    for (const auto& arrival : batch) {
      if (!is_open(arrival)) continue;
      event_ids.push_back(arrival.incoming.event.id.to_string());
      seen.push_back(arrival.incoming.event.time);
    }
    if (event_ids.empty() || rare::is(rare::Mutant::arrival_not_agreed)) return {};
    std::map<Uuid, Timestamp> agreed;
    const auto done = db::run(
        connection, {.in_doubt = db::InDoubtCommit::rerun, .deadline = database_deadline},
        [&](db::Transaction& tx) -> Result<void> {
          tx.send(
              "INSERT INTO messaging.arrivals (event_id, at) SELECT id, min(at) FROM unnest($1::uuid[], "
              "$2::timestamptz[]) AS seen (id, at) GROUP BY id ORDER BY id ON CONFLICT DO NOTHING",
              {db::Param::array(event_ids), db::Param::array(seen)});
          const auto found = tx.exec("SELECT event_id, at FROM messaging.arrivals WHERE event_id = ANY ($1::uuid[])",
                                     {db::Param::array(event_ids)});
          for (const auto row : found) agreed[row.uuid(0)] = row.timestamp(1);
          return {};
        });
    if (!done) return done;
    for (auto& arrival : batch) {
      if (is_open(arrival)) arrival.incoming.event.time = agreed.at(arrival.incoming.event.id);
    }
    return {};
  }

  // Which of the batch are new, by the inbox; their rows are inserted with the effects.
  std::set<Uuid> admit(db::Transaction& tx, const std::vector<const Arrival*>& batch) {
    std::vector<std::string> event_ids;
    for (const auto* arrival : batch) event_ids.push_back(arrival->incoming.event.id.to_string());
    const auto fresh = tx.exec(
        "INSERT INTO messaging.inbox (event_id, worker, handled_at) SELECT id, $2, $3::timestamptz FROM "
        "(SELECT DISTINCT unnest($1::uuid[]) AS id "
        "ORDER BY 1) AS batch ON CONFLICT DO NOTHING RETURNING event_id",
        {db::Param::array(event_ids), spec.name, clock.now()});
    std::set<Uuid> out;
    for (const auto row : fresh) out.insert(row.uuid(0));
    if (rare::is(rare::Mutant::inbox_skipped)) {
      for (const auto* arrival : batch) out.insert(arrival->incoming.event.id);
    }
    return out;
  }

  // What the acts of a batch came to.
  using Acted = std::map<const Arrival*, std::any>;

  // All effects of the batch in one transaction. `failed` tells whose error it was; null: of the batch as a whole.
  Result<void> handle(const std::vector<const Arrival*>& batch, const Acted& acted, const Arrival** failed) {
    *failed = nullptr;
    const auto start = tracing::now();
    auto done = commit([&](db::Transaction& tx, Outbox& outbox) -> Result<void> {
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
          const auto came_to = acted.find(arrivals[i]);
          if (auto ok = row->handle(unit, *events[i], came_to == acted.end() ? std::any{} : came_to->second); !ok) {
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
    trace->transaction(batch, start, done ? "" : "rolled_back");
    return done;
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
    tx.send("DELETE FROM messaging.attempts WHERE worker = $1 AND event_id = ANY ($2::uuid[])",
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
          "INSERT INTO messaging.attempts AS a (worker, event_id, attempts, last_at) "
          "SELECT $1, id, 1, $3::timestamptz FROM (SELECT DISTINCT unnest($2::uuid[]) AS id ORDER BY 1) AS batch ON "
          "CONFLICT (worker, event_id) DO UPDATE SET "
          "attempts = a.attempts + 1, last_at = excluded.last_at RETURNING event_id, attempts",
          {spec.name, db::Param::array(event_ids), clock.now()});
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
    const auto span = static_cast<double>(ceiling * 1000 - retry_floor.count());
    return clock.now() + retry_floor + Milliseconds{static_cast<std::int64_t>(random() * span)};
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
    if (const auto* tried = tracing::of_cause(event.id)) row.headers["traceparent"] = tried->traceparent();
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
    if (incoming.redrives > 0) row.headers[std::string(events::header_redrives)] = std::to_string(incoming.redrives);
    row.retry = retry_number(incoming.redrives, incoming.attempts + 1);
    return row;
  }

  // A delayed retry, or a dead letter when no more tries would help. In a transaction of its own.
  Result<void> fail(const Arrival& arrival, const Error& error) {
    trace->failed(arrival, error);
    const tracing::Scope about(trace->of(arrival));
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
    if (!again) {
      metrics::counter("tenantry_dead_letters_total", "Messages set aside",
                       {{"worker", spec.name}, {"reason", std::string(dead_letter_reason(error))}});
    }
    return commit([&](db::Transaction& tx, Outbox& outbox) -> Result<void> {
      if (again) {
        outbox.retry(retry_row(arrival.incoming));
      } else {
        Unit unit{tx, outbox, outbox.now()};
        set_aside(unit, spec.name, arrival, error, budget);
      }
      forget_attempts(tx, {&arrival});
      return {};
    });
  }

  // Runs what must not run inside a transaction, for events that have not taken effect yet.
  Result<std::any> act(const Arrival& arrival) {
    const auto* row = row_for(arrival.incoming.event);
    if (row == nullptr || !row->act) return std::any{};
    bool handled = false;
    const auto looked = db::run(connection, {.in_doubt = db::InDoubtCommit::rerun, .deadline = database_deadline},
                                [&](db::Transaction& tx) -> Result<void> {
                                  handled = !tx.exec("SELECT FROM messaging.inbox WHERE event_id = $1 AND worker = $2",
                                                     {arrival.incoming.event.id, spec.name})
                                                 .empty();
                                  return {};
                                });
    if (!looked) return looked.error();
    if (handled) return std::any{};
    const tracing::Scope about(trace->of(arrival));
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
    } catch (const db::TimedOut& error) {
      return Error{.code = Errc::timeout, .reason = "handler_timed_out", .message = error.what()};
    } catch (const std::exception& error) {
      return Error{.code = Errc::internal, .reason = "handler_failed", .message = error.what()};
    }
  }

  // Settles each arrival of the batch, or gives the rest back (false) because the database is away.
  bool process(std::vector<Arrival>& batch) {
    if (!guarded([&] { return agree_on_arrivals(batch); })) return false;
    trace.emplace(spec.name, batch);
    const tracing::CauseScope causes(*trace);
    const bool done = process_all(batch);
    if (done) trace->settled();
    trace.reset();
    return done;
  }

  bool process_all(const std::vector<Arrival>& batch) {
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
    if (rare::is(rare::Mutant::acknowledged_first)) {
      std::vector<Token> early;
      for (const auto* arrival : all) early.push_back(arrival->token);
      hooks.settled(std::move(early));
    }
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
    Acted acted;
    for (const auto* arrival : part) {
      std::optional<Error> error = arrival->refused;
      if (!error && crashed.contains(arrival->incoming.event.id)) {
        error =
            Error{.code = Errc::crash, .reason = "crash_loop", .message = "handling it stopped the process too often"};
      }
      if (!error) {
        const auto done = guarded([&]() -> Result<void> {
          auto came_to = act(*arrival);
          if (!came_to) return came_to.error();
          acted[arrival] = *std::move(came_to);
          return {};
        });
        if (!done && database_away(done.error())) return false;
        if (!done) error = done.error();
      }
      if (!error) {
        good.push_back(arrival);
      } else if (!fail_one(*arrival, *error)) {
        return false;
      }
    }

    if (good.empty()) return true;
    const Arrival* failed = nullptr;
    const auto done = guarded([&] { return handle(good, acted, &failed); });
    if (done) {
      for (const auto* arrival : good) settled.push_back(arrival->token);
      return true;
    }
    if (database_away(done.error())) return false;
    if (good.size() == 1) return fail_one(*good.front(), done.error());
    return one_by_one(good, acted, settled, fail_one);
  }

  template <class FailOne>
  bool one_by_one(const std::vector<const Arrival*>& good, const Acted& acted, std::vector<Token>& settled,
                  const FailOne& fail_one) {
    for (const auto* arrival : good) {
      const Arrival* failed = nullptr;
      const auto alone = guarded([&] { return handle({arrival}, acted, &failed); });
      if (alone) {
        settled.push_back(arrival->token);
      } else if (database_away(alone.error()) || !fail_one(*arrival, alone.error())) {
        return false;
      }
    }
    return true;
  }

  bool reach_database() {
    return guarded([&]() -> Result<void> {
             db::Transaction probe(connection);
             probe.exec("SELECT 1");
             return {};
           })
        .has_value();
  }
};

Processor::Processor(const WorkerSpec& spec, std::string name, const Clock& clock, IdGenerator& ids,
                     ProcessorHooks hooks)
    : state_(std::make_unique<State>(spec, std::move(name), clock, ids, std::move(hooks))) {}

Processor::~Processor() = default;

bool Processor::process(std::vector<Arrival> batch) {
  return state_->process(batch);
}

bool Processor::reach_database() {
  return state_->reach_database();
}

}  // namespace tenantry::messaging
