#include "workers/gateway/api/auth/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/crypto/password.h"
#include "shared/crypto/totp.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

namespace {

constexpr std::size_t token_size_max = 256;

std::string new_password(Fields& fields) {
  auto password = fields.raw("password", true, password_bytes_max);
  if (password.empty()) return password;
  const auto strong = crypto::check_password_strength(password, {}, "/password");
  if (!strong) fields.add(strong.error());
  return password;
}

std::string code_of(Fields& fields, bool required) {
  auto code = fields.raw("code", required, 32);
  std::erase(code, ' ');  // authenticators show "123 456"
  const bool six = code.size() == 6 && std::ranges::all_of(code, [](char c) { return c >= '0' && c <= '9'; });
  if (!code.empty() && !six) fields.fail("code", "code", "must be six digits");
  return code;
}

ShownFactor factor_of(Fields& fields, bool required) {
  ShownFactor shown{code_of(fields, false), crypto::recovery_code_of(fields.raw("recovery_code", false, 32))};
  if (!shown.code.empty() && !shown.recovery_code.empty()) {
    fields.fail("recovery_code", "one_of", "is given beside a code: one of them");
  }
  if (required && !fields.has("code") && !fields.has("recovery_code")) {
    fields.fail("code", "required", "must be given, or a recovery_code");
  }
  return shown;
}

}  // namespace

Result<LoginRequest> parse_login(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  LoginRequest request;
  request.email = fields.email("email", true);
  request.password = fields.raw("password", true, password_bytes_max);
  return fields.finish(std::move(request));
}

Result<SwitchRequest> parse_switch(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  SwitchRequest request;
  request.tenant_id = fields.line("tenant_id", true, 64);
  request.refresh_token = fields.raw("refresh_token", false, token_size_max);
  return fields.finish(std::move(request));
}

Result<std::string> parse_forgotten(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto email = fields.email("email", true);
  return fields.finish(std::move(email));
}

// Whether the password is too like the person is asked where the person is known.
Result<ResetRequest> parse_reset(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  ResetRequest request;
  request.token = fields.raw("token", true, token_size_max);
  request.password = new_password(fields);
  return fields.finish(std::move(request));
}

Result<PasswordChangeRequest> parse_password_change(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  PasswordChangeRequest request;
  request.current_password = fields.raw("current_password", true, password_bytes_max);
  request.password = new_password(fields);
  return fields.finish(std::move(request));
}

Result<std::string> parse_new_email(std::string_view body) {
  return parse_forgotten(body);  // an address, and nothing else
}

Result<std::string> parse_link_token(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto token = fields.raw("token", true, token_size_max);
  return fields.finish(std::move(token));
}

Result<ActingRequest> parse_acting(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  ActingRequest request;
  request.reason = fields.line("reason", true, note_max);
  request.minutes = fields.number("minutes", acting_minutes_max, 1, acting_minutes_max);
  request.writes = fields.flag("writes");
  return fields.finish(std::move(request));
}

Result<ShownFactor> parse_factor(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto shown = factor_of(fields, true);
  return fields.finish(std::move(shown));
}

Result<std::string> parse_code(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto code = code_of(fields, true);
  return fields.finish(std::move(code));
}

Result<StepUpRequest> parse_step_up(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  StepUpRequest request;
  request.password = fields.raw("password", true, password_bytes_max);
  request.factor = factor_of(fields, false);
  return fields.finish(std::move(request));
}

Result<std::string> parse_refresh(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto token = fields.raw("refresh_token", true, token_size_max);
  return fields.finish(std::move(token));
}

Result<std::optional<std::string>> parse_logout(std::string_view body) {
  if (body.empty()) return std::optional<std::string>{};
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto token = fields.raw("refresh_token", false, token_size_max);
  return fields.finish(token.empty() ? std::optional<std::string>{} : std::optional{std::move(token)});
}

}  // namespace tenantry::gateway
