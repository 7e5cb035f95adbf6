// Super-admins' tokens: which one it is, and what is said of one that is none.
#include "events/topology.h"
#include "shared/crypto/hash.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {
namespace {

constexpr int admin_guesses_max = 20;  // told that they are wrong, a minute and address

}  // namespace

const config::NamedToken* find_admin(const Services& services, std::string_view token) {
  const config::NamedToken* found = nullptr;
  for (const auto& admin : services.config.admins) {
    if (crypto::constant_time_equal(as_bytes(token), as_bytes(admin.token))) found = &admin;
  }
  return found;
}

// On record once a minute and address: a flood of guesses is no flood of records. A right token is let in whatever came
// before it: it is too long to be guessed at any rate, and nobody behind the same address may lock its owner out.
void refuse_guess(Services& services, const CallPtr& call) {
  const auto taken = services.admin_guesses.take(call->origin, admin_guesses_max, services.monotonic());
  if (taken.allowed && taken.remaining == admin_guesses_max - 1) {
    services.report(call, std::string(events::platform_tenant), "", "admin_token_wrong",
                    std::string(call->route->path));
  }
  if (taken.allowed)
    return services.refuse(
        call, Error{.code = Errc::unauthenticated, .reason = "token_invalid", .message = "not a super-admin's token"});
  services.refuse(call,
                  Error{.code = Errc::rate_limited,
                        .reason = "too_many_attempts",
                        .message = "too many wrong tokens came from this address"},
                  taken.resets_in);
}

}  // namespace tenantry::gateway
