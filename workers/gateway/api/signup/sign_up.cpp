#include "workers/gateway/api/signup/sign_up.h"

#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "tenantry/events/v1/signup.pb.h"

namespace tenantry::gateway {

namespace v1 = tenantry::events::v1;

namespace store {

bool email_taken(db::Transaction& tx, std::string_view email) {
  return !tx.exec("SELECT FROM platform.users WHERE email = $1", {email}).empty();
}

bool has_region(db::Transaction& tx, std::string_view region) {
  return !tx.exec("SELECT FROM platform.cells WHERE region = $1 LIMIT 1", {region}).empty();
}

bool has_room(db::Transaction& tx, std::int64_t tenants_max) {
  return tx.exec("SELECT count(*) FROM (SELECT FROM platform.tenants WHERE status <> 'deleted' LIMIT $1) AS t",
                 {tenants_max})[0]
             .int64(0) < tenants_max;
}

void add_user(db::Transaction& tx, const NewUser& user, Timestamp now) {
  tx.send(
      "INSERT INTO platform.users (user_id, email, first_name, last_name, locale, password_hash, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {user.user_id, user.email, user.first_name, user.last_name, user.locale, user.password_hash, now});
}

void add_signup(db::Transaction& tx, const Uuid& signup_id, std::string_view tenant_id, const Uuid& user_id,
                Timestamp now) {
  tx.send(
      "INSERT INTO platform.signups (signup_id, tenant_id, user_id, state, created_at) "
      "VALUES ($1, $2, $3, 'requested', $4)",
      {signup_id, tenant_id, user_id, now});
}

}  // namespace store

v1::SignupRequested signup_requested(const Uuid& signup_id, const SignupRequest& request, const std::string& locale,
                                     const std::string& terms_version) {
  v1::SignupRequested event;
  event.set_signup_id(signup_id.to_string());
  event.set_company_name(request.company_name);
  event.set_company_email(request.company_email);
  event.set_admin_email(request.admin_email);
  event.set_admin_first_name(request.admin_first_name);
  event.set_admin_last_name(request.admin_last_name);
  event.set_plan(request.plan);
  event.set_locale(locale);
  event.set_isolation_mode(request.isolation_mode);
  event.set_region(request.region);
  event.set_terms_version(terms_version);
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

  outbox.publish(tenant->tenant_id, signup_requested(signup_id, request, command.locale, command.terms_version));
  return tenant;
}

}  // namespace tenantry::gateway
