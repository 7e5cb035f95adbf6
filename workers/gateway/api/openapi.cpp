#include "workers/gateway/api/openapi.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "shared/core/assert.h"
#include "shared/core/bytes.h"
#include "shared/core/embedded.h"
#include "workers/gateway/api/resources.h"

namespace tenantry {
std::span<const EmbeddedFile> openapi_fragments();
}

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr std::string_view base_file = "api/openapi.json";

json reference_to(const std::string& schema) {
  return {{"$ref", "#/components/schemas/" + schema}};
}

json content_of(const char* type, const std::string& schema) {
  return {{type, {{"schema", reference_to(schema)}}}};
}

std::string tag_of(const Resource& resource) {
  std::string tag{resource.name};
  std::ranges::replace(tag, '_', ' ');
  return tag;
}

std::set<std::string> implied_errors(const Route& route, const json& operation, const json& parameters) {
  std::set<std::string> out{"default"};
  const auto add = [&](std::initializer_list<const char*> statuses) { out.insert(statuses.begin(), statuses.end()); };
  switch (route.guard) {
    case Guard::open:
      if (!route.terms.before_database) add({"503"});
      break;
    case Guard::live:
      add({"402"});
      [[fallthrough]];
    case Guard::billing:
      add({"401", "403", "404", "429", "503"});
      break;
    case Guard::admin:
      add({"401", "403", "429", "503"});
      if (route.path.find('{') != route.path.npos) add({"404"});
      break;
  }
  if (operation.contains("request") || operation.contains("requestBody")) add({"400", "413", "415", "422"});
  const auto in_query = [](const json& parameter) { return parameter["in"] == "query"; };
  if (std::ranges::any_of(parameters, in_query)) add({"422"});
  return out;
}

json parameters_of(const Route& route, const json& operation, const json& base) {
  json out = json::array();
  const auto& common = base.at("parameters");
  if (route.guard == Guard::live || route.guard == Guard::billing) out.push_back(common.at("X-Tenant-ID"));
  for (const auto& parameter : operation.value("parameters", json::array())) {
    out.push_back(parameter.is_string() ? common.at(parameter.get<std::string>()) : parameter);
  }
  // What the path names is a parameter, whether the fragment says more of it or not.
  const auto path = route.path;
  for (auto at = path.find('{'); at != path.npos; at = path.find('{', at + 1)) {
    const auto name = path.substr(at + 1, path.find('}', at) - at - 1);
    const auto is_it = [&](const json& parameter) { return parameter["in"] == "path" && parameter["name"] == name; };
    if (std::ranges::none_of(out, is_it)) out.push_back(common.at(std::string(name)));
  }
  return out;
}

json response_of(const std::string& status, const json& written, const json& base) {
  const bool good = status.front() == '2';
  const auto& usual = base.at(good ? "answers" : "errors").at(status);
  if (!good) {
    if (!written.is_string()) return written;
    return {{"description", written == "" ? usual : written},
            {"content", content_of("application/problem+json", "Problem")}};
  }
  json out = {{"description", usual}};
  if (written.is_string()) {
    if (written != "") out["content"] = content_of("application/json", written);
    return out;
  }
  out = written;
  if (out.contains("schema")) {
    out["content"] = content_of("application/json", out["schema"]);
    out.erase("schema");
  }
  return out;
}

json security_of(Guard guard) {
  if (guard == Guard::open) return json::array();
  return json::array({{{guard == Guard::admin ? "admin" : "tenant", json::array()}}});
}

json operation_of(const Resource& resource, const Route& route, json operation, const json& base) {
  const auto parameters = parameters_of(route, operation, base);
  json responses = json::object();
  for (const auto& status : implied_errors(route, operation, parameters)) {
    responses[status] = response_of(status, "", base);
  }
  const auto told = operation.value("responses", json::object());
  for (const auto& [status, written] : told.items()) {
    responses[status] = response_of(status, written, base);
  }
  operation["responses"] = std::move(responses);
  if (parameters.empty()) {
    operation.erase("parameters");
  } else {
    operation["parameters"] = parameters;
  }
  if (operation.contains("request")) {
    operation["requestBody"] = {{"required", true}, {"content", content_of("application/json", operation["request"])}};
    operation.erase("request");
  }
  operation["operationId"] = route.operation;
  operation["tags"] = json::array({tag_of(resource)});
  operation["security"] = security_of(route.guard);
  return operation;
}

}  // namespace

json make_openapi() {
  json base, paths = json::object(), schemas = json::object();
  for (const auto& file : openapi_fragments()) {
    auto fragment = json::parse(file.content);
    if (file.name == base_file) {
      base = std::move(fragment);
      continue;
    }
    for (const auto& [path, operations] : fragment.at("paths").items()) paths[path].update(operations);
    if (fragment.contains("schemas")) schemas.update(fragment["schemas"]);
  }
  json document = base.at("document");
  document["components"]["schemas"].update(schemas);
  document["tags"] = json::array();
  document["paths"] = json::object();
  for (const auto& resource : resources()) {
    document["tags"].push_back({{"name", tag_of(resource)}});
    for (const auto& route : resource.routes) {
      const auto method = ascii_lower(http::to_string(route.method));
      document["paths"][std::string(route.path)][method] =
          operation_of(resource, route, paths.at(std::string(route.path)).at(method), base);
    }
  }
  return document;
}

const std::string& openapi_document() {
  static const std::string document = make_openapi().dump();
  return document;
}

}  // namespace tenantry::gateway
