#include "workers/gateway/api/admin/flags/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t plans_max = 50;

void require_flag(Fields& fields, const char* name) {
  if (!fields.has(name)) fields.fail(name, "required", "must be true or false");
}

std::optional<Timestamp> later(Fields& fields, const char* name, Timestamp now) {
  const auto at = fields.instant(name);
  if (at && *at <= now) fields.fail(name, "future", "must lie ahead");
  return at;
}

}  // namespace

bool is_flag_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text[0] >= 'a' && text[0] <= 'z' &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

Result<FlagTerms> parse_flag_terms(std::string_view body, const std::set<std::string>& plans, Timestamp now) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  FlagTerms terms;
  terms.description = fields.line("description", true, note_max);
  require_flag(fields, "enabled");
  terms.enabled = fields.flag("enabled");
  terms.plans = fields.texts("plans", plans_max, [&](std::string_view plan) -> std::optional<Fields::Broken> {
    if (plans.contains(std::string(plan))) return std::nullopt;
    return Fields::Broken{"unknown_plan", "must be one of the plans of /signup/plans"};
  });
  terms.percentage = fields.number("percentage", 100, 0, 100);
  terms.expires_at = later(fields, "expires_at", now);
  return fields.finish(std::move(terms));
}

Result<FlagOverride> parse_flag_override(std::string_view body, Timestamp now) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  FlagOverride override;
  require_flag(fields, "value");
  override.value = fields.flag("value");
  override.reason = fields.line("reason", true, note_max);
  override.ends_at = later(fields, "ends_at", now);
  return fields.finish(std::move(override));
}

Result<std::string> parse_flag_reason(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  return fields.finish(fields.line("reason", true, note_max));
}

}  // namespace tenantry::gateway
