#include "tests/simulation/run_seed.h"

#include <algorithm>

namespace tenantry::sim {
namespace {

// The mutant is this thread's until the run is over.
struct Planted {
  explicit Planted([[maybe_unused]] rare::Mutant mutant) {
#ifdef TENANTRY_SIMULATION
    rare::planted = mutant;
#endif
  }
  ~Planted() {
#ifdef TENANTRY_SIMULATION
    rare::planted = rare::Mutant::none;
#endif
  }
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
};

std::vector<Act> without(const std::vector<Act>& acts, std::size_t from, std::size_t count) {
  std::vector<Act> out;
  for (std::size_t i = 0; i < acts.size(); ++i) {
    // A tenant that never signs up has no other acts: signups go with their tenant only.
    if (i < from || i >= from + count || acts[i].kind == Act::Kind::sign_up) out.push_back(acts[i]);
  }
  return out;
}

}  // namespace

Verdict run_story(std::uint64_t seed, const Story& story, const Faults& faults, rare::Mutant mutant) {
  Verdict verdict;
  World world(seed, faults);
  {
    const Planted planted(mutant);
    try {
      play(world, story);
      verdict.violations = violations_of(world);
    } catch (const std::exception& error) {
      verdict.violations.push_back({"I8", error.what()});
    }
  }
  for (const auto& signup : world.accepted().signups) {
    verdict.tenant_days += std::chrono::duration<double, std::ratio<86'400>>(story.ends_at - signup.at).count();
  }
  verdict.injected = world.injected();
  verdict.trace = world.trace();
  return verdict;
}

Shrunk shrink(std::uint64_t seed, Story story, Faults faults, rare::Mutant mutant, int runs_max) {
  Shrunk out{.story = std::move(story), .faults = faults, .verdict = {}};
  out.verdict = run_story(seed, out.story, out.faults, mutant);
  ++out.runs;
  if (out.verdict.violations.empty()) return out;
  const auto invariant = out.verdict.violations.front().invariant;
  const auto still_fails = [&](const Story& smaller, const Faults& fewer) {
    if (out.runs >= runs_max) return false;
    ++out.runs;
    auto verdict = run_story(seed, smaller, fewer, mutant);
    const bool fails = std::ranges::any_of(verdict.violations, [&](const auto& v) { return v.invariant == invariant; });
    if (fails) {
      out.story = smaller;
      out.faults = fewer;
      out.verdict = std::move(verdict);
    }
    return fails;
  };
  for (const auto& fault : fault_names()) {
    auto fewer = out.faults;
    if (fewer.*fault.chance == 0) continue;
    fewer.*fault.chance = 0;
    still_fails(out.story, fewer);
  }
  for (int tenant = out.story.tenants - 1; tenant >= 0; --tenant) {
    auto smaller = out.story;
    std::erase_if(smaller.acts, [&](const Act& act) { return act.tenant == tenant; });
    if (!smaller.acts.empty() && smaller.acts.size() < out.story.acts.size()) still_fails(smaller, out.faults);
  }
  for (auto chunk = out.story.acts.size() / 2; chunk > 0; chunk /= 2) {
    for (std::size_t from = 0; from < out.story.acts.size();) {
      auto smaller = out.story;
      smaller.acts = without(smaller.acts, from, chunk);
      const bool cut = smaller.acts.size() < out.story.acts.size() && still_fails(smaller, out.faults);
      if (!cut) from += chunk;
    }
  }
  return out;
}

}  // namespace tenantry::sim
