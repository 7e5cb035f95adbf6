// A payload of a type that the catalogue knows, in JSON or Protobuf. Bytes: which type, then a bit for which form; the
// payload.
#include <google/protobuf/message.h>

#include "events/catalogue.h"
#include "events/codec.h"
#include "shared/json/json.h"
#include "tests/fuzz/target.h"

#include <nlohmann/json.hpp>

namespace tenantry::fuzz::payload {
namespace {

void run(std::string_view bytes) {
  Parts parts(bytes);
  const auto& entries = events::Catalogue::instance().entries();
  const auto& entry = entries[parts.byte() % entries.size()];
  events::Event event;
  event.type = entry.type;
  event.content_type = parts.byte() % 2 == 0 ? "application/json" : "application/protobuf";
  event.payload = parts.rest();
  if (!events::parse_payload(event)) return;
  TENANTRY_ASSERT(event.message != nullptr);
  // What it says in JSON is JSON, and says the same again, but for digits behind the sixth of a second.
  const auto json = events::payload_json(event);
  TENANTRY_ASSERT(parse_json(json, {.depth = 64, .size = 8UL * 1024 * 1024}));
  const auto reread = [&](const std::string& text) {
    auto again = event;
    again.content_type = "application/json";
    again.payload = text;
    TENANTRY_ASSERT(events::parse_payload(again));
    return events::payload_json(again);
  };
  if (json.size() > events::body_size_max) return;
  const auto cut = reread(json);
  TENANTRY_ASSERT(cut.size() <= json.size() && reread(cut) == cut);
}

const Registered target{{"payload", run}};

}  // namespace
}  // namespace tenantry::fuzz::payload
