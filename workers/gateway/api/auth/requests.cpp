#include "workers/gateway/api/auth/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/crypto/password.h"
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
