#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "workers/gateway/api/openapi.h"
#include "workers/gateway/api/resources.h"

namespace tenantry::gateway {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path root = TENANTRY_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<Route> all_routes() {
  std::vector<Route> out;
  for (const auto& resource : resources()) out.insert(out.end(), resource.routes.begin(), resource.routes.end());
  return out;
}

TEST(Routes, AreTheDocuments) {
  EXPECT_EQ(text_of(root / "docs/openapi.json"), make_openapi().dump(2) + "\n")
      << "docs/openapi.json is not what the routes say: build/bin/tenantry openapi > docs/openapi.json";
}

TEST(Routes, NoFragmentDescribesWhatIsNotServed) {
  std::set<std::pair<std::string, std::string>> served;
  const auto document = make_openapi();
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) served.emplace(path, method);
  }
  int fragments = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root / "workers/gateway")) {
    if (entry.path().filename() != "openapi.json" || entry.path().parent_path().filename() == "api") continue;
    ++fragments;
    const auto fragment = json::parse(text_of(entry.path()));
    for (const auto& [path, operations] : fragment["paths"].items()) {
      for (const auto& [method, operation] : operations.items()) {
        EXPECT_TRUE(served.contains({path, method})) << entry.path() << ": " << method << " " << path;
      }
    }
  }
  EXPECT_GE(fragments, 14);
}

// Goal: every schema that is named is there, and every one that is there is named.
TEST(Routes, SchemasAreThereAndUsed) {
  const auto document = make_openapi();
  const auto text = document.dump();
  static const std::regex reference(R"re("#/components/schemas/(\w+)")re");
  std::set<std::string> named;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), reference); at != std::sregex_iterator(); ++at) {
    named.insert((*at)[1]);
  }
  std::set<std::string> there;
  for (const auto& [name, schema] : document["components"]["schemas"].items()) there.insert(name);
  EXPECT_EQ(named, there);
}

TEST(Routes, DocumentedSecurityIsTheGuard) {
  const auto document = make_openapi();
  for (const auto& route : all_routes()) {
    auto method = std::string(http::to_string(route.method));
    for (auto& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto& security = document["paths"][std::string(route.path)][method]["security"];
    if (route.guard == Guard::open) {
      EXPECT_TRUE(security.empty()) << route.operation;
    } else {
      EXPECT_TRUE(security[0].contains(route.guard == Guard::admin ? "admin" : "tenant")) << route.operation;
    }
  }
}

TEST(Routes, OperationsAndPathsAreUnique) {
  std::set<std::string_view> operations;
  std::set<std::pair<http::Method, std::string_view>> paths;
  for (const auto& route : all_routes()) {
    EXPECT_TRUE(operations.insert(route.operation).second) << route.operation;
    EXPECT_TRUE(paths.insert({route.method, route.path}).second) << route.path;
    EXPECT_EQ(find_route(route.method, route.path)->operation, route.operation);
  }
  EXPECT_GT(operations.size(), 50U);
  EXPECT_EQ(find_route(Method::get, "/v1/nothing"), nullptr);
}

TEST(Routes, WhatIsForOneCallerIsKeptByNobody) {
  for (const auto& route : all_routes()) {
    if (route.guard != Guard::open || route.method != Method::get) {
      EXPECT_FALSE(route.terms.same_for_all) << route.path;
    }
    if (route.operation == "openapi" || route.operation == "plans") {
      EXPECT_TRUE(route.terms.same_for_all) << route.path;
    }
  }
}

// A member's route without a permission is open to every role: there is one for any of them alone. Who is removed
// decides whether that needs a right: oneself may always leave.
TEST(Routes, NameTheirPermission) {
  const std::set<std::string_view> any_role = {
      "me", "logout", "listOwnSessions", "endOtherSessions", "endOwnSession", "removeUser"};
  for (const auto& route : all_routes()) {
    const bool of_members = route.guard == Guard::live || route.guard == Guard::billing;
    const bool for_any_role = any_role.contains(route.operation);
    EXPECT_EQ(route.terms.permission.empty(), !of_members || for_any_role) << route.operation;
  }
}

}  // namespace
}  // namespace tenantry::gateway
