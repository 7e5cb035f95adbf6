// The SQL of the billing worker: one batch's state in, its changes out, each in a
// statement per table however many events the batch holds.
//
// Runs in the caller's transaction. Decides nothing.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "workers/billing/subscription.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::billing {

struct TenantBilling {
  Account account{};  // its derived part as it was last stored
  std::vector<Subscription> subscriptions{};
  std::optional<Tenancy> tenancy{};  // empty: no such tenant
};

// By tenant, one entry for each asked for.
std::map<std::string, TenantBilling> load_tenants(db::Transaction& tx, const std::vector<std::string>& tenant_ids,
                                                  Timestamp now);

// Which of these invoices are known.
std::set<std::string> load_invoices(db::Transaction& tx, const std::vector<std::string>& stripe_invoice_ids);

void save_accounts(db::Transaction& tx, const std::map<std::string, Account>& by_tenant, Timestamp now);
void save_subscriptions(db::Transaction& tx, const std::vector<Subscription>& subscriptions);
void save_payments(db::Transaction& tx, const std::vector<Payment>& payments);  // each object once; the newest is kept
void save_invoices(db::Transaction& tx, const std::vector<Invoice>& invoices);
void save_customers(db::Transaction& tx, const std::map<std::string, std::string>& tenant_by_customer, Timestamp now);

}  // namespace tenantry::billing
