// Router: which handler answers a method and a path. Templates such as
// "/v1/clients/{id}" match whole segments; where several match, the one whose
// earliest differing segment is literal wins. HEAD falls back to GET.
//
// Built before the server starts; const use from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/http/server.h"

namespace tenantry::http {

class PathParameters {
 public:
  void add(std::string name, std::string value) { values_.emplace_back(std::move(name), std::move(value)); }
  const std::string& at(std::string_view name) const;  // asserts: the template names it

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

class Router {
 public:
  using RouteHandler = std::function<void(std::shared_ptr<Exchange>, const PathParameters&)>;

  // Asserts that the route is new.
  void add(Method method, std::string path_template, RouteHandler handler);

  struct Match {
    const RouteHandler* handler = nullptr;
    PathParameters parameters{};
    std::string_view path_template{};  // the Router's; "" without a handler
    std::string allow{};               // without a handler: "GET, HEAD, POST"; empty: the path is unknown
  };
  Match match(Method method, std::string_view path) const;

 private:
  struct Entry {
    Method method;
    std::string path_template;
    std::vector<std::string> segments;
    RouteHandler handler;
  };
  using Group = std::vector<std::size_t>;  // entries of templates that match the same paths
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Match choose(Method method, std::string_view path, const Group& group) const;

  std::vector<Entry> entries_;
  std::unordered_map<std::string, Group, Hash, std::equal_to<>> literal_;  // by path
  std::vector<Group> with_parameters_;                                     // the most specific first
};

}  // namespace tenantry::http
