// POST /webhooks/stripe: verify, store the raw event once, publish what it states.
// Answered after the commit; nothing remote is called (security.md W1 to W10).
#include "events/topology.h"
#include "shared/core/clock.h"
#include "shared/crypto/stripe_signature.h"
#include "shared/db/connection.h"
#include "shared/http/problem.h"
#include "workers/gateway/edge/verbs.h"
#include "workers/gateway/stripe/inbox.h"

namespace tenantry::gateway {
namespace {

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

void stripe_webhook(Services& services, const CallPtr& call) {
  if (const auto verified = verify_signature(services, call->request()); !verified) {
    services.report_refusal(call, std::string(events::platform_tenant), "", verified.error().reason, "stripe webhook");
    return services.refuse(call, verified.error());
  }
  call->of_platform = true;
  // What is signed is kept, readable or not: Stripe would send the same bytes for days, and then nothing more.
  const auto fact = read_stripe_event(call->request().body);
  services.on_lane(call, [&services, call, fact](db::Connection& connection) -> Result<http::Response> {
    const events::Actor actor{"stripe", printable(fact.event_id, 255), call->address, {}};
    const auto done = services.commit(connection, *call, actor, [&](db::Transaction& tx, messaging::Outbox& outbox) {
      return store_stripe_event(tx, outbox, services.config.stripe, fact, call->request().body);
    });
    if (!done) return done.error();
    return http::Response::json(200, R"({"received":true})");
  });
}

constexpr Route routes[] = {
    {Method::post, "/webhooks/stripe", "stripeWebhook", Guard::open, stripe_webhook, {.body_max = large_body_max}},
};

}  // namespace

namespace api {
Routes stripe() {
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
