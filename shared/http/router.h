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

  struct Route {
    Method method;
    std::string path_template;
  };

  // Asserts that the route is new.
  void add(Method method, std::string path_template, RouteHandler handler);

  // Answers 404 or 405 with Allow itself.
  void dispatch(std::shared_ptr<Exchange> exchange) const;

  struct Match {
    const RouteHandler* handler = nullptr;
    PathParameters parameters{};
    std::string allow{};          // "GET, HEAD, POST"; empty: the path is unknown
    std::string path_template{};  // for metrics, whose labels must be few
  };
  Match match(Method method, std::string_view path) const;

  std::vector<Route> routes() const;  // in order of adding

 private:
  struct Entry {
    Route route;
    std::vector<std::string> segments;
    RouteHandler handler;
  };
  std::vector<Entry> entries_;
};

}  // namespace tenantry::http
