#include "workers/gateway/commands.h"

#include "shared/messaging/outbox.h"
#include "tenantry/events/v1/security.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/stripe.pb.h"
#include "workers/gateway/store.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr const char* platform = "platform";

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

}  // namespace

v1::SignupRequested signup_requested(const Uuid& signup_id, const SignupRequest& request, const std::string& locale) {
  v1::SignupRequested event;
  event.set_signup_id(signup_id.to_string());
  event.set_company_name(request.company_name);
  event.set_company_email(request.company_email);
  event.set_admin_email(request.admin_email);
  event.set_admin_first_name(request.admin_first_name);
  event.set_admin_last_name(request.admin_last_name);
  event.set_plan(request.plan);
  event.set_locale(locale);
  return event;
}

Result<tenancy::Tenant> sign_up(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                const SignUp& command) {
  const auto& request = command.request;
  const auto now = outbox.now();
  auto tenant = tenancy::create_tenant(tx,
                                       {.company_name = request.company_name,
                                        .company_email = request.company_email,
                                        .plan = request.plan,
                                        .locale = command.locale,
                                        .trial = command.trial},
                                       ids, now);
  if (!tenant) return tenant.error();
  const auto user_id = ids.next();
  store::add_user(tx,
                  {user_id, request.admin_email, request.admin_first_name, request.admin_last_name, command.locale,
                   command.password_hash},
                  now);
  const auto signup_id = ids.next();
  store::add_signup(tx, signup_id, tenant->tenant_id, user_id, now);

  outbox.publish(tenant->tenant_id, signup_requested(signup_id, request, command.locale));
  return tenant;
}

Result<void> store_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripeFact& fact,
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

}  // namespace tenantry::gateway
