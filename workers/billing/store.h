// The SQL of the billing worker: one batch's state in, its changes out, each in a
// statement per table however many events the batch holds.
//
// Runs in the caller's transaction. Decides nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/tenancy/because.h"
#include "workers/billing/plan.h"
#include "workers/billing/subscription.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::billing {

struct TenantBilling {
  Facts facts{};
  Account account{};                             // as derived from them
  std::string priced_plan{};                     // which Stripe's price named last; "": none
  std::optional<Timestamp> own_trial_ends_at{};  // where the trial was extended by a subscription's
  std::optional<Tenancy> tenancy{};              // empty: no such tenant
  Account stored{};                              // the account as it was written: its state and times
  tenancy::Because because{};                    // why it is so, as it was written
};

// By tenant, one entry for each asked for, with the invoices that are named. Locks the tenants' accounts until the
// transaction ends: what one process has read, no other can change under it.
std::map<std::string, TenantBilling> load_tenants(db::Transaction& tx, const std::vector<std::string>& tenant_ids,
                                                  const std::vector<std::string>& stripe_invoice_ids, Timestamp now);

// The same without locks, of tenants that have an account, for those who only look.
std::map<std::string, TenantBilling> read_tenants(db::Transaction& tx, const std::vector<std::string>& tenant_ids,
                                                  Timestamp now);

std::vector<PaymentMethod> load_payment_methods(db::Transaction& tx, const std::vector<std::string>& tenant_ids);

std::vector<PricedPlan> load_plans(db::Transaction& tx);  // every version that has a price

void save_accounts(db::Transaction& tx, const std::map<std::string, TenantBilling>& tenants,
                   const std::vector<std::string>& changed, Timestamp now);
void save_subscriptions(db::Transaction& tx, const std::vector<Subscription>& subscriptions);
void save_invoices(db::Transaction& tx, const std::vector<Invoice>& invoices);
void save_payment_methods(db::Transaction& tx, const std::vector<PaymentMethod>& methods, Timestamp now);
void save_payments(db::Transaction& tx, const std::vector<Payment>& payments);  // each object once; the newest is kept

}  // namespace tenantry::billing
