// A tenant's account as billing has judged it: why, of which of Stripe's objects, and what comes next; on which days it
// is reminded, suspended and deleted.
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/gateway/api/admin/accounts/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr int rows_max = 100;  // of each kind that are shown, the newest

json read_account(db::Transaction& tx, std::string_view tenant_id) {
  const auto rows = tx.exec(
      "SELECT state, past_due_since, paid_at, received_at, ended_at, priced_plan, because FROM billing.accounts WHERE "
      "tenant_id = $1",
      {tenant_id});
  if (rows.empty()) return {{"state", "none"}, {"because", json::object()}};
  const auto& row = rows[0];
  return {{"state", row.text(0)},
          {"past_due_since", instant(row, 1)},
          {"paid_at", instant(row, 2)},
          {"received_at", instant(row, 3)},
          {"ended_at", instant(row, 4)},
          {"priced_plan", row.text(5)},
          {"because", json::parse(row.text(6))}};
}

json read_subscriptions(db::Transaction& tx, std::string_view tenant_id) {
  json out = json::array();
  for (const auto row : tx.exec("SELECT stripe_subscription_id, status, pause_reason, items, current_period_end, "
                                // Newer shapes say when, the older only that.
                                "coalesce(cancel_at, CASE WHEN cancel_at_period_end THEN current_period_end END), "
                                "trial_end, stated_at, stripe_event_id, history FROM "
                                "billing.stripe_subscriptions WHERE tenant_id = $1 ORDER BY stated_at DESC, "
                                "stripe_subscription_id LIMIT $2",
                                {tenant_id, rows_max})) {
    json history = json::array();
    for (const auto& text : row.texts(9)) history.push_back(text);
    out.push_back({{"id", row.text(0)},
                   {"status", row.text(1)},
                   {"pause_reason", row.text(2)},
                   {"items", json::parse(row.text(3))},
                   {"current_period_end", instant(row, 4)},
                   {"cancel_at", instant(row, 5)},
                   {"trial_end", instant(row, 6)},
                   {"stated_at", instant(row, 7)},
                   {"stripe_event_id", row.text(8)},
                   {"history", std::move(history)}});
  }
  return out;
}

json read_invoices(db::Transaction& tx, std::string_view tenant_id) {
  json out = json::array();
  for (const auto row :
       tx.exec("SELECT stripe_invoice_id, status, amount_minor, currency, stripe_subscription_id, "
               "billing_reason, failed_at, closed_at, stated_at, stripe_event_id FROM billing.invoices "
               "WHERE tenant_id = $1 ORDER BY status = 'open' DESC, stated_at DESC LIMIT $2",
               {tenant_id, rows_max})) {
    out.push_back({{"id", row.text(0)},
                   {"status", row.text(1)},
                   {"amount_minor", row.int64(2)},
                   {"currency", row.text(3)},
                   {"stripe_subscription_id", row.text(4)},
                   {"billing_reason", row.text(5)},
                   {"failed_at", instant(row, 6)},
                   {"closed_at", instant(row, 7)},
                   {"stated_at", instant(row, 8)},
                   {"stripe_event_id", row.text(9)}});
  }
  return out;
}

json read_payment_methods(db::Transaction& tx, std::string_view tenant_id) {
  json out = json::array();
  for (const auto row : tx.exec("SELECT stripe_payment_method_id, kind, brand, last4, expires_at, stated_at FROM "
                                "billing.payment_methods WHERE tenant_id = $1 AND NOT detached ORDER BY stated_at DESC "
                                "LIMIT $2",
                                {tenant_id, rows_max})) {
    out.push_back({{"id", row.text(0)},
                   {"kind", row.text(1)},
                   {"brand", row.text(2)},
                   {"last4", row.text(3)},
                   {"expires_at", instant(row, 4)},
                   {"stated_at", instant(row, 5)}});
  }
  return out;
}

json read_holds(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  json out = json::array();
  for (const auto row :
       tx.exec("SELECT hold, reason, ends_at FROM platform.holds WHERE tenant_id = $1 AND ends_at > $2 "
               "ORDER BY hold",
               {tenant_id, now})) {
    out.push_back({{"hold", row.text(0)}, {"reason", row.text(1)}, {"ends_at", instant(row, 2)}});
  }
  return out;
}

// The timers that are set, by the names under which there is one at most.
json read_timers(db::Transaction& tx, const std::string& tenant_id) {
  std::vector<std::string> keys;
  for (const char* name : {"/trial.ending", "/trial.ended", "/dunning", "/plan", "/deletion_due"}) {
    keys.push_back(tenant_id + name);
  }
  json out = json::array();
  for (const auto row : tx.exec("SELECT type, available_at FROM messaging.outbox WHERE timer_key = ANY ($1) "
                                "ORDER BY available_at",
                                {db::Param::array(keys)})) {
    out.push_back({{"type", row.text(0)}, {"at", instant(row, 1)}});
  }
  return out;
}

json read_moves(db::Transaction& tx, std::string_view tenant_id) {
  json out = json::array();
  for (const auto row : tx.exec("SELECT coalesce(from_status, ''), to_status, trigger, reason, at, event_id FROM "
                                "platform.lifecycle_history WHERE tenant_id = $1 ORDER BY at DESC LIMIT $2",
                                {tenant_id, rows_max})) {
    const auto status = [](std::string_view text) {
      const auto known = tenancy::status_from(text);
      return known ? tenancy::written(*known) : std::string(text);
    };
    out.push_back({{"from", status(row.text(0))},
                   {"to", status(row.text(1))},
                   {"trigger", row.text(2)},
                   {"reason", row.text(3)},
                   {"at", instant(row, 4)},
                   {"event_id", row.text(5)}});
  }
  return out;
}

void explain_account(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    const auto tenant = tenancy::find_tenant(tx, tenant_id);
    if (!tenant) return no_tenant(*call);
    tx.set_tenant(tenant_id);
    tell_read(outbox, tenant_id, "account");
    return json_response(200, {{"tenant_id", tenant_id},
                               {"status", tenancy::written(tenant->lifecycle.status)},
                               {"status_reason", tenant->lifecycle.reason},
                               {"plan", tenant->plan},
                               {"account", read_account(tx, tenant_id)},
                               {"subscriptions", read_subscriptions(tx, tenant_id)},
                               {"invoices", read_invoices(tx, tenant_id)},
                               {"payment_methods", read_payment_methods(tx, tenant_id)},
                               {"holds", read_holds(tx, tenant_id, outbox.now())},
                               {"timers", read_timers(tx, tenant_id)},
                               {"moves", read_moves(tx, tenant_id)}});
  });
}

void review_account(Services& services, const CallPtr& call) {
  change(services, call, parse_account_reason(call->request().body),
         [call](const std::string& reason, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto& tenant_id = call->path.at("id");
           if (!tenancy::find_tenant(tx, tenant_id)) return no_tenant(*call);
           v1::AccountReviewRequested event;
           event.set_requested_by(call->admin);
           event.set_reason(reason);
           outbox.publish(tenant_id, event);
           return json_response(202, {{"tenant_id", tenant_id}});
         });
}

// ---- dunning -------------------------------------------------------------------------------------------------------

// What the plan says, what the tenant has of its own, and both joined; what is in neither is billing's setting.
json dunning_of(db::Transaction& tx, const tenancy::Tenant& tenant) {
  const auto rows = tx.exec(
      "SELECT p.dunning, d.terms, d.reason, d.set_at, platform.dunning_of($1, $2, $3) FROM platform.plans p "
      "LEFT JOIN platform.dunning_terms d ON d.tenant_id = $1 WHERE p.plan = $2 AND p.version = $3",
      {tenant.tenant_id, tenant.plan, std::int64_t{tenant.plan_version}});
  const auto& row = rows[0];
  return {{"plan", json::parse(row.text(0))},
          {"tenant", row.is_null(1) ? json(nullptr) : json::parse(row.text(1))},
          {"reason", row.is_null(2) ? json(nullptr) : json(row.text(2))},
          {"set_at", instant(row, 3)},
          {"in_force", json::parse(row.text(4))}};
}

void read_dunning(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto tenant = tenancy::find_tenant(tx, call->path.at("id"));
    if (!tenant) return no_tenant(*call);
    tell_read(outbox, tenant->tenant_id, "dunning");
    return json_response(200, dunning_of(tx, *tenant));
  });
}

v1::DunningTermsSet told(const DunningRequest& request) {
  const auto days = [](const std::optional<Days>& each) {
    return static_cast<std::int32_t>(each.value_or(Days{0}).count());
  };
  v1::DunningTermsSet event;
  event.set_reminds(request.terms.remind_on.has_value());
  for (const auto day : request.terms.remind_on.value_or(std::vector<Days>{})) {
    event.add_remind_days(static_cast<std::int32_t>(day.count()));
  }
  event.set_suspend_day(days(request.terms.suspend_on));
  event.set_notice_days(days(request.terms.notice));
  event.set_grace_days(days(request.terms.grace));
  event.set_reason(request.reason);
  return event;
}

void set_dunning(Services& services, const CallPtr& call) {
  change(
      services, call, parse_dunning_request(call->request().body),
      [call](const DunningRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto tenant = tenancy::lock_tenant(tx, call->path.at("id"));
        if (!tenant) return no_tenant(*call);
        tx.exec(
            "INSERT INTO platform.dunning_terms (tenant_id, terms, reason, set_at) VALUES ($1, $2::jsonb, $3, $4) "
            "ON CONFLICT (tenant_id) DO UPDATE SET terms = excluded.terms, reason = excluded.reason, "
            "set_at = excluded.set_at",
            {tenant->tenant_id, tenancy::written(request.terms), request.reason, outbox.now()});
        // Against what the plan says of the rest.
        auto in_force = dunning_of(tx, *tenant);
        const auto joined = tenancy::parse_dunning_terms(in_force["in_force"].dump());
        if (!joined) return joined.error();
        if (const auto ok = tenancy::check_order(*joined); !ok) return ok.error();
        outbox.publish(tenant->tenant_id, told(request));
        return json_response(200, in_force);
      });
}

void remove_dunning(Services& services, const CallPtr& call) {
  change(services, call, parse_account_reason(call->request().body),
         [call](const std::string& reason, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto tenant = tenancy::lock_tenant(tx, call->path.at("id"));
           if (!tenant) return no_tenant(*call);
           const auto removed = tx.exec("DELETE FROM platform.dunning_terms WHERE tenant_id = $1", {tenant->tenant_id});
           if (removed.affected() == 0) {
             return Error{.code = Errc::conflict,
                          .reason = "no_dunning_terms",
                          .message = "this tenant has its plan's days of dunning"};
           }
           v1::DunningTermsRemoved event;
           event.set_reason(reason);
           outbox.publish(tenant->tenant_id, event);
           return json_response(200, dunning_of(tx, *tenant));
         });
}

}  // namespace

namespace api {
Routes admin_accounts() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/tenants/{id}/account", "adminExplainAccount", Guard::admin, explain_account},
      {Method::post, "/v1/admin/tenants/{id}/review-account", "adminReviewAccount", Guard::admin, review_account},
      {Method::get, "/v1/admin/tenants/{id}/dunning", "adminDunning", Guard::admin, read_dunning},
      {Method::put, "/v1/admin/tenants/{id}/dunning", "adminSetDunning", Guard::admin, set_dunning},
      {Method::post, "/v1/admin/tenants/{id}/remove-dunning", "adminRemoveDunning", Guard::admin, remove_dunning},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
