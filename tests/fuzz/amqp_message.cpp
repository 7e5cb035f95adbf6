// A message that an application published, as the broker hands it over: a content header's bytes and a body. Bytes: the
// length of the header in two, the header, the body.
#include "events/codec.h"
#include "shared/amqp/codec.h"
#include "shared/messaging/receive.h"
#include "tests/fuzz/intake_checks.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::amqp_message {
namespace {

void run(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const std::size_t size = static_cast<std::uint8_t>(bytes[0]) * 256U + static_cast<std::uint8_t>(bytes[1]);
  bytes.remove_prefix(2);
  const auto head = bytes.substr(0, size);
  const auto header = amqp::decode_content_header(as_bytes(head));
  if (!header) return;
  amqp::Delivery delivery;
  delivery.exchange = "acme.app";
  delivery.routing_key = "usage.recorded";
  delivery.body = bytes.substr(head.size());
  delivery.properties_refused = !header->properties;
  if (header->properties) delivery.properties = *header->properties;
  const auto now = from_unix_seconds(1'700'000'000);
  const auto arrival =
      messaging::receive(std::move(delivery), "tenant-acme", {.publisher_user = "publisher"}, messaging::Token{}, now);
  TENANTRY_ASSERT(arrival.incoming.event.tenant_id == "acme");
  TENANTRY_ASSERT(is_utf8(arrival.incoming.event.type) && arrival.incoming.event.type.find('\0') == std::string::npos);
  if (arrival.refused) return;
  check_taken(arrival.incoming.event, "acme");
}

const Registered target{{"amqp_message", run}};

}  // namespace
}  // namespace tenantry::fuzz::amqp_message
