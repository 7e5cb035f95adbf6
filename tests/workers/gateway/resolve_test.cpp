#include "workers/gateway/edge/resolve.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::resolve_test {
namespace {

constexpr const char* base = "app.example";

// Goal: every source names a tenant, the first one wins only where all agree (spec.md section 2, security.md J11, J12).
// Method: one row per combination; the expectation is the tenant, or the error's reason after '!'.
TEST(Resolve, Sources) {
  struct Row {
    const char* name;
    TenantSources sources;
    const char* expected;
  };
  const Row rows[] = {
      {"Nothing", {}, ""},
      {"Claim", {.claim = "acme"}, "acme"},
      {"Header", {.headers = {"acme"}}, "acme"},
      {"Subdomain", {.host = "Acme.App.example:8080"}, "acme"},
      {"CustomDomain", {.host = "crm.acme.fr", .custom_domain_tenant = "acme"}, "acme"},
      {"Path", {.path_tenant = "acme"}, "acme"},
      {"AllAgree",
       {.claim = "acme", .headers = {"acme", "acme"}, .host = "acme.app.example", .path_tenant = "acme"},
       "acme"},
      {"ClaimAgainstHeader", {.claim = "acme", .headers = {"beta"}}, "!tenant_mismatch"},
      {"ClaimAgainstSubdomain", {.claim = "acme", .host = "beta.app.example"}, "!tenant_mismatch"},
      {"ClaimAgainstCustomDomain", {.claim = "acme", .custom_domain_tenant = "beta"}, "!tenant_mismatch"},
      {"ClaimAgainstPath", {.claim = "acme", .path_tenant = "beta"}, "!tenant_mismatch"},
      {"HeaderAgainstPath", {.headers = {"acme"}, .path_tenant = "beta"}, "!tenant_mismatch"},
      {"TwoHeaders", {.claim = "acme", .headers = {"acme", "beta"}}, "!ambiguous_tenant"},
      {"EmptyHeader", {.claim = "acme", .headers = {" "}}, "!ambiguous_tenant"},
      {"OwnHostNamesNobody", {.claim = "acme", .host = "www.app.example"}, "acme"},
      {"BaseItselfNamesNobody", {.claim = "acme", .host = "app.example"}, "acme"},
      {"LookalikeSuffix", {.claim = "acme", .host = "beta.evilapp.example"}, "acme"},
  };
  for (const auto& row : rows) {
    const auto tenant = resolve_tenant(row.sources, base);
    EXPECT_EQ(tenant ? *tenant : "!" + tenant.error().reason, row.expected) << row.name;
  }
}

TEST(Resolve, CustomDomainCandidates) {
  EXPECT_TRUE(may_be_custom_domain("crm.acme.fr", base, "https://app.example"));
  for (const char* const host : {"127.0.0.1:8080", "localhost", "[::1]:80", "acme.app.example", "app.example", ""}) {
    EXPECT_FALSE(may_be_custom_domain(host, base, "https://app.example")) << host;
  }
  EXPECT_FALSE(may_be_custom_domain("gateway.host.net:443", "", "https://gateway.host.net/x"));
}

TEST(Resolve, TenantPath) {
  EXPECT_EQ(split_tenant_path("/t/acme/v1/me").tenant_id, "acme");
  EXPECT_EQ(split_tenant_path("/t/acme/v1/me").rest, "/v1/me");
  EXPECT_EQ(split_tenant_path("/v1/me").rest, "/v1/me");
  EXPECT_EQ(split_tenant_path("/t/acme").rest, "/t/acme");
  EXPECT_EQ(split_tenant_path("/t//v1/me").tenant_id, "");
}

TEST(Resolve, ClientAddressTrustsOnlyConfiguredProxies) {
  const std::vector<std::string> proxies = {"10.0.0.1", "10.0.0.2"};
  EXPECT_EQ(client_address("1.2.3.4", "9.9.9.9", proxies), "1.2.3.4");
  EXPECT_EQ(client_address("10.0.0.1", "9.9.9.9, 5.6.7.8", proxies), "5.6.7.8");
  EXPECT_EQ(client_address("10.0.0.1", "9.9.9.9, 5.6.7.8, 10.0.0.2", proxies), "5.6.7.8");
  EXPECT_EQ(client_address("10.0.0.1", "", proxies), "10.0.0.1");
  for (const char* const hop : {"\xff", "unknown", "5.6.7.8\r\nx", "<b>", "dead", "1.2", "5.6.7.8/32", "[::1]", "5.6.7.8:80"}) {
    EXPECT_EQ(client_address("10.0.0.1", hop, proxies), "10.0.0.1") << hop;
  }
  // One address has one spelling: what it may do is counted once.
  EXPECT_EQ(client_address("10.0.0.1", "2001:DB8:0:0::1", proxies), "2001:db8::1");
  EXPECT_EQ(client_address("10.0.0.1", "::ffff:5.6.7.8", proxies), "5.6.7.8");
  EXPECT_EQ(client_address("::ffff:10.0.0.1", "5.6.7.8", proxies), "5.6.7.8");
  EXPECT_EQ(client_address("10.1.2.3", "9.9.9.9, 5.6.7.8, 10.9.9.9", {"10.0.0.0/8"}), "5.6.7.8") << "a network of proxies";
}

}  // namespace
}  // namespace tenantry::gateway::resolve_test
