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

// Goal: each source against each other is refused, whichever says what, and where two agree against a third, too.
// Method: every pair of the five, in both orders, with and without the others between them.
TEST(Resolve, EveryPairThatDisagrees) {
  struct Source {
    const char* name;
    void (*say)(TenantSources&, const char* tenant);
  };
  const Source all[] = {
      {"claim", [](TenantSources& of, const char* tenant) { of.claim = tenant; }},
      {"header", [](TenantSources& of, const char* tenant) { of.headers = {tenant}; }},
      {"subdomain",
       [](TenantSources& of, const char* tenant) {
         of.host = std::string_view(tenant) == "acme" ? "acme.app.example" : "beta.app.example";
       }},
      {"custom domain", [](TenantSources& of, const char* tenant) { of.custom_domain_tenant = tenant; }},
      {"path", [](TenantSources& of, const char* tenant) { of.path_tenant = tenant; }},
  };
  int pairs = 0;
  for (const auto& one : all) {
    for (const auto& other : all) {
      if (&one == &other) continue;
      for (const bool others_agree : {false, true}) {
        TenantSources sources;
        if (others_agree) {
          for (const auto& each : all) each.say(sources, "acme");
        }
        one.say(sources, "acme");
        other.say(sources, "beta");
        const auto tenant = resolve_tenant(sources, base);
        ASSERT_FALSE(tenant) << one.name << " against " << other.name;
        EXPECT_EQ(tenant.error().reason, "tenant_mismatch") << one.name << " against " << other.name;
        EXPECT_EQ(tenant.error().code, Errc::refused);
        other.say(sources, "acme");
        EXPECT_EQ(resolve_tenant(sources, base).value(), "acme") << one.name << " with " << other.name;
        ++pairs;
      }
    }
  }
  EXPECT_EQ(pairs, 2 * 20);
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
  for (const char* const hop :
       {"\xff", "unknown", "5.6.7.8\r\nx", "<b>", "dead", "1.2", "5.6.7.8/32", "[::1]", "5.6.7.8:80"}) {
    EXPECT_EQ(client_address("10.0.0.1", hop, proxies), "10.0.0.1") << hop;
  }
  // One address has one spelling: what it may do is counted once.
  EXPECT_EQ(client_address("10.0.0.1", "2001:DB8:0:0::1", proxies), "2001:db8::1");
  EXPECT_EQ(client_address("10.0.0.1", "::ffff:5.6.7.8", proxies), "5.6.7.8");
  EXPECT_EQ(client_address("::ffff:10.0.0.1", "5.6.7.8", proxies), "5.6.7.8");
  EXPECT_EQ(client_address("10.1.2.3", "9.9.9.9, 5.6.7.8, 10.9.9.9", {"10.0.0.0/8"}), "5.6.7.8")
      << "a network of proxies";
}

}  // namespace
}  // namespace tenantry::gateway::resolve_test
