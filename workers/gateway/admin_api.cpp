// Routes of super-admins: all tenants, their histories, what went wrong.
#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "shared/db/connection.h"
#include "shared/tenancy/transition.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/gateway/admin.h"
#include "workers/gateway/commands.h"
#include "workers/gateway/routes.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

Error no_tenant(const Call& call) {
  return {.code = Errc::not_found,
          .reason = "tenant_not_found",
          .message = std::string(access_message("tenant_not_found", call.language))};
}

void move_tenant(Services& services, const CallPtr& call, tenancy::Trigger trigger, std::string_view fallback_reason) {
  auto action = parse_admin_action(call->request().body, fallback_reason);
  if (!action) return services.refuse(call, action.error());
  services.on_lane(call, [=, &services, action = *action](db::Connection& connection) -> Result<http::Response> {
    json body;
    const auto& tenant_id = call->path.at("id");
    const auto done = services.commit(
        connection, *call, super_admin(*call), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          const auto moved = tenancy::transition(tx, outbox, {tenant_id, trigger, action.reason, action.note},
                                                 outbox.now(), services.config.lifecycle);
          if (!moved && moved.error().code == Errc::not_found) return no_tenant(*call);
          if (!moved) return moved.error();
          if (!moved->changed) {
            return Error{.code = Errc::conflict,
                         .reason = "transition_refused",
                         .message = std::string(tenancy::to_string(trigger)) + " changes nothing while the tenant is " +
                                    std::string(tenancy::to_string(moved->from))};
          }
          body = {{"tenant_id", tenant_id},
                  {"from", tenancy::to_string(moved->from)},
                  {"status", tenancy::to_string(moved->to)}};
          return {};
        });
    if (!done) return done.error();
    services.loop.post([&services, tenant_id] { services.tenant_changed(tenant_id); });
    return json_response(200, body);
  });
}

}  // namespace

void admin_list_tenants(Services& services, const CallPtr& call) {
  const auto status = choice(*call, "status", {"pending", "trial", "active", "suspended", "cancelled", "deleted"});
  if (!status) return services.refuse(call, status.error());
  const store::TenantFilter filter{*status, query(*call, "q")};
  list_newest_first(
      services, call, "tenants", "created_at", "tenant_id", false,
      [filter](db::Transaction& tx, const store::Page& page) { return store::list_tenants(tx, filter, page); },
      [](db::Transaction& tx, json& body) { body["stats"] = store::tenant_stats(tx); });
}

void admin_create_tenant(Services& services, const CallPtr& call) {
  auto request = parse_signup(call->request().body, call->reference->plans, SignupForm::admin);
  if (!request) return services.refuse(call, request.error());
  services.on_lane(call, [&services, call, request = *request](db::Connection& connection) -> Result<http::Response> {
    const auto signup_id = services.ids.next();
    const auto done = services.commit(
        connection, *call, super_admin(*call), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          if (store::email_taken(tx, request.admin_email)) {
            return Error{.code = Errc::conflict,
                         .reason = "email_taken",
                         .message = "an account with this e-mail address exists",
                         .fields = {{"/admin_email", "taken", "an account with this e-mail address exists"}}};
          }
          outbox.publish("platform", signup_requested(signup_id, request, std::string(to_string(call->language))));
          return {};
        });
    if (!done) return done.error();
    return json_response(202, {{"success", true}, {"signup_id", signup_id.to_string()}});
  });
}

void admin_read_tenant(Services& services, const CallPtr& call) {
  services.on_lane(call, [&services, call](db::Connection& connection) -> Result<http::Response> {
    std::optional<json> tenant;
    const auto done = services.commit(connection, *call, super_admin(*call),
                                      [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                        tenant = store::read_tenant(tx, call->path.at("id"));
                                        if (!tenant) return no_tenant(*call);
                                        tell_read(outbox, call->path.at("id"), "tenant");
                                        return {};
                                      });
    if (!done) return done.error();
    return json_response(200, *tenant);
  });
}

void admin_suspend_tenant(Services& services, const CallPtr& call) {
  move_tenant(services, call, tenancy::Trigger::suspend, "");
}

void admin_reactivate_tenant(Services& services, const CallPtr& call) {
  move_tenant(services, call, tenancy::Trigger::reactivate, "admin");
}

void admin_cancel_tenant(Services& services, const CallPtr& call) {
  move_tenant(services, call, tenancy::Trigger::cancel, "admin");
}

void admin_hold_tenant(Services& services, const CallPtr& call) {
  auto hold = parse_hold(call->request().body, services.clock.now());
  if (!hold) return services.refuse(call, hold.error());
  services.on_lane(call, [&services, call, hold = *hold](db::Connection& connection) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    const auto done = services.commit(connection, *call, super_admin(*call),
                                      [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                        if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
                                        store::place_hold(tx, tenant_id, hold);
                                        v1::HoldPlaced placed;
                                        placed.set_hold(hold.hold);
                                        placed.set_reason(hold.reason);
                                        *placed.mutable_ends_at() = events::to_proto(hold.ends_at);
                                        outbox.publish(tenant_id, placed);
                                        return {};
                                      });
    if (!done) return done.error();
    return json_response(200, {{"tenant_id", tenant_id},
                               {"hold", hold.hold},
                               {"reason", hold.reason},
                               {"ends_at", to_rfc3339(hold.ends_at)}});
  });
}

void admin_release_hold(Services& services, const CallPtr& call) {
  auto hold = parse_hold_release(call->request().body);
  if (!hold) return services.refuse(call, hold.error());
  services.on_lane(call, [&services, call, hold = *hold](db::Connection& connection) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    const auto done = services.commit(
        connection, *call, super_admin(*call), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
          if (!store::release_hold(tx, tenant_id, hold.hold)) {
            return Error{
                .code = Errc::conflict, .reason = "not_held", .message = "this tenant carries no hold " + hold.hold};
          }
          v1::HoldReleased released;
          released.set_hold(hold.hold);
          released.set_reason(hold.reason);
          outbox.publish(tenant_id, released);
          return {};
        });
    if (!done) return done.error();
    return json_response(200, {{"tenant_id", tenant_id}, {"hold", hold.hold}});
  });
}

void admin_erase_tenant(Services& services, const CallPtr& call) {
  services.on_lane(call, [&services, call](db::Connection& connection) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    const auto done = services.commit(
        connection, *call, super_admin(*call), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          const auto tenant = tenancy::find_tenant(tx, tenant_id);
          if (!tenant) return no_tenant(*call);
          if (tenant->lifecycle.status != tenancy::Status::deleted) {
            return Error{.code = Errc::conflict,
                         .reason = "not_deleted",
                         .message = "only a deleted tenant is erased, and this one is " +
                                    std::string(tenancy::to_string(tenant->lifecycle.status))};
          }
          if (const auto until = store::legal_hold_end(tx, tenant_id, outbox.now())) {
            return Error{.code = Errc::conflict,
                         .reason = "legal_hold",
                         .message = "a legal hold forbids to erase this tenant until " + to_rfc3339(*until)};
          }
          outbox.publish(tenant_id, v1::ErasureRequested{});
          return {};
        });
    if (!done) return done.error();
    return json_response(202, {{"tenant_id", tenant_id}, {"status", "deleted"}});
  });
}

void admin_retry_provisioning(Services& services, const CallPtr& call) {
  auto action = parse_admin_action(call->request().body, "retry");
  if (!action) return services.refuse(call, action.error());
  services.on_lane(
      call, [&services, call, reason = action->reason](db::Connection& connection) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        const auto done = services.commit(connection, *call, super_admin(*call),
                                          [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                            if (!tenancy::find_tenant(tx, tenant_id)) return no_tenant(*call);
                                            if (!store::clear_provisioning_failure(tx, tenant_id, outbox.now())) {
                                              return Error{.code = Errc::conflict,
                                                           .reason = "not_failed",
                                                           .message = "provisioning of this tenant has not failed"};
                                            }
                                            v1::ProvisioningRequested event;
                                            event.set_requested_by("super-admin");
                                            event.set_reason(reason);
                                            outbox.publish(tenant_id, event);
                                            v1::TenantChanged changed;
                                            changed.set_status("pending");
                                            outbox.signal(tenant_id, changed);
                                            return {};
                                          });
        if (!done) return done.error();
        return json_response(202, {{"tenant_id", tenant_id}, {"status", "pending"}});
      });
}

void admin_stripe_events(Services& services, const CallPtr& call) {
  const auto state = choice(*call, "state", {"published", "ignored", "parked"});
  if (!state) return services.refuse(call, state.error());
  list_newest_first(services, call, "stripe_events", "received_at", "id", false,
                    [state = *state](db::Transaction& tx, const store::Page& page) {
                      return store::list_stripe_events(tx, state, page);
                    });
}

}  // namespace tenantry::gateway
