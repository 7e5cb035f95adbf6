#include "workers/gateway/api/auth/own_session.h"

#include "events/topology.h"
#include "shared/crypto/password.h"
#include "shared/crypto/totp.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/api/auth/admins.h"
#include "workers/gateway/api/auth/ended.h"
#include "workers/gateway/api/auth/second_factor.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

// Other gateways hold a member's session, too.
void signal_others(const Call& call, messaging::Outbox& outbox) {
  if (!call.admin_session) outbox.signal(call.tenant_id(), v1::TenantChanged());
}

Result<RecoveryCodes> make_codes() {
  RecoveryCodes codes;
  for (auto& code : crypto::make_recovery_codes(store::recovery_codes_count)) {
    auto hash = crypto::hash_password(code);
    if (!hash) return hash.error();
    codes.hashes.push_back(*std::move(hash));
    code.insert(code.size() / 2, "-");
    codes.shown.push_back(std::move(code));
  }
  return codes;
}

}  // namespace

void strengthen_own_session(const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                            const std::string& factor) {
  if (call.admin_session) {
    store::strengthen_admin_session(tx, call.admin_session->session_id, factor, outbox.now());
  } else {
    store::strengthen_session(tx, call.claims->sid, factor, outbox.now());
  }
  signal_others(call, outbox);
}

void weaken_own_session(const Call& call, db::Transaction& tx, messaging::Outbox& outbox) {
  if (call.admin_session) {
    store::weaken_admin_session(tx, call.admin_session->session_id);
  } else {
    store::weaken_session(tx, call.claims->sid);
  }
  signal_others(call, outbox);
}

std::function<void()> end_other_sessions(db::Transaction& tx, messaging::Outbox& outbox, Services& services,
                                         const Call& call) {
  const auto& user_id = call.person_id();
  const auto own = call.admin_session ? std::string{} : call.claims->sid;
  auto ended = store::end_sessions(tx, {.user_id = user_id, .but = own}, outbox.now());
  tell_ended(outbox, user_id, ended);
  store::end_admin_sessions(tx, user_id, "", call.admin_session ? call.admin_session->session_id : "", outbox.now());
  return [&services, ended = std::move(ended), own] {
    forget_sessions(services, ended);
    if (!own.empty()) services.session_changed(own);
  };
}

void with_recovery_codes(Services& services, const CallPtr& call, WithCodes work) {
  const auto answer = services.passwords.submit(call->holder(), [&services, call, work = std::move(work)] {
    const auto codes = make_codes();
    if (!codes) return services.refuse(call, codes.error());
    services.on_lane(call, [work, codes = *codes](db::Connection& connection) { return work(connection, codes); });
  });
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

void keep_codes(db::Transaction& tx, messaging::Outbox& outbox, const store::Account& account,
                const RecoveryCodes& codes) {
  store::replace_recovery_codes(tx, account.user_id, codes.hashes);
  auto event = about_person<v1::RecoveryCodesCreated>(account);
  event.set_count(store::recovery_codes_count);
  outbox.publish(events::platform_tenant, event);
}

}  // namespace tenantry::gateway
