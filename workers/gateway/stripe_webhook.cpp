// POST /webhooks/stripe: verify, store the raw event once, publish what it states.
// Answered after the commit; nothing remote is called (security.md W1 to W10).
#include "shared/core/clock.h"
#include "shared/crypto/stripe_signature.h"
#include "shared/db/connection.h"
#include "shared/http/problem.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/security.pb.h"
#include "tenantry/events/v1/stripe.pb.h"
#include "workers/gateway/routes.h"
#include "workers/gateway/stripe_event.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr const char* platform = "platform";

// Stripe signs with the real time, whatever our clock says. With a test clock either counts:
// whoever signs outside cannot know how far it was moved.
Result<void> verify_signature(const Services& services, const http::Request& request) {
  const auto header = request.headers.get("Stripe-Signature");
  if (!header || request.headers.count("Stripe-Signature") > 1) {
    return Error{.code = Errc::invalid, .reason = "signature_invalid", .message = "Stripe-Signature must be sent once"};
  }
  const SystemClock real;
  auto verified = crypto::verify_stripe_signature(*header, request.body, services.config.stripe_secrets, real.now());
  if (verified || !services.config.test_clock) return verified;
  return crypto::verify_stripe_signature(*header, request.body, services.config.stripe_secrets, services.clock.now());
}

// By the object's metadata, then by its customer; "" where neither leads to a tenant that is there.
std::string find_owner(db::Transaction& tx, const StripeFact& fact) {
  const auto lives = [&](const std::string& tenant_id) {
    if (tenant_id.empty()) return false;
    const auto tenant = tenancy::find_tenant(tx, tenant_id);
    return tenant && tenant->lifecycle.status != tenancy::Status::deleted;
  };
  if (lives(fact.tenant_id)) return fact.tenant_id;
  if (fact.customer_id.empty()) return {};
  auto owner = store::tenant_of_customer(tx, fact.customer_id);
  return lives(owner) ? owner : std::string{};
}

void park(messaging::Outbox& outbox, const StripeFact& fact, const std::string& reason) {
  v1::StripeEventParked event;
  event.set_stripe_event_id(fact.event_id);
  event.set_stripe_type(fact.type);
  event.set_reason(reason);
  outbox.publish(platform, event);
}

void note(messaging::Outbox& outbox, const StripeFact& fact, const std::string& tenant_id) {
  v1::StripeEventReceived event;
  event.set_stripe_event_id(fact.event_id);
  event.set_stripe_type(fact.type);
  outbox.publish(tenant_id.empty() ? platform : tenant_id, event);
}

void report_reuse(messaging::Outbox& outbox, const StripeFact& fact) {
  v1::AccessRefused event;
  event.set_rule("stripe_event_reused");
  event.set_detail(fact.event_id + " came again with another body");
  outbox.publish(platform, event);
}

Result<void> store_event(db::Transaction& tx, messaging::Outbox& outbox, const StripeFact& fact,
                         const std::string& body) {
  const auto owner = find_owner(tx, fact);
  store::StripeRow row{.event_id = fact.event_id,
                       .type = fact.type,
                       .account = fact.account,
                       .tenant_id = owner,
                       .state = "published",
                       .stated_at = fact.stated_at};
  if (fact.message == nullptr) {
    row.state = "ignored";
  } else if (owner.empty()) {
    row.state = "parked";
    row.reason = fact.tenant_id.empty() ? "no_tenant" : "unknown_tenant";
  }
  if (!store::add_stripe_event(tx, row, body, outbox.now())) {
    if (!store::stripe_event_has_body(tx, fact.event_id, body)) report_reuse(outbox, fact);
    return {};
  }
  if (row.state == "published") {
    outbox.publish(owner, *fact.message);
  } else if (row.state == "ignored") {
    note(outbox, fact, owner);
  } else {
    park(outbox, fact, row.reason);
  }
  return {};
}

}  // namespace

void stripe_webhook(Services& services, const CallPtr& call) {
  if (const auto verified = verify_signature(services, call->request()); !verified) {
    services.report_refusal(call, platform, "", verified.error().reason, "stripe webhook");
    return services.refuse(call, verified.error());
  }
  auto fact = read_stripe_event(call->request().body);
  if (!fact) {
    auto error = fact.error();
    error.reason = "malformed_request";  // signed, but no event: 400 as for everything wrong here
    return services.refuse(call, error);
  }
  services.on_lane(call, [&services, call, fact = *fact](db::Connection& connection) -> Result<http::Response> {
    const events::Actor actor{"stripe", fact.event_id, call->address, {}};
    const auto done = services.commit(connection, *call, actor, [&](db::Transaction& tx, messaging::Outbox& outbox) {
      return store_event(tx, outbox, fact, call->request().body);
    });
    if (!done) return done.error();
    return http::Response::json(200, R"({"received":true})");
  });
}

}  // namespace tenantry::gateway
