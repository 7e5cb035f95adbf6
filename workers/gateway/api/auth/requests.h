// Login, passwords, refresh and logout as they are asked for. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

constexpr int unknown_links_a_minute = 60;  // mailed ones, of an address of the network
constexpr Seconds reset_life{1800};

struct LoginRequest {
  std::string email;
  std::string password;
};
Result<LoginRequest> parse_login(std::string_view body);

struct SwitchRequest {
  std::string tenant_id;
  std::string refresh_token;  // "": a token of a login says who it is
};
Result<SwitchRequest> parse_switch(std::string_view body);

Result<std::string> parse_forgotten(std::string_view body);  // the address
struct ResetRequest {
  std::string token;
  std::string password;
};
Result<ResetRequest> parse_reset(std::string_view body);
struct PasswordChangeRequest {
  std::string current_password;
  std::string password;
};
Result<PasswordChangeRequest> parse_password_change(std::string_view body);

Result<std::string> parse_new_email(std::string_view body);
Result<std::string> parse_link_token(std::string_view body);

// A super-admin's visit to a tenant.
constexpr int acting_minutes_max = 30;
struct ActingRequest {
  std::string reason;
  int minutes = acting_minutes_max;
  bool writes = false;
};
Result<ActingRequest> parse_acting(std::string_view body);

// What a browser sends of a passkey, out of base64url.
struct NewPasskeyRequest {
  std::string name;
  Bytes client_data;
  Bytes attestation_object;
};
Result<NewPasskeyRequest> parse_new_passkey(std::string_view body);
struct ShownPasskey {
  Bytes credential_id;
  Bytes client_data;
  Bytes authenticator_data;
  Bytes signature;
};

// One of them.
struct ShownFactor {
  std::string code{};
  std::string recovery_code{};
  std::optional<ShownPasskey> passkey{};

  bool given() const { return !code.empty() || !recovery_code.empty() || passkey; }
};
Result<ShownFactor> parse_factor(std::string_view body);
Result<std::string> parse_code(std::string_view body);  // of a seed that is set up
struct StepUpRequest {
  std::string password;
  ShownFactor factor;  // of who has none: nothing
};
Result<StepUpRequest> parse_step_up(std::string_view body);

Result<std::string> parse_refresh(std::string_view body);                // the refresh token
Result<std::optional<std::string>> parse_logout(std::string_view body);  // "" is a body, too

}  // namespace tenantry::gateway
