// Feature flags: what is switched on for whom. A tenant sees its own at /v1/me.
#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/gateway/api/admin/flags/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

json terms_of(const db::Row& row, int from) {
  return {{"description", row.text(from)},
          {"enabled", row.boolean(from + 1)},
          {"plans", row.texts(from + 2)},
          {"percentage", row.int64(from + 3)},
          {"expires_at", instant(row, from + 4)}};
}

Error no_flag() {
  return {.code = Errc::not_found, .reason = "flag_not_found", .message = "no flag has this name"};
}

std::optional<json> lock_flag(db::Transaction& tx, const std::string& flag) {
  const auto rows = tx.exec(
      "SELECT description, enabled, plans, percentage, expires_at FROM platform.flags WHERE flag = $1 FOR UPDATE",
      {flag});
  if (rows.empty()) return std::nullopt;
  return terms_of(rows[0], 0);
}

void list_flags(Services& services, const CallPtr& call) {
  change(services, call, [](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    tell_read(outbox, events::platform_tenant, "flags");
    json flags = json::array();
    for (const auto row : tx.exec(
             "SELECT f.flag, (SELECT count(*) FROM platform.flag_overrides o WHERE o.flag = f.flag), f.description, "
             "f.enabled, f.plans, f.percentage, f.expires_at FROM platform.flags f ORDER BY f.flag")) {
      auto flag = terms_of(row, 2);
      flag["flag"] = row.text(0);
      flag["overrides"] = row.int64(1);
      flags.push_back(std::move(flag));
    }
    return json_response(200, {{"flags", std::move(flags)}});
  });
}

void define_flag(Services& services, const CallPtr& call) {
  const auto& flag = call->path.at("flag");
  if (!is_flag_name(flag)) {
    return services.refuse(call, Error::invalid("/flag", "word",
                                                "must be a word of a-z, 0-9 and _ that starts with a "
                                                "letter, of at most 63"));
  }
  change(services, call, parse_flag_terms(call->request().body, call->reference->plans, services.clock.now()),
         [flag](const FlagTerms& terms, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto before = lock_flag(tx, flag);
           const auto rows = tx.exec(
               "INSERT INTO platform.flags (flag, description, enabled, plans, percentage, expires_at, created_at, "
               "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (flag) DO UPDATE SET description = "
               "excluded.description, enabled = excluded.enabled, plans = excluded.plans, percentage = "
               "excluded.percentage, expires_at = excluded.expires_at, updated_at = excluded.updated_at "
               "RETURNING description, enabled, plans, percentage, expires_at",
               {flag, terms.description, terms.enabled, db::Param::array(terms.plans), terms.percentage,
                terms.expires_at, outbox.now()});
           auto after = terms_of(rows[0], 0);
           if (after != before) {
             v1::FlagDefined event;
             event.set_flag(flag);
             event.set_terms(after.dump());
             if (before) event.set_old_terms(before->dump());
             outbox.publish(events::platform_tenant, event);
           }
           after["flag"] = flag;
           return json_response(before ? 200 : 201, after);
         });
}

void remove_flag(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& flag = call->path.at("flag");
    const auto before = lock_flag(tx, flag);
    if (!before) return no_flag();
    const auto overrides = tx.exec("DELETE FROM platform.flag_overrides WHERE flag = $1", {flag}).affected();
    tx.send("DELETE FROM platform.flags WHERE flag = $1", {flag});
    v1::FlagRemoved event;
    event.set_flag(flag);
    event.set_old_terms(before->dump());
    event.set_overrides(static_cast<std::int32_t>(overrides));
    outbox.publish(events::platform_tenant, event);
    return http::Response{.status = 204};
  });
}

void list_tenant_flags(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    const auto tenant = tenancy::find_tenant(tx, tenant_id);
    if (!tenant) return no_tenant(*call);
    json flags = json::array();
    for (const auto row :
         tx.exec("SELECT f.flag, n.flag IS NOT NULL, o.value, o.reason, o.ends_at FROM platform.flags f "
                 "LEFT JOIN platform.flags_of($1, $2, $3) n ON n.flag = f.flag LEFT JOIN platform.flag_overrides o ON "
                 "o.flag = f.flag AND o.tenant_id = $1 AND (o.ends_at IS NULL OR o.ends_at > $3) ORDER BY f.flag",
                 {tenant_id, tenant->plan, outbox.now()})) {
      flags.push_back({{"flag", row.text(0)}, {"on", row.boolean(1)}, {"override", nullptr}});
      if (row.is_null(2)) continue;
      flags.back()["override"] = {{"value", row.boolean(2)}, {"reason", row.text(3)}, {"ends_at", instant(row, 4)}};
    }
    tell_read(outbox, tenant_id, "flags");
    return json_response(200, {{"flags", std::move(flags)}});
  });
}

void set_tenant_flag(Services& services, const CallPtr& call) {
  const auto id = call->path.at("id");
  change(
      services, call, parse_flag_override(call->request().body, services.clock.now()),
      [call](const FlagOverride& wanted, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        const auto& flag = call->path.at("flag");
        if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
        if (!lock_flag(tx, flag)) return no_flag();
        tx.send(
            "INSERT INTO platform.flag_overrides (tenant_id, flag, value, reason, ends_at) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (tenant_id, flag) DO UPDATE SET value = excluded.value, reason = excluded.reason, "
            "ends_at = excluded.ends_at",
            {tenant_id, flag, wanted.value, wanted.reason, wanted.ends_at});
        v1::TenantFlagSet event;
        event.set_flag(flag);
        event.set_value(wanted.value);
        event.set_reason(wanted.reason);
        if (wanted.ends_at) *event.mutable_ends_at() = events::to_proto(*wanted.ends_at);
        outbox.publish(tenant_id, event);
        return json_response(
            200,
            {{"flag", flag}, {"value", wanted.value}, {"reason", wanted.reason}, {"ends_at", instant(wanted.ends_at)}});
      },
      [&services, id] { services.tenant_changed(id); });
}

void unset_tenant_flag(Services& services, const CallPtr& call) {
  const auto id = call->path.at("id");
  change(
      services, call, parse_flag_reason(call->request().body),
      [call](const std::string& reason, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        const auto& flag = call->path.at("flag");
        if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
        const auto removed =
            tx.exec("DELETE FROM platform.flag_overrides WHERE tenant_id = $1 AND flag = $2", {tenant_id, flag});
        if (removed.affected() == 0) {
          return Error{.code = Errc::conflict,
                       .reason = "not_overridden",
                       .message = "for this tenant the flag is what it is for the others"};
        }
        v1::TenantFlagUnset event;
        event.set_flag(flag);
        event.set_reason(reason);
        outbox.publish(tenant_id, event);
        return json_response(200, {{"flag", flag}});
      },
      [&services, id] { services.tenant_changed(id); });
}

}  // namespace

namespace api {
Routes admin_flags() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/flags", "adminListFlags", Guard::admin, list_flags},
      {Method::put, "/v1/admin/flags/{flag}", "adminDefineFlag", Guard::admin, define_flag, {.super_admin = true}},
      {Method::delete_, "/v1/admin/flags/{flag}", "adminRemoveFlag", Guard::admin, remove_flag, {.super_admin = true}},
      {Method::get, "/v1/admin/tenants/{id}/flags", "adminListTenantFlags", Guard::admin, list_tenant_flags},
      {Method::put, "/v1/admin/tenants/{id}/flags/{flag}", "adminSetTenantFlag", Guard::admin, set_tenant_flag},
      {Method::post, "/v1/admin/tenants/{id}/flags/{flag}/unset", "adminUnsetTenantFlag", Guard::admin,
       unset_tenant_flag},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
