#include "workers/gateway/route_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace tenantry::gateway {
namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

nlohmann::json document() {
  std::ifstream in(std::string(TENANTRY_SOURCE_DIR) + "/docs/openapi.json");
  std::ostringstream text;
  text << in.rdbuf();
  return nlohmann::json::parse(text.str());
}

// Goal: docs/openapi.json describes every route and nothing else, each under its operation.
TEST(RouteTable, IsTheOpenApiDocuments) {
  std::map<std::string, std::string> routed;
  for (const auto& route : route_table()) {
    routed[lower(http::to_string(route.method)) + " " + std::string(route.path)] = route.operation;
  }
  std::map<std::string, std::string> documented;
  const auto openapi = document();
  for (const auto& [path, operations] : openapi["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      documented[method + " " + path] = operation["operationId"].get<std::string>();
    }
  }
  EXPECT_EQ(routed, documented);
}

TEST(RouteTable, DocumentedSecurityIsTheGuard) {
  const auto openapi = document();
  for (const auto& route : route_table()) {
    const auto& operation = openapi["paths"][std::string(route.path)][lower(http::to_string(route.method))];
    const auto& security = operation["security"];
    switch (route.guard) {
      case Guard::open:
        EXPECT_TRUE(security.empty()) << route.operation;
        break;
      case Guard::admin:
        EXPECT_TRUE(security[0].contains("admin")) << route.operation;
        break;
      case Guard::live:
      case Guard::billing:
        EXPECT_TRUE(security[0].contains("tenant")) << route.operation;
        break;
    }
  }
}

TEST(RouteTable, OperationsAreUnique) {
  std::set<std::string_view> operations;
  for (const auto& route : route_table()) EXPECT_TRUE(operations.insert(route.operation).second) << route.operation;
}

}  // namespace
}  // namespace tenantry::gateway
