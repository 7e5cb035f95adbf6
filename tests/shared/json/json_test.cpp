#include "shared/json/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tenantry::json_test {
namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, KeepsValuesAndTheirTypes) {
  const auto value = parse_json(R"( {"a":[1,-2,0.5,null,true,"\ud83c\udf5e"],"b":{}} )");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->dump(), "{\"a\":[1,-2,0.5,null,true,\"\xF0\x9F\x8D\x9E\"],\"b\":{}}");
  EXPECT_TRUE((*value)["a"][0].is_number_integer());
  EXPECT_TRUE(parse_json(nested(32)));
  EXPECT_TRUE(parse_json("7"));
}

struct Refused {
  const char* name;
  std::string text;
  std::string rule;
  std::string pointer{};
};
class JsonRefuses : public testing::TestWithParam<Refused> {};

// security.md H6: the error names the field and the rule.
TEST_P(JsonRefuses, NamingFieldAndRule) {
  const auto& row = GetParam();
  const auto value = parse_json(row.text);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Errc::invalid);
  EXPECT_EQ(value.error().reason, "malformed_json");
  ASSERT_EQ(value.error().fields.size(), 1U);
  EXPECT_EQ(value.error().fields[0].code, row.rule);
  EXPECT_EQ(value.error().fields[0].pointer, row.pointer);
}
INSTANTIATE_TEST_SUITE_P(
    H6, JsonRefuses,
    testing::Values(
        Refused{"Depth33", nested(33), "depth",
                std::string("/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0")},
        Refused{"DuplicateKey", R"({"a":{"b/c":1,"b/c":2}})", "duplicate_key", "/a/b~1c"},
        Refused{"DuplicateKeyEscaped", R"({"a":1,"\u0061":2})", "duplicate_key", "/a"},
        Refused{"Nan", R"({"a":NaN})", "syntax", "/a"}, Refused{"Infinity", "[1,-Infinity]", "syntax", "/1"},
        Refused{"Overflow", R"({"n":[0,1e999]})", "number", "/n/1"},
        Refused{"LoneHighSurrogate", R"({"a":"\ud800"})", "syntax", "/a"},
        Refused{"LoneLowSurrogate", R"(["\udc00"])", "syntax", "/0"}, Refused{"InvalidUtf8", "[\"\xC0\xAF\"]", "utf8"},
        Refused{"ByteOrderMark", "\xEF\xBB\xBF{}", "byte_order_mark"}, Refused{"TrailingBytes", "{} {}", "syntax"},
        Refused{"NulThenMore", std::string("{}\0{}", 5), "syntax"}, Refused{"Empty", "", "syntax"},
        Refused{"Comment", "{}//x", "syntax"}, Refused{"TrailingComma", "[1,]", "syntax", "/1"},
        Refused{"SingleQuotes", "{'a':1}", "syntax"}, Refused{"LeadingZero", "01", "syntax"},
        Refused{"ControlInString", "[\"\n\"]", "syntax", "/0"}),
    [](const auto& row) { return row.param.name; });

TEST(Json, BoundsDepthAndSize) {
  EXPECT_EQ(parse_json(nested(10000)).error().fields[0].code, "depth");
  EXPECT_EQ(parse_json(std::string(100, ' '), {.size = 99}).error().code, Errc::too_large);
}

}  // namespace
}  // namespace tenantry::json_test
