#include "tests/fuzz/intake_checks.h"

#include "events/intake.h"
#include "shared/core/media_type.h"
#include "shared/json/json.h"
#include "tests/fuzz/target.h"

#include <nlohmann/json.hpp>

namespace tenantry::fuzz {
namespace {

events::WireMessage published(const events::Event& event, std::string_view tenant_id) {
  events::WireMessage message;
  message.exchange = std::string(tenant_id) + ".app";
  message.routing_key = event.type;
  message.content_type = event.content_type;
  message.message_id = event.id.to_string();
  message.user_id = "publisher";
  message.headers = events::encode_headers(event);
  message.headers["tenantry-event-id"] = event.id.to_string();
  message.body = event.payload;
  return message;
}

}  // namespace

void check_taken(const events::Event& taken, std::string_view tenant_id) {
  TENANTRY_ASSERT(events::is_type_name(taken.type) && taken.tenant_id == tenant_id);
  TENANTRY_ASSERT(taken.time >= timestamp_min && taken.time <= timestamp_max);
  TENANTRY_ASSERT(taken.payload.size() <= events::body_size_max || taken.content_type != "application/json");
  // As the edge completes it.
  auto event = taken;
  if (event.id == Uuid{}) event.id.bytes[6] = 0x70;
  event.actor = {.kind = "user", .id = "u1", .ip = "192.0.2.7", .user_agent = std::string(512, 'a')};
  event.correlation_id = "0190163d-8694-739b-aea5-966c26f8ad91";
  event.traceparent = "00-997edc505ded29f892d1795f1b563163-ebc48cd64eb40515-01";
  const auto back = events::decode(published(event, tenant_id), tenant_id, {.publisher_user = "publisher"});
  TENANTRY_ASSERT(back);
  TENANTRY_ASSERT(back->id == event.id && back->type == event.type && back->source == event.source &&
                  back->subject == event.subject && back->time == event.time && back->payload == event.payload &&
                  back->content_type == event.content_type && back->extensions == event.extensions);
  const auto line = events::to_structured_json(event);
  TENANTRY_ASSERT(line.find('\n') == line.npos);
  const auto json = parse_json(line, {.depth = 64, .size = 4UL * 1024 * 1024});
  TENANTRY_ASSERT(json && json->is_object());
  if (is_json_type(event.content_type) && event.message == nullptr) {
    TENANTRY_ASSERT(events::payload_json(event) == event.payload);
  }
}

}  // namespace tenantry::fuzz
