#include "workers/gateway/api/api_keys/requests.h"

#include <nlohmann/json.hpp>

#include "shared/tenancy/permissions.h"
#include "workers/gateway/edge/fields.h"
#include "workers/gateway/edge/networks.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t key_name_max = 100;
constexpr std::size_t networks_max = 20;
constexpr std::int64_t rate_max = 1'000'000;
constexpr Days life_usual{90};
constexpr Days life_max{3650};

std::optional<Timestamp> read_end(Fields& fields, Timestamp now) {
  const bool never = fields.flag("never_expires");
  const auto end = fields.instant("expires_at");
  if (never && end) fields.fail("never_expires", "contradiction", "must not be given with expires_at");
  if (end && (*end <= now || *end > now + life_max)) {
    fields.fail("expires_at", "range", "must be to come, and within ten years");
  }
  if (never) return std::nullopt;
  return end.value_or(now + life_usual);
}

std::optional<Fields::Broken> check_permission(std::string_view text, const Grants& known) {
  if (!tenancy::check_grant(text, "")) {
    return Fields::Broken{"permission",
                          "must be resource:action or resource:*, with :own for what the key itself made"};
  }
  if (!tenancy::fits_a_key(text)) {
    return Fields::Broken{"not_for_keys",
                          "a key deals neither with people, roles, keys and money, nor with everything"};
  }
  return check_reach(text, known);
}

std::optional<std::int64_t> read_rate(const nlohmann::json& object, Fields& fields) {
  const auto at = object.find("requests_per_minute");
  if (at == object.end() || at->is_null()) return std::nullopt;
  if (at->is_number_integer() && *at >= 1 && *at <= rate_max) return at->get<std::int64_t>();
  fields.fail("requests_per_minute", "range", "must be a whole number from 1 to 1000000");
  return std::nullopt;
}

}  // namespace

Result<KeyRateRequest> parse_key_rate(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  if (!object->contains("requests_per_minute")) {
    fields.fail("requests_per_minute", "required", "must be given; null is its tenant's");
  }
  KeyRateRequest request{read_rate(*object, fields)};
  return fields.finish(request);
}

Result<ApiKeyRequest> parse_api_key_request(std::string_view body, const Grants& known, Timestamp now) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  ApiKeyRequest request;
  request.name = fields.name("name", key_name_max);
  request.permissions = fields.texts("permissions", permissions_max,
                                     [&](std::string_view text) { return check_permission(text, known); });
  if (object->value("permissions", nlohmann::json()).empty()) {
    fields.fail("permissions", "required", "must hold at least one");
  }
  for (const auto& text : fields.texts("networks", networks_max, [](std::string_view item) {
         return network(item)
                    ? std::nullopt
                    : std::optional(Fields::Broken{"network", "must be an address, or a network as 192.0.2.0/24"});
       })) {
    request.networks.push_back(*network(text));
  }
  request.expires_at = read_end(fields, now);
  request.requests_per_minute = read_rate(*object, fields);
  return fields.finish(std::move(request));
}

Result<std::optional<Timestamp>> parse_rotation(std::string_view body, Timestamp now) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  const auto end = read_end(fields, now);
  return fields.finish(end);
}

}  // namespace tenantry::gateway
