// bench_definitions: prints the broker's definitions of many tenants in one document, for
// one import. The same objects and permissions as provisioning makes, without the
// applications' users, which no bench logs in as.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "tests/bench/tenant_names.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  using nlohmann::json;
  CLI::App app{"Prints the RabbitMQ definitions of a bench's tenants"};
  bench::TenantRange tenants;
  tenants.add_options(app);
  CLI11_PARSE(app, argc, argv);
  const events::BrokerUsers users;
  json out = {{"vhosts", json::array()},
              {"permissions", json::array()},
              {"exchanges", json::array()},
              {"queues", json::array()},
              {"bindings", json::array()}};
  for (const auto& tenant_id : tenants.names()) {
    const auto vhost = events::vhost_of(tenant_id);
    out["vhosts"].push_back({{"name", vhost}});
    for (const auto& permission : events::permissions_of(tenant_id, users)) {
      out["permissions"].push_back({{"user", permission.user},
                                    {"vhost", vhost},
                                    {"configure", permission.configure},
                                    {"write", permission.write},
                                    {"read", permission.read}});
    }
    const auto objects = json::parse(events::definitions_json(tenant_id, "classic"));
    for (const auto& [kind, list] : objects.items()) {
      for (auto object : list) {
        object["vhost"] = vhost;
        out[kind].push_back(std::move(object));
      }
    }
  }
  std::puts(out.dump().c_str());
}
