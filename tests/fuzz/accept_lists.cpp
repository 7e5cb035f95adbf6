// Media types and lists of preferences, and what the gateway makes of them. Bytes: a field's value.
#include "shared/core/media_type.h"
#include "tests/fuzz/target.h"
#include "workers/gateway/edge/content.h"

namespace tenantry::fuzz::accept_lists {
namespace {

const Registered target{
    {"accept_lists", [](std::string_view bytes) {
       if (const auto media = parse_media_type(bytes)) {
         TENANTRY_ASSERT(!media->type.empty() && !media->subtype.empty());
         TENANTRY_ASSERT(media->is(media->type + "/" + media->subtype));
         const auto plain = parse_media_type(media->type + "/" + media->subtype);
         TENANTRY_ASSERT(plain && plain->type == media->type && plain->subtype == media->subtype &&
                         plain->parameters.empty());
         TENANTRY_ASSERT(is_json_type(bytes) == is_json_type(media->type + "/" + media->subtype));
       }
       const auto preferences = parse_preferences(bytes);
       TENANTRY_ASSERT(preferences.size() <= bytes.size());
       for (const auto& preference : preferences) TENANTRY_ASSERT(preference.weight >= 0 && preference.weight <= 1000);
       const auto weight = weight_of(preferences, "application/json");
       TENANTRY_ASSERT(!weight || (*weight >= 0 && *weight <= 1000));
       http::Request request;
       for (const char* name : {"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Idempotency-Key"}) {
         request.headers.add(name, std::string(bytes));
       }
       (void)gateway::acceptable_content(request, gateway::BodyKind::json);
       (void)gateway::acceptable_content(request, gateway::BodyKind::event);
       (void)gateway::takes_json(request);
       (void)gateway::prefers(request, "Accept", "text/csv");
       (void)gateway::idempotency_key(request);
     }}};

}  // namespace
}  // namespace tenantry::fuzz::accept_lists
