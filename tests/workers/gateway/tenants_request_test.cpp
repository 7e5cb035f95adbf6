#include <gtest/gtest.h>

#include "workers/gateway/api/admin/tenants/requests.h"

namespace tenantry::gateway::tenants_request_test {
namespace {

using Order = TenantsRequest::Order;

Result<TenantsRequest> asked(std::map<std::string, std::string, std::less<>> query) {
  http::Request request;
  for (const auto& [name, value] : query) request.query.emplace_back(name, value);
  return parse_tenants_request(request);
}

TEST(TenantsAskedFor, AreNewestFirst) {
  const auto usual = asked({});
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->order, Order::created_at);
  EXPECT_TRUE(usual->descending);
  EXPECT_FALSE(usual->as_csv);
  EXPECT_EQ(usual->limit, 50);
}

TEST(TenantsAskedFor, WordsAreWhateverElseTheyMayBe) {
  const auto address = asked({{"q", " Marie@Société.Example "}});
  ASSERT_TRUE(address);
  EXPECT_EQ(address->email, "marie@xn--socit-esab.example");
  EXPECT_EQ(address->domain, "");
  EXPECT_EQ(asked({{"q", "CRM.Acme.fr"}})->domain, "crm.acme.fr");
  EXPECT_EQ(asked({{"q", "CRM.Acme.fr"}})->email, "");
  EXPECT_TRUE(asked({{"q", "01a1fd9d-a107-7000-badf-58ea964345b4"}})->signup_id);
  const auto hostile = asked({{"q", "%' OR 1=1 --"}});
  ASSERT_TRUE(hostile);
  EXPECT_EQ(hostile->words, "%' OR 1=1 --");
  EXPECT_EQ(hostile->email + hostile->domain, "");
}

TEST(TenantsAskedFor, ACursorIsGoodForItsOrder) {
  const auto by_name = asked({{"sort", "company_name"}});
  ASSERT_TRUE(by_name);
  EXPECT_FALSE(by_name->descending);
  const auto cursor = tenants_cursor(*by_name, {.key = "durand", .tenant_id = "durand-2"});
  const auto next = asked({{"sort", "company_name"}, {"cursor", cursor}});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->after->key, "durand");
  EXPECT_EQ(next->after->tenant_id, "durand-2");
  for (const char* sort : {"plan", "-created_at", "status_since"}) {
    const auto refused = asked({{"sort", sort}, {"cursor", cursor}});
    ASSERT_FALSE(refused) << sort;
    EXPECT_EQ(refused.error().fields[0].pointer, "/cursor") << sort;
  }
  // Made by hand: no instant, which PostgreSQL would refuse.
  EXPECT_FALSE(asked({{"cursor", tenants_cursor({}, {.key = "soon", .tenant_id = "a"})}}));
  EXPECT_TRUE(asked({{"cursor", tenants_cursor({}, {.key = "2026-11-21T10:00:00Z", .tenant_id = "a"})}}));
}

TEST(TenantsAskedFor, AreRefusedWhereNothingIsMeant) {
  for (const auto& [name, value] :
       {std::pair{"status", "gold"}, std::pair{"sort", "password_hash"}, std::pair{"sort", ""},
        std::pair{"sort", "--plan"}, std::pair{"format", "xml"}, std::pair{"limit", "0"}, std::pair{"cursor", "x"}}) {
    const auto refused = asked({{name, value}});
    ASSERT_FALSE(refused) << name << value;
    EXPECT_EQ(refused.error().fields[0].pointer, std::string("/") + name);
  }
  EXPECT_EQ(asked({{"q", std::string(255, 'x')}}).error().fields[0].pointer, "/q");
  EXPECT_TRUE(asked({{"q", std::string(254, 'x')}}));
}

}  // namespace
}  // namespace tenantry::gateway::tenants_request_test
