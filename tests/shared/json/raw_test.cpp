#include "shared/json/raw.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared/json/json.h"

namespace tenantry::raw_test {
namespace {

TEST(RawParts, StandAsTheyWereWritten) {
  const std::string text =
      R"( { "a" : 98765432109876.543210 , "d\u0061ta":{"x":[1, {"y":"}\"]"}]},"e":"\\","n":null,"b":[ ] } )";
  ASSERT_TRUE(parse_json(text));
  const auto parts = raw_parts(text);
  ASSERT_EQ(parts.size(), 5U);
  EXPECT_EQ(parts[0].name, "a");
  EXPECT_EQ(parts[0].text, "98765432109876.543210");
  EXPECT_EQ(parts[1].name, "data");
  EXPECT_EQ(parts[1].text, R"({"x":[1, {"y":"}\"]"}]})");
  EXPECT_EQ(parts[2].text, R"("\\")");
  EXPECT_EQ(parts[3].text, "null");
  EXPECT_EQ(parts[4].text, "[ ]");
}

TEST(RawParts, OfArraysAndScalars) {
  const auto parts = raw_parts("[1e-20000,\n\"a,b\" , {}]");
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].text, "1e-20000");
  EXPECT_EQ(parts[1].text, "\"a,b\"");
  EXPECT_EQ(parts[2].text, "{}");
  for (const char* text : {"{}", "[]", " { } ", "7", "\"x\"", "null"}) EXPECT_TRUE(raw_parts(text).empty()) << text;
}

TEST(RawParts, WithoutWhiteSpaceTheValueIsTheSame) {
  EXPECT_EQ(without_white_space("{ \"a b\" :\n[ 1.50, \"\\\" x\" ] }"), "{\"a b\":[1.50,\"\\\" x\"]}");
}

}  // namespace
}  // namespace tenantry::raw_test
