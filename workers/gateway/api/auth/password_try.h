// One look at a person's password, which counts as a login's does; its place in the limiter is given back with it.
#pragma once

#include <string>
#include <utility>

#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

struct PasswordTry {
  Services& services;
  const std::string email;
  const std::string origin;
  LoginLimiter::Outcome outcome = LoginLimiter::Outcome::none;

  // Of a call that `services.logins` admitted.
  PasswordTry(Services& of, std::string whose, std::string from)
      : services(of), email(std::move(whose)), origin(std::move(from)) {}
  PasswordTry(const PasswordTry&) = delete;
  PasswordTry& operator=(const PasswordTry&) = delete;
  ~PasswordTry() {
    services.loop.post([&of = services, account = email, from = origin, how = outcome] {
      of.logins.settle(account, from, how, of.monotonic());
    });
  }
};

}  // namespace tenantry::gateway
