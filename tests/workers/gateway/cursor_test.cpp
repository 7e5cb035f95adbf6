#include "workers/gateway/edge/cursor.h"

#include <gtest/gtest.h>

#include "shared/core/bytes.h"

namespace tenantry::gateway::cursor_test {
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

// A cursor is the caller's text: what stands in it for a time is read, not handed to the database.
TEST(Cursor, NamesATimeThatCanBeStored) {
  const auto read = [](const std::vector<std::string>& parts) {
    return timed_place({.query = {{"cursor", encode_cursor(parts)}}}, true);
  };
  const std::string id = "0190163d-8694-739b-aea5-966c26f8ad91";
  const auto place = read({"2026-01-01T00:00:00.123456+23:59", id});
  ASSERT_TRUE(place && *place);
  EXPECT_EQ(to_rfc3339((*place)->at), "2025-12-31T00:01:00.123456Z");
  EXPECT_EQ((*place)->id, id);
  for (const char* at : {"1970-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "infinity", "now", ""}) {
    const auto refused = read({at, id});
    ASSERT_FALSE(refused) << at;
    EXPECT_EQ(refused.error().fields[0].pointer, "/cursor") << at;
  }
  EXPECT_FALSE(read({"2026-01-01T00:00:00Z", "no id"}));
  EXPECT_FALSE(*timed_place({}, true));
}

}  // namespace
}  // namespace tenantry::gateway::cursor_test
