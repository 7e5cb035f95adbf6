#include "shared/messaging/wire.h"

namespace tenantry::messaging {

events::WireMessage to_wire(amqp::Delivery&& delivery) {
  events::WireMessage wire;
  wire.exchange = std::move(delivery.exchange);
  wire.routing_key = std::move(delivery.routing_key);
  auto& properties = delivery.properties;
  wire.content_type = std::move(properties.content_type).value_or("");
  wire.message_id = std::move(properties.message_id).value_or("");
  wire.type = std::move(properties.type).value_or("");
  wire.user_id = std::move(properties.user_id).value_or("");
  for (auto& entry : properties.headers.entries) {
    if (auto* text = std::get_if<std::string>(&entry.value.data)) {
      wire.headers.emplace(std::move(entry.name), std::move(*text));
    } else if (const auto* list = std::get_if<amqp::Array>(&entry.value.data); list != nullptr && entry.name == "CC") {
      for (const auto& key : *list) {
        if (const auto* name = std::get_if<std::string>(&key.data)) wire.carbon_copies.push_back(*name);
      }
    }
  }
  wire.body = std::move(delivery.body);
  return wire;
}

amqp::Properties properties_of(const OutboxRow& row, const std::string& publisher_user) {
  amqp::Properties properties;
  properties.content_type = row.content_type;
  properties.delivery_mode = std::uint8_t{2};
  properties.message_id = row.id.to_string();
  properties.type = row.type;
  properties.user_id = publisher_user;
  properties.app_id = "tenantry";
  for (const auto& [name, value] : row.headers) {
    if (name == "cloudEvents_correlationid") properties.correlation_id = value;
    properties.headers.add(name, value);
  }
  return properties;
}

}  // namespace tenantry::messaging
