#include "shared/messaging/wire.h"

#include <gtest/gtest.h>

namespace tenantry::messaging::wire_test {
namespace {

// A number in a header is a number in many clients: it is the attribute that its publisher meant.
TEST(Wire, KeepsHeaderValuesOfEveryType) {
  amqp::Delivery delivery;
  auto& headers = delivery.properties.headers;
  headers.add("text", "x");
  headers.add("whole", std::int64_t{-7});
  headers.add("real", 1.5);
  headers.add("flag", true);
  headers.add("null", amqp::Value{});
  headers.add("at", std::chrono::sys_seconds{std::chrono::seconds{1'736'937'000}});
  headers.add("before", std::chrono::sys_seconds{std::chrono::seconds{-1}});
  headers.add("table", amqp::Table{{"a", 1}});
  headers.add("list", amqp::Array{1, 2});
  headers.add("CC", amqp::Array{"a.b", 7});
  headers.add("x-death", amqp::Array{amqp::Table{{"routing-keys", amqp::Array{"a", "b"}}},
                                     amqp::Table{{"routing-keys", amqp::Array{"older"}}}});
  delivery.properties.content_encoding = "gzip";
  const auto wire = to_wire(std::move(delivery));
  const std::map<std::string, std::string> kept = {{"text", "x"},    {"whole", "-7"}, {"real", "1.5"},
                                                   {"flag", "true"}, {"null", ""},    {"at", "2025-01-15T10:30:00Z"}};
  EXPECT_EQ(wire.headers, kept);
  EXPECT_EQ(wire.nested_headers, (std::vector<std::string>{"before", "table", "list", "x-death"}));
  EXPECT_EQ(wire.keys_before, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(wire.deaths, 2);
  EXPECT_EQ(wire.carbon_copies, std::vector<std::string>{"a.b"});
  EXPECT_EQ(wire.content_encoding, "gzip");
}

// AMQP's tables may name a field again. What is dropped is said, so that whoever reads the event can refuse it.
TEST(Wire, SaysWhichHeadersWereGivenAgain) {
  amqp::Delivery delivery;
  auto& headers = delivery.properties.headers;
  headers.add("a", "first");
  headers.add("b", "x");
  headers.add("a", "second");
  headers.add("b", std::int64_t{1});
  headers.add("c", "y");
  const auto wire = to_wire(std::move(delivery));
  EXPECT_EQ(wire.headers, (std::map<std::string, std::string>{{"a", "first"}, {"b", "x"}, {"c", "y"}}));
  EXPECT_EQ(wire.repeated_headers, (std::vector<std::string>{"a", "b"}));
}

// A foreign event's correlation goes on with whatever follows from it, at whatever length it was let in.
TEST(Wire, ALongCorrelationIsAHeaderOnly) {
  OutboxRow row;
  row.headers["cloudEvents_correlationid"] = std::string(300, 'c');
  const auto properties = properties_of(row, "publisher");
  EXPECT_FALSE(properties.correlation_id);
  EXPECT_EQ(properties.headers.get_string("cloudEvents_correlationid"), std::string(300, 'c'));
  row.headers["cloudEvents_correlationid"] = "c-1";
  EXPECT_EQ(properties_of(row, "publisher").correlation_id, "c-1");
  row.available_at = from_unix_seconds(1'800'000'000) + Milliseconds{999};
  EXPECT_EQ(properties_of(row, "publisher").timestamp, 1'800'000'000);
}

}  // namespace
}  // namespace tenantry::messaging::wire_test
