// The tenant's subscription: what it pays for, how it stands, its cancellation.
#include <nlohmann/json.hpp>

#include "shared/core/assert.h"
#include "shared/db/connection.h"
#include "shared/tenancy/terms.h"
#include "shared/tenancy/transition.h"
#include "workers/gateway/edge/fields.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

Result<std::string> parse_plan(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  return fields.finish(fields.line("plan", true, 32));
}

json read_billing(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  json out = {{"billing", nullptr}, {"stripe_subscription", nullptr}};
  const auto account =
      tx.exec("SELECT state, past_due_since, paid_at FROM billing.accounts WHERE tenant_id = $1", {tenant_id});
  if (!account.empty()) {
    out["billing"] = {
        {"state", account[0].text(0)}, {"past_due_since", instant(account[0], 1)}, {"paid_at", instant(account[0], 2)}};
  }
  // The one in force, where there are several; of those, and where there is none, the newest.
  const auto subscription = tx.exec(
      "SELECT stripe_subscription_id, status, price_id, current_period_end, cancel_at_period_end, cancel_at, "
      "trial_end, "
      "items FROM billing.stripe_subscriptions WHERE tenant_id = $1 ORDER BY status IN ('canceled', 'incomplete', "
      "'incomplete_expired'), stated_at DESC, stripe_subscription_id LIMIT 1",
      {tenant_id});
  if (!subscription.empty()) {
    const auto& row = subscription[0];
    const bool at_period_end = row.boolean(4);
    out["stripe_subscription"] = {{"id", row.text(0)},
                                  {"status", row.text(1)},
                                  {"price_id", row.text(2)},
                                  {"current_period_end", instant(row, 3)},
                                  {"cancel_at_period_end", at_period_end},
                                  // Newer shapes say when, the older only that.
                                  {"ends_at", row.is_null(5) && at_period_end ? instant(row, 3) : instant(row, 5)},
                                  {"trial_end", instant(row, 6)},
                                  {"items", json::parse(row.text(7))}};
  }
  const auto invoices =
      tx.exec("SELECT count(*) FROM billing.invoices WHERE tenant_id = $1 AND issued_at IS NOT NULL", {tenant_id});
  out["invoices"] = invoices[0].int64(0);
  return out;
}

// Read afresh: whoever has just paid or cancelled looks here.
void read_subscription(Services& services, const CallPtr& call) {
  read(services, call, [&services, call](db::Transaction& tx) {
    const auto entry = store::load_tenant(tx, call->tenant_id(), services.clock.now());
    TENANTRY_ASSERT(entry != nullptr);  // tenants' rows stay for good
    const auto& tenant = entry->tenant;
    auto body = read_billing(tx, call->tenant_id());
    body["plan"] = tenant.plan;
    const auto pending = tenancy::find_pending_plan(tx, call->tenant_id());
    body["plan_change"] =
        pending ? json{{"plan", pending->plan}, {"due_at", to_rfc3339(pending->due_at)}} : json(nullptr);
    body["price"] = {{"amount_minor", entry->price_minor}, {"currency", entry->currency}};
    body["status"] = tenancy::written(tenant.lifecycle.status);
    body["status_reason"] = tenant.lifecycle.reason;
    body["trial_ends_at"] = to_rfc3339(tenant.lifecycle.trial_ends_at);
    body["deletion_due_at"] = instant(tenant.deletion_due_at);
    return json_response(200, body);
  });
}

// `refused`: the answer when the trigger has no effect in the tenant's status.
void move_subscription(Services& services, const CallPtr& call, tenancy::Trigger trigger, const char* reason,
                       Error (*refused)(tenancy::Status)) {
  change(
      services, call,
      [=, &services](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto moved = tenancy::transition(tx, outbox, {call->tenant_id(), trigger, reason, ""}, outbox.now(),
                                               services.config.lifecycle);
        if (!moved) return moved.error();
        if (!moved->changed) return refused(moved->from);
        const auto tenant = tenancy::find_tenant(tx, call->tenant_id());
        return json_response(200, {{"status", tenancy::written(tenant->lifecycle.status)},
                                   {"deletion_due_at", instant(tenant->deletion_due_at)}});
      },
      [&services, call] { services.tenant_changed(call->tenant_id()); });
}

void choose_plan(Services& services, const CallPtr& call) {
  change(
      services, call, parse_plan(call->request().body),
      [call](const std::string& plan, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto chosen =
            tenancy::choose_plan(tx, outbox, {.tenant_id = call->tenant_id(), .plan = plan, .asked_by = "tenant"});
        if (!chosen) return chosen.error();
        return json_response(200, {{"plan", chosen->plan}, {"due_at", instant(chosen->due_at)}});
      },
      [&services, call] { services.tenant_changed(call->tenant_id()); });
}

void keep_plan(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    tx.set_tenant(call->tenant_id());
    const auto tenant = tenancy::lock_tenant(tx, call->tenant_id());
    const auto withdrawn = tenancy::withdraw_pending_plan(tx, outbox, call->tenant_id(), "tenant");
    if (!withdrawn) return withdrawn.error();
    if (!*withdrawn) {
      return Error{.code = Errc::conflict, .reason = "no_plan_change", .message = "no change of the plan is to come"};
    }
    return json_response(200, {{"plan", tenant->plan}, {"due_at", nullptr}});
  });
}

json list_of_invoices(db::Transaction& tx, std::string_view tenant_id, const Page& page) {
  tx.set_tenant(tenant_id);
  json out = json::array();
  for (const auto row :
       tx.exec("SELECT stripe_invoice_id, number, status, amount_minor, currency, issued_at, closed_at, failed_at, "
               "stripe_subscription_id, billing_reason, url FROM billing.invoices WHERE tenant_id = $1 AND issued_at "
               "IS NOT "
               "NULL AND ($2::timestamptz IS NULL OR (issued_at, stripe_invoice_id) < ($2, $3)) "
               "ORDER BY issued_at DESC, stripe_invoice_id DESC LIMIT $4",
               {tenant_id, page.time(), page.id(), page.limit})) {
    out.push_back({{"id", row.text(0)},
                   {"number", row.text(1)},
                   {"status", row.text(2)},
                   {"amount", {{"amount_minor", row.int64(3)}, {"currency", row.text(4)}}},
                   {"issued_at", to_rfc3339(row.timestamp(5))},
                   {"closed_at", instant(row, 6)},
                   {"failed_at", instant(row, 7)},
                   {"subscription_id", row.text(8)},
                   {"reason", row.text(9)},
                   {"url", row.text(10)}});
  }
  return out;
}

void invoices(Services& services, const CallPtr& call) {
  list(services, call, {.name = "invoices", .time_field = "issued_at", .uuid_ids = false},
       [call](db::Transaction& tx, const Page& page) { return list_of_invoices(tx, call->tenant_id(), page); });
}

void cancel_subscription(Services& services, const CallPtr& call) {
  move_subscription(services, call, tenancy::Trigger::cancel, "requested_by_tenant", [](tenancy::Status) {
    return Error{
        .code = Errc::conflict, .reason = "not_cancellable", .message = "there is no subscription left to cancel"};
  });
}

void reactivate_subscription(Services& services, const CallPtr& call) {
  move_subscription(services, call, tenancy::Trigger::resume, "requested_by_tenant", [](tenancy::Status from) {
    if (from == tenancy::Status::cancelled || from == tenancy::Status::suspended) {
      return Error{
          .code = Errc::payment_required, .reason = "payment_required", .message = "a payment is needed first"};
    }
    return Error{.code = Errc::conflict, .reason = "not_cancelled", .message = "the subscription was not cancelled"};
  });
}

}  // namespace

namespace api {
Routes subscription() {
  static constexpr Route routes[] = {
      {Method::get,
       "/v1/subscription",
       "subscription",
       Guard::billing,
       read_subscription,
       {.permission = "subscription:read"}},
      {Method::put,
       "/v1/subscription/plan",
       "choosePlan",
       Guard::billing,
       choose_plan,
       {.permission = "subscription:change_plan"}},
      {Method::delete_,
       "/v1/subscription/plan",
       "keepPlan",
       Guard::billing,
       keep_plan,
       {.permission = "subscription:change_plan"}},
      {Method::get, "/v1/invoices", "listInvoices", Guard::billing, invoices, {.permission = "subscription:read"}},
      {Method::post,
       "/v1/subscription/cancel",
       "cancelSubscription",
       Guard::billing,
       cancel_subscription,
       {.permission = "subscription:cancel", .recent = true}},
      {Method::post,
       "/v1/subscription/reactivate",
       "reactivateSubscription",
       Guard::billing,
       reactivate_subscription,
       {.permission = "subscription:reactivate"}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
