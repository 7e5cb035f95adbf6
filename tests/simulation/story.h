// Story: what people, Stripe and applications do to the platform over some months, drawn
// from a seed. Every act stands for itself, so that a story can be cut down.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "shared/core/time.h"

namespace tenantry::sim {

class World;

enum class Poison { undecodable, invalid, foreign_tenant, forged_type };

struct Act {
  enum class Kind { sign_up, stripe, use, poison, keep_house };

  Timestamp at;  // when the platform hears of it
  Kind kind = Kind::use;
  int tenant = 0;

  std::string plan{};  // of a signup

  // Of a fact of Stripe's, which may be heard late and more than once.
  std::string type{};
  std::string object{};        // invoice, subscription or session, unique within the tenant
  std::string status{};        // of a subscription
  std::string price{};         // likewise
  bool confirms = false;       // likewise: an update of something else
  std::string subscription{};  // of an invoice; "": a purchase of its own
  std::string reason{};        // of an invoice
  int amount = 4900;           // of an invoice, charge or dispute
  std::string charge{};        // of a dispute
  Timestamp trial_end{};       // of a subscription; none: it has no trial
  int customer = 1;            // of the tenant's
  bool named = true;           // else only its objects say whose it is
  bool older = false;          // in the shape of 2024
  std::string account{};       // a connected one, not ours
  Timestamp stated_at{};
  int copies = 1;

  // Of usage; a key makes two events of it that count once.
  std::string metric{};
  int quantity = 0;
  std::string key{};
  std::string member{};

  Poison poison = Poison::invalid;
};

struct Story {
  int tenants = 0;
  Timestamp ends_at;        // long after the last act: no timer is left by then
  std::vector<Act> acts{};  // by time
};

Story story_of(std::uint64_t seed);
// Tenants who pay all that time and never leave for good, and a process that sweeps once a day until `lasts` is over.
Story long_story(std::uint64_t seed, int tenants, Days lasts);
std::string describe(const Act& act);

// Plays it to its end; the world is then at rest. `after` hears of each act that is done.
void play(World& world, const Story& story, const std::function<void(const Act&)>& after = {});

}  // namespace tenantry::sim
