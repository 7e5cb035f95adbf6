#include "shared/tenancy/plans.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "shared/core/embedded.h"
#include "shared/db/session.h"

namespace tenantry {
std::span<const EmbeddedFile> plan_files();
}

namespace tenantry::tenancy {
namespace {

constexpr std::int64_t plans_lock = 0x706c616e73;  // "plans"

}  // namespace

Result<int> load_plans(db::Session& session) {
  const auto catalogue = nlohmann::json::parse(plan_files().front().content, nullptr, false);
  TENANTRY_ASSERT(catalogue.is_object());  // part of this build, read by a unit test
  int fresh = 0;
  int position = 0;
  db::Session::Transaction tx(session);
  tx.exec("SELECT pg_advisory_xact_lock($1)", {plans_lock});
  for (const auto& plan : catalogue.at("plans")) {
    std::vector<std::string> modules = plan.at("modules");
    std::vector<std::string> prices = plan.at("stripe_price_ids");
    // A version for what differs from the newest one; where a plan stands in the list is none of its terms.
    const auto inserted = tx.exec(
        "INSERT INTO platform.plans (plan, version, limits, price_minor, currency, modules, resource_tier, "
        "stripe_price_ids, audit_retention_months, position, dunning) "
        "SELECT $1, coalesce(max(version), 0) + 1, $2::jsonb, $3, $4, $5::text[], $6::jsonb, $7::text[], $8, $9, "
        "$10::jsonb FROM "
        "platform.plans p "
        "WHERE plan = $1 HAVING NOT coalesce((array_agg(limits = $2::jsonb AND price_minor = $3 AND currency = $4 AND "
        "modules = $5 AND resource_tier = $6::jsonb AND stripe_price_ids = $7 AND audit_retention_months = $8 AND "
        "dunning = $10::jsonb "
        "ORDER BY version DESC))[1], false)",
        {plan.at("plan").get<std::string>(), plan.at("limits").dump(), plan.at("price_minor").get<std::int64_t>(),
         plan.at("currency").get<std::string>(), db::Param::array(modules), plan.at("resource_tier").dump(),
         db::Param::array(prices), plan.at("audit_retention_months").get<std::int64_t>(), ++position,
         plan.value("dunning", nlohmann::json::object()).dump()});
    fresh += static_cast<int>(inserted.affected());
  }
  tx.commit();
  return fresh;
}

}  // namespace tenantry::tenancy
