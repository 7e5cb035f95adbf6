// Goal: a flag is on for whom its terms say, the same tenants as its share grows, and one
// tenant's own word counts first.
// Method: platform.flags_of, as the gateway asks it.
#include <gtest/gtest.h>

#include <algorithm>

#include "shared/db/connection.h"
#include "tests/support/services.h"

namespace tenantry::settings_flags_test {
namespace {

class Flags : public ::testing::Test {
 protected:
  void define(const std::string& flag, bool enabled, const std::string& plans, int percentage,
              const std::string& expires = "infinity") {
    database.exec("superuser",
                  "INSERT INTO platform.flags VALUES ($1, '', $2, $3, $4, nullif($5, 'infinity')::timestamptz, now(), "
                  "now()) ON CONFLICT (flag) DO UPDATE SET percentage = excluded.percentage",
                  {flag, enabled, plans, percentage, expires});
  }
  std::string on_for(const std::string& tenant, const std::string& plan = "STARTER") {
    return database.value(
        "SELECT coalesce(string_agg(flag, ' ' ORDER BY flag), '') FROM platform.flags_of($1, $2, '2026-11-29Z')",
        {tenant, plan});
  }
  // Of a thousand tenants, those that have it.
  std::vector<std::string> among_many(const std::string& flag) {
    std::vector<std::string> out;
    for (const auto row : database.exec("superuser",
                                        "SELECT 't' || i FROM generate_series(1, 1000) AS i WHERE EXISTS (SELECT FROM "
                                        "platform.flags_of('t' || i, 'STARTER', now()) f WHERE f.flag = $1) ORDER BY 1",
                                        {flag})) {
      out.emplace_back(row.text(0));
    }
    return out;
  }

  testing::TestDatabase database;
};

TEST_F(Flags, AreOnForWhomTheirTermsSay) {
  define("all", true, "{}", 100);
  define("off", false, "{}", 100);
  define("nobody", true, "{}", 0);
  define("big", true, "{PROFESSIONAL,ENTERPRISE}", 100);
  define("over", true, "{}", 100, "2026-11-28Z");
  EXPECT_EQ(on_for("acme"), "all");
  EXPECT_EQ(on_for("acme", "ENTERPRISE"), "all big");
}

TEST_F(Flags, OneTenantsWordCountsFirstAsLongAsItLasts) {
  database.add_tenant("acme");
  define("all", true, "{}", 100);
  define("off", false, "{}", 100);
  define("over", true, "{}", 100, "2026-11-28Z");
  database.exec("superuser",
                "INSERT INTO platform.flag_overrides VALUES ('acme', 'all', false, 'x', NULL), "
                "('acme', 'off', true, 'x', '2026-11-30Z'), ('acme', 'over', true, 'x', NULL)");
  EXPECT_EQ(on_for("acme"), "off") << "and what has expired is off for everybody";
  EXPECT_EQ(on_for("globex"), "all");
  database.exec("superuser", "UPDATE platform.flag_overrides SET ends_at = '2026-11-28Z'");
  EXPECT_EQ(on_for("acme"), "all");
}

TEST_F(Flags, ShareGrowsByThoseWhoComeToIt) {
  define("share", true, "{}", 25);
  define("other", true, "{}", 25);
  const auto quarter = among_many("share");
  EXPECT_NEAR(static_cast<double>(quarter.size()), 250, 60);
  EXPECT_NE(among_many("other"), quarter) << "each flag has its own order of tenants";
  define("share", true, "{}", 60);
  const auto more = among_many("share");
  EXPECT_NEAR(static_cast<double>(more.size()), 600, 60);
  EXPECT_TRUE(std::ranges::includes(more, quarter)) << "who had it keeps it";
}

}  // namespace
}  // namespace tenantry::settings_flags_test
