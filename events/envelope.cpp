#include "events/envelope.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "events/catalogue.h"
#include "events/codec.h"
#include "events/topology.h"
#include "shared/crypto/hash.h"

namespace tenantry::events {

void Event::check_type(const google::protobuf::Descriptor* expected) const {
  TENANTRY_ASSERT(message != nullptr && message->GetDescriptor() == expected);
}

Uuid derived_event_id(Timestamp time, std::string_view cause_id, std::string_view source, std::string_view type,
                      int ordinal) {
  std::string identity;
  for (const auto part : {cause_id, source, type}) identity.append(part).push_back('\n');
  identity += std::to_string(ordinal);
  return derive_uuid_v7(time, crypto::sha256(as_bytes(identity)));
}

Event make_event(std::string_view tenant_id, const google::protobuf::Message& message, const Origin& origin,
                 const Uuid& id) {
  const auto* entry = Catalogue::instance().find(message.GetDescriptor());
  TENANTRY_ASSERT(entry != nullptr);
  Event event;
  event.type = entry->type;
  event.tenant_id = tenant_id;
  event.time = origin.time;
  event.source = origin.source;
  event.subject = origin.subject;
  event.actor = origin.actor;
  if (origin.cause != nullptr) {
    const std::string cause_id = origin.cause->id.to_string();
    // Several tenants' events may follow from one cause: the tenant is part of the identity.
    event.id =
        derived_event_id(origin.time, cause_id + "/" + event.tenant_id, origin.source, event.type, origin.ordinal);
    event.causation_id = cause_id;
    event.correlation_id = origin.cause->correlation_id.empty() ? cause_id : origin.cause->correlation_id;
    event.traceparent = origin.cause->traceparent;
  } else {
    event.id = id;
    event.correlation_id = origin.correlation_id.empty() ? id.to_string() : origin.correlation_id;
    event.traceparent = origin.traceparent;
  }
  std::shared_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  event.message = std::move(copy);
  // Tenants' applications have no schemas of ours.
  if (std::ranges::find(heard_by_applications(), event.type) != heard_by_applications().end()) {
    event.content_type = "application/json";
    event.payload = payload_json(event);
  } else {
    event.content_type = "application/protobuf";
    event.payload = message.SerializeAsString();
  }
  return event;
}

}  // namespace tenantry::events
