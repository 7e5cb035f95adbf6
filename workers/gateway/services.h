// Call and Services: one request on its way, and what its handlers work with.
//
// A Call is filled on the loop (guard.cpp), then read-only; answering is safe from
// any thread. Handlers run on the loop and hand blocking work to lanes or the
// password pool. The caches, limiters and the meter belong to the loop.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "events/envelope.h"
#include "shared/core/clock.h"
#include "shared/crypto/jwt.h"
#include "shared/http/router.h"
#include "shared/http/server.h"
#include "shared/loop/loop.h"
#include "shared/messaging/outbox.h"
#include "workers/gateway/access.h"
#include "workers/gateway/audit_tail.h"
#include "workers/gateway/cache.h"
#include "workers/gateway/gateway.h"
#include "workers/gateway/lanes.h"
#include "workers/gateway/loads.h"
#include "workers/gateway/rate_limit.h"
#include "workers/gateway/route_table.h"
#include "workers/gateway/store.h"
#include "workers/gateway/streams.h"
#include "workers/gateway/usage_meter.h"

namespace tenantry::gateway {

struct Call {
  std::shared_ptr<http::Exchange> exchange;
  http::PathParameters path;
  const Route* route = nullptr;
  std::string request_id;
  std::string traceparent;
  std::string address;
  Language language = Language::french;
  std::string_view path_tenant;  // of /t/{tenant}/...
  std::chrono::steady_clock::time_point started{};
  std::shared_ptr<const Reference> reference;

  // Within a tenant:
  std::shared_ptr<const crypto::Claims> claims{};
  std::shared_ptr<const Session> session{};
  std::shared_ptr<const TenantEntry> tenant{};
  std::optional<RateDecision> rate{};
  bool metered = false;  // holds a place in the meter until it is answered

  const http::Request& request() const { return exchange->request(); }
  const std::string& tenant_id() const { return tenant->tenant.tenant_id; }
  events::Actor actor(std::string kind, std::string id) const;
  events::Actor user() const { return actor("user", claims->sub); }
  events::Actor stranger() const { return actor("anonymous", ""); }
};
using CallPtr = std::shared_ptr<Call>;

struct Services;
using Handler = void (*)(Services&, const CallPtr&);

struct Services {
  Services(loop::Loop& the_loop, GatewayConfig the_config, const Clock& the_clock, IdGenerator& the_ids,
           GatewayHooks the_hooks);

  // Thread-safe; once per call. They add the headers every response carries, count and measure.
  void answer(const CallPtr& call, http::Response response);
  void refuse(const CallPtr& call, const Error& error);
  void refuse(const CallPtr& call, const Error& error, Seconds retry_after);

  // The head of an answer that comes piece by piece, with the same headers, counted and measured as given at once. What
  // follows goes to the call's exchange, which has to be finished or aborted.
  void start_stream(const CallPtr& call, http::Headers headers);

  // Runs `work` on a lane and answers with what it returns; 503 where the queue is full, or where the call has
  // waited so long already that its caller has given up.
  using LaneWork = std::function<Result<http::Response>(db::Connection&)>;
  void on_lane(const CallPtr& call, LaneWork work);

  // The same without a request to answer; errors are logged. False where the queue is full.
  bool in_background(const char* what, std::function<Result<void>(db::Connection&)> work);

  using Work = std::function<Result<void>(db::Transaction&, messaging::Outbox&)>;
  // One transaction with its outbox; after the commit what is due goes to the relay.
  Result<void> commit(db::Connection& connection, const Call& call, const events::Actor& actor, const Work& work);
  Result<void> commit(db::Connection& connection, const std::string& correlation_id, const std::string& traceparent,
                      const events::Actor& actor, const Work& work);
  // For what changes nothing: run again where its commit is in doubt.
  Result<void> read(db::Connection& connection, const std::function<Result<void>(db::Transaction&)>& work);

  // A request that claimed what it does not hold becomes a security event of `tenant_id`. From the loop.
  void report_refusal(const CallPtr& call, std::string tenant_id, std::string claimed, std::string rule,
                      std::string detail);

  // On the loop: what is cached about them is stale.
  void tenant_changed(const std::string& tenant_id);
  void session_changed(const std::string& jti);

  Milliseconds monotonic() const { return loop.now(); }

  loop::Loop& loop;
  const GatewayConfig config;
  const Clock& clock;
  IdGenerator& ids;
  const GatewayHooks hooks;

  Caches caches;
  UsageMeter meter;
  struct Waiting {
    CallPtr call;
    Handler next;
  };
  Loads<Waiting> loads;                 // of sessions with their tenants, by jti
  WindowLimiter requests{Seconds{60}};  // per tenant, as its plan says
  WindowLimiter checks{Seconds{60}};    // the availability endpoints, per address
  WindowLimiter reports{Seconds{60}};   // security events, per member or address
  LoginLimiter logins;
  std::shared_ptr<const Reference> reference;  // null until the database was reached once
  std::atomic<bool> database_ok{true};
  bool draining = false;

  StreamCounts exports;
  StreamCounts listeners;
  AuditTails tails;

  PasswordPool passwords;
  Lanes lanes;  // last: its threads use all of the above

 private:
  void conclude(const CallPtr& call, int status, http::Headers& headers);
};

// Checks who calls, for which tenant, and whether they may; then `next`, on the loop. Else answers.
void guard(Services& services, const CallPtr& call, Handler next);

// The tenant a request without a token names; for login.
Result<std::string> named_tenant(const Services& services, const Call& call);

// For what has come to its turn on a lane: Errc::unavailable where it has queued for longer than callers wait.
Result<void> in_time(std::chrono::steady_clock::time_point queued_at);

// An access refusal in the caller's language.
http::Response access_problem(const Error& error, const Call& call);

http::Response json_response(int status, const nlohmann::json& body);

}  // namespace tenantry::gateway
