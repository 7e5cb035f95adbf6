// Goal: super-admins find a tenant by what they know of it, in the order they want, and a file holds what the list
// shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/core/ids.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "tests/support/services.h"
#include "workers/gateway/api/admin/tenants/store.h"

namespace tenantry::gateway::tenant_lists_test {
namespace {

using Order = TenantsRequest::Order;

class TenantLists : public ::testing::Test {
 protected:
  std::string sign_up(const std::string& company, const std::string& email, const std::string& plan = "STARTER") {
    db::Transaction tx(connection);
    const auto made = testing::must(
        tenancy::create_tenant(tx, {.company_name = company, .company_email = email, .plan = plan}, ids, clock.now()));
    tx.commit();
    clock.advance(Seconds{1});
    return made.tenant_id;
  }
  void add_member(const std::string& tenant_id, const std::string& email, const std::string& role) {
    const auto id = ids.next().to_string();
    database.exec("superuser",
                  "INSERT INTO platform.users (user_id, email, first_name, last_name, created_at) "
                  "VALUES ($1, $2, 'Ada', 'Durand', now())",
                  {id, email});
    database.exec("superuser",
                  "INSERT INTO platform.memberships (tenant_id, user_id, role, state, created_at, state_since) "
                  "VALUES ($1, $2, $3, 'active', now(), now())",
                  {tenant_id, id, role});
  }
  std::vector<std::string> found(const std::string& words) {
    http::Request request;
    request.query.push_back({"q", words});
    return ids_of(testing::must(parse_tenants_request(request)));
  }
  std::vector<std::string> ids_of(const TenantsRequest& request) {
    db::Transaction tx(connection);
    std::vector<std::string> out;
    for (const auto& each : store::list_tenants(tx, request).tenants) out.push_back(each.at("tenant_id"));
    return out;
  }
  // Page by page, as the API hands them out.
  std::vector<std::string> paged(Order order, bool descending, int limit) {
    std::vector<std::string> out;
    std::string cursor;
    do {
      http::Request request;
      request.query.push_back({"sort", std::string(descending ? "-" : "") + std::string(to_string(order))});
      request.query.push_back({"limit", std::to_string(limit)});
      if (!cursor.empty()) request.query.push_back({"cursor", cursor});
      db::Transaction tx(connection);
      const auto page = store::list_tenants(tx, testing::must(parse_tenants_request(request)));
      for (const auto& each : page.tenants) out.push_back(each.at("tenant_id"));
      cursor = page.next_cursor;
    } while (!cursor.empty() && out.size() < 100);  // a page that begins with what it goes on from would go on for ever
    return out;
  }

  using Ids = std::vector<std::string>;
  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  testing::TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
};

TEST_F(TenantLists, AreSearchedByWhatIsKnownOfATenant) {
  const auto acme = sign_up("Acme Machines", "office@acme.test");
  const auto other = sign_up("Durand", "contact@durand.test");
  add_member(acme, "ada@home.test", "owner");
  add_member(other, "bob@home.test", "viewer");
  database.exec("superuser", "UPDATE platform.tenants SET custom_domain = 'crm.acme.test' WHERE tenant_id = $1",
                {acme});
  for (const char* object : {"cus_AcmeOne", "sub_AcmeOne"}) {
    database.exec("superuser",
                  "INSERT INTO billing.stripe_links (stripe_object_id, tenant_id, created_at) VALUES ($1, $2, now())",
                  {object, acme});
  }
  for (const char* words : {"machines", "ACME-MACH", "office@acme.test", " Office@Acme.TEST", "Ada@home.test",
                            "crm.acme.test", "CRM.Acme.Test", "cus_AcmeOne", "sub_AcmeOne"}) {
    EXPECT_EQ(found(words), Ids{acme}) << words;
  }
  // What tells of others is found by the whole of it alone, and a member who is no owner leads nowhere.
  for (const char* words : {"bob@home.test", "@home.test", "ada@", "office", "acme.test", "cus_Acme", "cus_acmeone",
                            "sub_", "_", "%", "' OR true --", "\\", "(", "*", "\xC2\xA0", "nobody@nowhere.test"}) {
    EXPECT_EQ(found(words), Ids{}) << words;
  }
  EXPECT_EQ(found("contact@durand.test"), Ids{other});
  EXPECT_EQ(found("").size(), 2U);
}

TEST_F(TenantLists, WhatIsKnownIsLookedUpByIndexes) {
  for (const auto& [index, where] :
       {std::pair{"tenants_by_company_email", "platform.tenants WHERE lower(company_email) = 'a@b.test'"},
        std::pair{"stripe_events_by_tenant", "billing.stripe_events WHERE tenant_id = 'acme'"},
        std::pair{
            "stripe_events_by_type",
            "billing.stripe_events WHERE type COLLATE \"C\" >= 'invoice.' AND type COLLATE \"C\" < 'invoice/'"}}) {
    std::string plan;
    for (const auto row : database.exec("superuser", std::string("EXPLAIN SELECT FROM ") + where)) plan += row.text(0);
    EXPECT_NE(plan.find(index), plan.npos) << plan;
  }
}

TEST_F(TenantLists, ComeInTheOrderThatIsAskedFor) {
  // Names as people sort them: no upper case before lower, no accents behind z; two of one name.
  const auto zoe = sign_up("zoé", "a@b.test");
  const auto elan = sign_up("Élan", "b@b.test", "FREE");
  const auto durand = sign_up("durand", "c@b.test", "PROFESSIONAL");
  const auto durand2 = sign_up("Durand", "d@b.test");
  const auto line = sign_up("Fabre", "e@b.test");
  database.exec("superuser", "UPDATE platform.tenants SET company_name = E'Fab\nre' WHERE tenant_id = $1", {line});
  const auto endless = sign_up("Garnier", "f@b.test");
  database.exec("superuser",
                "UPDATE platform.tenants SET company_name = repeat('\xF0\x9F\xA6\x80', 200) WHERE tenant_id = $1",
                {endless});
  database.exec("superuser",
                "UPDATE platform.tenants SET status = 'suspended', status_since = now() WHERE tenant_id = $1", {elan});

  auto by_name = paged(Order::company_name, false, 10);
  by_name.erase(std::ranges::find(by_name, endless));  // wherever signs that are no letters go
  EXPECT_EQ(by_name, (Ids{durand, durand2, elan, line, zoe}));
  EXPECT_EQ(paged(Order::created_at, true, 10), (Ids{endless, line, durand2, durand, elan, zoe}));
  EXPECT_EQ(paged(Order::status, true, 10).front(), elan) << "as a life goes: suspended comes after pending";
  EXPECT_EQ(paged(Order::plan, false, 10).front(), elan);
  for (const auto order : {Order::created_at, Order::company_name, Order::plan, Order::status, Order::status_since}) {
    auto up = paged(order, false, 10);
    EXPECT_EQ(up.size(), 6U);
    for (const int limit : {1, 2, 4, 6}) EXPECT_EQ(paged(order, false, limit), up) << to_string(order) << limit;
    std::ranges::reverse(up);
    for (const int limit : {1, 2, 6}) EXPECT_EQ(paged(order, true, limit), up) << to_string(order) << limit;
  }
}

TEST_F(TenantLists, AsAFileHoldsWhatTheListShows) {
  const auto acme = sign_up("Acme", "a@b.test");
  const auto hostile = sign_up("Evil", "c@b.test");
  database.exec("superuser",
                "UPDATE platform.tenants SET company_name = '=HYPERLINK(\"x\"), evil' WHERE tenant_id = $1", {hostile});
  db::Transaction tx(connection);
  const auto all =
      testing::must(store::export_tenants(tx, {.order = Order::company_name, .descending = true, .limit = 1}));
  EXPECT_TRUE(all.starts_with("tenant_id,company_name,status,")) << all;
  EXPECT_EQ(std::ranges::count(all, '\n'), 3) << "whatever the page's size is";
  EXPECT_LT(all.find("\r\n" + acme + ",Acme,PENDING,"), all.find("\r\n" + hostile + ",")) << "in the order of the list";
  EXPECT_NE(all.find(hostile + ",\"'=HYPERLINK(\"\"x\"\"), evil\",PENDING,"), all.npos) << all;
  const auto some = testing::must(store::export_tenants(tx, {.words = "acme"}));
  EXPECT_EQ(std::ranges::count(some, '\n'), 2) << some;
}

}  // namespace
}  // namespace tenantry::gateway::tenant_lists_test
