#include "shared/http/message.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared/http/problem.h"
#include "shared/json/json.h"

namespace tenantry::http::message_test {
namespace {

TEST(Target, Decodes) {
  const auto target = parse_target("/a%20b/%C3%A9+?q=x+y%2Fz&q=2&&flag&e=%3D=");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a b/\xC3\xA9+");
  const std::vector<QueryParameter> expected = {{"q", "x y/z"}, {"q", "2"}, {"flag", ""}, {"e", "=="}};
  EXPECT_EQ(target->query, expected);
  const Request request{.query = target->query};
  EXPECT_EQ(request.query_value("q"), "x y/z");
  EXPECT_FALSE(request.query_value("none"));
}

TEST(Target, RefusesWhatReadsTwoWays) {
  for (const char* target : {"",        "a",    "*",     "/%",      "/%4",     "/%zz",      "/%00",  "/%0a",
                             "/%7f",    "/%2f", "/%5C",  "/..",     "/a/../b", "/%2e%2e/b", "/./a",  "/a/.",
                             "/%C0%AF", "/a#b", "/?q=%", "/?%FF=1", "/?q=%00", "/?%00=1",   "//../a"}) {
    const auto parsed = parse_target(target);
    ASSERT_FALSE(parsed) << target;
    EXPECT_EQ(status_of(parsed.error()), 400);
  }
}

TEST(Headers, CompareWithoutCase) {
  Headers headers{{"Content-Type", "a"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(headers.get("content-TYPE"), "a");
  EXPECT_EQ(headers.count("X"), 2U);
  EXPECT_EQ(headers.get("x"), "1");
  headers.set("X", "3");
  EXPECT_EQ(headers.count("x"), 1U);
  EXPECT_FALSE(headers.get("Y"));
}

TEST(Problem, MapsEveryErrc) {
  const std::pair<Error, int> rows[] = {{{.code = Errc::invalid}, 422},
                                        {{.code = Errc::invalid, .reason = "malformed_json"}, 400},
                                        {{.code = Errc::invalid, .reason = "signature_expired"}, 400},
                                        {{.code = Errc::unauthenticated}, 401},
                                        {{.code = Errc::payment_required}, 402},
                                        {{.code = Errc::forbidden}, 403},
                                        {{.code = Errc::refused}, 403},
                                        {{.code = Errc::not_found}, 404},
                                        {{.code = Errc::conflict}, 409},
                                        {{.code = Errc::too_large}, 413},
                                        {{.code = Errc::rate_limited}, 429},
                                        {{.code = Errc::limit_exceeded}, 429},
                                        {{.code = Errc::exhausted}, 500},
                                        {{.code = Errc::crash}, 500},
                                        {{.code = Errc::internal}, 500},
                                        {{.code = Errc::unavailable}, 503},
                                        {{.code = Errc::timeout}, 503}};
  for (const auto& [error, status] : rows) {
    const auto response = problem(error, "/v1/x");
    EXPECT_EQ(response.status, status) << error.describe();
    EXPECT_EQ(response.headers.get("WWW-Authenticate").has_value(), status == 401);
    EXPECT_EQ(response.headers.get("Retry-After").has_value(), status == 429 || status == 503);
  }
}

TEST(Problem, NamesTheFieldsOfTheInput) {
  auto error = Error::invalid("/admin_email", "format", "not an address: \xFF");
  const auto response = problem(error, "/signup", "4bf92f");
  EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
  const auto body = parse_json(response.body);
  ASSERT_TRUE(body);
  EXPECT_EQ((*body)["type"], "/problems/invalid_input");
  EXPECT_EQ((*body)["title"], "Invalid input");
  EXPECT_EQ((*body)["status"], 422);
  EXPECT_EQ((*body)["code"], "invalid_input");
  EXPECT_EQ((*body)["instance"], "/signup");
  EXPECT_EQ((*body)["trace_id"], "4bf92f");
  EXPECT_EQ((*body)["errors"][0]["pointer"], "/admin_email");
  EXPECT_EQ((*body)["errors"][0]["code"], "format");
}

// H8.
TEST(Problem, TellsNothingOfTheInside) {
  for (const auto code : {Errc::internal, Errc::unavailable, Errc::timeout, Errc::crash, Errc::exhausted}) {
    const Error error{
        .code = code, .reason = "db1_down", .message = "SELECT at db1:5432", .fields = {{"/p", "r", "db1"}}};
    EXPECT_EQ(problem(error, "/").body.find("db1"), std::string::npos);
  }
}

}  // namespace
}  // namespace tenantry::http::message_test
