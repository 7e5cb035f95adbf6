// All tenants: their histories, what went wrong, what a super-admin does about it.
#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/tenancy/terms.h"
#include "shared/tenancy/transition.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/gateway/api/admin/tenants/requests.h"
#include "workers/gateway/api/admin/tenants/store.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

void move_tenant(Services& services, const CallPtr& call, tenancy::Trigger trigger, std::string_view fallback_reason) {
  const auto& tenant_id = call->path.at("id");
  change(
      services, call, parse_admin_action(call->request().body, fallback_reason),
      [&services, call, trigger](const AdminAction& action, db::Transaction& tx,
                                 messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& id = call->path.at("id");
        const auto moved = tenancy::transition(tx, outbox, {id, trigger, action.reason, action.note}, outbox.now(),
                                               services.config.lifecycle);
        if (!moved && moved.error().code == Errc::not_found) return no_tenant(*call);
        if (!moved) return moved.error();
        if (!moved->changed) {
          return Error{.code = Errc::conflict,
                       .reason = "transition_refused",
                       .message = std::string(tenancy::to_string(trigger)) + " changes nothing while the tenant is " +
                                  tenancy::written(moved->from)};
        }
        return json_response(
            200, {{"tenant_id", id}, {"from", tenancy::written(moved->from)}, {"status", tenancy::written(moved->to)}});
      },
      [&services, tenant_id] { services.tenant_changed(tenant_id); });
}

void suspend_tenant(Services& services, const CallPtr& call) {
  move_tenant(services, call, tenancy::Trigger::suspend, "");
}

void reactivate_tenant(Services& services, const CallPtr& call) {
  move_tenant(services, call, tenancy::Trigger::reactivate, "admin");
}

void cancel_tenant(Services& services, const CallPtr& call) {
  move_tenant(services, call, tenancy::Trigger::cancel, "admin");
}

// In one order, from a place on, or all of them as a file; that one has looked is on record either way.
void list_tenants(Services& services, const CallPtr& call) {
  const auto asked = parse_tenants_request(call->request());
  if (!asked) return services.refuse(call, asked.error());
  if (asked->as_csv) {
    return search_on_record(
        services, call, [request = *asked](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
          auto file = store::export_tenants(tx, request);
          if (!file) return file.error();
          tell_read(outbox, events::platform_tenant, "tenants", "csv");
          return http::Response{.status = 200,
                                .headers = {{"Content-Type", "text/csv; charset=utf-8; header=present"},
                                            {"Content-Disposition", "attachment; filename=\"tenants.csv\""}},
                                .body = *std::move(file)};
        });
  }
  change(services, call,
         [call, request = *asked](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           tell_read(outbox, events::platform_tenant, "tenants");
           auto page = store::list_tenants(tx, request);
           auto response =
               json_response(200, {{"tenants", std::move(page.tenants)},
                                   {"stats", store::tenant_stats(tx)},
                                   {"next_cursor", page.next_cursor.empty() ? json(nullptr) : json(page.next_cursor)}});
           if (!page.next_cursor.empty()) {
             response.headers.add("Link", next_link(call->request(), page.next_cursor));
           }
           return response;
         });
}

void read_tenant(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto tenant = store::read_tenant(tx, call->path.at("id"));
    if (!tenant) return no_tenant(*call);
    tell_read(outbox, call->path.at("id"), "tenant");
    return json_response(200, *tenant);
  });
}

void set_plan(Services& services, const CallPtr& call) {
  const auto& tenant_id = call->path.at("id");
  change(
      services, call, parse_plan_action(call->request().body),
      [call](const PlanAction& action, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& id = call->path.at("id");
        const auto chosen = tenancy::choose_plan(tx, outbox,
                                                 {.tenant_id = id,
                                                  .plan = action.plan,
                                                  .asked_by = "admin",
                                                  .reason = action.reason,
                                                  .at_once = action.at_once});
        if (!chosen && chosen.error().code == Errc::not_found) return no_tenant(*call);
        if (!chosen) return chosen.error();
        return json_response(200, {{"tenant_id", id}, {"plan", chosen->plan}, {"due_at", instant(chosen->due_at)}});
      },
      [&services, tenant_id] { services.tenant_changed(tenant_id); });
}

void hold_tenant(Services& services, const CallPtr& call) {
  change(services, call, parse_hold(call->request().body, services.clock.now()),
         [call](const HoldRequest& hold, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto& tenant_id = call->path.at("id");
           if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
           store::place_hold(tx, tenant_id, hold);
           v1::HoldPlaced placed;
           placed.set_hold(hold.hold);
           placed.set_reason(hold.reason);
           *placed.mutable_ends_at() = events::to_proto(hold.ends_at);
           outbox.publish(tenant_id, placed);
           return json_response(200, {{"tenant_id", tenant_id},
                                      {"hold", hold.hold},
                                      {"reason", hold.reason},
                                      {"ends_at", to_rfc3339(hold.ends_at)}});
         });
}

void release_hold(Services& services, const CallPtr& call) {
  change(services, call, parse_hold_release(call->request().body),
         [call](const HoldRequest& hold, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto& tenant_id = call->path.at("id");
           if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
           if (!store::release_hold(tx, tenant_id, hold.hold)) {
             return Error{
                 .code = Errc::conflict, .reason = "not_held", .message = "this tenant carries no hold " + hold.hold};
           }
           v1::HoldReleased released;
           released.set_hold(hold.hold);
           released.set_reason(hold.reason);
           outbox.publish(tenant_id, released);
           return json_response(200, {{"tenant_id", tenant_id}, {"hold", hold.hold}});
         });
}

void erase_tenant(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    const auto tenant = tenancy::find_tenant(tx, tenant_id);
    if (!tenant) return no_tenant(*call);
    if (tenant->lifecycle.status != tenancy::Status::deleted) {
      return Error{
          .code = Errc::conflict,
          .reason = "not_deleted",
          .message = "only a deleted tenant is erased, and this one is " + tenancy::written(tenant->lifecycle.status)};
    }
    if (const auto until = store::legal_hold_end(tx, tenant_id, outbox.now())) {
      return Error{.code = Errc::conflict,
                   .reason = "legal_hold",
                   .message = "a legal hold forbids to erase this tenant until " + to_rfc3339(*until)};
    }
    outbox.publish(tenant_id, v1::ErasureRequested{});
    return json_response(202, {{"tenant_id", tenant_id}, {"status", tenancy::written(tenancy::Status::deleted)}});
  });
}

void retry_provisioning(Services& services, const CallPtr& call) {
  change(
      services, call, parse_admin_action(call->request().body, "retry"),
      [call](const AdminAction& action, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        if (!tenancy::find_tenant(tx, tenant_id)) return no_tenant(*call);
        if (!store::clear_provisioning_failure(tx, tenant_id, outbox.now())) {
          return Error{
              .code = Errc::conflict, .reason = "not_failed", .message = "provisioning of this tenant has not failed"};
        }
        v1::ProvisioningRequested event;
        event.set_requested_by("super-admin");
        event.set_reason(action.reason);
        outbox.publish(tenant_id, event);
        v1::TenantChanged changed;
        changed.set_status(tenancy::written(tenancy::Status::pending));
        outbox.signal(tenant_id, changed);
        return json_response(202, {{"tenant_id", tenant_id}, {"status", tenancy::written(tenancy::Status::pending)}});
      });
}

void reconcile(Services& services, const CallPtr& call) {
  change(
      services, call, parse_admin_action(call->request().body, "reconcile"),
      [call](const AdminAction& action, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        const auto tenant = tenancy::find_tenant(tx, tenant_id);
        if (!tenant) return no_tenant(*call);
        if (!tenant->vhost_ready) {
          return Error{.code = Errc::conflict,
                       .reason = "not_provisioned",
                       .message = "this tenant has no resources: it is being provisioned, or is deleted"};
        }
        v1::ProvisioningRequested event;
        event.set_requested_by("super-admin");
        event.set_reason(action.note.empty() ? action.reason : action.note);
        outbox.publish(tenant_id, event);
        return json_response(202, {{"tenant_id", tenant_id}, {"status", tenancy::written(tenant->lifecycle.status)}});
      });
}

}  // namespace

namespace api {
Routes admin_tenants() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/tenants", "adminListTenants", Guard::admin, list_tenants},
      {Method::get, "/v1/admin/tenants/{id}", "adminReadTenant", Guard::admin, read_tenant},
      {Method::post, "/v1/admin/tenants/{id}/suspend", "adminSuspendTenant", Guard::admin, suspend_tenant},
      {Method::post, "/v1/admin/tenants/{id}/reactivate", "adminReactivateTenant", Guard::admin, reactivate_tenant},
      {Method::post, "/v1/admin/tenants/{id}/cancel", "adminCancelTenant", Guard::admin, cancel_tenant},
      {Method::put, "/v1/admin/tenants/{id}/plan", "adminSetPlan", Guard::admin, set_plan},
      {Method::post, "/v1/admin/tenants/{id}/hold", "adminHoldTenant", Guard::admin, hold_tenant},
      {Method::post, "/v1/admin/tenants/{id}/release-hold", "adminReleaseHold", Guard::admin, release_hold},
      {Method::post,
       "/v1/admin/tenants/{id}/erase",
       "adminEraseTenant",
       Guard::admin,
       erase_tenant,
       {.super_admin = true, .recent = true}},
      {Method::post, "/v1/admin/tenants/{id}/retry-provisioning", "adminRetryProvisioning", Guard::admin,
       retry_provisioning},
      {Method::post, "/v1/admin/tenants/{id}/reconcile", "adminReconcileTenant", Guard::admin, reconcile},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
