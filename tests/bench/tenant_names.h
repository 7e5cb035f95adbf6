// The names of a bench's tenants: "bench-0000" and on, as tests/bench/bench.py counts them.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

namespace tenantry::bench {

struct TenantRange {
  std::size_t first = 0;
  std::size_t count = 1;

  void add_options(CLI::App& app) {
    app.add_option("--first", first, "Number of the first tenant");
    app.add_option("--tenants", count, "How many tenants")->check(CLI::Range(1, 10'000));
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (std::size_t i = first; i < first + count; ++i) {
      char name[32];
      std::snprintf(name, sizeof name, "bench-%04zu", i);
      out.emplace_back(name);
    }
    return out;
  }
};

}  // namespace tenantry::bench
