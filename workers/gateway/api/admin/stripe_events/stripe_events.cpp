// What Stripe sent, what became of it, and what a super-admin does about what is parked.
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/api/admin/stripe_events/requests.h"
#include "workers/gateway/edge/verbs.h"
#include "workers/gateway/stripe/inbox.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

json list_stripe_events(db::Transaction& tx, std::string_view state, const Page& page) {
  json list = json::array();
  for (const auto row :
       tx.exec("SELECT stripe_event_id, type, account, tenant_id, state, reason, stated_at, received_at, "
               "detail, settled_by, settled_at "
               "FROM billing.stripe_events WHERE ($1 = '' OR state = $1) "
               "AND ($2::timestamptz IS NULL OR (received_at, stripe_event_id) < ($2, $3)) "
               "ORDER BY received_at DESC, stripe_event_id DESC LIMIT $4",
               {state, page.time(), page.id(), page.limit})) {
    list.push_back({{"id", row.text(0)},
                    {"type", row.text(1)},
                    {"account", row.text(2)},
                    {"tenant_id", row.is_null(3) ? json(nullptr) : json(row.text(3))},
                    {"state", row.text(4)},
                    {"reason", row.text(5)},
                    {"stated_at", to_rfc3339(row.timestamp(6))},
                    {"received_at", to_rfc3339(row.timestamp(7))},
                    {"detail", row.text(8)},
                    {"settled_by", row.text(9)},
                    {"settled_at", instant(row, 10)}});
  }
  return list;
}

void stripe_events(Services& services, const CallPtr& call) {
  const auto state = choice(*call, "state", {"published", "ignored", "parked", "dropped"});
  if (!state) return services.refuse(call, state.error());
  list(services, call, {.name = "stripe_events", .time_field = "received_at", .uuid_ids = false},
       [state = *state](db::Transaction& tx, const Page& page) { return list_stripe_events(tx, state, page); });
}

http::Response settled(const Call& call, const char* state) {
  return json_response(200, {{"id", call.path.at("id")}, {"state", state}});
}

void redrive(Services& services, const CallPtr& call) {
  change(services, call, parse_stripe_event_reason(call->request().body, false),
         [&services, call](const StripeEventAction& action, db::Transaction& tx,
                           messaging::Outbox& outbox) -> Result<http::Response> {
           const auto done = redrive_stripe_event(tx, outbox, services.config.stripe, call->path.at("id"),
                                                  {call->admin, action.reason});
           if (!done) return done.error();
           return settled(*call, "published");
         });
}

void assign(Services& services, const CallPtr& call) {
  change(services, call, parse_stripe_event_assignment(call->request().body),
         [&services, call](const StripeEventAction& action, db::Transaction& tx,
                           messaging::Outbox& outbox) -> Result<http::Response> {
           const auto done = assign_stripe_event(tx, outbox, services.config.stripe, call->path.at("id"),
                                                 action.tenant_id, {call->admin, action.reason});
           if (!done) return done.error();
           return settled(*call, "published");
         });
}

void drop(Services& services, const CallPtr& call) {
  change(services, call, parse_stripe_event_reason(call->request().body, true),
         [call](const StripeEventAction& action, db::Transaction& tx,
                messaging::Outbox& outbox) -> Result<http::Response> {
           const auto done = drop_stripe_event(tx, outbox, call->path.at("id"), {call->admin, action.reason});
           if (!done) return done.error();
           return settled(*call, "dropped");
         });
}

constexpr Route routes[] = {
    {Method::get, "/v1/admin/stripe-events", "adminStripeEvents", Guard::admin, stripe_events},
    {Method::post, "/v1/admin/stripe-events/{id}/redrive", "adminRedriveStripeEvent", Guard::admin, redrive},
    {Method::post, "/v1/admin/stripe-events/{id}/assign", "adminAssignStripeEvent", Guard::admin, assign},
    {Method::post, "/v1/admin/stripe-events/{id}/drop", "adminDropStripeEvent", Guard::admin, drop},
};

}  // namespace

namespace api {
Routes admin_stripe_events() {
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
