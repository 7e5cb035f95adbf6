// What a super-admin has named: addresses of the console. Few, one's own, and nobody else's to see.
#include "workers/gateway/api/admin/views/requests.h"

#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr int views_max = 20;

json saved_view_json(const db::Row& row) {
  return {
      {"id", row.text(0)}, {"name", row.text(1)}, {"address", row.text(2)}, {"saved_at", to_rfc3339(row.timestamp(3))}};
}

void list_views(Services& services, const CallPtr& call) {
  read(services, call, [call](db::Transaction& tx) -> Result<http::Response> {
    json list = json::array();
    for (const auto row : tx.exec("SELECT view_id, name, address, saved_at FROM platform.saved_views WHERE owner = $1 "
                                  "ORDER BY name LIMIT $2",
                                  {call->admin, views_max})) {
      list.push_back(saved_view_json(row));
    }
    return json_response(200, {{"views", std::move(list)}});
  });
}

// One of that name is replaced.
void save_view(Services& services, const CallPtr& call) {
  change(services, call, parse_saved_view(call->request().body),
         [&services, call](const SavedView& view, db::Transaction& tx,
                           messaging::Outbox& outbox) -> Result<http::Response> {
           // Two of one's own tabs at once, too, are not more than there may be.
           tx.send("SELECT pg_advisory_xact_lock(hashtextextended('saved_views ' || $1, 0))", {call->admin});
           const auto others = tx.exec("SELECT count(*) FROM platform.saved_views WHERE owner = $1 AND name <> $2",
                                       {call->admin, view.name});
           if (others[0].int64(0) >= views_max) {
             return Error::conflict("view_limit_reached", "at most " + std::to_string(views_max) +
                                                              " views of one's own; remove another first");
           }
           const auto saved = tx.exec(
               "INSERT INTO platform.saved_views (view_id, owner, name, address, saved_at) VALUES ($1, $2, $3, $4, $5) "
               "ON CONFLICT (owner, name) DO UPDATE SET address = excluded.address, saved_at = excluded.saved_at "
               "RETURNING view_id, name, address, saved_at",
               {services.ids.next(), call->admin, view.name, view.address, outbox.now()});
           return json_response(201, saved_view_json(saved[0]));
         });
}

void remove_view(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox&) -> Result<http::Response> {
    const auto removed =
        tx.exec("DELETE FROM platform.saved_views WHERE owner = $1 AND view_id = $2", {call->admin, id_of(*call)});
    if (removed.affected() == 0) return nothing_here();
    return http::Response{.status = 204};
  });
}

}  // namespace

namespace api {
Routes admin_views() {
  constexpr Terms own_terms{.own = true};
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/me/views", "adminListViews", Guard::admin, list_views, own_terms},
      {Method::post, "/v1/admin/me/views", "adminSaveView", Guard::admin, save_view, own_terms},
      {Method::delete_, "/v1/admin/me/views/{id}", "adminRemoveView", Guard::admin, remove_view, own_terms},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
