// The event catalogue as documents: AsyncAPI 3.0, and docs/events.md.
//
// Made from the descriptors, the topology and schemas/examples, which the library carries. Pure; tests hold
// docs/asyncapi.json and docs/events.md to them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tenantry::events {

nlohmann::json make_asyncapi();
std::string make_event_page();  // Markdown

}  // namespace tenantry::events
