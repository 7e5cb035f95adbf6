// Goal: whoever signs up under a name that may be taken for a tenant's at a glance is let in, and named to
// super-admins.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared/core/ids.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "tests/support/services.h"
#include "workers/gateway/api/admin/tenants/store.h"

namespace tenantry::gateway::look_alikes_test {
namespace {

class LookAlikes : public ::testing::Test {
 protected:
  std::string sign_up(const std::string& company) {
    db::Transaction tx(connection);
    const auto made = testing::must(tenancy::create_tenant(
        tx, {.company_name = company, .company_email = "a@b.test", .plan = "STARTER"}, ids, clock.now()));
    tx.commit();
    clock.advance(Seconds{1});
    return made.tenant_id;
  }
  std::string look_alikes_of(const std::string& tenant_id) {
    db::Transaction tx(connection);
    return store::read_tenant(tx, tenant_id)->at("look_alikes").dump();
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  testing::TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
};

TEST_F(LookAlikes, AreNamedToSuperAdminsEachToTheOther) {
  const auto acme = sign_up("Acme");
  EXPECT_EQ(look_alikes_of(acme), "[]");
  const auto acrne = sign_up("Acrne");
  const auto other = sign_up("Durand");
  EXPECT_EQ(look_alikes_of(acme), R"(["acrne"])");
  EXPECT_EQ(look_alikes_of(acrne), R"(["acme"])");
  EXPECT_EQ(look_alikes_of(other), "[]");
  {
    db::Transaction tx(connection);
    const auto list = store::list_tenants(tx, {.limit = 10}).tenants;
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list.at(1).at("look_alikes").dump(), R"(["acme"])");
  }
  database.exec("superuser", "UPDATE platform.tenants SET status = 'deleted' WHERE tenant_id = 'acme'");
  EXPECT_EQ(look_alikes_of(acrne), "[]") << "who is gone is taken for nobody";
}

TEST_F(LookAlikes, AreForgottenWithTheName) {
  const auto acme = sign_up("Acme");
  database.exec("superuser", "UPDATE platform.tenants SET company_name = '' WHERE tenant_id = $1", {acme});
  EXPECT_EQ(database.value("SELECT look_alikes::text FROM platform.tenants"), "{}");
}

}  // namespace
}  // namespace tenantry::gateway::look_alikes_test
