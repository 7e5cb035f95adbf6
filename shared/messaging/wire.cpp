#include "shared/messaging/wire.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "shared/core/time.h"

namespace tenantry::messaging {
namespace {

template <class T>
std::string number(T value) {
  std::array<char, 64> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

// As CloudEvents writes them (its type system, section 2); nothing for lists, tables and instants out of range.
std::optional<std::string> text_of(const amqp::Value& value) {
  if (std::holds_alternative<std::monostate>(value.data)) return std::string{};
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) return number(*whole);
  if (const auto* real = std::get_if<double>(&value.data)) return number(*real);
  if (const auto* at = std::get_if<std::chrono::sys_seconds>(&value.data)) {
    const bool printable =
        at->time_since_epoch().count() >= 0 && at->time_since_epoch().count() <= to_unix_seconds(timestamp_max);
    return printable ? std::optional(to_rfc3339(*at)) : std::nullopt;
  }
  return std::nullopt;
}

// The header x-death: a table for each death, the newest first. Its routing keys are the one the message was published
// with, and those of CC, which the broker takes away. What a publisher put there itself stays behind the broker's.
void read_deaths(const amqp::Value& value, events::WireMessage& wire) {
  const auto* deaths = std::get_if<amqp::Array>(&value.data);
  if (deaths == nullptr) return;
  for (const auto& death : *deaths) {
    const auto* table = std::get_if<amqp::Table>(&death.data);
    const auto* count = table == nullptr ? nullptr : table->find("count");
    const auto* times = count == nullptr ? nullptr : std::get_if<std::int64_t>(&count->data);
    wire.deaths += times != nullptr && *times > 1 ? 2 : 1;  // more than one is all that matters
  }
  const auto* newest = deaths->empty() ? nullptr : std::get_if<amqp::Table>(&deaths->front().data);
  const auto* found = newest == nullptr ? nullptr : newest->find("routing-keys");
  const auto* keys = found == nullptr ? nullptr : std::get_if<amqp::Array>(&found->data);
  if (keys == nullptr) return;
  for (const auto& key : *keys) {
    if (const auto* name = std::get_if<std::string>(&key.data)) wire.keys_before.push_back(*name);
  }
}

}  // namespace

events::WireMessage to_wire(amqp::Delivery&& delivery) {
  events::WireMessage wire;
  wire.exchange = std::move(delivery.exchange);
  wire.routing_key = std::move(delivery.routing_key);
  auto& properties = delivery.properties;
  wire.content_type = std::move(properties.content_type).value_or("");
  wire.content_encoding = std::move(properties.content_encoding).value_or("");
  wire.message_id = std::move(properties.message_id).value_or("");
  wire.type = std::move(properties.type).value_or("");
  wire.user_id = std::move(properties.user_id).value_or("");
  wire.expires = properties.expiration.has_value();
  const auto keep = [&wire](std::string name, std::string value) {
    const auto [at, first] = wire.headers.try_emplace(std::move(name), std::move(value));
    if (!first) wire.repeated_headers.push_back(at->first);
  };
  for (auto& entry : properties.headers.entries) {
    if (auto* text = std::get_if<std::string>(&entry.value.data)) {
      keep(std::move(entry.name), std::move(*text));
    } else if (const auto* list = std::get_if<amqp::Array>(&entry.value.data); list != nullptr && entry.name == "CC") {
      for (const auto& key : *list) {
        if (const auto* name = std::get_if<std::string>(&key.data)) wire.carbon_copies.push_back(*name);
      }
    } else if (entry.name == "x-death") {
      read_deaths(entry.value, wire);
      wire.nested_headers.push_back(std::move(entry.name));
    } else if (auto scalar = text_of(entry.value)) {
      keep(std::move(entry.name), *std::move(scalar));
    } else {
      wire.nested_headers.push_back(std::move(entry.name));
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
  // Since when it waits: what the broker tells of a queue's oldest message.
  properties.timestamp = static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_unix_seconds(row.available_at)));
  properties.type = row.type;
  properties.user_id = publisher_user;
  properties.app_id = "tenantry";
  for (const auto& [name, value] : row.headers) {
    // For whoever looks at a queue, where it fits a short string; the header has it whole.
    constexpr std::size_t short_string_max = 255;
    if (name == "cloudEvents_correlationid" && value.size() <= short_string_max) properties.correlation_id = value;
    properties.headers.add(name, value);
  }
  return properties;
}

}  // namespace tenantry::messaging
