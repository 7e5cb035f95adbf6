// Goal: what a request with the console's cookie has to say besides, and what it is refused for.
// Method: a request as our own page sends it, then one thing of it changed at a time.
#include "workers/gateway/edge/cookie.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::cookie_test {
namespace {

http::Request own(http::Method method = http::Method::post) {
  http::Request request{.method = method, .path = "/v1/clients"};
  request.headers = {{"Host", "console.example"},
                     {"Cookie", "theme=dark; __Host-tenantry=abc; x=y"},
                     {"Content-Type", "application/json"},
                     {"X-Tenantry", "1"},
                     {"Sec-Fetch-Site", "same-origin"}};
  return request;
}

http::Request without(http::Request request, std::string_view name) {
  http::Headers kept;
  for (const auto& [field, value] : request.headers) {
    if (!http::equal_without_case(field, name)) kept.add(field, value);
  }
  request.headers = kept;
  return request;
}

http::Request with(http::Request request, std::string_view name, std::string value) {
  request.headers.set(name, std::move(value));
  return request;
}

TEST(Cookie, IsFoundAmongOthers) {
  const auto token = cookie_token(own());
  ASSERT_TRUE(token);
  EXPECT_EQ(*token, "abc");
  EXPECT_EQ(*cookie_token(without(own(), "Cookie")), std::nullopt);
  EXPECT_EQ(*cookie_token(with(own(), "Cookie", "x__Host-tenantry=abc; __Host-tenantry2=d")), std::nullopt);
}

TEST(Cookie, TwiceOrBesideATokenIsRefused) {
  EXPECT_EQ(cookie_token(with(own(), "Cookie", "__Host-tenantry=a; __Host-tenantry=b")).error().reason,
            "malformed_request");
  auto two = own();
  two.headers.add("Cookie", "__Host-tenantry=b");
  EXPECT_EQ(cookie_token(two).error().reason, "malformed_request");
  EXPECT_EQ(cookie_token(with(own(), "Authorization", "Bearer t")).error().reason, "malformed_request");
}

struct Row {
  const char* name;
  http::Request request;
  bool ours;
};
class FromConsole : public testing::TestWithParam<Row> {};

TEST_P(FromConsole, Decides) {
  const auto ours = from_console(GetParam().request);
  EXPECT_EQ(ours.has_value(), GetParam().ours);
  if (!ours) {
    EXPECT_EQ(ours.error().reason, "cross_site");
  }
}

INSTANTIATE_TEST_SUITE_P(
    , FromConsole,
    testing::Values(
        Row{"OwnPage", own(), true}, Row{"CrossSite", with(own(), "Sec-Fetch-Site", "cross-site"), false},
        Row{"AnotherPortOfTheHost", with(own(), "Sec-Fetch-Site", "same-site"), false},
        Row{"TypedChangesNothing", with(own(), "Sec-Fetch-Site", "none"), false},
        Row{"Form", with(own(), "Content-Type", "application/x-www-form-urlencoded"), false},
        Row{"TextThatLooksLikeJson", with(own(), "Content-Type", "text/plain;application/json"), false},
        Row{"NoContentType", without(own(), "Content-Type"), false},
        Row{"NoField", without(own(), "X-Tenantry"), false},
        Row{"OldBrowserOwnOrigin", with(without(own(), "Sec-Fetch-Site"), "Origin", "https://console.example"), true},
        Row{"OldBrowserOtherOrigin", with(without(own(), "Sec-Fetch-Site"), "Origin", "https://evil.example"), false},
        Row{"OldBrowserOtherPort", with(without(own(), "Sec-Fetch-Site"), "Origin", "https://console.example:8443"),
            false},
        Row{"OldBrowserOpaqueOrigin", with(without(own(), "Sec-Fetch-Site"), "Origin", "null"), false},
        Row{"OldBrowserNoOrigin", without(own(), "Sec-Fetch-Site"), false},
        Row{"Reads", without(own(http::Method::get), "X-Tenantry"), true},
        Row{"ReadsFromABookmark", with(own(http::Method::get), "Sec-Fetch-Site", "none"), true},
        Row{"ReadsFromElsewhere", with(own(http::Method::get), "Sec-Fetch-Site", "cross-site"), false},
        Row{"ReadsOldBrowser", without(own(http::Method::get), "Sec-Fetch-Site"), true},
        Row{"Deletes", own(http::Method::delete_), true},
        Row{"DeletesFromElsewhere", with(own(http::Method::delete_), "Sec-Fetch-Site", "cross-site"), false}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Cookie, IsWantedByTheConsoleAlone) {
  EXPECT_TRUE(*wants_cookie(own()));
  EXPECT_FALSE(*wants_cookie(without(own(), "X-Tenantry")));
  EXPECT_EQ(wants_cookie(with(own(), "Sec-Fetch-Site", "cross-site")).error().reason, "cross_site");
}

TEST(Cookie, IsOfThisHostAloneAndHiddenFromScript) {
  EXPECT_EQ(set_cookie("abc", Seconds{60}),
            "__Host-tenantry=abc; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Strict");
  EXPECT_EQ(clear_cookie(), "__Host-tenantry=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict");
}

}  // namespace
}  // namespace tenantry::gateway::cookie_test
