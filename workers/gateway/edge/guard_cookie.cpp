// The guard for what a browser sends: whose session the console's cookie shows.
#include <algorithm>

#include "shared/crypto/hash.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/guard.h"

namespace tenantry::gateway {
namespace {

constexpr int unknown_cookies_a_minute = 60;  // of an address; one is enough to show that a session is over

std::shared_ptr<const CookieEntry> good_now(const Services& services, std::shared_ptr<const CookieEntry> entry) {
  if (entry == nullptr || entry->ends_at <= services.clock.now()) return nullptr;
  if (entry->claims != nullptr || entry->admin_session != nullptr) return entry;
  const auto same = [&](const config::NamedToken& admin) {
    return admin.name == entry->admin && crypto::sha256(as_bytes(admin.token)) == entry->credential;
  };
  return std::ranges::any_of(services.config.admins, same) ? entry : nullptr;
}

void finish_cookie(Services& services, const CallPtr& call, const Result<std::shared_ptr<const CookieEntry>>& found,
                   const CookieTaker& then) {
  if (!found) return services.refuse(call, found.error());
  if (*found != nullptr) services.cookie_tries.give_back(call->origin);
  const bool kept = *found == nullptr || (*found)->admin_session == nullptr;
  if (kept) services.caches.cookies.put(call->cookie, *found, services.monotonic());
  then(good_now(services, *found));
}

void load_cookie(Services& services, const CallPtr& call, const CookieTaker& then) {
  const auto task = [&services, call, then](db::Connection& connection) {
    const auto found = contained("load_cookie", [&]() -> Result<std::shared_ptr<const CookieEntry>> {
      std::shared_ptr<const CookieEntry> entry;
      const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        entry = store::load_cookie(tx, as_bytes(call->cookie), services.clock.now());
        return {};
      });
      if (!done) return done.error();
      return entry;
    });
    services.loop.post([&services, call, found, then] { finish_cookie(services, call, found, then); });
  };
  if (services.lanes.submit(call->origin, task) == BoundedPool::Answer::taken) return;
  finish_cookie(services, call,
                Error{.code = Errc::unavailable, .reason = "overloaded", .message = "the lanes are full"}, then);
}

// A super-admin at the console is a person; who came by the platform's token is on record by the token and the name
// that was given.
void guard_admin_cookie(Services& services, const CallPtr& call, const CookieEntry& entry, Handler next) {
  if (entry.admin_session != nullptr) return guard_admin_person(services, call, entry.admin_session, next);
  if (entry.claims != nullptr) {
    return services.refuse(call, Error{.code = Errc::forbidden,
                                       .reason = "admin_required",
                                       .message = "a tenant's session opens no super-admin route"});
  }
  call->admin = entry.admin + '/' + entry.person;
  call->of_platform = true;
  next(services, call);
}

}  // namespace

void guard_cookie(Services& services, const CallPtr& call, Handler next) {
  if (const auto ours = from_console(call->request()); !ours) return services.refuse(call, ours.error());
  with_cookie(services, call, [&services, call, next](const std::shared_ptr<const CookieEntry>& entry) {
    if (entry == nullptr) return services.refuse(call, unauthenticated("session_ended", "the session is over"));
    if (call->route->guard == Guard::admin) return guard_admin_cookie(services, call, *entry, next);
    if (entry->claims == nullptr) {
      return services.refuse(call, entry->admin_session != nullptr
                                       ? unauthenticated("visit_ended", "no company is visited, or no longer")
                                       : unauthenticated("unauthenticated", "a member's session is needed"));
    }
    guard_claims(services, call, entry->claims, next);
  });
}

void with_cookie(Services& services, const CallPtr& call, CookieTaker then) {
  const auto token = cookie_token(call->request());
  if (!token) return services.refuse(call, token.error());
  if (!*token || (*token)->empty()) return then(nullptr);
  call->cookie = as_text(crypto::sha256(as_bytes(**token)));
  const auto now = services.monotonic();
  if (const auto known = services.caches.cookies.find(call->cookie, now); known.value != nullptr) {
    return then(good_now(services, *known.value));
  }
  const auto place = services.cookie_tries.take(call->origin, unknown_cookies_a_minute, now);
  if (!place.allowed) {
    return services.refuse(call,
                           Error{.code = Errc::rate_limited,
                                 .reason = "too_many_attempts",
                                 .message = "too many cookies that stand for nothing came from this address"},
                           place.resets_in);
  }
  load_cookie(services, call, then);
}

}  // namespace tenantry::gateway
