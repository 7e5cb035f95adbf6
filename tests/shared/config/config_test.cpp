#include "shared/config/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "shared/config/manual.h"

namespace tenantry::config {
namespace {

TEST(Config, ListsEveryErrorAtOnce) {
  Reader reader({{"TENANTRY_HTTP_PORT", "70000"}, {"TENANTRY_TEST_CLOCK", "maybe"}, {"TENANTRY_HTTP_PROT", "1"}});
  reader.required_secret("TENANTRY_MASTER_KEY");
  reader.integer("TENANTRY_HTTP_PORT", 8080, 0, 65535);
  reader.boolean("TENANTRY_TEST_CLOCK", false);
  const auto done = reader.finish();
  ASSERT_FALSE(done);
  ASSERT_EQ(done.error().fields.size(), 4u);
  EXPECT_EQ(done.error().fields[0].pointer, "TENANTRY_HTTP_PROT");  // misspelt
  EXPECT_EQ(done.error().fields[1].pointer, "TENANTRY_MASTER_KEY");
  EXPECT_NE(done.error().message.find("from 0 to 65535"), std::string::npos);
}

TEST(Config, TakesDefaultsAndLists) {
  Reader reader(Environment{{"TENANTRY_DUNNING_REMIND_DAYS", "0,5"}});
  EXPECT_EQ(reader.integer("TENANTRY_GRACE_DAYS", 30, 1, 365), 30);
  EXPECT_EQ(reader.list("TENANTRY_DUNNING_REMIND_DAYS", {}), (std::vector<std::string>{"0", "5"}));
  EXPECT_TRUE(reader.finish());
}

// docs/settings.md is what the table of settings says, and every setting is on it once.
TEST(Config, ManualIsTheDocument) {
  std::ifstream file(std::string(TENANTRY_SOURCE_DIR) + "/docs/settings.md");
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(written, manual()) << "build/bin/tenantry settings --markdown > docs/settings.md";
  for (const auto& variable : variables()) {
    EXPECT_NE(manual().find("| `" + std::string(variable.name) + "` |"), std::string::npos);
  }
}

}  // namespace
}  // namespace tenantry::config
