// What the process tells about itself: health, metrics, the OpenAPI document, what a problem means.
#include <nlohmann/json.hpp>

#include "events/documents.h"
#include "shared/telemetry/metrics.h"
#include "workers/gateway/api/openapi.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

http::Response text_response(int status, std::string text) {
  return {.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = std::move(text)};
}

void livez(Services& services, const CallPtr& call) {
  nlohmann::json body = {{"status", "alive"}};
  // So that whoever moves the test clock can see when this process has followed.
  if (services.config.test_clock) body["now"] = to_rfc3339(services.clock.now());
  services.answer(call, http::Response::json(200, body.dump()));
}

void readyz(Services& services, const CallPtr& call) {
  const auto health = services.hooks.health ? services.hooks.health() : messaging::HostHealth{};
  const bool database = health.database && services.database_ok;
  const bool serving = !services.draining && services.reference != nullptr;
  const bool ready = database && health.broker && serving;
  const auto word = [](bool up) { return up ? "ok" : "down"; };
  if (call->request().query_value("verbose")) {
    const auto line = [](const char* name, bool up) {
      return std::string(up ? "[+]" : "[-]") + name + (up ? " ok\n" : " failed\n");
    };
    return services.answer(
        call, text_response(ready ? 200 : 503,
                            line("postgres", database) + line("rabbitmq", health.broker) + line("serving", serving)));
  }
  services.answer(
      call,
      json_response(
          ready ? 200 : 503,
          {{"status", ready ? "ready" : "unready"},
           {"checks", {{"postgres", word(database)}, {"rabbitmq", word(health.broker)}, {"serving", word(serving)}}}}));
}

void metrics_page(Services& services, const CallPtr& call) {
  auto page = metrics::render_for(call->request().headers.list("Accept"));
  services.answer(call, {.status = 200,
                         .headers = {{"Content-Type", std::move(page.content_type)}, {"Vary", "Accept"}},
                         .body = std::move(page.body)});
}

void openapi(Services& services, const CallPtr& call) {
  services.answer(call, http::Response::json(200, openapi_document()));
}

void asyncapi(Services& services, const CallPtr& call) {
  static const std::string document = events::make_asyncapi().dump();
  services.answer(call, http::Response::json(200, document));
}

void problem_page(Services& services, const CallPtr& call) {
  const auto& code = call->path.at("code");
  const bool is_code = !code.empty() && code.size() <= 64 &&
                       code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == code.npos;
  if (!is_code) {
    return services.refuse(call, nothing_here());
  }
  services.answer(call, text_response(200, "Problem type \"" + code +
                                               "\" of Tenantry's HTTP API.\nThe problem document's detail says what "
                                               "happened; its code is stable. See /openapi.json.\n"));
}

}  // namespace

namespace api {
Routes meta() {
  static constexpr Route routes[] = {
      {Method::get, "/livez", "livez", Guard::open, livez, {.before_database = true}},
      {Method::get, "/readyz", "readyz", Guard::open, readyz, {.before_database = true}},
      {Method::get, "/metrics", "metrics", Guard::open, metrics_page, {.before_database = true}},
      {Method::get, "/openapi.json", "openapi", Guard::open, openapi, {.same_for_all = true}},
      {Method::get, "/asyncapi.json", "asyncapi", Guard::open, asyncapi, {.same_for_all = true}},
      {Method::get, "/problems/{code}", "problem", Guard::open, problem_page, {.same_for_all = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
