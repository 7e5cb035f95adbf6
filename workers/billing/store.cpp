#include "workers/billing/store.h"

#include "shared/db/connection.h"
#include "workers/billing/account.h"

namespace tenantry::billing {
namespace {

using db::Param;

// Arrays of timestamps come as texts of RFC 3339, to the microsecond.
std::vector<Timestamp> timestamps(const std::vector<std::string>& texts) {
  std::vector<Timestamp> out;
  for (const auto& text : texts) out.push_back(from_rfc3339(text).value());
  return out;
}

AccountState account_state_from(std::string_view text) {
  for (const auto state : {AccountState::none, AccountState::current, AccountState::past_due, AccountState::ended}) {
    if (to_string(state) == text) return state;
  }
  TENANTRY_ASSERT(false && "the table's own check");
}

void load_accounts(db::Transaction& tx, const Param& tenant_ids, std::map<std::string, TenantBilling>& out) {
  const auto rows = tx.exec(
      "SELECT tenant_id, state, paid_at, failed_at, past_due_since, ended_at, "
      "ARRAY(SELECT to_char(f AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM unnest(failures) AS f "
      "ORDER BY f) FROM billing.accounts WHERE tenant_id = ANY ($1)",
      {tenant_ids});
  for (const auto row : rows) {
    auto& account = out[std::string(row.text(0))].account;
    account.state = account_state_from(row.text(1));
    account.paid_at = row.optional_timestamp(2);
    account.failed_at = row.optional_timestamp(3);
    account.past_due_since = row.optional_timestamp(4);
    account.ended_at = row.optional_timestamp(5);
    account.failures = timestamps(row.texts(6));
  }
}

void load_subscriptions(db::Transaction& tx, const Param& tenant_ids, std::map<std::string, TenantBilling>& out) {
  const auto rows = tx.exec(
      "SELECT tenant_id, stripe_subscription_id, stripe_customer_id, status, price_id, quantity, "
      "current_period_start, current_period_end, cancel_at, canceled_at, ended_at, cancel_at_period_end, stated_at, "
      "stripe_event_id FROM billing.stripe_subscriptions WHERE tenant_id = ANY ($1)",
      {tenant_ids});
  for (const auto row : rows) {
    const std::string tenant_id{row.text(0)};
    out[tenant_id].subscriptions.push_back({.stripe_subscription_id = std::string(row.text(1)),
                                            .tenant_id = tenant_id,
                                            .stripe_customer_id = std::string(row.text(2)),
                                            .status = std::string(row.text(3)),
                                            .price_id = std::string(row.text(4)),
                                            .quantity = row.int64(5),
                                            .current_period_start = row.optional_timestamp(6),
                                            .current_period_end = row.optional_timestamp(7),
                                            .cancel_at = row.optional_timestamp(8),
                                            .canceled_at = row.optional_timestamp(9),
                                            .ended_at = row.optional_timestamp(10),
                                            .cancel_at_period_end = row.boolean(11),
                                            .stated_at = row.timestamp(12),
                                            .stripe_event_id = std::string(row.text(13))});
  }
}

void load_tenancies(db::Transaction& tx, const Param& tenant_ids, Timestamp now,
                    std::map<std::string, TenantBilling>& out) {
  const auto rows = tx.exec(
      "SELECT t.tenant_id, t.status, t.status_reason, t.trial_ends_at, p.price_minor, h.ends_at "
      "FROM platform.tenants AS t JOIN platform.plans AS p ON p.plan = t.plan AND p.version = t.plan_version "
      "LEFT JOIN platform.holds AS h ON h.tenant_id = t.tenant_id AND h.hold = 'no_suspend' AND h.ends_at > $2 "
      "WHERE t.tenant_id = ANY ($1)",
      {tenant_ids, now});
  for (const auto row : rows) {
    out[std::string(row.text(0))].tenancy = Tenancy{.status = tenancy::status_from(row.text(1)).value(),
                                                    .reason = std::string(row.text(2)),
                                                    .trial_ends_at = row.timestamp(3),
                                                    .price_minor = row.int64(4),
                                                    .held_until = row.optional_timestamp(5)};
  }
}

// An array within an array, which unnest() would take apart: as text.
std::string array_literal(const std::vector<Timestamp>& values) {
  std::string out;
  for (const auto at : values) out += (out.empty() ? "{" : ",") + to_rfc3339(at);
  return out.empty() ? "{}" : out + "}";
}

// A column of a batch: one array of what `read` gives for each element.
template <class T, class F>
Param column(const std::vector<T>& rows, F read) {
  std::vector<std::decay_t<std::invoke_result_t<F, const T&>>> values;
  values.reserve(rows.size());
  for (const auto& row : rows) values.push_back(std::invoke(read, row));
  return Param::array(values);
}

}  // namespace

std::map<std::string, TenantBilling> load_tenants(db::Transaction& tx, const std::vector<std::string>& tenant_ids,
                                                  Timestamp now) {
  std::map<std::string, TenantBilling> out;
  for (const auto& tenant_id : tenant_ids) out.try_emplace(tenant_id);
  const auto ids = Param::array(tenant_ids);
  load_accounts(tx, ids, out);
  load_subscriptions(tx, ids, out);
  load_tenancies(tx, ids, now, out);
  return out;
}

std::set<std::string> load_invoices(db::Transaction& tx, const std::vector<std::string>& stripe_invoice_ids) {
  std::set<std::string> out;
  if (stripe_invoice_ids.empty()) return out;
  const auto rows = tx.exec("SELECT stripe_invoice_id FROM billing.invoices WHERE stripe_invoice_id = ANY ($1)",
                            {Param::array(stripe_invoice_ids)});
  for (const auto row : rows) out.emplace(row.text(0));
  return out;
}

void save_accounts(db::Transaction& tx, const std::map<std::string, Account>& by_tenant, Timestamp now) {
  if (by_tenant.empty()) return;
  const std::vector<std::pair<std::string, Account>> rows(by_tenant.begin(), by_tenant.end());
  tx.send(
      "INSERT INTO billing.accounts (tenant_id, state, paid_at, failed_at, past_due_since, ended_at, failures, "
      "updated_at) SELECT r.tenant_id, r.state, r.paid_at, r.failed_at, r.past_due_since, r.ended_at, "
      "r.failures::timestamptz[], $8 FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], "
      "$5::timestamptz[], $6::timestamptz[], $7::text[]) "
      "AS r (tenant_id, state, paid_at, failed_at, past_due_since, ended_at, failures) "
      "ON CONFLICT (tenant_id) DO UPDATE SET state = excluded.state, paid_at = excluded.paid_at, "
      "failed_at = excluded.failed_at, past_due_since = excluded.past_due_since, ended_at = excluded.ended_at, "
      "failures = excluded.failures, updated_at = excluded.updated_at",
      {column(rows, [](const auto& row) { return row.first; }),
       column(rows, [](const auto& row) { return to_string(row.second.state); }),
       column(rows, [](const auto& row) { return row.second.paid_at; }),
       column(rows, [](const auto& row) { return row.second.failed_at; }),
       column(rows, [](const auto& row) { return row.second.past_due_since; }),
       column(rows, [](const auto& row) { return row.second.ended_at; }),
       column(rows, [](const auto& row) { return array_literal(row.second.failures); }), now});
}

void save_subscriptions(db::Transaction& tx, const std::vector<Subscription>& subscriptions) {
  if (subscriptions.empty()) return;
  tx.send(
      "INSERT INTO billing.stripe_subscriptions AS s (stripe_subscription_id, tenant_id, stripe_customer_id, status, "
      "price_id, quantity, current_period_start, current_period_end, cancel_at, canceled_at, ended_at, "
      "cancel_at_period_end, stated_at, stated_rank, stripe_event_id) "
      "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], "
      "$7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], "
      "$12::boolean[], $13::timestamptz[], $14::int[], $15::text[]) "
      "ON CONFLICT (stripe_subscription_id) DO UPDATE SET tenant_id = excluded.tenant_id, "
      "stripe_customer_id = excluded.stripe_customer_id, status = excluded.status, price_id = excluded.price_id, "
      "quantity = excluded.quantity, current_period_start = excluded.current_period_start, "
      "current_period_end = excluded.current_period_end, cancel_at = excluded.cancel_at, "
      "canceled_at = excluded.canceled_at, ended_at = excluded.ended_at, "
      "cancel_at_period_end = excluded.cancel_at_period_end, stated_at = excluded.stated_at, "
      "stated_rank = excluded.stated_rank, stripe_event_id = excluded.stripe_event_id "
      "WHERE (s.stated_at, s.stated_rank, s.stripe_event_id COLLATE \"C\") < "
      "(excluded.stated_at, excluded.stated_rank, excluded.stripe_event_id COLLATE \"C\")",
      {column(subscriptions, &Subscription::stripe_subscription_id), column(subscriptions, &Subscription::tenant_id),
       column(subscriptions, &Subscription::stripe_customer_id), column(subscriptions, &Subscription::status),
       column(subscriptions, &Subscription::price_id), column(subscriptions, &Subscription::quantity),
       column(subscriptions, &Subscription::current_period_start),
       column(subscriptions, &Subscription::current_period_end), column(subscriptions, &Subscription::cancel_at),
       column(subscriptions, &Subscription::canceled_at), column(subscriptions, &Subscription::ended_at),
       column(subscriptions, [](const Subscription& row) { return row.cancel_at_period_end; }),
       column(subscriptions, &Subscription::stated_at),
       column(subscriptions, [](const Subscription& row) { return rank_of(row.status); }),
       column(subscriptions, &Subscription::stripe_event_id)});
}

// The states are ranked as PaymentState ranks them.
void save_payments(db::Transaction& tx, const std::vector<Payment>& payments) {
  if (payments.empty()) return;
  tx.send(
      "INSERT INTO billing.payments AS p (stripe_object_id, tenant_id, state, stripe_subscription_id, amount_minor, "
      "currency, stated_at, stripe_event_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], "
      "$5::bigint[], $6::text[], $7::timestamptz[], $8::text[]) "
      "ON CONFLICT (stripe_object_id) DO UPDATE SET tenant_id = excluded.tenant_id, state = excluded.state, "
      "stripe_subscription_id = excluded.stripe_subscription_id, amount_minor = excluded.amount_minor, "
      "currency = excluded.currency, stated_at = excluded.stated_at, stripe_event_id = excluded.stripe_event_id "
      "WHERE (p.stated_at, array_position(ARRAY['failed', 'succeeded', 'refunded', 'disputed'], p.state), "
      "p.stripe_event_id COLLATE \"C\") < (excluded.stated_at, array_position(ARRAY['failed', 'succeeded', "
      "'refunded', 'disputed'], excluded.state), excluded.stripe_event_id COLLATE \"C\")",
      {column(payments, &Payment::stripe_object_id), column(payments, &Payment::tenant_id),
       column(payments, [](const Payment& row) { return to_string(row.state); }),
       column(payments, &Payment::stripe_subscription_id), column(payments, &Payment::amount_minor),
       column(payments, &Payment::currency), column(payments, &Payment::stated_at),
       column(payments, &Payment::stripe_event_id)});
}

void save_invoices(db::Transaction& tx, const std::vector<Invoice>& invoices) {
  if (invoices.empty()) return;
  tx.send(
      "INSERT INTO billing.invoices (stripe_invoice_id, tenant_id, number, amount_minor, currency, url, issued_at) "
      "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], "
      "$7::timestamptz[]) ON CONFLICT DO NOTHING",
      {column(invoices, &Invoice::stripe_invoice_id), column(invoices, &Invoice::tenant_id),
       column(invoices, &Invoice::number), column(invoices, &Invoice::amount_minor),
       column(invoices, &Invoice::currency), column(invoices, &Invoice::url), column(invoices, &Invoice::issued_at)});
}

void save_customers(db::Transaction& tx, const std::map<std::string, std::string>& tenant_by_customer, Timestamp now) {
  if (tenant_by_customer.empty()) return;
  const std::vector<std::pair<std::string, std::string>> rows(tenant_by_customer.begin(), tenant_by_customer.end());
  tx.send(
      "INSERT INTO billing.customers (stripe_customer_id, tenant_id, created_at) "
      "SELECT r.customer, r.tenant_id, $3 FROM unnest($1::text[], $2::text[]) AS r (customer, tenant_id) "
      "ON CONFLICT DO NOTHING",
      {column(rows, [](const auto& row) { return row.first; }),
       column(rows, [](const auto& row) { return row.second; }), now});
}

}  // namespace tenantry::billing
