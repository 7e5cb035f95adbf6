#include "workers/gateway/edge/services.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "shared/crypto/hash.h"
#include "shared/db/run.h"
#include "shared/http/problem.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"
#include "shared/telemetry/trace.h"
#include "tenantry/events/v1/security.pb.h"
#include "workers/gateway/edge/availability.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/trace.h"
#include "workers/gateway/edge/words.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

// A caller waits at most this long for a database that is away; then it hears 503 and tries again.
constexpr Milliseconds database_patience{1'500};
// What waited longer for its turn is answered with 503: a queue that stands still must not make every caller wait.
constexpr Milliseconds turn_patience{3'000};
constexpr std::size_t user_agent_max = 200;

constexpr const char* source = "/tenantry/gateway";

Result<void> run(db::Connection& connection, db::InDoubtCommit in_doubt, std::atomic<bool>& database_ok,
                 const std::function<Result<void>(db::Transaction&)>& work) {
  // Once it is known to be away, one try tells each caller: those who queue behind it wait for all of these.
  const auto patience = database_ok ? database_patience : Milliseconds{0};
  Result<void> done;
  try {
    done = db::run(connection, {.in_doubt = in_doubt, .deadline = patience}, work);
  } catch (const db::TimedOut& error) {
    return Error{.code = Errc::timeout, .reason = "database_slow", .message = error.what()};
  }
  database_ok = done.has_value() || done.error().reason != "database_unavailable";
  return done;
}

// Of this thread: looking one up in the registry costs more than the rest of an answer.
metrics::DurationSeries series_of(http::Method method, const Route& route, int status) {
  thread_local std::map<std::tuple<const Route*, http::Method, int>, metrics::DurationSeries> known;
  const auto [at, unknown] = known.try_emplace({&route, method, status});
  if (unknown) {
    at->second = metrics::duration_series("http_server_request_duration_seconds",
                                          "Time from a request's last byte to its answer.",
                                          {{"http_request_method", std::string(http::to_string(method))},
                                           {"http_route", std::string(route.path)},
                                           {"http_response_status_code", std::to_string(status)}});
  }
  return at->second;
}

// The request as a span. What the caller says of its own trace counts where it was believed (trace.h), and is linked
// where it was not.
// Returns its trace's id where it is kept.
std::string_view trace_request(const Call& call, int status, Microseconds took) {
  if (!tracing::enabled()) return {};
  const auto context = tracing::parse_traceparent(call.traceparent);
  const auto method = http::to_string(call.request().method);
  if (!context || !tracing::wanted(*context, call.route->operation, took, status >= 500)) return {};
  tracing::Span span{.context = *context,
                     .name = std::string(method) + " " + std::string(call.route->path),
                     .kind = tracing::Kind::server,
                     .end = tracing::now()};
  span.start = span.end - took;
  const auto theirs = tracing::parse_traceparent(call.request().headers.get("traceparent").value_or(""));
  if (theirs && theirs->trace_id == context->trace_id) {
    span.parent = theirs->span_id;
  } else if (theirs) {
    span.links.push_back(*theirs);
  }
  span.attributes = {{"http.request.method", std::string(method)},
                     {"http.route", std::string(call.route->path)},
                     {"http.response.status_code", std::int64_t{status}}};
  if (call.tenant) span.attributes.push_back({"tenantry.tenant_id", call.tenant_id()});
  if (status >= 500) span.error = std::to_string(status);
  tracing::finish(std::move(span));
  return trace_id_of(call.traceparent);
}

void trace_transaction(const std::optional<tracing::Context>& request, Timestamp start, bool committed,
                       std::size_t events) {
  if (!request || !request->sampled) return;
  tracing::finish({.context = tracing::child_of(*request),
                   .parent = request->span_id,
                   .name = "transaction",
                   .kind = tracing::Kind::client,
                   .start = start,
                   .end = tracing::now(),
                   .attributes = {{"db.system.name", std::string("postgresql")},
                                  {"tenantry.events_to_publish", static_cast<std::int64_t>(events)}},
                   .error = committed ? "" : "rolled_back"});
}

}  // namespace

Services::Services(loop::Loop& the_loop, GatewayConfig the_config, const Clock& the_clock, IdGenerator& the_ids,
                   GatewayHooks the_hooks)
    : loop(the_loop),
      config(std::move(the_config)),
      clock(the_clock),
      ids(the_ids),
      hooks(std::move(the_hooks)),
      masters(crypto::MasterKeys::from_base64(config.master_keys.current, config.master_keys.former).value()),
      link_tokens(masters.current()),
      factor_keys(masters.derived("tenantry/second factors")),
      idempotency_keys(masters.derived("tenantry/idempotency")),
      standings(*this),
      searches(config.database_url, Lanes::searches),
      lanes(config.database_url, Lanes::requests) {}

std::string Call::holder() const {
  if (of_platform) return {};
  if (tenant) return tenant->tenant.tenant_id;
  if (claims) return claims->tenant_id;
  return origin;
}

std::string Call::user_agent() const {
  return printable(request().headers.get("User-Agent").value_or(""), user_agent_max);
}

events::Actor Call::actor(std::string kind, std::string id) const {
  return {std::move(kind), std::move(id), address, user_agent()};
}

events::Actor Call::caller() const {
  if (admin_session) return actor("admin", admin_session->user_id);
  if (!admin.empty()) return actor("user", admin);
  if (key) return actor("api_key", key->key_id);
  if (session && session->acting) return actor("admin", claims->sub);
  return claims ? user() : stranger();
}

Result<void> in_time(std::chrono::steady_clock::time_point queued_at) {
  if (std::chrono::steady_clock::now() - queued_at <= turn_patience) return {};
  return Error{.code = Errc::unavailable, .reason = "overloaded", .message = "its turn came too late"};
}

http::Response access_problem(const Error& error, const Call& call) {
  // What is not there and what is somebody else's look alike to the byte (security.md H7).
  const auto trace_id = error.reason == "not_found" ? std::string_view{} : trace_id_of(call.traceparent);
  auto response = http::problem(error, call.request().path, trace_id);
  std::string words(access_message(error.reason, call.language));
  if (words.empty() && call.language == Language::french) words = french_words(error.reason, error.message);
  if (words.empty()) return response;
  auto body = nlohmann::json::parse(response.body);
  body["title"] = words;
  body["detail"] = words;
  if (call.language == Language::french && body.contains("errors")) {
    for (auto& broken : body["errors"]) {
      auto rule = french_rule(broken.value("code", ""), broken.value("detail", ""));
      if (!rule.empty()) broken["detail"] = std::move(rule);
    }
  }
  response.body = body.dump();
  response.headers.set("Content-Language", std::string(to_string(call.language)));
  return response;
}

void Services::answer(const CallPtr& call, http::Response response) {
  conclude(call, response.status, response.headers);
  call->exchange->respond(std::move(response));
}

void Services::start_stream(const CallPtr& call, http::Headers headers) {
  conclude(call, 200, headers);
  call->exchange->start_stream(200, std::move(headers));
}

void Services::conclude(const CallPtr& call, int status, http::Headers& headers) {
  headers.set("X-Request-Id", call->request_id);
  headers.set("X-Content-Type-Options", "nosniff");
  if (!call->route->terms.same_for_all && headers.count("Cache-Control") == 0) headers.set("Cache-Control", "no-store");
  if (call->rate) {
    headers.set("RateLimit-Policy", "\"requests\";q=" + std::to_string(call->rate->limit) + ";w=60");
    headers.set("RateLimit", "\"requests\";r=" + std::to_string(call->rate->remaining) +
                                 ";t=" + std::to_string(call->rate->resets_in.count()));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - call->started;
  const auto took_us = std::chrono::duration_cast<Microseconds>(took);
  availability().note(call->tenant ? std::string_view(call->tenant_id()) : std::string_view{}, clock.now(), status,
                      took_us);
  const auto kept = trace_request(*call, status, took_us);
  series_of(call->request().method, *call->route, status).observe(took.count(), kept);
  if (call->metered) {
    const bool counts = status < 400;
    if (loop.on_loop_thread()) {
      meter.settle(call->tenant_id(), counts);
    } else {
      loop.post([this, call, counts] { meter.settle(call->tenant_id(), counts); });
    }
  }
}

void Services::refuse(const CallPtr& call, const Error& error) {
  // Whoever is told to come later is told when: where nobody knows better, when a minute's window is over for sure.
  if (error.code == Errc::rate_limited) return refuse(call, error, Seconds{60});
  if (http::status_of(error) >= 500) {
    log::warn("a request was not served",
              {{"operation", call->route->operation}, {"request_id", call->request_id}, {"error", error.describe()}});
  }
  if (error.reason == "ambiguous_tenant") {
    return answer(
        call, http::problem(400, error.reason, error.message, call->request().path, trace_id_of(call->traceparent)));
  }
  answer(call, access_problem(error, *call));
}

void Services::refuse(const CallPtr& call, const Error& error, Seconds retry_after) {
  auto response = access_problem(error, *call);
  response.headers.set("Retry-After", std::to_string(std::max<std::int64_t>(1, retry_after.count())));
  answer(call, std::move(response));
}

void Services::on_lane(Lanes& where, const CallPtr& call, LaneWork work) {
  const auto queued_at = std::chrono::steady_clock::now();
  const auto task = [this, call, queued_at, work = std::move(work)](db::Connection& connection) {
    const tracing::Scope scope(tracing::enabled() ? tracing::parse_traceparent(call->traceparent) : std::nullopt);
    auto done = contained(call->route->operation, [&]() -> Result<http::Response> {
      if (const auto turn = in_time(queued_at); !turn) return turn.error();
      return work(connection);
    });
    if (done) return answer(call, std::move(*done));
    refuse(call, done.error());
  };
  if (const auto answer = where.submit(call->holder(), task); answer != BoundedPool::Answer::taken) {
    refuse_busy(call, answer);
  }
}

void Services::refuse_busy(const CallPtr& call, BoundedPool::Answer why) {
  if (why == BoundedPool::Answer::holder_full) {
    return refuse(call,
                  Error{.code = Errc::rate_limited,
                        .reason = "rate_limited",
                        .message = "too many requests of yours wait already; send fewer at a time"},
                  Seconds{1});
  }
  refuse(call, Error{.code = Errc::unavailable, .reason = "overloaded", .message = "the lanes are full"});
}

bool Services::in_background(Lanes& where, const std::string& holder, const char* what,
                             std::function<Result<void>(db::Connection&)> work) {
  const auto task = [what, work = std::move(work)](db::Connection& connection) {
    if (const auto done = contained(what, [&] { return work(connection); }); !done) {
      log::warn("background work failed", {{"operation", what}, {"error", done.error().describe()}});
    }
  };
  return where.submit(holder, task) == BoundedPool::Answer::taken;
}

Result<void> Services::commit(db::Connection& connection, const Call& call, const events::Actor& actor,
                              const Work& work) {
  return commit(connection, call.request_id, call.traceparent, actor, work);
}

Result<void> Services::commit(db::Connection& connection, const std::string& correlation_id,
                              const std::string& traceparent, const events::Actor& actor, const Work& work) {
  const auto request = tracing::enabled() ? tracing::parse_traceparent(traceparent) : std::nullopt;
  const auto start = tracing::now();
  std::vector<messaging::OutboxRow> due;
  auto done = run(connection, db::InDoubtCommit::lookup, database_ok, [&](db::Transaction& tx) -> Result<void> {
    messaging::Outbox outbox(source, actor, ids, clock.now());
    outbox.set_trace(correlation_id, traceparent);
    if (auto worked = work(tx, outbox); !worked) return worked;
    outbox.flush(tx);
    due = outbox.take_due();
    return {};
  });
  trace_transaction(request, start, done.has_value(), due.size());
  if (done && !due.empty() && hooks.hand_over) hooks.hand_over(std::move(due));
  return done;
}

Result<void> Services::read(db::Connection& connection, const std::function<Result<void>(db::Transaction&)>& work) {
  return run(connection, db::InDoubtCommit::rerun, database_ok, work);
}

void Services::tenant_changed(const std::string& tenant_id) {
  caches.tenants.drop(tenant_id);
  caches.changes.put(tenant_id, monotonic(), monotonic());
  loads.outdate_tenant(tenant_id);
  standings.ask_now();
}

void Services::session_changed(const std::string& sid) {
  caches.sessions.drop(sid);
  loads.outdate(sid);
  standings.ask_now();
}

void Services::report_refusal(const CallPtr& call, const std::string& tenant_id, const std::string& claimed,
                              const std::string& rule, const std::string& detail) {
  // A flood of refusals is not a flood of events: strangers are counted by address, members by name.
  const bool member = call->of_tenant();
  const std::string& who = member ? call->caller_id() : call->origin;
  if (reports.take(who, member ? 120 : 10, monotonic()).allowed) report(call, tenant_id, claimed, rule, detail);
}

void Services::report(const CallPtr& call, const std::string& tenant_id, const std::string& claimed,
                      const std::string& rule, const std::string& detail) {
  const auto actor = call->of_tenant() ? call->caller() : call->stranger();
  in_background(lanes, call->holder(), "report_refusal", [=, this](db::Connection& connection) {
    return commit(connection, *call, actor, [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
      v1::AccessRefused event;
      event.set_claimed_tenant(printable(claimed, 64));
      event.set_rule(rule);
      event.set_detail(detail);
      outbox.publish(tenant_id, event);
      return {};
    });
  });
}

}  // namespace tenantry::gateway
