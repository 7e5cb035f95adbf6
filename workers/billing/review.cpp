#include "workers/billing/review.h"

#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "workers/billing/account.h"
#include "workers/billing/store.h"

namespace tenantry::billing {
namespace {

constexpr int page_size = 500;

std::string described(const Account& account) {
  std::string out{to_string(account.state)};
  const auto since = account.state == AccountState::past_due  ? account.past_due_since
                     : account.state == AccountState::current ? account.paid_at
                     : account.state == AccountState::ended   ? account.ended_at
                                                              : std::nullopt;
  return since ? out + " since " + to_rfc3339(*since) : out;
}

// Where all that is asked for would lead, one after the other: who was cancelled wrongly and owes comes back, and is
// suspended.
std::string becomes(db::Transaction& tx, const std::string& tenant_id, const Decision& decision, Timestamp now) {
  if (decision.ask.empty()) return {};  // as of most
  const auto tenant = tenancy::find_tenant(tx, tenant_id);
  if (!tenant) return {};
  auto state = tenant->lifecycle;
  for (const auto& ask : decision.ask) {
    const auto move = tenancy::decide(state, ask.trigger, ask.reason, now);
    if (!move) continue;
    state.status = move->to;
    state.reason = move->reason;
    state.resumes_to = move->resumes_to;
    state.suspension = move->suspension;
  }
  if (state.status == tenant->lifecycle.status && state.reason == tenant->lifecycle.reason) return {};
  return tenancy::written(state.status) + (state.status == tenancy::Status::suspended ? " (" + state.reason + ")" : "");
}

void review(db::Transaction& tx, const std::string& tenant_id, const TenantBilling& tenant, Timestamp now,
            const DunningPolicy& settings, std::vector<Reviewed>& out) {
  if (!tenant.tenancy || tenant.tenancy->status == tenancy::Status::deleted) return;
  const auto policy = with_terms(settings, tenant.tenancy->dunning);
  const auto why = because_of(tenant.facts, tenant.account);
  Reviewed reviewed{
      .tenant_id = tenant_id,
      .stored = described(tenant.stored),
      .today =
          described(tenant.account) + ": " + std::string(why.rule) + (why.object_id.empty() ? "" : " " + why.object_id),
      .becomes = becomes(tx, tenant_id, decide_anew(tenant.stored, tenant.account, *tenant.tenancy, policy), now)};
  if (reviewed.stored == described(tenant.account) && reviewed.becomes.empty()) return;
  out.push_back(std::move(reviewed));
}

}  // namespace

std::vector<Reviewed> find_moved(db::Transaction& tx, const std::string& tenant_id, Timestamp now,
                                 const DunningPolicy& settings) {
  std::vector<Reviewed> out;
  for (std::string after;;) {
    const auto rows = tx.exec(
        "SELECT tenant_id FROM billing.accounts WHERE ($1 = '' OR tenant_id = $1) AND tenant_id > $2 "
        "ORDER BY tenant_id LIMIT $3",
        {tenant_id, after, page_size});
    std::vector<std::string> ids;
    for (const auto row : rows) ids.emplace_back(row.text(0));
    if (ids.empty()) return out;
    for (const auto& [id, tenant] : read_tenants(tx, ids, now)) review(tx, id, tenant, now, settings, out);
    after = ids.back();
  }
}

}  // namespace tenantry::billing
