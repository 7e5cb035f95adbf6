#include "shared/core/media_type.h"

#include <gtest/gtest.h>

namespace tenantry::media_type_test {
namespace {

TEST(MediaType, IsReadWithoutCaseAndWithItsParameters) {
  for (const char* text : {"application/json", "Application/JSON", " application/json ; charset=utf-8",
                           "application/json;charset=\"utf-8\"", "application/json;", "application/json;;charset=utf-8",
                           "application/json; Charset=\"u\\tf-8\""}) {
    const auto media = parse_media_type(text);
    ASSERT_TRUE(media) << text;
    EXPECT_TRUE(media->is("application/json")) << text;
    EXPECT_TRUE(is_json_type(text)) << text;
    if (const auto charset = media->parameter("charset")) {
      EXPECT_EQ(*charset, "utf-8") << text;
    }
  }
  EXPECT_EQ(*parse_media_type("text/plain; a=\"x;y,z\"")->parameter("a"), "x;y,z");
}

TEST(MediaType, BrokenOnesAreNone) {
  for (const char* text : {"", "json", "application/", "/json", "application /json", "application/json x",
                           "application/json; charset", "application/json; charset=", "application/json; a=\"x",
                           "application/json, text/plain", "application/js\xC3\xA9"}) {
    EXPECT_FALSE(parse_media_type(text)) << text;
    EXPECT_FALSE(is_json_type(text)) << text;
  }
}

TEST(MediaType, TellsJsonByItsSuffix) {
  for (const char* text : {"application/vnd.shop.order+json", "application/geo+JSON; v=1", "text/json"}) {
    EXPECT_TRUE(is_json_type(text)) << text;
  }
  for (const char* text : {"application/jsonp", "application/json-seq", "text/plain; x=\"+json\"", "application/xml"}) {
    EXPECT_FALSE(is_json_type(text)) << text;
  }
}

TEST(Preferences, TheMostSpecificRangeSays) {
  const auto weight = [](const char* accept) { return weight_of(parse_preferences(accept), "text/csv"); };
  EXPECT_EQ(weight("text/csv;q=0.2, text/*;q=0.9, */*"), 200);
  EXPECT_EQ(weight("TEXT/*;Q=0.9, */*"), 900);
  EXPECT_EQ(weight("*/*;q=0.125"), 125);
  EXPECT_EQ(weight("text/html"), std::nullopt);
  EXPECT_EQ(weight("text/csv;q=2, text/csv;q=0.1234, text/csv;q=x"), std::nullopt) << "weights that are none";
}

}  // namespace
}  // namespace tenantry::media_type_test
