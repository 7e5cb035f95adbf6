// tenantry_simulate: seeds one after another, a JSON line each. ./dev simulate runs one
// on each core.
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "shared/crypto/hash.h"
#include "shared/telemetry/log.h"
#include "tests/simulation/run_seed.h"

using namespace tenantry;

int main(int argc, char** argv) {
  CLI::App app{"Runs the simulated platform for seeds; a JSON line for each"};
  std::uint64_t first = 1, seeds = 1, stride = 1;
  double minutes = 0;
  bool twice = false, smaller = false;
  std::string trace_file;
  app.add_option("--first", first, "The first seed");
  app.add_option("--seeds", seeds, "How many");
  app.add_option("--stride", stride, "From one seed to the next");
  app.add_option("--minutes", minutes, "Begin no other seed after so long");
  app.add_flag("--twice", twice, "Each seed twice: the traces must be equal byte for byte");
  app.add_flag("--shrink", smaller, "Cut a failing seed's story down");
  app.add_option("--trace", trace_file, "Where to write the last seed's trace");
  CLI11_PARSE(app, argc, argv);
  log::configure("simulation", log::Level::error);

  const auto began = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  bool failed = false;
  for (std::uint64_t i = 0; i < seeds; ++i) {
    if (minutes > 0 && elapsed() > minutes * 60) break;
    const auto seed = first + i * stride;
    const auto story = sim::story_of(seed);
    const auto faults = sim::Faults::of_seed(seed);
    auto verdict = sim::run_story(seed, story, faults);
    if (twice) {
      const auto again = sim::run_story(seed, story, faults);
      if (again.trace != verdict.trace) verdict.violations.push_back({"replay", "two runs of the seed differ"});
    }
    nlohmann::json line = {{"seed", seed},
                           {"tenant_days", verdict.tenant_days},
                           {"acts", story.acts.size()},
                           {"injected", verdict.injected},
                           {"trace_sha256", to_hex(crypto::sha256(as_bytes(verdict.trace)))},
                           {"violations", nlohmann::json::array()}};
    for (const auto& violation : verdict.violations) {
      line["violations"].push_back({{"invariant", violation.invariant}, {"what", violation.what}});
    }
    if (!verdict.violations.empty() && smaller) {
      const auto shrunk = sim::shrink(seed, story, faults, rare::Mutant::none, 100);
      auto& out = line["shrunk"];
      out["runs"] = shrunk.runs;
      for (const auto& act : shrunk.story.acts) out["acts"].push_back(sim::describe(act));
      for (const auto& fault : sim::fault_names()) {
        if (shrunk.faults.*fault.chance > 0) out["faults"][fault.name] = shrunk.faults.*fault.chance;
      }
      for (const auto& violation : shrunk.verdict.violations) {
        out["violations"].push_back({{"invariant", violation.invariant}, {"what", violation.what}});
      }
    }
    failed = failed || !verdict.violations.empty();
    std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    std::fflush(stdout);
    if (!trace_file.empty()) std::ofstream(trace_file) << verdict.trace;
  }
  return failed ? 1 : 0;
}
