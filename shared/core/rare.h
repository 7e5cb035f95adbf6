// Rare paths and planted bugs, for the simulation (FoundationDB calls the former
// "buggify"). Code that has a rare path asks at its place whether to take it; code that
// keeps a promise asks whether to break it. In the product both answers are constants
// and cost nothing; with TENANTRY_SIMULATION a world decides, per thread.
#pragma once

#include <functional>

namespace tenantry::rare {

// What the environment does to us, at moments that a test can hardly hit.
enum class Path {
  statement_conflicts,  // the server aborts the transaction: serialization failure
  commit_lost_before,   // the connection dies, and COMMIT has not reached the server
  commit_lost_after,    // the connection dies, and the transaction is committed
};

// Bugs that the simulation's invariants must find (docs/RELIABILITY.md says which finds which).
enum class Mutant {
  none,
  inbox_skipped,             // every delivery counts as new
  acknowledged_first,        // before its effects are committed
  outbox_skipped,            // events are handed to the publisher and stored nowhere
  claimed_row_deleted,       // by the sweeper, before the broker has it
  event_without_transition,  // the lifecycle's events also where its table says no
  payload_names_tenant,      // an event's own word for its tenant is believed
  leaf_not_as_hashed,        // the log stores other bytes than it hashed
  key_not_claimed,           // idempotency keys of usage are not kept
  arrival_not_agreed,        // who says no time is heard by each worker at a time of its own
  last_arrival_wins,         // a statement heard later holds, although it was made before
  payment_pays_everything,   // any payment ends every lapse before it
  nothing_is_payment,        // a paid invoice of nothing counts as a payment
  dispute_goes_on,           // how a dispute ends is not kept
  void_is_owed,              // a void invoice goes on being owed
  one_end_ends_all,          // a subscription's end ends the tenant, whatever else lives
  price_ignored,             // the plan stays, whatever is paid for
  parked_for_good,           // what was parked is not released once its tenant is known
  account_believed,          // whoever's account an event comes of
  dead_letter_forgotten,     // what is set aside is stored nowhere
};

#ifdef TENANTRY_SIMULATION
inline thread_local std::function<bool(Path)> choose_path;
inline thread_local Mutant planted = Mutant::none;

inline thread_local int suspended = 0;

inline bool takes(Path path) {
  return suspended == 0 && choose_path && choose_path(path);
}
inline bool is(Mutant mutant) {
  return planted == mutant;
}

// Whether a world decides what happens: then the machine's own time decides nothing.
inline bool in_a_world() {
  return static_cast<bool>(choose_path);
}
// While one lives, no rare path is taken nor asked for: where how often we ask depends on real time, a seed would not
// replay.
struct Suspended {
  Suspended() { ++suspended; }
  ~Suspended() { --suspended; }
  Suspended(const Suspended&) = delete;
  Suspended& operator=(const Suspended&) = delete;
};
#else
struct Suspended {
  Suspended() {}  // not trivial: an unused one is no warning
};

constexpr bool takes(Path) {
  return false;
}
constexpr bool is(Mutant) {
  return false;
}
constexpr bool in_a_world() {
  return false;
}
#endif

}  // namespace tenantry::rare
