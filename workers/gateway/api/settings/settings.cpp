// What a tenant's people set for it: time zone, language, money, looks, who writes and who is written to.
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/tenancy/membership.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/gateway/edge/settings.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

struct Stored {
  Settings set;
  std::string locale;
};

Stored load_settings(db::Transaction& tx, const std::string& tenant_id, const char* lock = "") {
  const std::string locale{
      tx.exec(std::string("SELECT locale FROM platform.tenants WHERE tenant_id = $1 ") + lock, {tenant_id})[0].text(0)};
  Stored out{{}, locale};
  for (const auto row : tx.exec("SELECT name, value FROM platform.settings WHERE tenant_id = $1", {tenant_id})) {
    out.set.emplace(row.text(0), row.text(1));
  }
  return out;
}

http::Response shown(const Stored& stored) {
  auto response = json_response(200, settings_document(stored.set, stored.locale));
  response.headers.add("ETag", entity_tag(response.body));
  return response;
}

void read_settings(Services& services, const CallPtr& call) {
  read(services, call, [call](db::Transaction& tx) { return shown(load_settings(tx, call->tenant_id())); });
}

void keep(db::Transaction& tx, const std::string& tenant_id, const std::string& name,
          const std::optional<std::string>& value) {
  if (name == "locale") {
    tx.send("UPDATE platform.tenants SET locale = $2 WHERE tenant_id = $1", {tenant_id, value.value_or("fr")});
  } else if (value) {
    tx.send(
        "INSERT INTO platform.settings (tenant_id, name, value) VALUES ($1, $2, $3) ON CONFLICT (tenant_id, name) DO "
        "UPDATE SET value = excluded.value",
        {tenant_id, name, *value});
  } else {
    tx.send("DELETE FROM platform.settings WHERE tenant_id = $1 AND name = $2", {tenant_id, name});
  }
}

void apply(Stored& stored, const std::string& name, const std::optional<std::string>& value) {
  if (name == "locale") {
    stored.locale = value.value_or("fr");
  } else if (value) {
    stored.set.insert_or_assign(name, *value);
  } else {
    stored.set.erase(name);
  }
}

// One event says what each setting was and is; nothing is said of what stays.
void tell(messaging::Outbox& outbox, const std::string& tenant_id, const json& before, const json& after) {
  const auto old_values = before.flatten(), new_values = after.flatten();
  v1::SettingsChanged event;
  for (const auto& [pointer, value] : new_values.items()) {
    if (old_values.at(pointer) == value) continue;
    auto& changed = *event.add_settings();
    changed.set_name(pointer.substr(1));
    changed.set_old_value(old_values.at(pointer).get<std::string>());
    changed.set_new_value(value.get<std::string>());
  }
  outbox.publish(tenant_id, event);
}

// Who demands a second factor of all others has one, and is an owner.
Result<void> may_demand(const Services& services, const Call& call, const SettingsPatch& patch) {
  const auto wanted = patch.find(second_factor_setting);
  if (wanted == patch.end()) return {};
  if (!call.session || call.session->role != tenancy::owner_role) {
    return Error{.code = Errc::forbidden,
                 .reason = "owner_required",
                 .message = "only an owner says whether a second factor is demanded"};
  }
  if (auto ok = recently_authenticated(services, call); !ok) return ok;
  if (wanted->second == "required" && call.session->second_factor.empty()) {
    return Error{.code = Errc::conflict,
                 .reason = "no_factor",
                 .message = "set up a second factor, and log in with it, before it is demanded of all"};
  }
  return {};
}

void update_settings(Services& services, const CallPtr& call) {
  const auto patch = parse_settings_patch(call->request().body);
  if (!patch) return services.refuse(call, patch.error());
  if (auto ok = may_demand(services, *call, *patch); !ok) return services.refuse(call, ok.error());
  change(
      services, call,
      [call, patch = *patch](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->tenant_id();
        auto stored = load_settings(tx, tenant_id, "FOR UPDATE");
        const auto before = settings_document(stored.set, stored.locale);
        if (!may_change(call->request(), *shown(stored).headers.get("ETag"))) {
          return precondition_failed(call->request());
        }
        for (const auto& [name, value] : patch) {
          keep(tx, tenant_id, name, value);
          apply(stored, name, value);
        }
        const auto after = settings_document(stored.set, stored.locale);
        if (after != before) tell(outbox, tenant_id, before, after);
        // The other gateways, too: what a session may has changed with it.
        if (patch.contains(second_factor_setting)) outbox.signal(tenant_id, v1::TenantChanged());
        return shown(stored);
      },
      forget(services, call));
}

}  // namespace

namespace api {
Routes settings() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/settings", "readSettings", Guard::live, read_settings, {.permission = "settings:read"}},
      {Method::patch,
       "/v1/settings",
       "updateSettings",
       Guard::live,
       update_settings,
       {.permission = "settings:update"}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
