// The sessions of who is logged in, in whatever tenant: seen and ended.
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/api/auth/ended.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

// How many ended.
Result<std::size_t> end_and_tell(Services& services, db::Connection& connection, const Call& call,
                                 const store::SessionFilter& which) {
  Ended ended;
  const auto done = services.commit(connection, call, call.user(),
                                    [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                      ended = store::end_sessions(tx, which, outbox.now());
                                      tell_ended(outbox, which.user_id, ended);
                                      return {};
                                    });
  if (!done) return done.error();
  services.loop.post([&services, ended] { forget_sessions(services, ended); });
  return ended.size();
}

void list_own_sessions(Services& services, const CallPtr& call) {
  services.on_lane(call, [&services, call](db::Connection& connection) -> Result<http::Response> {
    json sessions;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      sessions = store::list_sessions(tx, call->claims->sub, services.clock.now());
      return {};
    });
    if (!done) return done.error();
    for (auto& session : sessions) session["current"] = session["id"] == call->claims->sid;
    return json_response(200, {{"sessions", std::move(sessions)}});
  });
}

void end_own_session(Services& services, const CallPtr& call) {
  services.on_lane(call, [&services, call](db::Connection& connection) -> Result<http::Response> {
    const auto id = Uuid::parse(call->path.at("id"));
    const auto ended =
        id ? end_and_tell(services, connection, *call, {.user_id = call->claims->sub, .session_id = id->to_string()})
           : Result<std::size_t>(0);
    if (!ended) return ended.error();
    if (*ended == 0) {
      return Error{.code = Errc::not_found, .reason = "session_not_found", .message = "no such session"};
    }
    return http::Response{.status = 204};
  });
}

void end_other_sessions(Services& services, const CallPtr& call) {
  services.on_lane(call, [&services, call](db::Connection& connection) -> Result<http::Response> {
    const auto ended =
        end_and_tell(services, connection, *call, {.user_id = call->claims->sub, .but = call->claims->sid});
    if (!ended) return ended.error();
    return json_response(200, {{"ended", *ended}});
  });
}

constexpr Route routes[] = {
    {Method::get, "/v1/me/sessions", "listOwnSessions", Guard::billing, list_own_sessions},
    {Method::delete_, "/v1/me/sessions", "endOtherSessions", Guard::billing, end_other_sessions},
    {Method::delete_, "/v1/me/sessions/{id}", "endOwnSession", Guard::billing, end_own_session},
};

}  // namespace

namespace api {
Routes sessions() {
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
