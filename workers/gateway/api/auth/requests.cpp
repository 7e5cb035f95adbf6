#include "workers/gateway/api/auth/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

namespace {

constexpr std::size_t token_size_max = 256;

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
