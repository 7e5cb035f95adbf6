// The guard: what is checked before any handler runs, in this order: content type,
// token, agreement on the tenant, the tenant's status, membership, permission, request
// rate, the month's calls.
#include <algorithm>
#include <array>

#include "shared/crypto/hash.h"
#include "shared/http/problem.h"
#include "workers/gateway/resolve.h"
#include "workers/gateway/services.h"

namespace tenantry::gateway {
namespace {

Error unauthenticated(std::string reason, std::string message) {
  return {.code = Errc::unauthenticated, .reason = std::move(reason), .message = std::move(message)};
}

// "" without one. Two Authorization fields are a malformed request (security.md J1).
Result<std::string> bearer_token(const http::Request& request) {
  const auto count = request.headers.count("Authorization");
  if (count == 0) return std::string{};
  if (count > 1) {
    return Error{.code = Errc::invalid, .reason = "malformed_request", .message = "Authorization must be sent once"};
  }
  const auto value = *request.headers.get("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (value.size() <= scheme.size() || !http::equal_without_case(value.substr(0, scheme.size()), scheme)) {
    return unauthenticated("token_invalid", "Authorization must be a bearer token");
  }
  return std::string(value.substr(scheme.size()));
}

TenantSources sources_of(const Call& call) {
  TenantSources sources;
  for (const char* const name : {"X-Tenant-ID", "X-Tenant"}) {
    for (const auto& [field, value] : call.request().headers) {
      if (http::equal_without_case(field, name)) sources.headers.push_back(value);
    }
  }
  sources.host = call.request().headers.get("Host").value_or("");
  sources.path_tenant = call.path_tenant;
  return sources;
}

bool serves_a_body(http::Method method) {
  return method == http::Method::post || method == http::Method::put || method == http::Method::patch;
}

void guard_admin(Services& services, const CallPtr& call, Handler next) {
  const auto token = bearer_token(call->request());
  if (!token) return services.refuse(call, token.error());
  if (token->empty())
    return services.refuse(call, unauthenticated("unauthenticated", "a super-admin's token is needed"));
  if (!services.config.admin_token.empty() &&
      crypto::constant_time_equal(as_bytes(*token), as_bytes(services.config.admin_token))) {
    return next(services, call);
  }
  const bool of_a_tenant =
      crypto::verify(*call->reference->keys, *token, {"tenantry", "tenantry-api", "access", services.clock.now()})
          .has_value();
  if (of_a_tenant) {
    return services.refuse(call, Error{.code = Errc::forbidden,
                                       .reason = "admin_required",
                                       .message = "a tenant's token opens no super-admin route"});
  }
  services.refuse(call, unauthenticated("token_invalid", "not a super-admin's token"));
}

// What the loop has to know before it decides.
struct Facts {
  std::shared_ptr<const TenantEntry> tenant;  // null: no such tenant
  Session session;
  std::string domain_tenant;
};

Result<void> check_standing(Services& services, const CallPtr& call, const Facts& facts) {
  const auto not_found = [&] {
    return Error{.code = Errc::not_found,
                 .reason = "tenant_not_found",
                 .message = std::string(access_message("tenant_not_found", call->language))};
  };
  if (facts.session.revoked) return unauthenticated("token_revoked", "the token was revoked");
  if (facts.tenant == nullptr) return not_found();
  call->tenant = facts.tenant;
  const auto openness = call->route->guard == Guard::billing ? Openness::billing : Openness::live;
  if (auto ok = check_access(facts.tenant->tenant.lifecycle, openness, services.clock.now(), call->language); !ok) {
    return ok;
  }
  if (facts.session.role.empty()) return unauthenticated("not_a_member", "the user is no longer a member");
  call->role = facts.session.role;
  if (call->route->permission.empty()) return {};
  const auto granted = call->reference->permissions.find(call->role);
  if (granted != call->reference->permissions.end() && permits(granted->second, call->route->permission)) return {};
  return Error{.code = Errc::forbidden,
               .reason = "permission_denied",
               .message = "the role " + call->role + " lacks " + std::string(call->route->permission)};
}

void decide(Services& services, const CallPtr& call, const Facts& facts, Handler next) {
  auto sources = sources_of(*call);
  sources.claim = call->claims.tenant_id;
  if (!facts.domain_tenant.empty()) sources.custom_domain_tenant = facts.domain_tenant;
  if (const auto tenant = resolve_tenant(sources, services.config.base_domain); !tenant) {
    if (tenant.error().code == Errc::refused) {
      services.report_refusal(call, call->claims.tenant_id, tenant.error().fields[0].detail, "tenant_mismatch",
                              std::string(call->route->path));
    }
    Error error = tenant.error();
    error.fields.clear();  // the name that was tried is for the log, not for whoever tried it
    return services.refuse(call, error);
  }
  if (const auto ok = check_standing(services, call, facts); !ok) return services.refuse(call, ok.error());

  const auto& limits = call->tenant->limits;
  call->rate = services.requests.take(call->tenant_id(), limits.requests_per_minute, services.monotonic());
  if (!call->rate->allowed) {
    return services.refuse(
        call,
        Error{.code = Errc::rate_limited,
              .reason = "rate_limited",
              .message = "at most " + std::to_string(limits.requests_per_minute) + " requests a minute"},
        call->rate->resets_in);
  }
  if (call->route->guard == Guard::live) {
    const auto now = services.clock.now();
    const auto month = floor_month(now);
    const double counted = call->tenant->month == month ? call->tenant->api_calls : 0;
    if (!services.meter.admit(call->tenant_id(), limits.api_calls_max, counted, month)) {
      return services.refuse(
          call,
          Error{
              .code = Errc::limit_exceeded,
              .reason = "limit_exceeded",
              .message = "the plan's API calls of this month are used up",
              .fields = {{"", "api_calls", "at most " + std::to_string(limits.api_calls_max) + " api_calls a month"}}},
          std::chrono::ceil<Seconds>(next_month(now) - now));
    }
    call->metered = true;
  }
  next(services, call);
}

void guard_member(Services& services, const CallPtr& call, Handler next) {
  const auto token = bearer_token(call->request());
  if (!token) return services.refuse(call, token.error());
  if (token->empty()) return services.refuse(call, unauthenticated("unauthenticated", "a bearer token is needed"));
  auto claims =
      crypto::verify(*call->reference->keys, *token, {"tenantry", "tenantry-api", "access", services.clock.now()});
  if (!claims) return services.refuse(call, claims.error());
  call->claims = std::move(*claims);

  auto& caches = services.caches;
  const auto now = services.monotonic();
  const auto host = host_name(call->request().headers.get("Host").value_or(""));
  const bool custom = may_be_custom_domain(host, services.config.base_domain, services.config.public_url);
  const auto tenant = caches.tenants.find(call->claims.tenant_id, now);
  const auto session = caches.sessions.find(call->claims.jti, now);
  const auto domain = custom ? caches.domains.find(host, now) : std::optional<std::string>{""};
  if (tenant && session && domain) return decide(services, call, {*tenant, *session, *domain}, next);

  const auto generations =
      std::array{caches.tenants.generation(), caches.sessions.generation(), caches.domains.generation()};
  const bool taken = services.lanes.submit([=, &services](db::Connection& connection) {
    Facts facts;
    Result<void> done;
    try {
      done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        facts.session = store::load_session(tx, call->claims.jti, call->claims.tenant_id, call->claims.sub);
        if (custom) facts.domain_tenant = store::tenant_of_domain(tx, host);
        facts.tenant = store::load_tenant(tx, call->claims.tenant_id, services.clock.now());
        return {};
      });
    } catch (const std::exception& error) {
      done = Error{.code = Errc::internal, .message = error.what()};
    }
    if (!done) return services.refuse(call, done.error());
    services.loop.post([=, &services] {
      auto& kept = services.caches;
      const auto read_at = services.monotonic();
      if (facts.tenant != nullptr) kept.tenants.put(call->claims.tenant_id, facts.tenant, read_at, generations[0]);
      kept.sessions.put(call->claims.jti, facts.session, read_at, generations[1]);
      if (custom) kept.domains.put(host, facts.domain_tenant, read_at, generations[2]);
      decide(services, call, facts, next);
    });
  });
  if (!taken) services.refuse(call, Error{.code = Errc::unavailable, .reason = "overloaded", .message = "lanes full"});
}

}  // namespace

Result<std::string> named_tenant(Services& services, db::Transaction& tx, const Call& call) {
  auto sources = sources_of(call);
  const auto host = host_name(sources.host);
  if (may_be_custom_domain(host, services.config.base_domain, services.config.public_url)) {
    if (auto owner = store::tenant_of_domain(tx, host); !owner.empty()) sources.custom_domain_tenant = std::move(owner);
  }
  auto tenant = resolve_tenant(sources, services.config.base_domain);
  if (tenant) return tenant;
  Error error = tenant.error();
  error.fields.clear();
  return error;
}

void guard(Services& services, const CallPtr& call, Handler next) {
  if (serves_a_body(call->route->method) && !acceptable_content(call->request(), call->route->body)) {
    return services.answer(
        call, http::problem(415, "unsupported_media_type", "The body must be application/json.", call->request().path));
  }
  if (call->route->guard != Guard::open && !takes_json(call->request())) {
    return services.answer(
        call, http::problem(406, "not_acceptable", "The answer is application/json.", call->request().path));
  }
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
