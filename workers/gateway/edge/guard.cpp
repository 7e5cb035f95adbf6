// The guard: what is checked before any handler runs, in this order: content type and size, token, agreement on the
// tenant, revocation, the tenant's status, membership, permission, request rate, what the login has to have shown, the
// month's calls. A token is a session's, signed and read by itself; or a key's, which only the database knows. What a
// browser sends instead is guard_cookie.cpp's.
#include <algorithm>

#include "events/topology.h"
#include "shared/crypto/api_key.h"
#include "shared/crypto/hash.h"
#include "shared/http/problem.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/guard.h"
#include "workers/gateway/edge/networks.h"
#include "workers/gateway/edge/resolve.h"
#include "workers/gateway/edge/services.h"
#include "workers/gateway/edge/settings.h"

namespace tenantry::gateway {

Error unauthenticated(std::string reason, std::string message) {
  return {.code = Errc::unauthenticated, .reason = std::move(reason), .message = std::move(message)};
}

namespace {

// "" without one; a view of the request. Two Authorization fields are a malformed request (security.md J1).
Result<std::string_view> bearer_token(const http::Request& request) {
  const auto count = request.headers.count("Authorization");
  if (count == 0) return std::string_view{};
  if (count > 1) {
    return Error{.code = Errc::invalid, .reason = "malformed_request", .message = "Authorization must be sent once"};
  }
  const auto value = *request.headers.get("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (value.size() <= scheme.size() || !http::equal_without_case(value.substr(0, scheme.size()), scheme)) {
    return unauthenticated("token_invalid", "Authorization must be a bearer token");
  }
  return value.substr(scheme.size());
}

std::string_view custom_domain_tenant(const Reference& reference, std::string_view host) {
  const auto at = reference.domains.find(host_name(host));
  return at == reference.domains.end() ? std::string_view{} : std::string_view{at->second};
}

TenantSources sources_of(const Call& call) {
  TenantSources sources;
  for (const auto& [name, value] : call.request().headers) {
    if (http::equal_without_case(name, "X-Tenant-ID") || http::equal_without_case(name, "X-Tenant")) {
      sources.headers.push_back(value);
    }
  }
  sources.host = call.request().headers.get("Host").value_or("");
  if (!call.reference->domains.empty()) {
    sources.custom_domain_tenant = custom_domain_tenant(*call.reference, sources.host);
  }
  sources.path_tenant = call.path_tenant;
  return sources;
}

Error body_too_large(const Route& route) {
  return {.code = Errc::too_large,
          .reason = "too_large",
          .message = "this path takes a body of at most " + std::to_string(route.terms.body_max) + " bytes"};
}

bool serves_a_body(http::Method method) {
  return method == http::Method::post || method == http::Method::put || method == http::Method::patch;
}

// To look at a signature costs a hundred times what else a refusal does, so an address has only so many tokens a minute
// that are none.
constexpr int bad_tokens_a_minute = 300;

Result<crypto::Claims> verified(Services& services, const Reference& reference, std::string_view token,
                                std::string_view type, const std::string& origin) {
  if (!services.token_tries.take(origin, bad_tokens_a_minute, services.monotonic()).allowed) {
    return Error{.code = Errc::rate_limited,
                 .reason = "too_many_attempts",
                 .message = "too many tokens that are none came from this address"};
  }
  auto claims =
      crypto::verify(*reference.keys, token, {"tenantry", "tenantry-api", std::string(type), services.clock.now()});
  if (claims) services.token_tries.give_back(origin);
  return claims;
}

// The claims of a token that is good now. Its signature is checked once, as long as the keys are the same; so is one
// that is none, for a while.
Result<std::shared_ptr<const crypto::Claims>> claims_of(Services& services, const Reference& reference,
                                                        std::string_view token, const std::string& origin) {
  const auto now = services.clock.now();
  auto& tokens = services.caches.tokens;
  const auto hash = services.caches.token_hash(as_bytes(token));
  if (const auto* const known = tokens.find(hash)) {
    auto claims = *known;
    if (const auto ok = crypto::check_lifetime(*claims, now); !ok) {
      tokens.erase(hash);
      return ok.error();
    }
    return claims;
  }
  auto& refused = services.caches.tokens_refused;
  if (const auto before = refused.find(hash, services.monotonic()).value) return *before;
  auto read = verified(services, reference, token, "access", origin);
  // Of before there were sessions: its refresh token is still good.
  if (read && !Uuid::parse(read->sid)) read = unauthenticated("token_invalid", "the token names no session");
  if (!read) {
    if (read.error().code != Errc::rate_limited) refused.put(hash, read.error(), services.monotonic());
    return read.error();
  }
  auto claims = std::make_shared<const crypto::Claims>(std::move(*read));
  tokens.put(hash, claims);
  return claims;
}

// The platform's token is for the first super-admin and for the command line: who used it from where is on record, once
// an hour.
void note_token_use(Services& services, const CallPtr& call) {
  if (!services.admin_token_uses.take(call->admin + " " + call->origin, 1, services.monotonic()).allowed) return;
  services.in_background("note_token_use", [&services, call](db::Connection& connection) {
    return services.commit(connection, *call, call->caller(),
                           [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                             events::v1::AdminTokenUsed event;
                             event.set_name(call->admin);
                             event.set_operation(std::string(call->route->operation));
                             outbox.publish(events::platform_tenant, event);
                             return {};
                           });
  });
}

}  // namespace

void guard_admin_person(Services& services, const CallPtr& call, std::shared_ptr<const store::AdminSession> session,
                        Handler next) {
  if (auto may = admit_admin(*call->route, session->role, !session->second_factor.empty()); !may) {
    return services.refuse(call, may.error());
  }
  const Login login{.confirmed = true, .authenticated_at = session->authenticated_at};
  if (auto ok = check_login(*call->route, login, services.clock.now()); !ok) return services.refuse(call, ok.error());
  call->admin = session->user_id;
  call->admin_session = std::move(session);
  call->of_platform = true;
  next(services, call);
}

namespace {

// Read each time: what was revoked or has ended opens nothing from then on.
void guard_admin_session(Services& services, const CallPtr& call, std::string_view token, Handler next) {
  const auto task = [&services, call, hash = crypto::sha256(as_bytes(token)), next](db::Connection& connection) {
    std::optional<store::AdminSession> session;
    const auto done = contained("see_admin_session", [&] {
      return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        session = store::see_admin_session(tx, hash, services.clock.now());
        return {};
      });
    });
    services.loop.post([&services, call, next, done, session] {
      if (!done) return services.refuse(call, done.error());
      if (!session) return refuse_guess(services, call);
      guard_admin_person(services, call, std::make_shared<const store::AdminSession>(*session), next);
    });
  };
  const auto answer = services.lanes.submit(call->origin, task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

void guard_admin(Services& services, const CallPtr& call, Handler next) {
  const auto token = bearer_token(call->request());
  if (!token) return services.refuse(call, token.error());
  if (token->empty())
    return services.refuse(call, unauthenticated("unauthenticated", "a super-admin's token is needed"));
  if (const auto* admin = find_admin(services, *token)) {
    call->admin = admin->name;
    call->of_platform = true;
    note_token_use(services, call);
    if (call->route->terms.person) {
      return services.refuse(call, Error{.code = Errc::forbidden,
                                         .reason = "person_required",
                                         .message = "this is for super-admins who have logged in: the platform's token "
                                                    "does not open it"});
    }
    return next(services, call);
  }
  if (token->starts_with(admin_token_prefix)) return guard_admin_session(services, call, *token, next);
  if (claims_of(services, *call->reference, *token, call->origin)) {
    return services.refuse(call, Error{.code = Errc::forbidden,
                                       .reason = "admin_required",
                                       .message = "a tenant's token opens no super-admin route"});
  }
  refuse_guess(services, call);
}

// What the loop has to know before it decides.
struct Facts {
  std::shared_ptr<const TenantEntry> tenant;  // null: no such tenant
  std::shared_ptr<const Session> session;     // a person's, or
  std::shared_ptr<const ApiKeyEntry> key;     // a machine's
};

Standing standing_of(const Facts& facts) {
  Standing standing;
  if (facts.tenant != nullptr) {
    standing.tenant = facts.tenant->tenant.lifecycle;
    standing.factor_demanded = demands_second_factor(facts.tenant->settings);
  }
  if (facts.key != nullptr) {
    standing.machine = true;
    standing.permissions = facts.key->permissions;
  } else {
    standing.role = facts.session->role;
    standing.permissions = facts.session->permissions;
    standing.revoked = facts.session->revoked;
    standing.acting = facts.session->acting;
    standing.writes = facts.session->writes;
    standing.factor_shown = !facts.session->second_factor.empty();
  }
  return standing;
}

Result<void> check_agreement(Services& services, const CallPtr& call, const std::string& tenant_id) {
  auto sources = sources_of(*call);
  sources.claim = tenant_id;
  const auto tenant = resolve_tenant(sources, services.config.base_domain);
  if (tenant) return {};
  Error error = tenant.error();
  if (error.code == Errc::refused) {
    services.report_refusal(call, tenant_id, error.fields[0].detail, "tenant_mismatch", std::string(call->route->path));
  }
  error.fields.clear();  // the name that was tried is for the log, not for whoever tried it
  return error;
}

// A month's; which limit that is, the catalogue says.
std::int64_t calls_limit(const Reference& reference, const TenantEntry& tenant) {
  const auto metric = reference.metrics.find(calls_metric);
  if (metric == reference.metrics.end()) return tenancy::unlimited;
  return tenancy::limit_of(tenant.limits, metric->second.limit_name);
}

const Judged& judge(const Facts& facts, const std::shared_ptr<const Reference>& reference) {
  auto& judged = facts.key != nullptr ? facts.key->judged : facts.session->judged;
  if (judged.standing != nullptr && judged.tenant == facts.tenant && judged.reference == reference) return judged;
  judged = {.tenant = facts.tenant,
            .reference = reference,
            .standing = std::make_shared<const Standing>(standing_of(facts)),
            .requests_per_minute = facts.tenant ? tenancy::limit_of(facts.tenant->limits, rate_limit) : 0,
            .calls_per_month = facts.tenant ? calls_limit(*reference, *facts.tenant) : 0};
  return judged;
}

// What a super-admin inside a tenant looks at is in the tenant's log; what is changed says so itself.
void tell_visit(Services& services, const CallPtr& call) {
  if (call->route->method != Method::get) return;
  services.in_background(services.lanes, call->tenant_id(), "tell_visit",
                         [&services, call](db::Connection& connection) {
                           return services.commit(connection, *call, call->caller(),
                                                  [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                                                    events::v1::DataRead event;
                                                    event.set_what(std::string(call->route->operation));
                                                    event.set_id(call->claims->sid);
                                                    outbox.publish(call->tenant_id(), event);
                                                    return {};
                                                  });
                         });
}

// A machine has no login, and a visit has begun with one.
Result<void> check_login_of(const Call& call, Timestamp now) {
  if (!call.session || call.session->acting) return {};
  return check_login(*call.route, {call.session->email_verified, call.session->authenticated_at}, now);
}

// Who looks at the console uses up no API of the plan's: a page asks for much at once, and a plan's limits may be
// small. What a session and a tenant's people together may ask for is bounded all the same.
Result<void> take_request(Services& services, const CallPtr& call, std::int64_t per_minute) {
  const auto now = services.monotonic();
  const auto take = [&](WindowLimiter& limiter, const std::string& whose, std::int64_t limit) -> Result<void> {
    if (limit < 0) return {};
    const auto place = limiter.take(whose, limit, now);
    // The caller is told of what is used up first.
    if (!call->rate || !place.allowed || place.remaining < call->rate->remaining) call->rate = place;
    if (place.allowed) return {};
    return Error{.code = Errc::rate_limited,
                 .reason = "rate_limited",
                 .message = "at most " + std::to_string(limit) + " requests a minute"};
  };
  if (call->cookie.empty()) {
    // The key first: what it is refused is not taken from what else its tenant has.
    if (call->key && call->key->requests_per_minute) {
      const auto own = rate_of_key(*call->key->requests_per_minute, per_minute);
      if (auto ok = take(services.key_requests, call->key->key_id, own); !ok) return ok;
    }
    return take(services.requests, call->tenant_id(), per_minute);
  }
  const auto rates = console_rates(per_minute);
  // The session first: what it is refused is not taken from the others of its tenant.
  if (auto ok = take(services.console_sessions, call->claims->sid, rates.of_session); !ok) return ok;
  return take(services.console_tenants, call->tenant_id(), rates.of_tenant);
}

void decide(Services& services, const CallPtr& call, Facts facts, Handler next) {
  if (facts.session && !call->language_named) call->language = language_from(facts.session->locale);
  const auto now = services.clock.now();
  const auto& judged = judge(facts, services.reference);
  const auto reach = admit(*call->route, *judged.standing, services.reference->permissions, now, call->language);
  if (!reach) return services.refuse(call, reach.error());
  call->tenant = std::move(facts.tenant);
  call->session = std::move(facts.session);
  call->reach = *reach;
  if (const auto ok = check_module(*call->route, call->tenant->modules, call->reference->modules); !ok) {
    return services.refuse(call, ok.error());
  }

  if (const auto ok = take_request(services, call, judged.requests_per_minute); !ok)
    return services.refuse(call, ok.error(), call->rate->resets_in);
  if (const auto ok = check_login_of(*call, now); !ok) return services.refuse(call, ok.error());
  if (call->route->guard == Guard::live && call->cookie.empty()) {
    const auto month = floor_month(now);
    const double counted = call->tenant->month == month ? call->tenant->api_calls : 0;
    const auto calls_max = judged.calls_per_month;
    if (!services.meter.admit(call->tenant_id(), calls_max, counted, month)) {
      return services.refuse(
          call,
          Error{.code = Errc::limit_exceeded,
                .reason = "limit_exceeded",
                .message = "the plan's API calls of this month are used up",
                .fields = {{"", "api_calls", "at most " + std::to_string(calls_max) + " api_calls a month"}}},
          std::chrono::ceil<Seconds>(next_month(now) - now));
    }
    call->metered = true;
  }
  if (call->session && call->session->acting) tell_visit(services, call);
  next(services, call);
}

// Reads session and tenant for all calls that wait for them.
void load(Services& services, const std::shared_ptr<const crypto::Claims>& claims);

void finish_load(Services& services, const std::shared_ptr<const crypto::Claims>& claims, const Result<void>& done,
                 const Facts& facts) {
  auto& loads = services.loads;
  const auto& sid = claims->sid;
  if (done && loads.outdated(sid) && loads.awaited(sid)) {
    loads.again(sid);
    return load(services, claims);
  }
  if (done && !loads.outdated(sid)) {
    const auto read_at = services.monotonic();
    services.caches.tenants.put(claims->tenant_id, facts.tenant, read_at);
    services.caches.sessions.put(sid, facts.session, read_at);
  }
  for (const auto& [call, next] : loads.finish(sid)) {
    if (done) {
      decide(services, call, facts, next);
    } else {
      services.refuse(call, done.error());
    }
  }
}

void load(Services& services, const std::shared_ptr<const crypto::Claims>& claims) {
  const auto task = [&services, claims](db::Connection& connection) {
    Facts facts;
    const auto done = contained("load_session", [&] {
      return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        const auto now = services.clock.now();
        facts.session = std::make_shared<const Session>(
            store::load_session(tx, {claims->sid, claims->tenant_id, claims->sub}, now));
        facts.tenant = store::load_tenant(tx, claims->tenant_id, now);
        return {};
      });
    });
    services.loop.post([&services, claims, facts, done] { finish_load(services, claims, done, facts); });
  };
  // One at a time for a session, so that a tenant's flood of them is not before everybody else's first request.
  if (services.lanes.submit(claims->tenant_id, task) == BoundedPool::Answer::taken) return;
  finish_load(services, claims,
              Error{.code = Errc::unavailable, .reason = "overloaded", .message = "the lanes are full"}, {});
}

// ---- keys

// Whatever is wrong with it: who tries keys learns nothing.
Error key_refused() {
  return unauthenticated("token_invalid", "the API key is not valid");
}

void decide_key(Services& services, const CallPtr& call, const Facts& facts, Handler next) {
  const auto& key = facts.key;
  call->key = key;
  if (key->ends_at && *key->ends_at <= services.clock.now()) return services.refuse(call, key_refused());
  if (const auto agreed = check_agreement(services, call, key->tenant_id); !agreed) {
    return services.refuse(call, agreed.error());
  }
  if (!key->networks.empty() && !in_networks(call->address, key->networks)) {
    services.report_refusal(call, key->tenant_id, "", "api_key_address", std::string(call->route->path));
    return services.refuse(call, Error{.code = Errc::forbidden,
                                       .reason = "address_not_allowed",
                                       .message = "the key is not used from this address"});
  }
  services.key_uses.note(*key, call->address, services.clock.now());
  decide(services, call, facts, next);
}

struct KeyLoad {
  TokenName name;
  crypto::ApiKeyText text;
  std::string origin;    // of who asked first; its place among the tries is given back where the key is one
  bool counted = false;  // such a place was taken
  Milliseconds began{};  // what changes later is not in it

  std::string waited_for_as() const { return std::string(as_text(name)); }
};
void load_key(Services& services, const KeyLoad& load);

void refuse_key(Services& services, const KeyLoad& load, const Facts& facts, std::vector<Services::Waiting> waiting) {
  services.caches.api_keys_refused.put(load.name, true, services.monotonic());
  services.caches.api_keys.drop(load.name);
  services.caches.api_keys_good.drop(load.name);
  for (const auto& [call, next] : waiting) {
    // The tenant's log has the reason. Of a key that is nobody's there is no log to tell.
    if (facts.key) services.report_refusal(call, facts.key->tenant_id, "", facts.key->refused, facts.key->key_id);
    services.refuse(call, key_refused());
  }
}

void finish_key_load(Services& services, KeyLoad load, const Result<void>& done, const Facts& facts) {
  const bool good = done && facts.key && facts.key->refused.empty();
  if (load.counted && (good || !done)) services.key_tries.give_back(load.origin);
  load.counted = false;
  if (done && !good) return refuse_key(services, load, facts, services.key_loads.finish(load.waited_for_as()));
  if (good) {
    const auto now = services.monotonic();
    const auto changed = services.caches.changes.find(facts.key->tenant_id, now);
    const bool outdated = changed.value != nullptr && *changed.value >= load.began;
    if (outdated && services.key_loads.awaited(load.waited_for_as())) {
      load.began = now;
      return load_key(services, load);
    }
    if (!outdated) {
      services.caches.tenants.put(facts.key->tenant_id, facts.tenant, load.began);
      services.caches.api_keys.put(load.name, facts.key, load.began);
      services.caches.api_keys_good.put(load.name, true, load.began);
    }
  }
  for (const auto& [call, next] : services.key_loads.finish(load.waited_for_as())) {
    if (good) {
      decide_key(services, call, facts, next);
    } else {
      services.refuse(call, done.error());
    }
  }
}

void load_key(Services& services, const KeyLoad& load) {
  const auto task = [&services, load](db::Connection& connection) {
    Facts facts;
    const auto done = contained("load_api_key", [&] {
      return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        const auto now = services.clock.now();
        facts = {};
        facts.key = store::load_api_key(tx, load.text.public_id, crypto::api_key_hash(load.text.secret), now);
        if (facts.key && facts.key->refused.empty()) {
          facts.tenant = store::load_tenant(tx, facts.key->tenant_id, now);
        }
        return {};
      });
    });
    services.loop.post([&services, load, facts, done] { finish_key_load(services, load, done, facts); });
  };
  // Whose it is shows only then: until that it is its address's work.
  if (services.lanes.submit(load.origin, task) == BoundedPool::Answer::taken) return;
  finish_key_load(services, load,
                  Error{.code = Errc::unavailable, .reason = "overloaded", .message = "the lanes are full"}, {});
}

constexpr int unknown_keys_a_minute = 60;  // of an address

void guard_machine(Services& services, const CallPtr& call, std::string_view token, Handler next) {
  const auto name = services.caches.token_hash(as_bytes(token));
  const auto now = services.monotonic();
  Facts facts;
  const auto key = services.caches.api_keys.find(name, now);
  bool ages = key.ages;
  if (key.value != nullptr) {
    const auto& entry = *key.value;
    const auto tenant = services.caches.tenants.find(entry->tenant_id, now);
    const auto changed = services.caches.changes.find(entry->tenant_id, now);
    ages = ages || tenant.ages;
    if (tenant.value != nullptr && (changed.value == nullptr || key.read_at > *changed.value)) {
      facts.key = entry;
      facts.tenant = *tenant.value;
    }
  }
  const bool known = facts.key != nullptr;
  if (!known || ages) {
    auto text = crypto::parse_api_key(token);
    if (!text || services.caches.api_keys_refused.find(name, now).value != nullptr) {
      return services.refuse(call, key_refused());
    }
    KeyLoad load{.name = name, .text = *std::move(text), .origin = call->origin, .began = now};
    const bool first = services.key_loads.begin(load.waited_for_as(), "");
    load.counted = first && !known && services.caches.api_keys_good.find(name, now).value == nullptr;
    if (load.counted) {
      const auto place = services.key_tries.take(call->origin, unknown_keys_a_minute, now);
      if (!place.allowed) {
        services.key_loads.finish(load.waited_for_as());
        return services.refuse(call,
                               Error{.code = Errc::rate_limited,
                                     .reason = "too_many_attempts",
                                     .message = "too many keys that are none came from this address"},
                               place.resets_in);
      }
    }
    if (!known) services.key_loads.wait(load.waited_for_as(), {call, next});
    if (first) load_key(services, load);
  }
  if (known) decide_key(services, call, facts, next);
}

}  // namespace

// By what a token or a cookie says.
void guard_claims(Services& services, const CallPtr& call, std::shared_ptr<const crypto::Claims> claims, Handler next) {
  call->claims = std::move(claims);
  if (const auto agreed = check_agreement(services, call, call->claims->tenant_id); !agreed)
    return services.refuse(call, agreed.error());

  const auto now = services.monotonic();
  const auto tenant = services.caches.tenants.find(call->claims->tenant_id, now);
  const auto session = services.caches.sessions.find(call->claims->sid, now);
  // Of who was put out of the tenant this process may have heard by the tenant's name alone.
  const auto changed = services.caches.changes.find(call->claims->tenant_id, now);
  const bool fresh = changed.value == nullptr || session.read_at > *changed.value;
  const bool known = tenant.value != nullptr && session.value != nullptr && fresh &&
                     (*session.value)->tenant_id == call->claims->tenant_id;
  Facts facts = known ? Facts{*tenant.value, *session.value} : Facts{};
  if (!known || tenant.ages || session.ages) {
    // What is still good is read again before it is too old, so that nobody waits for it.
    const auto& sid = call->claims->sid;
    const bool first = services.loads.begin(sid, call->claims->tenant_id);
    if (!known) services.loads.wait(sid, {call, next});
    if (first) load(services, call->claims);
  }
  if (known) decide(services, call, std::move(facts), next);
}

namespace {

void guard_member(Services& services, const CallPtr& call, Handler next) {
  const auto token = bearer_token(call->request());
  if (!token) return services.refuse(call, token.error());
  if (token->empty()) return services.refuse(call, unauthenticated("unauthenticated", "a bearer token is needed"));
  if (crypto::looks_like_api_key(*token)) return guard_machine(services, call, *token, next);
  auto claims = claims_of(services, *call->reference, *token, call->origin);
  if (!claims) return services.refuse(call, claims.error());
  guard_claims(services, call, std::move(*claims), next);
}

}  // namespace

Result<tenancy::Reach> check_bearer(const Services& services, const Call& call, const Standing& standing) {
  return admit(*call.route, standing, services.reference->permissions, services.clock.now(), call.language);
}

Result<crypto::Claims> claims_of_login(Services& services, const Call& call, std::string_view type) {
  const auto token = bearer_token(call.request());
  if (!token) return token.error();
  if (token->empty()) return unauthenticated("unauthenticated", "a token of a login is needed");
  return verified(services, *call.reference, *token, type, call.origin);
}

Result<std::optional<std::string>> person_of_token(Services& services, const Call& call) {
  const auto token = bearer_token(call.request());
  if (!token) return token.error();
  if (token->empty()) return std::optional<std::string>{};
  const auto claims = claims_of(services, *call.reference, *token, call.origin);
  if (claims) return std::optional((*claims)->sub);
  const auto selecting = claims_of_login(services, call, select_token_type);
  if (!selecting) return claims.error();
  services.token_tries.give_back(call.origin);  // it was none of the other type only
  return std::optional(selecting->sub);
}

Result<void> recently_authenticated(const Services& services, const Call& call) {
  const auto since = call.admin_session ? call.admin_session->authenticated_at
                     : call.session     ? call.session->authenticated_at
                                        : Timestamp{};
  if (services.clock.now() - since <= recent_login) return {};
  return Error{.code = Errc::forbidden,
               .reason = "reauthentication_required",
               .message = "this needs a login of the last ten minutes"};
}

Result<std::string> named_tenant(Services& services, const CallPtr& call) {
  auto tenant = resolve_tenant(sources_of(*call), services.config.base_domain);
  if (tenant) return tenant;
  Error error = tenant.error();
  // Nothing says whose the request is: what it names makes no log, and is told in the platform's.
  if (error.code == Errc::refused) {
    services.report_refusal(call, std::string(events::platform_tenant), error.fields[0].detail, "tenant_mismatch",
                            std::string(call->route->path));
  }
  error.fields.clear();
  return error;
}

Result<void> may_send_body(Services& services, const Route& route, const http::Request& head,
                           const std::string& origin) {
  const auto length = head.headers.get("Content-Length").value_or("");
  if (length.size() > 18 || (!length.empty() && std::stoull(std::string(length)) > route.terms.body_max)) {
    return body_too_large(route);
  }
  if (route.guard == Guard::open || services.reference == nullptr) return {};
  const auto token = bearer_token(head);
  if (!token) return token.error();
  const auto cookie = cookie_token(head);
  if (!cookie) return cookie.error();
  if (*cookie) return from_console(head);  // what it stands for guard() asks
  if (token->empty()) return unauthenticated("unauthenticated", "a bearer token is needed");
  if (route.guard == Guard::admin) return {};  // guard() looks at it, and counts who guesses
  if (crypto::looks_like_api_key(*token)) {
    const auto name = services.caches.token_hash(as_bytes(*token));
    const bool refused = services.caches.api_keys_refused.find(name, services.monotonic()).value != nullptr;
    return !refused && crypto::parse_api_key(*token) ? Result<void>{} : key_refused();
  }
  const auto claims = claims_of(services, *services.reference, *token, origin);
  return claims ? Result<void>{} : claims.error();
}

void guard(Services& services, const CallPtr& call, Handler next) {
  if (serves_a_body(call->route->method) && !acceptable_content(call->request(), call->route->terms.body)) {
    return services.answer(
        call, http::problem(415, "unsupported_media_type", "The body must be application/json.", call->request().path));
  }
  if (call->route->guard != Guard::open && !call->route->terms.streams && !takes_json(call->request())) {
    return services.answer(
        call, http::problem(406, "not_acceptable", "The answer is application/json.", call->request().path));
  }
  if (call->request().body.size() > call->route->terms.body_max) {
    return services.refuse(call, body_too_large(*call->route));
  }
  const auto cookie = cookie_token(call->request());
  if (!cookie) return services.refuse(call, cookie.error());
  if (*cookie && call->route->guard != Guard::open) return guard_cookie(services, call, next);
  switch (call->route->guard) {
    case Guard::open:
      return next(services, call);
    case Guard::admin:
      return guard_admin(services, call, next);
    case Guard::live:
    case Guard::billing:
      return guard_member(services, call, next);
  }
}

}  // namespace tenantry::gateway
