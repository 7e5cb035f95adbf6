// Goal: what fits_jsonb says yes to, PostgreSQL takes; and what the audit log is known to have choked on, it says no
// to. Method: the same texts to both; then a thousand made of numbers, escapes and nesting at the edges.
#include "shared/db/jsonb.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "shared/db/connection.h"
#include "shared/json/json.h"
#include "tests/support/services.h"

namespace tenantry::db::jsonb_test {
namespace {

using testing::TestDatabase;

class Jsonb : public ::testing::Test {
 protected:
  bool taken(const std::string& json) {
    try {
      Transaction tx(connection);
      tx.exec("SELECT $1::jsonb", {json});
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  TestDatabase database;
  Connection connection{database.url("audit"), "test"};
};

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST_F(Jsonb, TakesWhatIsSaidToFit) {
  for (const std::string& json :
       {std::string("1e-16383"), "0." + std::string(16'383, '1'), std::string("1e308"), std::string("-0.0e-5"),
        std::string(R"({"a":"\\u0000","b":"\"\u0001"})"), nested(500), std::string("123456789012345678901234567890"),
        std::string("98765432109876.543210"), std::string("0e100")}) {
    EXPECT_TRUE(fits_jsonb(json)) << json.substr(0, 40);
    EXPECT_TRUE(taken(json)) << json.substr(0, 40);
  }
}

TEST_F(Jsonb, DoesNotTakeWhatTheAuditLogHasChokedOn) {
  for (const std::string& json :
       {std::string("1e-20000"), std::string("[1e-16384]"), "0." + std::string(20'000, '3'),
        "1.5e-" + std::string(30, '9'), std::string(R"({"a":"\u0000"})"), std::string(R"({"\\\u0000":1})")}) {
    EXPECT_FALSE(fits_jsonb(json)) << json.substr(0, 40);
    EXPECT_FALSE(taken(json)) << json.substr(0, 40);
  }
  EXPECT_FALSE(fits_jsonb(nested(501)));
}

TEST_F(Jsonb, AThousandTextsAtTheEdges) {
  std::mt19937 random{20'261'128};
  const auto below = [&](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  const auto number = [&] {
    constexpr const char* wholes[] = {"0", "-0", "7", "-123456789"};
    std::string text = wholes[below(4)];
    if (below(2) == 0)
      text += "." + std::string(static_cast<std::size_t>(1 + below(3) * 8'192), static_cast<char>('0' + below(10)));
    constexpr const char* exponents[] = {"",        "",        "e0",    "E+300",        "e-16382",
                                         "e-16383", "e-16384", "e-400", "e-99999999999"};
    return text + exponents[below(9)];
  };
  const auto text = [&] {
    constexpr const char* parts[] = {"a", "\\\\", "\\u0000", "\\\"", "u0000", "\\u0001", "\xC3\xA9", "\\\\u0000"};
    std::string out = "\"";
    for (int i = below(4); i > 0; --i) out += parts[below(8)];
    return out + "\"";
  };
  int fitted = 0;
  for (int i = 0; i < 1'000; ++i) {
    std::string json = "[";
    for (int part = below(3); part >= 0; --part) json += (below(2) == 0 ? number() : text()) + (part > 0 ? "," : "]");
    if (!parse_json(json)) continue;
    if (!fits_jsonb(json)) continue;
    ++fitted;
    EXPECT_TRUE(taken(json)) << json.substr(0, 80);
  }
  EXPECT_GT(fitted, 200);
}

}  // namespace
}  // namespace tenantry::db::jsonb_test
