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
#include <set>
#include <string>

#include "events/envelope.h"
#include "shared/core/clock.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/jwt.h"
#include "shared/crypto/link_token.h"
#include "shared/http/router.h"
#include "shared/http/server.h"
#include "shared/loop/loop.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/permissions.h"
#include "workers/gateway/edge/access.h"
#include "workers/gateway/edge/api_key_uses.h"
#include "workers/gateway/edge/cache.h"
#include "workers/gateway/edge/lanes.h"
#include "workers/gateway/edge/loads.h"
#include "workers/gateway/edge/rate_limit.h"
#include "workers/gateway/edge/route.h"
#include "workers/gateway/edge/standings.h"
#include "workers/gateway/edge/store.h"
#include "workers/gateway/edge/streams.h"
#include "workers/gateway/edge/usage_meter.h"
#include "workers/gateway/gateway.h"

namespace tenantry::gateway {

struct Call {
  std::shared_ptr<http::Exchange> exchange;
  http::PathParameters path;
  const Route* route = nullptr;
  std::string request_id;
  std::string traceparent;
  std::string address;
  std::string origin;  // whose limits it counts under: the address, or its network
  std::string
      admin;  // which super-admin calls: the name of the token, and at the console of the person; or a person's id
  std::string cookie;  // the hash of the console's cookie that says who calls; "": something else did
  Language language = Language::french;
  bool language_named = false;   // by the request; else a person's own
  std::string_view path_tenant;  // of /t/{tenant}/...
  std::chrono::steady_clock::time_point started{};
  std::shared_ptr<const Reference> reference;

  // Within a tenant: a person by a session, or a machine by a key. What deals with people has a person (access.h).
  std::shared_ptr<const crypto::Claims> claims{};
  std::shared_ptr<const Session> session{};
  std::shared_ptr<const ApiKeyEntry> key{};
  std::shared_ptr<const TenantEntry> tenant{};
  std::shared_ptr<const store::AdminSession> admin_session{};  // of a super-admin who has logged in
  bool of_platform = false;                    // a super-admin's by its token, or Stripe's by its signature
  tenancy::Reach reach = tenancy::Reach::all;  // of the route's permission: all things, or the caller's own
  std::optional<RateDecision> rate{};
  bool metered = false;  // holds a place in the meter until it is answered

  const http::Request& request() const { return exchange->request(); }
  std::string user_agent() const;  // printable and cut; "" where none is said
  const std::string& tenant_id() const { return tenant->tenant.tenant_id; }
  events::Actor actor(std::string kind, std::string id) const;
  events::Actor user() const { return actor("user", person_id()); }
  events::Actor stranger() const { return actor("anonymous", ""); }
  events::Actor caller() const;  // who the guard found: a super-admin, a member, a key or a stranger
  // Whose own login it is about; of a person.
  const std::string& person_id() const { return admin_session ? admin_session->user_id : claims->sub; }
  bool of_tenant() const { return claims != nullptr || key != nullptr; }
  const std::string& caller_id() const { return key ? key->key_id : claims->sub; }  // of whom or what is of_tenant()

  // As a parameter of a statement about things with owners (Terms::owned): whose they have to be; null: anybody's.
  db::Param owner() const { return reach == tenancy::Reach::own ? db::Param(caller_id()) : db::Param(nullptr); }

  // Whose share its work counts in: the tenant's, a stranger's address's, or "" for the platform's own.
  std::string holder() const;
};
class AuditTails;

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
  void on_lane(const CallPtr& call, LaneWork work) { on_lane(lanes, call, std::move(work)); }
  // The same for what looks through the audit log.
  void on_search_lane(const CallPtr& call, LaneWork work) { on_lane(searches, call, std::move(work)); }
  // Answers a call whose work was not taken.
  void refuse_busy(const CallPtr& call, BoundedPool::Answer why);

  // The same without a request to answer; errors are logged. False where the queue is full.
  bool in_background(const char* what, std::function<Result<void>(db::Connection&)> work) {
    return in_background(lanes, "", what, std::move(work));
  }
  bool in_background(Lanes& where, const std::string& holder, const char* what,
                     std::function<Result<void>(db::Connection&)> work);

  using Work = std::function<Result<void>(db::Transaction&, messaging::Outbox&)>;
  // One transaction with its outbox; after the commit what is due goes to the relay.
  Result<void> commit(db::Connection& connection, const Call& call, const events::Actor& actor, const Work& work);
  Result<void> commit(db::Connection& connection, const std::string& correlation_id, const std::string& traceparent,
                      const events::Actor& actor, const Work& work);
  // For what changes nothing: run again where its commit is in doubt.
  Result<void> read(db::Connection& connection, const std::function<Result<void>(db::Transaction&)>& work);

  // A request that claimed what it does not hold becomes a security event of `tenant_id`. From the loop.
  void report_refusal(const CallPtr& call, const std::string& tenant_id, const std::string& claimed,
                      const std::string& rule, const std::string& detail);

  // The same where the caller has counted.
  void report(const CallPtr& call, const std::string& tenant_id, const std::string& claimed, const std::string& rule,
              const std::string& detail);

  // On the loop: what is cached about them is stale.
  void tenant_changed(const std::string& tenant_id);
  void session_changed(const std::string& sid);

  Milliseconds monotonic() const { return loop.now(); }

  loop::Loop& loop;
  const GatewayConfig config;
  const Clock& clock;
  IdGenerator& ids;
  const GatewayHooks hooks;
  const crypto::MasterKeys masters;
  const crypto::LinkTokens link_tokens;
  const crypto::SealingKeys factor_keys;       // seal the seeds of second factors; of the master keys
  const crypto::SealingKeys idempotency_keys;  // hash what was asked under an Idempotency-Key; of the master keys

  Caches caches;
  UsageMeter meter;
  struct Waiting {
    CallPtr call;
    Handler next;
  };
  Loads<Waiting> loads;      // of sessions with their tenants, by sid
  Loads<Waiting> key_loads;  // of keys with their tenants, by the hash of the key
  ApiKeyUses key_uses;
  WindowLimiter requests{Seconds{60}};          // per tenant, as its plan says
  WindowLimiter key_requests{Seconds{60}};      // of keys that have a rate of their own
  WindowLimiter console_tenants{Seconds{60}};   // by cookies, of a tenant
  WindowLimiter console_sessions{Seconds{60}};  // of one of them
  WindowLimiter checks{Seconds{60}};            // the availability endpoints, per address
  WindowLimiter reports{Seconds{60}};           // security events, per member or address
  // Per address. Strangers are told by one count whom they asked about in vain, at the cost of another.
  WindowLimiter signups{Seconds{3600}};           // that were accepted
  WindowLimiter signup_refusals{Seconds{60}};     // addresses that were registered before
  WindowLimiter unknown_tenants{Seconds{60}};     // of logins
  WindowLimiter admin_guesses{Seconds{60}};       // wrong tokens of super-admins
  WindowLimiter admin_token_uses{Seconds{3600}};  // of TENANTRY_ADMIN_TOKEN, by name and address: on record once
  WindowLimiter invitation_tries{Seconds{60}};
  WindowLimiter key_tries{Seconds{60}};     // keys that open nothing
  WindowLimiter token_tries{Seconds{60}};   // tokens that are none
  WindowLimiter cookie_tries{Seconds{60}};  // cookies that stand for nothing
  WindowLimiter csp_reports{Seconds{60}};
  WindowLimiter forgotten{Seconds{60}};       // passwords
  WindowLimiter password_tries{Seconds{60}};  // with links that are none
  WindowLimiter invitations{Seconds{60}};     // that are sent, per tenant
  LoginLimiter logins;
  std::set<std::string> refreshing;            // refresh tokens that are tried just now
  std::shared_ptr<const Reference> reference;  // null until the database was reached once
  std::atomic<bool> database_ok{true};
  bool draining = false;

  StreamCounts exports{{.total = 12, .of_one = 2, .kept_for_newcomers = 4, .kept_for_the_platform = 2}};
  StreamCounts listeners{{.total = 240, .of_one = 10, .kept_for_newcomers = 60, .kept_for_the_platform = 20}};
  Standings standings;
  std::function<void()> domain_asked = [] {};  // a domain is to be looked at now, and not in a moment
  std::shared_ptr<AuditTails> tails{};         // of api/audit, while it serves

  PasswordPool passwords;
  Lanes searches;  // last, with the next: their threads use all of the above
  Lanes lanes;

 private:
  void on_lane(Lanes& where, const CallPtr& call, LaneWork work);
  void conclude(const CallPtr& call, int status, http::Headers& headers);
};

// A token that says who the person is and no tenant; what it is good for: choosing one, accepting an invitation.
constexpr std::string_view select_token_type = "select";

// A token that says whose password was shown, and no more: what it is good for is showing the second factor.
constexpr std::string_view challenge_token_type = "factor";

constexpr std::string_view admin_token_prefix = "tna_";  // of super-admins' sessions

// The request's token of that type. On the loop.
Result<crypto::Claims> claims_of_login(Services& services, const Call& call, std::string_view type);

// Of a route that is open to anybody: who is logged in, by either type of token; nullopt for nobody. Whether the
// session goes on is not asked: what this opens needs more than that. On the loop.
Result<std::optional<std::string>> person_of_token(Services& services, const Call& call);

// Which super-admin's token it is; null for none. All are compared, so that the time says nothing of which was close.
const config::NamedToken* find_admin(const Services& services, std::string_view token);
// Refuses a token that is none, and counts who guesses. On the loop.
void refuse_guess(Services& services, const CallPtr& call);

// What the request's cookie stands for, also on a route that is open to anybody: `then`, on the loop, with null where
// there is none or it stands for nothing (any more). Else answers. On the loop.
using CookieTaker = std::function<void(const std::shared_ptr<const CookieEntry>&)>;
void with_cookie(Services& services, const CallPtr& call, CookieTaker then);

// For what is dangerous. Errc::forbidden, reason "reauthentication_required", where the password was shown too long
// ago.
Result<void> recently_authenticated(const Services& services, const Call& call);

// Whether a token's bearer may use the call's route, by what is true now. Errors are the answers to give.
Result<tenancy::Reach> check_bearer(const Services& services, const Call& call, const Standing& standing);

// Checks who calls, for which tenant, and whether they may; then `next`, on the loop. Else answers.
void guard(Services& services, const CallPtr& call, Handler next);

// Whether a request's body is worth taking, as far as its head tells. On the loop.
Result<void> may_send_body(Services& services, const Route& route, const http::Request& head,
                           const std::string& origin);

// The tenant a request without a token names; for login. Where it names two that is on record. On the loop.
Result<std::string> named_tenant(Services& services, const CallPtr& call);

// For what has come to its turn on a lane: Errc::unavailable where it has queued for longer than callers wait.
Result<void> in_time(std::chrono::steady_clock::time_point queued_at);

// An access refusal in the caller's language.
http::Response access_problem(const Error& error, const Call& call);

}  // namespace tenantry::gateway
