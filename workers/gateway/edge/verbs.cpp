#include "workers/gateway/edge/verbs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/platform.pb.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

Services::LaneWork reading(Services& services, Reading work) {
  return [&services, work = std::move(work)](db::Connection& connection) -> Result<http::Response> {
    http::Response response;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      auto made = work(tx);
      if (!made) return made.error();
      response = *std::move(made);
      return {};
    });
    if (!done) return done.error();
    return response;
  };
}

Services::LaneWork changing(Services& services, const CallPtr& call, Changing work, std::function<void()> then) {
  return [&services, call, work = std::move(work),
          then = std::move(then)](db::Connection& connection) -> Result<http::Response> {
    http::Response response;
    const auto done = services.commit(connection, *call, call->caller(),
                                      [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                        auto made = work(tx, outbox);
                                        if (!made) return made.error();
                                        response = *std::move(made);
                                        return {};
                                      });
    if (!done) return done.error();
    if (then) services.loop.post(then);
    return response;
  };
}

// `rows`: one more than asked for where the list goes on.
http::Response page_response(const Call& call, const ListShape& shape, int limit, json rows, json body) {
  std::string link;
  body["next_cursor"] = nullptr;
  if (static_cast<int>(rows.size()) > limit) {
    rows.erase(rows.size() - 1);
    const auto cursor = encode_cursor({rows.back()[shape.time_field], rows.back()[shape.id_field]});
    body["next_cursor"] = cursor;
    link = next_link(call.request(), cursor);
  }
  body[shape.name] = std::move(rows);
  auto response = json_response(200, body);
  if (!link.empty()) response.headers.add("Link", link);
  return response;
}

}  // namespace

void read(Services& services, const CallPtr& call, Reading work) {
  services.on_lane(call, reading(services, std::move(work)));
}

void change(Services& services, const CallPtr& call, Changing work, std::function<void()> then) {
  services.on_lane(call, changing(services, call, std::move(work), std::move(then)));
}

std::function<void()> forget(Services& services, const CallPtr& call) {
  return [&services, call] { services.tenant_changed(call->tenant_id()); };
}

Uuid id_of(const Call& call) {
  const auto id = Uuid::parse(call.path.at("id"));
  return id ? *id : Uuid{};
}

void search(Services& services, const CallPtr& call, Reading work) {
  services.on_search_lane(call, reading(services, std::move(work)));
}

void search_on_record(Services& services, const CallPtr& call, Changing work) {
  services.on_search_lane(call, changing(services, call, std::move(work), {}));
}

void tell_read(messaging::Outbox& outbox, std::string_view tenant_id, std::string_view what, std::string_view id) {
  events::v1::DataRead read;
  read.set_what(std::string(what));
  read.set_id(std::string(id));
  outbox.publish(tenant_id, read);
}

Error no_tenant(const Call& call) {
  return {.code = Errc::not_found,
          .reason = "tenant_not_found",
          .message = std::string(access_message("tenant_not_found", call.language))};
}

std::string query(const Call& call, std::string_view name) {
  return std::string(call.request().query_value(name).value_or(""));
}

Result<std::string> choice(const Call& call, const char* name, std::initializer_list<std::string_view> known) {
  auto value = query(call, name);
  if (value.empty() || std::ranges::find(known, value) != known.end()) return value;
  return Error::invalid("/" + std::string(name), "choice", "is not one of the known values");
}

db::Param Page::time() const {
  return after ? db::Param(after->at) : db::Param(nullptr);
}

db::Param Page::id() const {
  return after ? db::Param(after->id) : db::Param(nullptr);
}

void list(Services& services, const CallPtr& call, const ListShape& shape, Listing items,
          std::function<void(db::Transaction&, json&)> extend) {
  const auto limit = page_limit(call->request());
  if (!limit) return services.refuse(call, limit.error());
  auto place = timed_place(call->request(), shape.uuid_ids);
  if (!place) return services.refuse(call, place.error());
  const Page page{.after = std::move(*place), .limit = *limit + 1};
  const auto answer = [call, shape, page, limit = *limit, items = std::move(items),
                       extend = std::move(extend)](db::Transaction& tx) {
    json body = json::object();
    auto rows = items(tx, page);
    if (extend) extend(tx, body);
    return page_response(*call, shape, limit, std::move(rows), std::move(body));
  };
  if (!call->of_platform) return read(services, call, answer);
  change(services, call,
         [call, shape, answer](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const std::string tenant_id{shape.of_tenant ? call->path.at("id") : events::platform_tenant};
           if (shape.of_tenant && !tenancy::find_tenant(tx, tenant_id)) return no_tenant(*call);
           tell_read(outbox, tenant_id, shape.name);
           return answer(tx);
         });
}

}  // namespace tenantry::gateway
