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

constexpr std::size_t passkey_part_max = 16UL * 1024;

// Base64url; empty, and an error, where it is none.
Bytes encoded(Fields& fields, const char* name) {
  const auto text = fields.raw(name, true, passkey_part_max);
  auto bytes = from_base64url(text);
  if (bytes) return *std::move(bytes);
  fields.fail(name, "base64url", "must be base64url");
  return {};
}

// What a browser answered: {"id", "response": {…}}. Empty, and an error, where it is not of that form.
nlohmann::json browsers_answer(Fields& fields, const nlohmann::json& object) {
  const auto at = object.find("passkey");
  const bool whole = at != object.end() && at->is_object() && at->contains("response") && (*at)["response"].is_object();
  if (whole) return *at;
  fields.fail("passkey", "type", "must be what the browser answered, with its response");
  return {};
}

// Errors of a part are errors of the whole, at the passkey.
void add_errors(Fields& fields, const Fields& part) {
  const auto done = part.finish(0);
  if (!done) fields.fail("passkey", "passkey", "lacks a part: " + done.error().fields.front().pointer);
}

std::optional<ShownPasskey> passkey_of(Fields& fields, const nlohmann::json& object) {
  const auto answer = browsers_answer(fields, object);
  if (answer.is_null()) return std::nullopt;
  Fields outer(answer);
  Fields inner(answer["response"]);
  ShownPasskey shown{encoded(outer, "id"), encoded(inner, "clientDataJSON"), encoded(inner, "authenticatorData"),
                     encoded(inner, "signature")};
  add_errors(fields, outer);
  add_errors(fields, inner);
  return shown;
}

ShownFactor factor_of(Fields& fields, const nlohmann::json& object, bool required) {
  ShownFactor shown{code_of(fields, false), crypto::recovery_code_of(fields.raw("recovery_code", false, 32))};
  if (fields.has("passkey")) shown.passkey = passkey_of(fields, object);
  const int given = int{!shown.code.empty()} + int{!shown.recovery_code.empty()} + int{shown.passkey.has_value()};
  if (given > 1) fields.fail("code", "one_of", "is given beside another: one of them");
  if (required && !fields.has("code") && !fields.has("recovery_code") && !fields.has("passkey")) {
    fields.fail("code", "required", "must be given, or a recovery_code, or a passkey");
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

Result<NewPasskeyRequest> parse_new_passkey(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  NewPasskeyRequest request;
  request.name = fields.name("name", 100);
  const auto answer = browsers_answer(fields, *object);
  if (!answer.is_null()) {
    Fields inner(answer["response"]);
    request.client_data = encoded(inner, "clientDataJSON");
    request.attestation_object = encoded(inner, "attestationObject");
    add_errors(fields, inner);
  }
  return fields.finish(std::move(request));
}

Result<ShownFactor> parse_factor(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto shown = factor_of(fields, *object, true);
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
  request.factor = factor_of(fields, *object, false);
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
