// The sessions of who is logged in, in whatever tenant: seen and ended.
#include <functional>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/api/auth/ended.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

void list_own_sessions(Services& services, const CallPtr& call) {
  const bool recent = recently_authenticated(services, *call).has_value();
  read(services, call, [&services, call, recent](db::Transaction& tx) -> Result<http::Response> {
    auto sessions = store::list_sessions(tx, call->claims->sub, services.clock.now());
    for (auto& session : sessions) session["current"] = session["id"] == call->claims->sid;
    return json_response(200, {{"sessions", std::move(sessions)}, {"recently_authenticated", recent}});
  });
}

using Answering = std::function<Result<http::Response>(const Ended&)>;

void end_and_tell(Services& services, const CallPtr& call, const store::SessionFilter& which, const Answering& answer) {
  const auto ended = std::make_shared<Ended>();
  change(
      services, call,
      [which, answer, ended](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        *ended = store::end_sessions(tx, which, outbox.now());
        tell_ended(outbox, which.user_id, *ended);
        return answer(*ended);
      },
      [&services, ended] { forget_sessions(services, *ended); });
}

void end_own_session(Services& services, const CallPtr& call) {
  end_and_tell(services, call, {.user_id = call->claims->sub, .session_id = id_of(*call).to_string()},
               [](const Ended& ended) -> Result<http::Response> {
                 if (!ended.empty()) return http::Response{.status = 204};
                 return Error{.code = Errc::not_found, .reason = "session_not_found", .message = "no such session"};
               });
}

void end_other_sessions(Services& services, const CallPtr& call) {
  end_and_tell(services, call, {.user_id = call->claims->sub, .but = call->claims->sid}, [](const Ended& ended) {
    return json_response(200, {{"ended", ended.size()}});
  });
}

}  // namespace

namespace api {
Routes sessions() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/me/sessions", "listOwnSessions", Guard::billing, list_own_sessions},
      {Method::delete_, "/v1/me/sessions", "endOtherSessions", Guard::billing, end_other_sessions},
      {Method::delete_, "/v1/me/sessions/{id}", "endOwnSession", Guard::billing, end_own_session},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
