// Goal: what we encode we decode, and hostile input is an Error before rabbitmq-c sees it.
#include "shared/amqp/codec.h"

#include <gtest/gtest.h>

#include "tests/support/fake_broker.h"

namespace tenantry::amqp::codec_test {
namespace {

using testing::raw_frame;

Table every_kind() {
  return {{"null", Value()},
          {"bool", true},
          {"integer", std::int64_t{-9'000'000'000}},
          {"double", 0.25},
          {"string", std::string("with\0nul", 8)},
          {"time", std::chrono::sys_seconds{std::chrono::seconds{1'700'000'000}}},
          {"table", Table{{"inner", Table{{"innermost", 1}}}}},
          {"array", Array{Value("a"), Value(2), Value(Table{{"k", "v"}}), Value(Array{})}},
          {"empty", Table{}}};
}

std::string nested_table(int depth) {
  std::string inner(4, '\0');
  for (int i = 1; i < depth; ++i) {
    std::string entry = std::string("\1aF", 3) + inner;
    std::string outer;
    for (int shift = 24; shift >= 0; shift -= 8) outer.push_back(static_cast<char>(entry.size() >> shift));
    inner = outer + entry;
  }
  return inner;
}

TEST(Codec, TablesOfEveryKindRoundTrip) {
  const auto encoded = encode_table(every_kind());
  ASSERT_TRUE(encoded);
  const auto decoded = decode_table(as_bytes(*encoded));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, every_kind());
  EXPECT_EQ(decoded->get_string("integer"), std::nullopt);
  EXPECT_EQ(decoded->find("table")->data.index(), 6U);
}

TEST(Codec, CutTablesAreRefusedAtEveryLength) {
  const auto encoded = *encode_table(every_kind());
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    const std::string cut = encoded.substr(0, size);  // a copy, so that reading past it is seen
    EXPECT_FALSE(decode_table(as_bytes(cut))) << size;
  }
}

TEST(Codec, TablesBrokenAnywhereNeverCrash) {
  const auto encoded = *encode_table(every_kind());
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    for (const int bit : {0, 1, 3, 6, 7}) {
      std::string broken = encoded;
      broken[at] = static_cast<char>(broken[at] ^ (1 << bit));
      static_cast<void>(decode_table(as_bytes(broken)).has_value());
    }
  }
}

TEST(Codec, DepthIsLimitedBothWays) {
  EXPECT_TRUE(decode_table(as_bytes(nested_table(16))));
  EXPECT_FALSE(decode_table(as_bytes(nested_table(17))));
  EXPECT_FALSE(decode_table(as_bytes(nested_table(10'000))));
  Table deep;
  for (int i = 0; i < 16; ++i) deep = Table{{"a", deep}};
  EXPECT_FALSE(encode_table(deep));
}

TEST(Codec, LongNamesAndManyValuesAreRefused) {
  EXPECT_TRUE(encode_table({{std::string(255, 'k'), 1}}));
  EXPECT_FALSE(encode_table({{std::string(256, 'k'), 1}}));
  EXPECT_FALSE(encode_table({{"array", Array(table_values_max + 1)}}));
  std::string voids(table_values_max + 1, 'V');
  std::string array = "\1aA";
  for (int shift = 24; shift >= 0; shift -= 8) array.push_back(static_cast<char>(voids.size() >> shift));
  array += voids;
  std::string table;
  for (int shift = 24; shift >= 0; shift -= 8) table.push_back(static_cast<char>(array.size() >> shift));
  EXPECT_FALSE(decode_table(as_bytes(table + array)));
}

TEST(Codec, PropertiesRoundTrip) {
  const Properties all{.content_type = "application/json",
                       .content_encoding = "gzip",
                       .headers = every_kind(),
                       .delivery_mode = std::uint8_t{2},
                       .priority = std::uint8_t{9},
                       .correlation_id = "c",
                       .reply_to = "r",
                       .expiration = "60000",
                       .message_id = "m",
                       .timestamp = 1'700'000'000,
                       .type = "t",
                       .user_id = "u",
                       .app_id = ""};
  for (const auto& properties : {all, Properties{}}) {
    std::string out;
    ASSERT_TRUE(append_content(out, 1, properties, "", frame_size_max));
    ByteView rest = as_bytes(out);
    const auto frame = next_frame(rest, frame_size_max);
    ASSERT_TRUE(frame && frame->has_value());
    const auto header = decode_content_header((*frame)->payload);
    ASSERT_TRUE(header);
    ASSERT_TRUE(header->properties);
    EXPECT_EQ(*header->properties, properties);
    for (std::size_t size = 12; size < (*frame)->payload.size(); ++size) {
      const std::string cut(as_text((*frame)->payload.first(size)));
      const auto partial = decode_content_header(as_bytes(cut));
      EXPECT_FALSE(partial && partial->properties) << size;
    }
  }
}

TEST(Codec, WhatIsRefusedLeavesTheOutputAlone) {
  std::string out = "before";
  EXPECT_FALSE(append_method(out, 1, method::QueueDeclare{.queue = std::string(256, 'q')}, frame_size_max));
  EXPECT_FALSE(append_content(out, 1, {.message_id = std::string(256, 'm')}, "body", frame_size_max));
  const auto large = append_content(out, 1, {.headers = {{"h", std::string(5000, 'x')}}}, "body", frame_size_min);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Errc::too_large);
  EXPECT_EQ(out, "before");
}

TEST(Codec, ContinuedPropertyFlagsAreRefused) {
  std::string payload(14, '\0');
  payload[1] = 60;
  payload[13] = 1;
  const auto header = decode_content_header(as_bytes(payload));
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->properties);
}

TEST(Codec, FramesAreRefusedFromTheirHead) {
  struct Row {
    const char* name;
    std::string bytes;
  };
  const std::vector<Row> rows = {
      {"unknown type", std::string("\7", 1)},
      {"size above frame_max", std::string("\1\0\1\0\2\0\0", 7)},
      {"size of all ones", std::string("\1\0\1\xFF\xFF\xFF\xFF", 7)},
      {"wrong end octet", std::string("\1\0\1\0\0\0\0\xCD", 8)},
      {"another protocol version", std::string("AMQP\0\0\x09\x00", 8)},
  };
  for (const auto& row : rows) {
    ByteView rest = as_bytes(row.bytes);
    EXPECT_FALSE(next_frame(rest, frame_size_max)) << row.name;
  }
}

TEST(Codec, MethodsCutShortAreRefused) {
  const auto whole = testing::frame(1, method::BasicDeliver{"tag", 7, true, "exchange", "key"});
  const auto payload = whole.substr(7, whole.size() - 8);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    const std::string cut = payload.substr(0, size);
    EXPECT_FALSE(decode_method(as_bytes(cut))) << size;
  }
  EXPECT_TRUE(decode_method(as_bytes(payload)));
  EXPECT_FALSE(decode_method(as_bytes("\x01\x02\x03\x04")));
}

}  // namespace
}  // namespace tenantry::amqp::codec_test
