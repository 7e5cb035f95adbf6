#include "shared/service/status_server.h"

#include <string>

#include "shared/telemetry/metrics.h"

namespace tenantry::service {
namespace {

http::ServerOptions options_of(const StatusAddress& where) {
  http::ServerOptions options;
  options.address = where.address;
  options.port = where.port;
  options.connections_max = 50;  // a scraper, a probe and somebody who looks
  options.body_size_max = 0;
  return options;
}

std::string ready_text(const messaging::HostHealth& health) {
  const auto word = [](bool up) { return up ? R"("ok")" : R"("down")"; };
  return std::string(R"({"status":)") + (health.database && health.broker ? R"("ready")" : R"("unready")") +
         R"(,"checks":{"postgres":)" + word(health.database) + R"(,"rabbitmq":)" + word(health.broker) + "}}";
}

}  // namespace

http::Response status_of(http::Method method, std::string_view path, const messaging::HostHealth& health,
                         std::string_view accept) {
  const bool known = path == "/livez" || path == "/readyz" || path == "/metrics";
  if (!known) return {.status = 404};
  if (method != http::Method::get && method != http::Method::head) {
    return {.status = 405, .headers = {{"Allow", "GET, HEAD"}}};
  }
  if (path == "/livez") return http::Response::json(200, R"({"status":"alive"})");
  if (path == "/readyz") return http::Response::json(health.database && health.broker ? 200 : 503, ready_text(health));
  auto page = metrics::render_for(accept);
  return {.status = 200,
          .headers = {{"Content-Type", std::move(page.content_type)}, {"Vary", "Accept"}},
          .body = std::move(page.body)};
}

StatusAddress read_status_address(config::Reader& reader) {
  return {.address = reader.text("TENANTRY_STATUS_ADDRESS"),
          .port = static_cast<std::uint16_t>(reader.integer("TENANTRY_STATUS_PORT"))};
}

StatusServer::StatusServer(loop::Loop& loop, const StatusAddress& where, std::function<messaging::HostHealth()> health)
    : server_(loop, options_of(where), [health = std::move(health)](const std::shared_ptr<http::Exchange>& exchange) {
        const auto& request = exchange->request();
        exchange->respond(status_of(request.method, request.path, health(), request.headers.list("Accept")));
      }) {}

}  // namespace tenantry::service
