// Stripe's events, once their signature held: what they say fits our own catalogue, or is kept as unreadable with its
// place.
#include <google/protobuf/message.h>

#include "events/catalogue.h"
#include "events/codec.h"
#include "events/envelope.h"
#include "shared/core/bytes.h"
#include "tests/fuzz/target.h"
#include "workers/gateway/stripe/event.h"

namespace tenantry::fuzz::stripe_event {
namespace {

const Registered target{
    {"stripe_event", [](std::string_view bytes) {
       const auto fact = gateway::read_stripe_event(bytes);
       TENANTRY_ASSERT(!fact.event_id.empty() && is_utf8(fact.event_id) && is_utf8(fact.type));
       TENANTRY_ASSERT(fact.stated_at >= timestamp_min && fact.stated_at <= timestamp_max);
       for (const auto& id : fact.object_ids) TENANTRY_ASSERT(is_utf8(id));
       if (fact.message == nullptr) return;
       TENANTRY_ASSERT(!fact.unreadable);
       TENANTRY_ASSERT(events::Catalogue::instance().find(fact.message->GetDescriptor()) != nullptr);
       // It can be published and is taken behind the broker.
       auto event =
           events::make_event("acme", *fact.message, {.source = "/tenantry/gateway", .time = fact.stated_at}, Uuid{});
       TENANTRY_ASSERT(events::parse_payload(event));
     }}};

}  // namespace
}  // namespace tenantry::fuzz::stripe_event
