#include "shared/tenancy/slug.h"

#include <gtest/gtest.h>

namespace tenantry::tenancy::slug_test {
namespace {

TEST(Slug, FollowsTheTable) {
  const std::pair<const char*, const char*> rows[] = {
      {"Acme Corporation", "acme-corporation"},
      {"L'Épicerie du Coin", "lepicerie-du-coin"},
      {"L’Épicerie du Coin", "lepicerie-du-coin"},
      {"SAS DUPONT & Fils", "sas-dupont-fils"},
      {"株式会社テスト", ""},
      {"  --Łódź -- Straße--  ", "lodz-strasse"},
      {"Œuvre & Cætera Ørsted", "oeuvre-caetera-orsted"},
      {"E\u0301cole", "ecole"},  // composed by a combining accent
      {"ＡＤＭＩＮ", "admin"},   // full-width letters
      {"а", ""},                 // Cyrillic, not Latin
      {"a.b/c", "abc"},
      {"\u202Emoc.live", "moclive"},  // a right-to-left mark
      {"🍞🍞🍞", ""},
      {"--", ""},
      {"xn--80ak6aa92e", "xn-80ak6aa92e"},
      {"Tab\tand\nline", "tab-and-line"},
      {"Zorbix\u00AE", "zorbix"},  // signs are removed, not spelled out
      {"Zorbix\u2122 Systems", "zorbix-systems"},
      {"\u00A9 Zorbix 2026", "zorbix-2026"},
      {"Zorbix\u2120", "zorbix"},
      {"Zorbix \u2100 Holding", "zorbix-holding"},
      {"Zorbix \u2116 5", "zorbix-5"},
      {"Zorbix\u00BD", "zorbix"},
      {"Zorbix \u20AC\u00A3$", "zorbix"},
      {"Zorbix\u00B2 \u2460 \u3392", "zorbix"},
  };
  for (const auto& [name, slug] : rows) EXPECT_EQ(slug_of(name), slug) << name;
}

TEST(Slug, NeverExceedsFortyCharactersWithItsSuffix) {
  const auto base = slug_of(std::string(60, 'a'));
  EXPECT_EQ(base.size(), 40u);
  EXPECT_EQ(slug_candidate(base, 2), std::string(38, 'a') + "-2");
  EXPECT_EQ(slug_candidate(base, 1234).size(), 40u);
  const auto at_a_hyphen = slug_of(std::string(38, 'b') + " ccc");
  EXPECT_EQ(at_a_hyphen, std::string(38, 'b') + "-c");
  EXPECT_EQ(slug_candidate(std::string(37, 'b') + "-cc", 2), std::string(37, 'b') + "-2");  // no "--2"
  EXPECT_EQ(slug_of(std::string(10'000, 'x')).size(), 40u);
}

TEST(Slug, CandidatesCountFromTwo) {
  EXPECT_EQ(slug_candidate("acme-corp", 1), "acme-corp");
  EXPECT_EQ(slug_candidate("acme-corp", 2), "acme-corp-2");
  EXPECT_EQ(slug_candidate("acme-corp", 3), "acme-corp-3");
}

TEST(Slug, ReservesThePlatformsWords) {
  for (const char* word :
       {"admin",   "api",          "www",        "platform", "login",      "signup",     "static",    "console",
        "wpad",    "autodiscover", "autoconfig", "mta-sts",  "postmaster", "hostmaster", "webmaster", "abuse",
        "ftp",     "ns1",          "ns2",        "cdn",      "openapi",    "status",     "docs",      "help",
        "support", "billing",      "info",       "noc",      "security"}) {
    EXPECT_TRUE(is_reserved_slug(word)) << word;
  }
  EXPECT_FALSE(is_reserved_slug("boulangerie-martin"));
}

TEST(Slug, RandomOnesAreSlugsToo) {
  const SystemClock clock;
  SystemIdGenerator ids(clock);
  const auto slug = random_slug(ids);
  EXPECT_TRUE(is_slug(slug));
  EXPECT_EQ(slug.size(), 15u);
  EXPECT_NE(slug, random_slug(ids));
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(is_slug(bad)) << bad;
  }
}

}  // namespace
}  // namespace tenantry::tenancy::slug_test
