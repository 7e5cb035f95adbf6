#include "workers/gateway/console/pages.h"

#include <functional>
#include <map>
#include <span>
#include <string>

#include "shared/core/embedded.h"
#include "shared/gzip/gzip.h"
#include "shared/http/problem.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/render.h"

namespace tenantry {
std::span<const EmbeddedFile> console_bundle();
}

namespace tenantry::gateway::console {
namespace {

constexpr std::string_view document = "index.html";
constexpr std::string_view assets = "/assets/";

// Nothing but our own files runs, and no text becomes script or markup (Trusted Types). Reported where it is tried: by
// report-uri, because browsers that know report-to would then use that alone, and over HTTPS alone.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src "
    "'self'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; report-uri /v1/console/csp-reports";

struct File {
  std::string_view type;
  std::string_view plain;
  std::string gzip;
  std::string tag;
};

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "text/html; charset=utf-8";
}

std::string compressed(std::string_view content) {
  Gzip gzip;
  auto out = gzip.compress(content);
  return out += gzip.finish();
}

const std::map<std::string, File, std::less<>>& bundle() {
  static const auto files = [] {
    std::map<std::string, File, std::less<>> out;
    for (const auto& file : console_bundle()) {
      out.emplace(file.name,
                  File{type_of(file.name), file.content, compressed(file.content), entity_tag(file.content)});
    }
    return out;
  }();
  return files;
}

const File* find(std::string_view path) {
  const auto name = path.starts_with(assets) ? path.substr(assets.size()) : document;
  const auto at = bundle().find(name);
  return at == bundle().end() ? nullptr : &at->second;
}

}  // namespace

http::Response answer(const http::Request& request) {
  const auto* const file = find(request.path);
  if (file == nullptr) {
    auto response = http::problem(404, "not_found", "There is nothing at this path.", request.path);
    response.headers.set("X-Content-Type-Options", "nosniff");
    return response;
  }
  // An asset's name changes with what it holds.
  const bool asset = request.path.starts_with(assets);
  http::Response response{.headers = {{"Content-Type", std::string(file->type)},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"Referrer-Policy", "no-referrer"},
                                      {"Cross-Origin-Opener-Policy", "same-origin"},
                                      {"Cross-Origin-Resource-Policy", "same-origin"},
                                      {"Vary", "Accept-Encoding"}}};
  response.headers.add("Cache-Control", asset ? "public, max-age=31536000, immutable" : "no-store");
  if (!asset) {
    response.headers.add("Content-Security-Policy", policy);
    response.headers.add("Permissions-Policy", "camera=(), geolocation=(), microphone=()");
  } else {
    response.headers.add("ETag", file->tag);
  }
  if (prefers(request, "Accept-Encoding", "gzip")) {
    response.headers.add("Content-Encoding", "gzip");
    response.body = file->gzip;
  } else {
    response.body = file->plain;
  }
  return response;
}

}  // namespace tenantry::gateway::console
