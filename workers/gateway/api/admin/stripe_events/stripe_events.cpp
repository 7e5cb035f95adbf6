// What Stripe sent, what became of it, and what a super-admin does about what is parked.
#include <nlohmann/json.hpp>

#include <google/protobuf/message.h>

#include "events/catalogue.h"
#include "events/topology.h"
#include "shared/core/bytes.h"
#include "shared/db/connection.h"
#include "workers/gateway/api/admin/stripe_events/requests.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/verbs.h"
#include "workers/gateway/stripe/inbox.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr std::size_t stripe_words_max = 255;  // no id of Stripe's is longer

json described(const db::Row& row) {
  return {{"id", row.text(0)},
          {"type", row.text(1)},
          {"account", row.text(2)},
          {"tenant_id", row.is_null(3) ? json(nullptr) : json(row.text(3))},
          {"state", row.text(4)},
          {"reason", row.text(5)},
          {"stated_at", to_rfc3339(row.timestamp(6))},
          {"received_at", to_rfc3339(row.timestamp(7))},
          {"detail", row.text(8)},
          {"settled_by", row.text(9)},
          {"settled_at", instant(row, 10)}};
}

struct StripeEventFilter {
  std::string state{};  // "": any
  std::string words{};  // its whole id or its tenant's, or what its type begins with; "": any
};
json list_stripe_events(db::Transaction& tx, const StripeEventFilter& filter, const Page& page) {
  json list = json::array();
  for (const auto row :
       tx.exec("SELECT stripe_event_id, type, account, tenant_id, state, reason, stated_at, received_at, "
               "detail, settled_by, settled_at "
               "FROM billing.stripe_events WHERE ($1 = '' OR state = $1) "
               "AND ($2::timestamptz IS NULL OR (received_at, stripe_event_id) < ($2, $3)) "
               "AND ($5 = '' OR stripe_event_id = $5 OR tenant_id = $5 OR (type COLLATE \"C\" >= $5 "
               "AND type COLLATE \"C\" < $5 || chr(1114111))) "
               "ORDER BY received_at DESC, stripe_event_id DESC LIMIT $4",
               {filter.state, page.time(), page.id(), page.limit, filter.words})) {
    list.push_back(described(row));
  }
  return list;
}

void stripe_events(Services& services, const CallPtr& call) {
  const auto state = choice(*call, "state", {"published", "ignored", "parked", "dropped"});
  if (!state) return services.refuse(call, state.error());
  const StripeEventFilter filter{.state = *state, .words = query(*call, "q")};
  if (filter.words.size() > stripe_words_max || has_control(filter.words)) {
    return services.refuse(call, Error::invalid("/q", "characters", "must be an id, a tenant's, or part of a type"));
  }
  list(services, call, {.name = "stripe_events", .time_field = "received_at", .uuid_ids = false},
       [filter](db::Transaction& tx, const Page& page) { return list_stripe_events(tx, filter, page); });
}

// What Stripe sent, byte for byte, while it is kept (housekeeping.rules). It may hold names, addresses and the last
// digits of a card: that one has looked is in the log of the tenant it is about.
void reveal(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& id = call->path.at("id");
    const auto rows = tx.exec(
        "SELECT tenant_id, body, encode(body_hash, 'hex') FROM billing.stripe_events WHERE stripe_event_id = $1", {id});
    if (rows.empty()) return nothing_here();
    const auto row = rows[0];
    const auto raw = row.bytes(1);
    tell_read(outbox, row.is_null(0) ? events::platform_tenant : row.text(0), "stripe_event_body", id);
    return json_response(
        200,
        {{"id", id}, {"body_base64", raw.empty() ? json(nullptr) : json(to_base64(raw))}, {"sha256", row.text(2)}});
  });
}

// The objects that it names, whose they are, and whose statement is what is known of each.
json read_objects(db::Transaction& tx, const std::string& event_id, const std::string& tenant_id,
                  const std::vector<std::string>& object_ids) {
  if (!tenant_id.empty()) tx.set_tenant(tenant_id);
  json out = json::array();
  for (const auto row :
       tx.exec("SELECT o.id, l.tenant_id, coalesce(s.stripe_event_id, i.stripe_event_id, m.stripe_event_id) FROM "
               "unnest($1::text[]) WITH ORDINALITY AS o (id, place) "
               "LEFT JOIN billing.stripe_links l ON l.stripe_object_id = o.id "
               "LEFT JOIN billing.stripe_subscriptions s ON s.stripe_subscription_id = o.id "
               "LEFT JOIN billing.invoices i ON i.stripe_invoice_id = o.id "
               "LEFT JOIN billing.payment_methods m ON m.stripe_payment_method_id = o.id ORDER BY o.place",
               {db::Param::array(object_ids)})) {
    const bool kept = !row.is_null(2);
    out.push_back({{"id", row.text(0)},
                   {"tenant_id", row.is_null(1) ? json(nullptr) : json(row.text(1))},
                   {"counts", kept ? json(row.text(2) == event_id) : json(nullptr)},
                   {"known_by", kept ? row.text(2) : ""}});
  }
  return out;
}

void explain(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& id = call->path.at("id");
    const auto rows = tx.exec(
        "SELECT stripe_event_id, type, account, tenant_id, state, reason, stated_at, received_at, detail, settled_by, "
        "settled_at, body FROM billing.stripe_events WHERE stripe_event_id = $1",
        {id});
    if (rows.empty()) return nothing_here();
    auto body = described(rows[0]);
    const auto raw = rows[0].bytes(11);
    const auto fact = read_stripe_event(as_text(raw));
    body["says"] = fact.message == nullptr
                       ? json(nullptr)
                       : json(events::Catalogue::instance().find(fact.message->GetDescriptor())->type);
    body["objects"] = read_objects(tx, id, rows[0].is_null(3) ? "" : std::string(rows[0].text(3)), fact.object_ids);
    tell_read(outbox, events::platform_tenant, "stripe_event", id);
    return json_response(200, body);
  });
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

}  // namespace

namespace api {
Routes admin_stripe_events() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/stripe-events", "adminStripeEvents", Guard::admin, stripe_events},
      {Method::get, "/v1/admin/stripe-events/{id}", "adminExplainStripeEvent", Guard::admin, explain},
      {Method::post, "/v1/admin/stripe-events/{id}/reveal", "adminRevealStripeEvent", Guard::admin, reveal},
      {Method::post, "/v1/admin/stripe-events/{id}/redrive", "adminRedriveStripeEvent", Guard::admin, redrive},
      {Method::post, "/v1/admin/stripe-events/{id}/assign", "adminAssignStripeEvent", Guard::admin, assign},
      {Method::post, "/v1/admin/stripe-events/{id}/drop", "adminDropStripeEvent", Guard::admin, drop},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
