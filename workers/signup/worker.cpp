#include "workers/signup/worker.h"

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/link_token.h"
#include "shared/db/connection.h"
#include "shared/tenancy/members.h"
#include "shared/tenancy/tenants.h"
#include "shared/tenancy/transition.h"
#include "shared/text/text.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/signup/store.h"

namespace tenantry::signup {
namespace {

namespace v1 = events::v1;
using messaging::Unit;

constexpr const char* isolation_mode = "pool";  // that provisioning makes

bool has_isolation_mode(const v1::SignupRequested& request) {
  return request.isolation_mode().empty() || request.isolation_mode() == isolation_mode;
}

class SignupWorker final : public messaging::Worker {
 public:
  SignupWorker(const SignupConfig& config, const messaging::LaneContext& context)
      : trial_(config.trial),
        master_(crypto::MasterKey::from_base64(config.master_keys.current).value()),
        tokens_(master_),
        ids_(context.ids) {}

  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

 private:
  Result<void> requested(Unit& unit, const events::Event&, const v1::SignupRequested& request) {
    const auto signup_id = Uuid::parse(request.signup_id());
    if (!signup_id) return Error::invalid("/data/signup_id", "uuid", "must be a UUID");
    const auto reservation = find_reservation(unit.tx, *signup_id);
    if (reservation && reservation->state != "requested") return {};  // asked for twice under two event ids
    if (reservation) {
      return register_tenant(unit, *signup_id, request, reservation->tenant_id, *reservation->user_id, false);
    }
    return register_bare(unit, *signup_id, request);
  }

  // Nobody reserved anything: an admin, the command line or another service published the request. The owner is invited
  // like anybody.
  Result<void> register_bare(Unit& unit, const Uuid& signup_id, const v1::SignupRequested& request) {
    const std::string email = text::compared_email(request.admin_email());
    if (find_user(unit.tx, email)) return reject(unit, signup_id, "email_taken", "the address belongs to a user");
    if (!has_isolation_mode(request)) {
      return reject(unit, signup_id, "unknown_isolation_mode",
                    "no tenant is made that way: " + request.isolation_mode());
    }
    const auto tenant = tenancy::create_tenant(unit.tx,
                                               {.company_name = request.company_name(),
                                                .company_email = request.company_email(),
                                                .plan = request.plan(),
                                                .locale = request.locale() == "en" ? "en" : "fr",
                                                .trial = trial_,
                                                .isolation_mode = isolation_mode,
                                                .region = request.region()},
                                               ids_, unit.now);
    if (!tenant) return reject(unit, signup_id, tenant.error().fields[0].code.c_str(), tenant.error().message);
    const Uuid user_id = ids_.next();
    insert_user(unit.tx, user_id, email, request.admin_first_name(), request.admin_last_name(), tenant->locale,
                unit.now);
    if (auto ok = register_tenant(unit, signup_id, request, tenant->tenant_id, user_id, true); !ok) return ok;
    const auto invited = tenancy::invite(unit.tx, unit.outbox, ids_, tokens_,
                                         {.tenant_id = tenant->tenant_id,
                                          .email = email,
                                          .role = std::string(tenancy::owner_role),
                                          .locale = tenant->locale,
                                          .inviter_id = std::string(tenancy::the_platform),
                                          .beyond_limit = true});
    return invited ? Result<void>{} : invited.error();
  }

  Result<void> register_tenant(Unit& unit, const Uuid& signup_id, const v1::SignupRequested& request,
                               const std::string& tenant_id, const Uuid& user_id, bool invited) {
    const auto tenant = tenancy::find_tenant(unit.tx, tenant_id);
    TENANTRY_ASSERT(tenant);
    insert_owner(unit.tx, tenant_id, user_id, invited, unit.now);
    const auto key = crypto::DataKey::generate(1);
    insert_tenant_key(unit.tx, tenant_id, 1, key.wrap(master_, tenant_id), unit.now);
    save_signup(unit.tx, signup_id, "registered", tenant_id, user_id, "", unit.now);

    v1::TenantRegistered registered;
    registered.set_company_name(tenant->company_name);
    registered.set_plan(tenant->plan);
    registered.set_owner_user_id(user_id.to_string());
    registered.set_owner_email(text::compared_email(request.admin_email()));
    registered.set_owner_first_name(request.admin_first_name());
    registered.set_locale(tenant->locale);
    *registered.mutable_trial_ends_at() = events::to_proto(tenant->lifecycle.trial_ends_at);
    unit.outbox.publish(tenant_id, registered);
    return {};
  }

  Result<void> reject(Unit& unit, const Uuid& signup_id, const char* reason, const std::string& detail) {
    save_signup(unit.tx, signup_id, "rejected", "", std::nullopt, reason, unit.now);
    v1::SignupRejected rejected;
    rejected.set_signup_id(signup_id.to_string());
    rejected.set_reason(reason);
    rejected.set_detail(detail);
    unit.outbox.publish(events::platform_tenant, rejected);
    return {};
  }

  Result<void> provisioned(Unit& unit, const events::Event& event, const v1::TenantProvisioned&) {
    const auto moved = tenancy::transition(
        unit.tx, unit.outbox, {.tenant_id = event.tenant_id, .trigger = tenancy::Trigger::provisioned}, unit.now);
    if (!moved) return moved.error();
    if (!moved->changed) return {};
    const auto tenant = tenancy::find_tenant(unit.tx, event.tenant_id);
    v1::TrialStarted started;
    *started.mutable_trial_ends_at() = events::to_proto(tenant->lifecycle.trial_ends_at);
    started.set_plan(tenant->plan);
    if (const auto owner = find_owner(unit.tx, event.tenant_id)) {
      started.set_owner_email(owner->email);
      started.set_owner_first_name(owner->first_name);
    }
    unit.outbox.publish(event.tenant_id, started);
    return {};
  }

  const Days trial_;
  const crypto::MasterKey master_;
  const crypto::LinkTokens tokens_;
  IdGenerator& ids_;
  const std::vector<messaging::ConsumerRow> rows_ = {
      messaging::on<v1::SignupRequested>(this, &SignupWorker::requested),
      messaging::on<v1::TenantProvisioned>(this, &SignupWorker::provisioned),
  };
};

}  // namespace

messaging::WorkerSpec worker_spec(const SignupConfig& config) {
  return {.name = "signup",
          .database_url = config.database_url,
          .make = [config](const messaging::LaneContext& context) -> std::unique_ptr<messaging::Worker> {
            return std::make_unique<SignupWorker>(config, context);
          }};
}

service::Entry entry() {
  return {.name = "signup",
          .purpose = "The signup worker: registers tenants and starts their trials.",
          .read = [](config::Reader& reader) { return worker_spec(read_signup_config(reader)); }};
}

}  // namespace tenantry::signup
