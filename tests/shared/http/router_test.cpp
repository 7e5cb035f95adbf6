#include "shared/http/router.h"

#include <gtest/gtest.h>

namespace tenantry::http::router_test {
namespace {

Router sample() {
  Router router;
  const auto answer = [](const char* name) {
    return
        [name](const std::shared_ptr<Exchange>& exchange, const PathParameters&) { exchange->respond({.body = name}); };
  };
  router.add(Method::get, "/v1/clients", answer("list"));
  router.add(Method::post, "/v1/clients", answer("create"));
  router.add(Method::get, "/v1/clients/{id}", answer("read"));
  router.add(Method::get, "/v1/clients/me", answer("me"));
  router.add(Method::delete_, "/v1/clients/{id}/keys/{key}",
             [](const std::shared_ptr<Exchange>& exchange, const PathParameters& path) {
               exchange->respond({.body = path.at("id") + "|" + path.at("key")});
             });
  return router;
}

TEST(Router, Matches) {
  const auto router = sample();
  struct Row {
    Method method;
    const char* path;
    const char* path_template;
    const char* allow;
  };
  for (const auto& row :
       {Row{Method::get, "/v1/clients", "/v1/clients", ""}, Row{Method::head, "/v1/clients", "/v1/clients", ""},
        Row{Method::put, "/v1/clients", "", "GET, HEAD, POST"},
        Row{Method::get, "/v1/clients/7", "/v1/clients/{id}", ""},
        Row{Method::get, "/v1/clients/me", "/v1/clients/me", ""},
        Row{Method::delete_, "/v1/clients/me", "", "GET, HEAD"}, Row{Method::post, "/v1/clients/7", "", "GET, HEAD"},
        Row{Method::get, "/v1/clients/", "", ""}, Row{Method::get, "/v1/clients/7/", "", ""},
        Row{Method::get, "/v1", "", ""}, Row{Method::get, "/", "", ""}, Row{Method::get, "*", "", ""},
        Row{Method::delete_, "/v1/clients/a b/keys/c", "/v1/clients/{id}/keys/{key}", ""}}) {
    const auto match = router.match(row.method, row.path);
    EXPECT_EQ(match.path_template, row.path_template) << row.path;
    EXPECT_EQ(match.allow, row.allow) << row.path;
    EXPECT_EQ(match.handler != nullptr, *row.path_template != '\0') << row.path;
  }
  EXPECT_EQ(router.match(Method::delete_, "/v1/clients/a b/keys/c").parameters.at("id"), "a b");
}

}  // namespace
}  // namespace tenantry::http::router_test
