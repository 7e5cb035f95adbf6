#include "workers/gateway/cursor.h"

#include <gtest/gtest.h>

#include "shared/core/bytes.h"

namespace tenantry::gateway {
namespace {

TEST(Cursor, ReadsBackWhatItWrote) {
  const std::vector<std::string> parts = {"2026-11-21T10:00:00Z", "01a1fd9d-a107-7000-badf-58ea964345b4"};
  const auto read = decode_cursor(encode_cursor(parts), 2);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, parts);
}

TEST(Cursor, RefusesWhatItDidNotWrite) {
  const std::string two = encode_cursor({"a", "b"});
  EXPECT_FALSE(decode_cursor(two, 1));
  EXPECT_FALSE(decode_cursor(two, 3));
  for (const std::string& text : {std::string(""), std::string("zzz"), std::string("../.."), std::string(1'000, 'A'),
                                  to_base64url(as_bytes("2\na\nb")), to_base64url(as_bytes(std::string("1\na\n\0", 5))),
                                  to_base64url(as_bytes("\xff\xfe"))}) {
    const auto read = decode_cursor(text, 2);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().fields[0].pointer, "/cursor");
  }
}

TEST(Cursor, LinkKeepsTheOtherParameters) {
  const http::Request request{.target = "/v1/audit?type=a%20b&cursor=old",
                              .query = {{"type", "a b"}, {"cursor", "old"}}};
  EXPECT_EQ(next_link(request, "new"), "</v1/audit?type=a%20b&cursor=new>; rel=\"next\"");
}

TEST(Cursor, LimitHasARange) {
  const auto limit = [](const char* text) { return page_limit({.query = {{"limit", text}}}); };
  EXPECT_EQ(*page_limit({}), 50);
  EXPECT_EQ(*limit("200"), 200);
  for (const char* const text : {"0", "201", "-1", "1.5", "", "x", "99999999999"}) EXPECT_FALSE(limit(text)) << text;
}

}  // namespace
}  // namespace tenantry::gateway
