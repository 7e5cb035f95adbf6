// Goal: what is written of settings and workers is what they are.
#include "workers/cli/settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "events/topology.h"
#include "shared/config/manual.h"
#include "shared/tenancy/dunning_terms.h"
#include "tests/support/source_path.h"
#include "workers/registry.h"

namespace tenantry::cli::settings_test {
namespace {

TEST(Settings, ManualIsTheDocument) {
  std::ifstream file(source_path("docs/settings.md"));
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(written, config::manual(setting_readers())) << "build/bin/tenantry settings --markdown > docs/settings.md";
  for (const auto& variable : config::variables()) {
    EXPECT_NE(written.find("| `" + std::string(variable.name) + "` |"), std::string::npos);
  }
}

TEST(Settings, TellWhoReadsThem) {
  const auto readers = setting_readers();
  EXPECT_EQ(readers.at("TENANTRY_GRACE_DAYS"), "billing, gateway");
  EXPECT_EQ(readers.at("TENANTRY_LOG_LEVEL"), "every process");
  EXPECT_EQ(readers.at("TENANTRY_SIGNER_STATE"), "signer");
  EXPECT_EQ(readers.at("TENANTRY_BILLING_AMQP_URL"), "billing");
  for (const auto& [name, who] : readers) {
    EXPECT_NE(std::ranges::find(config::variables(), name, &config::Variable::name), config::variables().end()) << name;
  }
}

TEST(Settings, ADaysRangeIsThatOfTheTermsOfATenant) {
  const auto days = std::ranges::find(config::variables(), "TENANTRY_GRACE_DAYS", &config::Variable::name);
  EXPECT_EQ(days->most, tenancy::grace_days_max);
}

// Queues are made by the events that a worker hears: what hears some is a worker, and no other has queues.
TEST(Workers, AreThoseThatHaveQueues) {
  std::vector<std::string> names;
  for (const auto& worker : workers::all()) {
    names.push_back(worker.name);
    EXPECT_FALSE(worker.purpose.empty()) << worker.name;
  }
  EXPECT_EQ(names, std::vector<std::string>(std::begin(events::workers), std::end(events::workers)));
}

}  // namespace
}  // namespace tenantry::cli::settings_test
