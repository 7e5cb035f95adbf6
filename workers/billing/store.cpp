#include "workers/billing/store.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/billing/account.h"
#include "workers/billing/statement.h"

namespace tenantry::billing {
namespace {

using db::Param;
using nlohmann::json;

// ---- what a column holds beyond a value ----------------------------------------------------------------------------

// "1764000000 active", or "1764000000 active ~" where the statement only confirmed it.
std::string written(const Standing& standing) {
  return std::to_string(to_unix_seconds(standing.at)) + " " + standing.status + (standing.confirms ? " ~" : "");
}

Standing standing_from(std::string_view text) {
  std::int64_t seconds = 0;
  const auto space = text.find(' ');
  TENANTRY_ASSERT(space != text.npos && std::from_chars(text.data(), text.data() + space, seconds).ec == std::errc{});
  text.remove_prefix(space + 1);
  const bool confirms = text.ends_with(" ~");
  if (confirms) text.remove_suffix(2);
  return {from_unix_seconds(seconds), std::string(text), confirms};
}

// An array within an array, which unnest() would take apart: as text. Statuses have no quotes.
std::string written(const std::vector<Standing>& history) {
  std::string out;
  for (const auto& standing : history) out += (out.empty() ? "{\"" : ",\"") + written(standing) + "\"";
  return out.empty() ? "{}" : out + "}";
}

std::string written(const std::vector<SubscriptionItem>& items) {
  auto out = json::array();
  for (const auto& item : items) {
    out.push_back({{"id", item.stripe_item_id}, {"price_id", item.price_id}, {"quantity", item.quantity}});
  }
  return out.dump();
}

std::vector<SubscriptionItem> items_from(std::string_view text) {
  std::vector<SubscriptionItem> out;
  for (const auto& item : json::parse(text)) {
    out.push_back({item.value("id", ""), item.value("price_id", ""), item.value("quantity", std::int64_t{0})});
  }
  return out;
}

InvoiceStatus invoice_status_from(std::string_view text) {
  for (const auto status :
       {InvoiceStatus::open, InvoiceStatus::uncollectible, InvoiceStatus::voided, InvoiceStatus::paid}) {
    if (to_string(status) == text) return status;
  }
  TENANTRY_ASSERT(false && "the table's own check");
}

// ---- loading -------------------------------------------------------------------------------------------------------

const std::string account_rows =
    "SELECT tenant_id, received_at, trial_ends_at, priced_plan, state, paid_at, past_due_since, ended_at, because "
    "FROM billing.accounts WHERE tenant_id = ANY ($1) ORDER BY tenant_id";

db::Asked lock_accounts(db::Transaction& tx, const Param& tenant_ids) {
  static const std::string sql = account_rows + " FOR UPDATE";
  return tx.ask(sql, {tenant_ids});
}

AccountState account_state_from(std::string_view text) {
  for (const auto state : {AccountState::none, AccountState::current, AccountState::past_due, AccountState::ended}) {
    if (to_string(state) == text) return state;
  }
  TENANTRY_ASSERT(false && "the table's own check");
}

std::string written(const tenancy::Because& because) {
  if (because.rule.empty()) return "{}";
  return json{{"rule", because.rule},
              {"object_id", because.object_id},
              {"stripe_event_id", because.stripe_event_id},
              {"beaten_event_id", because.beaten_event_id}}
      .dump();
}

tenancy::Because because_from(std::string_view text) {
  const auto object = json::parse(text);
  return {.rule = object.value("rule", ""),
          .object_id = object.value("object_id", ""),
          .stripe_event_id = object.value("stripe_event_id", ""),
          .beaten_event_id = object.value("beaten_event_id", "")};
}

void take_account(const db::Row& row, TenantBilling& tenant) {
  tenant.facts.received_at = row.optional_timestamp(1);
  tenant.own_trial_ends_at = row.optional_timestamp(2);
  tenant.priced_plan = row.text(3);
  tenant.stored = {.state = account_state_from(row.text(4)),
                   .paid_at = row.optional_timestamp(5),
                   .past_due_since = row.optional_timestamp(6),
                   .ended_at = row.optional_timestamp(7)};
  tenant.because = because_from(row.text(8));
}

db::Asked ask_subscriptions(db::Transaction& tx, const Param& tenant_ids) {
  return tx.ask(
      "SELECT tenant_id, stripe_subscription_id, stripe_customer_id, status, items, current_period_start, "
      "current_period_end, cancel_at, canceled_at, ended_at, trial_end, cancel_at_period_end, pause_reason, stated_at, "
      "stripe_event_id, history FROM billing.stripe_subscriptions WHERE tenant_id = ANY ($1) "
      "ORDER BY stripe_subscription_id",
      {tenant_ids});
}

void take_subscriptions(const db::Rows& rows, std::map<std::string, TenantBilling>& out) {
  for (const auto row : rows) {
    const std::string tenant_id{row.text(0)};
    std::vector<Standing> history;
    for (const auto& text : row.texts(15)) history.push_back(standing_from(text));
    out[tenant_id].facts.subscriptions.push_back({.stripe_subscription_id = std::string(row.text(1)),
                                                  .tenant_id = tenant_id,
                                                  .stripe_customer_id = std::string(row.text(2)),
                                                  .status = std::string(row.text(3)),
                                                  .items = items_from(row.text(4)),
                                                  .current_period_start = row.optional_timestamp(5),
                                                  .current_period_end = row.optional_timestamp(6),
                                                  .cancel_at = row.optional_timestamp(7),
                                                  .canceled_at = row.optional_timestamp(8),
                                                  .ended_at = row.optional_timestamp(9),
                                                  .trial_end = row.optional_timestamp(10),
                                                  .cancel_at_period_end = row.boolean(11),
                                                  .pause_reason = std::string(row.text(12)),
                                                  .stated_at = row.timestamp(13),
                                                  .stripe_event_id = std::string(row.text(14)),
                                                  .history = std::move(history)});
  }
}

const std::string invoice_columns =
    "tenant_id, stripe_invoice_id, stripe_subscription_id, billing_reason, status, closed_at, failed_at, "
    "failed_last_at, number, amount_minor, currency, url, issued_at, stated_at, stripe_event_id, next_attempt_at";

// Of what is closed only the last of each subscription, and its last that is paid, say anything about the account.
db::Asked ask_invoices(db::Transaction& tx, const Param& tenant_ids,
                       const std::vector<std::string>& stripe_invoice_ids) {
  static const std::string sql =
      "SELECT " + invoice_columns +
      " FROM billing.invoices WHERE tenant_id = ANY ($1) AND (status = 'open' OR stripe_invoice_id = ANY ($2)) UNION "
      "(SELECT DISTINCT ON (tenant_id, stripe_subscription_id, status) " +
      invoice_columns +
      " FROM billing.invoices WHERE tenant_id = ANY ($1) AND status <> 'open' "
      "ORDER BY tenant_id, stripe_subscription_id, status, closed_at DESC) ORDER BY stripe_invoice_id";
  return tx.ask(sql, {tenant_ids, Param::array(stripe_invoice_ids)});
}

void take_invoices(const db::Rows& rows, std::map<std::string, TenantBilling>& out) {
  for (const auto row : rows) {
    const std::string tenant_id{row.text(0)};
    out[tenant_id].facts.invoices.push_back({.stripe_invoice_id = std::string(row.text(1)),
                                             .tenant_id = tenant_id,
                                             .stripe_subscription_id = std::string(row.text(2)),
                                             .billing_reason = std::string(row.text(3)),
                                             .status = invoice_status_from(row.text(4)),
                                             .closed_at = row.optional_timestamp(5),
                                             .failed_at = row.optional_timestamp(6),
                                             .failed_last_at = row.optional_timestamp(7),
                                             .next_attempt_at = row.optional_timestamp(15),
                                             .number = std::string(row.text(8)),
                                             .amount_minor = row.int64(9),
                                             .currency = std::string(row.text(10)),
                                             .url = std::string(row.text(11)),
                                             .issued_at = row.optional_timestamp(12),
                                             .stated_at = row.timestamp(13),
                                             .stripe_event_id = std::string(row.text(14))});
  }
}

// Checked where it was written; a rule that is stricter since then falls back to the settings.
tenancy::DunningTerms dunning_from(std::string_view text) {
  const auto terms = tenancy::parse_dunning_terms(text);
  return terms ? *terms : tenancy::DunningTerms{};
}

db::Asked ask_tenancies(db::Transaction& tx, const Param& tenant_ids, Timestamp now) {
  return tx.ask(
      "SELECT t.tenant_id, t.status, t.status_reason, t.status_since, t.trial_ends_at, t.plan, t.plan_version, "
      "p.price_minor, h.held_until, h.unbilled_until, platform.dunning_of(t.tenant_id, t.plan, t.plan_version) "
      "FROM platform.tenants AS t JOIN platform.plans AS p ON p.plan = t.plan AND p.version = t.plan_version "
      "LEFT JOIN LATERAL (SELECT max(ends_at) AS held_until, max(ends_at) FILTER (WHERE hold = 'no_billing') AS "
      "unbilled_until FROM platform.holds WHERE tenant_id = t.tenant_id AND hold IN ('no_suspend', 'no_billing') AND "
      "ends_at > $2) AS h ON true WHERE t.tenant_id = ANY ($1)",
      {tenant_ids, now});
}

void take_tenancies(const db::Rows& rows, std::map<std::string, TenantBilling>& out) {
  for (const auto row : rows) {
    out[std::string(row.text(0))].tenancy = Tenancy{.status = tenancy::status_from(row.text(1)).value(),
                                                    .reason = std::string(row.text(2)),
                                                    .status_since = row.timestamp(3),
                                                    .trial_ends_at = row.timestamp(4),
                                                    .plan = std::string(row.text(5)),
                                                    .plan_version = static_cast<int>(row.int64(6)),
                                                    .price_minor = row.int64(7),
                                                    .held_until = row.optional_timestamp(8),
                                                    .unbilled_until = row.optional_timestamp(9),
                                                    .dunning = dunning_from(row.text(10))};
  }
}

using Tenants = std::map<std::string, TenantBilling>;

// All that is known, in one round trip. Whoever locks the accounts sees what the last holder wrote: each statement
// begins when the one before it has its locks.
struct AskedFacts {
  AskedFacts(db::Transaction& tx, const Param& tenant_ids, const std::vector<std::string>& stripe_invoice_ids,
             Timestamp now)
      : subscriptions(ask_subscriptions(tx, tenant_ids)),
        invoices(ask_invoices(tx, tenant_ids, stripe_invoice_ids)),
        tenancies(ask_tenancies(tx, tenant_ids, now)) {}

  void take(Tenants& out) && {
    take_subscriptions(std::move(subscriptions).rows(), out);
    take_invoices(std::move(invoices).rows(), out);
    take_tenancies(std::move(tenancies).rows(), out);
    for (auto& [tenant_id, tenant] : out) tenant.account = account_of(tenant.facts);
  }

  db::Asked subscriptions;
  db::Asked invoices;
  db::Asked tenancies;
};

// In order, so that two who make the same rows wait for each other and not in a ring.
void make_accounts(db::Transaction& tx, const Param& tenant_ids, Timestamp now) {
  tx.send(
      "INSERT INTO billing.accounts (tenant_id, state, updated_at) SELECT tenant_id, 'none', $2 FROM "
      "platform.tenants WHERE tenant_id = ANY ($1) ORDER BY tenant_id ON CONFLICT DO NOTHING",
      {tenant_ids, now});
}

Tenants tenants_named(const std::vector<std::string>& tenant_ids) {
  Tenants out;
  for (const auto& tenant_id : tenant_ids) out.try_emplace(tenant_id);
  return out;
}

// A column of a batch: one array of what `read` gives for each element.
template <class T, class F>
Param column(const std::vector<T>& rows, F read) {
  std::vector<std::decay_t<std::invoke_result_t<F, const T&>>> values;
  values.reserve(rows.size());
  for (const auto& row : rows) values.push_back(std::invoke(read, row));
  return Param::array(values);
}

SubscriptionItem first_item(const Subscription& subscription) {
  return subscription.items.empty() ? SubscriptionItem{} : subscription.items.front();
}

}  // namespace

Tenants load_tenants(db::Transaction& tx, const std::vector<std::string>& tenant_ids,
                     const std::vector<std::string>& stripe_invoice_ids, Timestamp now) {
  auto out = tenants_named(tenant_ids);
  const auto ids = Param::array(tenant_ids);
  auto accounts = lock_accounts(tx, ids);
  AskedFacts facts(tx, ids, stripe_invoice_ids, now);
  auto rows = std::move(accounts).rows();
  // Where a tenant has no account yet there was no row to lock, and what was read may be old.
  if (static_cast<std::size_t>(rows.size()) < out.size()) {
    make_accounts(tx, ids, now);
    accounts = lock_accounts(tx, ids);
    facts = AskedFacts(tx, ids, stripe_invoice_ids, now);
    rows = std::move(accounts).rows();
  }
  for (const auto row : rows) take_account(row, out[std::string(row.text(0))]);
  std::move(facts).take(out);
  return out;
}

Tenants read_tenants(db::Transaction& tx, const std::vector<std::string>& tenant_ids, Timestamp now) {
  Tenants out;
  const auto ids = Param::array(tenant_ids);
  auto accounts = tx.ask(account_rows, {ids});
  AskedFacts facts(tx, ids, {}, now);
  for (const auto row : std::move(accounts).rows()) take_account(row, out[std::string(row.text(0))]);
  std::move(facts).take(out);
  return out;
}

std::vector<PaymentMethod> load_payment_methods(db::Transaction& tx, const std::vector<std::string>& tenant_ids) {
  std::vector<PaymentMethod> out;
  for (const auto row : tx.exec("SELECT stripe_payment_method_id, tenant_id, kind, brand, last4, expires_at, detached, "
                                "stated_at, stripe_event_id FROM billing.payment_methods WHERE tenant_id = ANY ($1) "
                                "ORDER BY stripe_payment_method_id",
                                {Param::array(tenant_ids)})) {
    out.push_back({.stripe_payment_method_id = std::string(row.text(0)),
                   .tenant_id = std::string(row.text(1)),
                   .kind = std::string(row.text(2)),
                   .brand = std::string(row.text(3)),
                   .last4 = std::string(row.text(4)),
                   .expires_at = row.optional_timestamp(5),
                   .detached = row.boolean(6),
                   .stated_at = row.timestamp(7),
                   .stripe_event_id = std::string(row.text(8))});
  }
  return out;
}

std::vector<PricedPlan> load_plans(db::Transaction& tx) {
  std::vector<PricedPlan> out;
  const auto rows = tx.exec(
      "SELECT plan, version, price_minor, stripe_price_ids FROM platform.plans WHERE stripe_price_ids <> '{}' "
      "ORDER BY plan, version");
  for (const auto row : rows) {
    out.push_back({.plan = std::string(row.text(0)),
                   .version = static_cast<int>(row.int64(1)),
                   .price_minor = row.int64(2),
                   .stripe_price_ids = row.texts(3)});
  }
  return out;
}

void save_accounts(db::Transaction& tx, const std::map<std::string, TenantBilling>& tenants,
                   const std::vector<std::string>& changed, Timestamp now) {
  if (changed.empty()) return;
  const auto of = [&](auto read) {
    return column(changed, [&](const std::string& tenant_id) { return read(tenants.at(tenant_id)); });
  };
  tx.send(
      "INSERT INTO billing.accounts (tenant_id, state, paid_at, received_at, past_due_since, ended_at, trial_ends_at, "
      "priced_plan, because, updated_at) SELECT r.c1, r.c2, r.c3, r.c4, r.c5, r.c6, r.c7, r.c8, r.c9::jsonb, $10 FROM "
      "unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], "
      "$7::timestamptz[], $8::text[], $9::text[]) AS r (c1, c2, c3, c4, c5, c6, c7, c8, c9) ON CONFLICT (tenant_id) "
      "DO UPDATE SET "
      "state = excluded.state, paid_at = excluded.paid_at, received_at = excluded.received_at, "
      "past_due_since = excluded.past_due_since, ended_at = excluded.ended_at, trial_ends_at = excluded.trial_ends_at, "
      "priced_plan = excluded.priced_plan, because = excluded.because, updated_at = excluded.updated_at",
      {Param::array(changed), of([](const TenantBilling& each) { return to_string(each.account.state); }),
       of([](const TenantBilling& each) { return each.account.paid_at; }),
       of([](const TenantBilling& each) { return each.facts.received_at; }),
       of([](const TenantBilling& each) { return each.account.past_due_since; }),
       of([](const TenantBilling& each) { return each.account.ended_at; }),
       of([](const TenantBilling& each) { return each.own_trial_ends_at; }),
       of([](const TenantBilling& each) { return each.priced_plan; }),
       of([](const TenantBilling& each) { return written(each.because); }), now});
}

// Whoever writes has locked the account since it read: what it writes is the newest.
void save_subscriptions(db::Transaction& tx, const std::vector<Subscription>& subscriptions) {
  if (subscriptions.empty()) return;
  tx.send(
      "INSERT INTO billing.stripe_subscriptions (stripe_subscription_id, tenant_id, stripe_customer_id, status, "
      "price_id, quantity, items, current_period_start, current_period_end, cancel_at, canceled_at, ended_at, "
      "trial_end, cancel_at_period_end, pause_reason, stated_at, stated_rank, stripe_event_id, history) "
      "SELECT r.c1, r.c2, r.c3, r.c4, r.c5, r.c6, r.c7::jsonb, r.c8, r.c9, r.c10, r.c11, r.c12, r.c13, r.c14, r.c15, "
      "r.c16, r.c17, r.c18, r.c19::text[] FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], "
      "$6::bigint[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], "
      "$12::timestamptz[], $13::timestamptz[], $14::boolean[], $15::text[], $16::timestamptz[], $17::int[], "
      "$18::text[], $19::text[]) AS r (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, "
      "c18, "
      "c19) ON CONFLICT (stripe_subscription_id) DO UPDATE SET tenant_id = excluded.tenant_id, "
      "stripe_customer_id = excluded.stripe_customer_id, status = excluded.status, price_id = excluded.price_id, "
      "quantity = excluded.quantity, items = excluded.items, current_period_start = excluded.current_period_start, "
      "current_period_end = excluded.current_period_end, cancel_at = excluded.cancel_at, "
      "canceled_at = excluded.canceled_at, ended_at = excluded.ended_at, trial_end = excluded.trial_end, "
      "cancel_at_period_end = excluded.cancel_at_period_end, pause_reason = excluded.pause_reason, "
      "stated_at = excluded.stated_at, stated_rank = excluded.stated_rank, "
      "stripe_event_id = excluded.stripe_event_id, history = excluded.history",
      {column(subscriptions, &Subscription::stripe_subscription_id), column(subscriptions, &Subscription::tenant_id),
       column(subscriptions, &Subscription::stripe_customer_id), column(subscriptions, &Subscription::status),
       column(subscriptions, [](const Subscription& row) { return first_item(row).price_id; }),
       column(subscriptions, [](const Subscription& row) { return first_item(row).quantity; }),
       column(subscriptions, [](const Subscription& row) { return written(row.items); }),
       column(subscriptions, &Subscription::current_period_start),
       column(subscriptions, &Subscription::current_period_end), column(subscriptions, &Subscription::cancel_at),
       column(subscriptions, &Subscription::canceled_at), column(subscriptions, &Subscription::ended_at),
       column(subscriptions, &Subscription::trial_end),
       column(subscriptions, [](const Subscription& row) { return row.cancel_at_period_end; }),
       column(subscriptions, &Subscription::pause_reason), column(subscriptions, &Subscription::stated_at),
       column(subscriptions, [](const Subscription& row) { return rank_of(row.status); }),
       column(subscriptions, &Subscription::stripe_event_id),
       column(subscriptions, [](const Subscription& row) { return written(row.history); })});
}

void save_invoices(db::Transaction& tx, const std::vector<Invoice>& invoices) {
  if (invoices.empty()) return;
  static const std::string sql =
      "INSERT INTO billing.invoices (" + invoice_columns +
      ") SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], "
      "$7::timestamptz[], $8::timestamptz[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::timestamptz[], "
      "$14::timestamptz[], $15::text[], $16::timestamptz[]) ON CONFLICT (stripe_invoice_id) DO UPDATE SET "
      "tenant_id = excluded.tenant_id, stripe_subscription_id = excluded.stripe_subscription_id, "
      "billing_reason = excluded.billing_reason, status = excluded.status, closed_at = excluded.closed_at, "
      "failed_at = excluded.failed_at, failed_last_at = excluded.failed_last_at, number = excluded.number, "
      "amount_minor = excluded.amount_minor, currency = excluded.currency, url = excluded.url, "
      "issued_at = excluded.issued_at, stated_at = excluded.stated_at, stripe_event_id = excluded.stripe_event_id, "
      "next_attempt_at = excluded.next_attempt_at";
  tx.send(sql, {column(invoices, &Invoice::tenant_id), column(invoices, &Invoice::stripe_invoice_id),
                column(invoices, &Invoice::stripe_subscription_id), column(invoices, &Invoice::billing_reason),
                column(invoices, [](const Invoice& row) { return to_string(row.status); }),
                column(invoices, &Invoice::closed_at), column(invoices, &Invoice::failed_at),
                column(invoices, &Invoice::failed_last_at), column(invoices, &Invoice::number),
                column(invoices, &Invoice::amount_minor), column(invoices, &Invoice::currency),
                column(invoices, &Invoice::url), column(invoices, &Invoice::issued_at),
                column(invoices, &Invoice::stated_at), column(invoices, &Invoice::stripe_event_id),
                column(invoices, &Invoice::next_attempt_at)});
}

void save_payment_methods(db::Transaction& tx, const std::vector<PaymentMethod>& methods, Timestamp now) {
  if (methods.empty()) return;
  tx.send(
      "INSERT INTO billing.payment_methods (stripe_payment_method_id, tenant_id, kind, brand, last4, expires_at, "
      "detached, stated_at, stripe_event_id, told_at) SELECT *, $10::timestamptz FROM unnest($1::text[], $2::text[], "
      "$3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::boolean[], $8::timestamptz[], $9::text[]) "
      "ON CONFLICT (stripe_payment_method_id) DO UPDATE SET tenant_id = excluded.tenant_id, kind = excluded.kind, "
      "brand = excluded.brand, last4 = excluded.last4, expires_at = excluded.expires_at, "
      "detached = excluded.detached, stated_at = excluded.stated_at, stripe_event_id = excluded.stripe_event_id, "
      "told_at = excluded.told_at",
      {column(methods, &PaymentMethod::stripe_payment_method_id), column(methods, &PaymentMethod::tenant_id),
       column(methods, &PaymentMethod::kind), column(methods, &PaymentMethod::brand),
       column(methods, &PaymentMethod::last4), column(methods, &PaymentMethod::expires_at),
       column(methods, &PaymentMethod::detached), column(methods, &PaymentMethod::stated_at),
       column(methods, &PaymentMethod::stripe_event_id), now});
}

// The states are ranked as PaymentState ranks them.
void save_payments(db::Transaction& tx, const std::vector<Payment>& payments) {
  if (payments.empty()) return;
  tx.send(
      "WITH ranks AS (SELECT ARRAY['failed', 'succeeded', 'refunded', 'disputed', 'dispute_won', 'dispute_lost'] AS r) "
      "INSERT INTO billing.payments AS p (stripe_object_id, tenant_id, state, stripe_subscription_id, amount_minor, "
      "currency, stated_at, stripe_event_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], "
      "$5::bigint[], $6::text[], $7::timestamptz[], $8::text[]) "
      "ON CONFLICT (stripe_object_id) DO UPDATE SET tenant_id = excluded.tenant_id, state = excluded.state, "
      "stripe_subscription_id = excluded.stripe_subscription_id, amount_minor = excluded.amount_minor, "
      "currency = excluded.currency, stated_at = excluded.stated_at, stripe_event_id = excluded.stripe_event_id "
      "WHERE (p.stated_at, array_position((SELECT r FROM ranks), p.state), p.stripe_event_id COLLATE \"C\") < "
      "(excluded.stated_at, array_position((SELECT r FROM ranks), excluded.state), "
      "excluded.stripe_event_id COLLATE \"C\")",
      {column(payments, &Payment::stripe_object_id), column(payments, &Payment::tenant_id),
       column(payments, [](const Payment& row) { return to_string(row.state); }),
       column(payments, &Payment::stripe_subscription_id), column(payments, &Payment::amount_minor),
       column(payments, &Payment::currency), column(payments, &Payment::stated_at),
       column(payments, &Payment::stripe_event_id)});
}

}  // namespace tenantry::billing
