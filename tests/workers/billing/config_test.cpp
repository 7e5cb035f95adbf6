#include "workers/billing/config.h"

#include <gtest/gtest.h>

namespace tenantry::billing::config_test {
namespace {

const config::Environment least = {{"TENANTRY_BILLING_DATABASE_URL", "postgresql://host/db"}};

config::Reader reader_of(const char* name, const char* value) {
  auto environment = least;
  environment[name] = value;
  return config::Reader(environment);
}

TEST(BillingConfig, HasDefaults) {
  config::Reader reader(least);
  const auto config = read_billing_config(reader);
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(config.database_url, "postgresql://host/db");
  EXPECT_EQ(config.dunning.remind_on, (std::vector<Days>{Days{0}, Days{3}, Days{7}}));
  EXPECT_EQ(config.dunning.suspend_on, Days{14});
  EXPECT_EQ(config.lifecycle.grace, Days{30});
}

TEST(BillingConfig, ReadsThePolicy) {
  auto reader = reader_of("TENANTRY_DUNNING_REMIND_DAYS", "1,2,13");
  EXPECT_EQ(read_billing_config(reader).dunning.remind_on, (std::vector<Days>{Days{1}, Days{2}, Days{13}}));
  EXPECT_TRUE(reader.finish());
}

TEST(BillingConfig, RefusesDaysThatDoNotRiseToTheEnd) {
  for (const auto* days : {"3,3", "7,3", "-1", "14", "soon", "1.5"}) {
    auto reader = reader_of("TENANTRY_DUNNING_REMIND_DAYS", days);
    read_billing_config(reader);
    EXPECT_FALSE(reader.finish()) << days;
  }
}

}  // namespace
}  // namespace tenantry::billing::config_test
