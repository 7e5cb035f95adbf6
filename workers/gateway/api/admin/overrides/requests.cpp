#include "workers/gateway/api/admin/overrides/requests.h"

#include <nlohmann/json.hpp>

#include "workers/gateway/edge/cache.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {

constexpr std::int64_t value_max = 1'000'000'000'000'000;  // a petabyte; more is -1, unlimited

void parse_named(Fields& fields, OverrideRequest& request) {
  request.name = fields.line("name", true, 64);
  request.reason = fields.line("reason", true, note_max);
}

void parse_value(const nlohmann::json& object, Fields& fields, OverrideRequest& request) {
  const auto value = object.find("value");
  if (value == object.end() || !value->is_number_integer()) {
    return fields.fail("value", "integer", "must be a whole number");
  }
  const bool too_much = value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{value_max};
  request.value = too_much ? 0 : value->get<std::int64_t>();
  if (too_much || request.value < -1 || request.value > value_max) {
    fields.fail("value", "range", "must be -1 (unlimited) or up to " + std::to_string(value_max));
  }
  if (request.name == rate_limit && !too_much && request.value == 0) {
    fields.fail("value", "range", "must be at least 1: to let nobody in, suspend the tenant");
  }
}

}  // namespace

Result<OverrideRequest> parse_override(std::string_view body, const std::set<std::string>& limits, Timestamp now) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  OverrideRequest request;
  parse_named(fields, request);
  if (!request.name.empty() && !limits.contains(request.name)) {
    std::string known;
    for (const auto& name : limits) known += (known.empty() ? "" : ", ") + name;
    fields.fail("name", "choice", "must be one of " + known);
  }
  parse_value(*object, fields, request);
  request.ends_at = fields.instant("ends_at");
  if (request.ends_at && *request.ends_at <= now) fields.fail("ends_at", "future", "must lie ahead");
  return fields.finish(std::move(request));
}

Result<OverrideRequest> parse_override_removal(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  OverrideRequest request;
  parse_named(fields, request);
  return fields.finish(std::move(request));
}

}  // namespace tenantry::gateway
