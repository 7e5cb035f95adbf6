// Event: a fact with its context, as workers and the gateway handle it.
//
// The context is CloudEvents' (id, source, type, subject, time) plus ours: tenant,
// cause, correlation, actor. The payload is the generated Protobuf message of the
// type; an event of a type nobody knows has bytes only. Events are values: built
// once, then read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/core/ids.h"
#include "shared/core/time.h"

namespace google::protobuf {
class Message;
class Descriptor;
}  // namespace google::protobuf

namespace tenantry::events {

struct Actor {
  std::string kind = "service";  // user, api_key, service, stripe, anonymous, application
  std::string id{};              // user id, key id, worker name, broker user; "" for anonymous
  std::string ip{};
  std::string user_agent{};

  static Actor service(std::string_view name) { return {"service", std::string(name), {}, {}}; }
};

struct Event {
  Uuid id{};                 // the inbox's key; of a foreign event without a time in it (see codec.h)
  std::string foreign_id{};  // the publisher's own id where it is not `id` (see codec.h)
  std::string type{};        // "payment.failed"
  std::string tenant_id{};
  Timestamp time{};              // when it happened
  bool time_given = true;        // false: its publisher did not say, `time` is when it arrived (processor.h)
  std::string source{};          // "/tenantry/billing", "/tenants/acme/apps"
  std::string subject{};         // what it is about within the tenant
  std::string causation_id{};    // id of the event this one follows from
  std::string correlation_id{};  // id of what started it all; same along the chain
  std::string traceparent{};     // W3C trace of the origin
  Actor actor{};
  std::map<std::string, std::string> extensions{};             // CloudEvents attributes that have no member here
  std::string content_type{};                                  // of `payload`
  std::string payload{};                                       // as it stands on the wire
  std::shared_ptr<const google::protobuf::Message> message{};  // null: unknown type

  // The payload as the message of its type. Asserts that it is of that type.
  template <class M>
  const M& as() const {
    check_type(M::descriptor());
    return static_cast<const M&>(*message);
  }

 private:
  void check_type(const google::protobuf::Descriptor* expected) const;
};

// Where a new event comes from. With a cause, ids are derived from it, so that a
// repeated decision yields the same events.
struct Origin {
  std::string source{};  // "/tenantry/<worker>"
  Actor actor{};
  const Event* cause = nullptr;
  Timestamp time{};              // when it happened; a timer: its due time
  int ordinal = 0;               // among events of this type from this cause and source
  std::string correlation_id{};  // only without a cause; empty: the new event's own id
  std::string traceparent{};     // only without a cause
  std::string subject{};
};

// A new event of the message's type (its schema says which). `id` is used where
// there is no cause. The payload is encoded as Protobuf.
Event make_event(std::string_view tenant_id, const google::protobuf::Message& message, const Origin& origin,
                 const Uuid& id);

// The id make_event derives: 48 bits of `time`, the rest of SHA-256 over the other arguments.
Uuid derived_event_id(Timestamp time, std::string_view cause_id, std::string_view source, std::string_view type,
                      int ordinal);

}  // namespace tenantry::events
