// Routes anybody may call: health, metrics, the OpenAPI document, plans, availability.
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/telemetry/metrics.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/openapi.h"
#include "workers/gateway/routes.h"

namespace tenantry::gateway {
namespace {

constexpr int checks_per_minute = 10;  // per address (security.md D1)

http::Response text_response(int status, std::string text) {
  return {.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = std::move(text)};
}

bool check_allowed(Services& services, const CallPtr& call) {
  const auto decision = services.checks.take(call->address, checks_per_minute, services.monotonic());
  if (decision.allowed) return true;
  services.refuse(call,
                  Error{.code = Errc::rate_limited, .reason = "rate_limited", .message = "at most 10 checks a minute"},
                  decision.resets_in);
  return false;
}

}  // namespace

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
  services.answer(call, {.status = 200,
                         .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                         .body = metrics::render()});
}

void openapi(Services& services, const CallPtr& call) {
  services.answer(call, http::Response::json(200, std::string(openapi_files().front().content)));
}

void problem_page(Services& services, const CallPtr& call) {
  const auto& code = call->path.at("code");
  const bool is_code = !code.empty() && code.size() <= 64 &&
                       code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == code.npos;
  if (!is_code) {
    return services.refuse(
        call, Error{.code = Errc::not_found, .reason = "not_found", .message = "There is nothing at this path."});
  }
  services.answer(call, text_response(200, "Problem type \"" + code +
                                               "\" of Tenantry's HTTP API.\nThe problem document's detail says what "
                                               "happened; its code is stable. See /openapi.json.\n"));
}

void plans(Services& services, const CallPtr& call) {
  services.answer(call, http::Response::json(200, call->reference->plans_json));
}

void check_email(Services& services, const CallPtr& call) {
  if (!check_allowed(services, call)) return;
  const auto email = folded_email(call->request().query_value("email").value_or(""));
  if (!email) return services.refuse(call, Error::invalid("/email", "email", "must be an e-mail address"));
  if (services.config.signup_private) return services.answer(call, json_response(200, {{"available", true}}));
  services.on_lane(call, [&services, email = *email](db::Connection& connection) -> Result<http::Response> {
    bool taken = false;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      taken = store::email_taken(tx, email);
      return {};
    });
    if (!done) return done.error();
    return json_response(200, {{"available", !taken}});
  });
}

void check_company(Services& services, const CallPtr& call) {
  if (!check_allowed(services, call)) return;
  const std::string name{call->request().query_value("name").value_or("")};
  if (name.empty() || name.size() > 800) {
    return services.refuse(call, Error::invalid("/name", "length", "must have 1 to 200 characters"));
  }
  services.on_lane(call, [&services, name](db::Connection& connection) -> Result<http::Response> {
    std::string slug;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      slug = tenancy::preview_slug(tx, name, services.ids);
      return {};
    });
    if (!done) return done.error();
    // A name is never taken for good: the next one gets a suffix.
    return json_response(200, {{"available", true}, {"tenant_id", slug}});
  });
}

}  // namespace tenantry::gateway
