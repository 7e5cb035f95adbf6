#include "workers/gateway/admin.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/cursor.h"

namespace tenantry::gateway {

using nlohmann::json;

std::string query(const Call& call, std::string_view name) {
  return std::string(call.request().query_value(name).value_or(""));
}

events::Actor super_admin(const Call& call) {
  return call.actor("user", "super-admin");
}

void tell_read(messaging::Outbox& outbox, std::string_view tenant_id, std::string_view what, std::string_view id) {
  events::v1::DataRead read;
  read.set_what(std::string(what));
  read.set_id(std::string(id));
  outbox.publish(tenant_id, read);
}

Result<std::string> choice(const Call& call, const char* name, std::initializer_list<std::string_view> known) {
  auto value = query(call, name);
  if (value.empty() || std::ranges::find(known, value) != known.end()) return value;
  return Error::invalid("/" + std::string(name), "choice", "is not one of the known values");
}

void list_newest_first(Services& services, const CallPtr& call, const char* name, const char* time_field,
                       const char* id_field, bool uuid_ids,
                       const std::function<json(db::Transaction&, const store::Page&)>& read,
                       const std::function<void(db::Transaction&, json&)>& extend) {
  const auto limit = page_limit(call->request());
  if (!limit) return services.refuse(call, limit.error());
  store::Page page{.limit = *limit + 1};
  if (const auto cursor = call->request().query_value("cursor")) {
    auto place = decode_cursor(*cursor, 2);
    if (!place) return services.refuse(call, place.error());
    if (!from_rfc3339((*place)[0]) || (uuid_ids && !Uuid::parse((*place)[1]))) {
      return services.refuse(call, Error::invalid("/cursor", "cursor", "must be a next_cursor of this list"));
    }
    page.after = std::move(*place);
  }
  services.on_lane(call, [=, &services, limit = *limit](db::Connection& connection) -> Result<http::Response> {
    json body;
    json rows;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      body = json::object();
      rows = read(tx, page);
      if (extend) extend(tx, body);
      return {};
    });
    if (!done) return done.error();
    std::string link;
    body["next_cursor"] = nullptr;
    if (static_cast<int>(rows.size()) > limit) {
      rows.erase(rows.size() - 1);
      const auto cursor = encode_cursor({rows.back()[time_field], rows.back()[id_field]});
      body["next_cursor"] = cursor;
      link = next_link(call->request(), cursor);
    }
    body[name] = std::move(rows);
    auto response = json_response(200, body);
    if (!link.empty()) response.headers.add("Link", link);
    return response;
  });
}

}  // namespace tenantry::gateway
