#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "workers/gateway/api/admin/views/requests.h"

namespace tenantry::gateway::saved_view_test {
namespace {

using nlohmann::json;

Result<SavedView> parse(const json& body) {
  return parse_saved_view(body.dump());
}

TEST(SavedView, IsAnAddressOfTheConsole) {
  for (const char* address : {"/console", "/console?x=1", "/console/tenants?status=trial&q=caf%C3%A9"}) {
    const auto view = parse({{"name", "Mine"}, {"address", address}});
    ASSERT_TRUE(view) << address;
    EXPECT_EQ(view->address, address);
  }
  for (const char* address : {"/consoles", "console/tenants", "https://elsewhere.example/console", "//console/x",
                              "/login?next=/console", "javascript:alert(1)", "/console\n/x"}) {
    const auto refused = parse({{"name", "Mine"}, {"address", address}});
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(refused.error().fields[0].pointer, "/address") << address;
  }
}

TEST(SavedView, HasANameOfALine) {
  EXPECT_TRUE(parse({{"name", std::string(60, 'x')}, {"address", "/console"}}));
  for (const auto& name : {json(""), json(std::string(61, 'x')), json("two\nlines"), json(nullptr), json(1)}) {
    const auto refused = parse({{"name", name}, {"address", "/console"}});
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().fields[0].pointer, "/name") << name;
  }
  EXPECT_FALSE(parse({{"name", "Mine"}, {"address", "/console/" + std::string(1'000, 'x')}}));
}

}  // namespace
}  // namespace tenantry::gateway::saved_view_test
