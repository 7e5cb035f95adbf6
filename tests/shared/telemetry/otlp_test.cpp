// Goal: spans are written as OTLP says, byte for byte where a vector is known.
// Method: a request that others' encoders made; JSON read back. The end-to-end test reads ours with others' decoders.
#include "shared/telemetry/otlp.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"

namespace tenantry::tracing::otlp_test {
namespace {

Span signup() {
  Span span{.context = *parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
            .name = "POST /signup",
            .kind = Kind::server,
            .start = from_unix_seconds(1'700'000'000),
            .end = from_unix_seconds(1'700'000'000) + Milliseconds{5}};
  span.attributes = {{"tenant_id", std::string("acme")}};
  return span;
}

TEST(Otlp, ProtobufIsWhatOthersMake) {
  const auto bytes = encode_protobuf({.resource = {{"service.name", std::string("gateway")}}}, std::vector{signup()});
  EXPECT_EQ(bytes.size(), 118u);
  EXPECT_EQ(to_hex(as_bytes(bytes)).substr(0, 76),
            "0a740a1b0a190a0c736572766963652e6e616d6512090a0767617465776179125512530a10" + std::string("0a"));
}

TEST(Otlp, JsonHasHexIdsNumbersAsTextAndEnumeratorsAsNumbers) {
  auto span = signup();
  span.parent = SpanId{1, 2, 3, 4, 5, 6, 7, 8};
  span.error = "timeout";
  span.attributes.push_back({"count", std::int64_t{1} << 60});
  span.links = {*parse_traceparent("00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-01")};
  const auto request =
      nlohmann::json::parse(encode_json({.scope = "tenantry", .scope_version = "1"}, std::vector{span}));
  const auto& scope = request["resourceSpans"][0]["scopeSpans"][0];
  const auto& written = scope["spans"][0];
  EXPECT_EQ(scope["scope"]["name"], "tenantry");
  EXPECT_EQ(written["traceId"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(written["parentSpanId"], "0102030405060708");
  EXPECT_EQ(written["kind"], 2);
  EXPECT_EQ(written["startTimeUnixNano"], "1700000000000000000");
  EXPECT_EQ(written["attributes"][1]["value"]["intValue"], "1152921504606846976");
  EXPECT_EQ(written["attributes"][2]["key"], "error.type");
  EXPECT_EQ(written["status"]["code"], 2);
  EXPECT_EQ(written["links"][0]["spanId"], "b7ad6b7169203332");
}

TEST(Otlp, ReadsWhatWasNotTaken) {
  const auto hex = from_hex("0a0708031203626164");  // partial_success { rejected_spans: 3, error_message: "bad" }
  const auto rejected = read_protobuf_answer(as_text(*hex));
  EXPECT_EQ(rejected.spans, 3);
  EXPECT_EQ(rejected.message, "bad");
  EXPECT_EQ(read_protobuf_answer("").spans, 0);
  EXPECT_EQ(read_protobuf_answer("\x0a\x7f").spans, 0) << "cut short";
  EXPECT_EQ(read_protobuf_answer(std::string(40, '\xff')).spans, 0);
  EXPECT_EQ(read_json_answer(R"({"partialSuccess":{"rejectedSpans":"4","errorMessage":"x"}})").spans, 4);
  EXPECT_EQ(read_json_answer(R"({"partialSuccess":7})").spans, 0);
  EXPECT_EQ(read_json_answer("<html>").spans, 0);
}

}  // namespace
}  // namespace tenantry::tracing::otlp_test
