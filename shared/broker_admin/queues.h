// The queues of all vhosts as RabbitMQ's management API tells of them, deepest first, and which processes of ours are
// connected.
//
// Reads and changes nothing: a login with the tag `monitoring` is enough. Blocking; any thread. What it tells is as old
// as the broker's statistics (5 s, or what collect_statistics_interval says).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::broker_admin {

struct QueueState {
  std::string vhost;
  std::string name;
  std::int64_t ready = 0;           // messages that wait
  std::int64_t unacknowledged = 0;  // that a consumer has and has not settled
  std::int64_t consumers = 0;
  // A second, as the broker measures them; 0 where it has not yet.
  double publish_rate = 0;               // that come
  double deliver_rate = 0;               // that go out to a consumer, again or for the first time
  double ack_rate = 0;                   // that are settled
  std::optional<Timestamp> oldest_at{};  // when the first that waits was sent, where it says so (classic queues)
};

struct QueuePage {
  std::vector<QueueState> queues{};
  std::int64_t matching = 0;  // queues there are in the vhosts that were read, also those that are not on the page
  std::int64_t vhosts = 0;
  std::int64_t vhosts_read = 0;  // the deepest, and those that `part` is about
  Timestamp read_at{};
};

// At most `limit` of those whose name has `part` in it ("": all). `url`: http://user:password@host:15672. Vhosts are
// read until none that is left can have a deeper queue: at most 100 of them, and none after 10 s. Errc::unavailable,
// reason "broker_unavailable", where the broker does not answer, or answers what is no list of queues.
Result<QueuePage> deepest_queues(std::string_view url, std::string_view part, int limit, Timestamp now);

// Processes of ours of one name on one machine.
struct ProcessState {
  std::string name;            // "tenantry-billing"; "tenantry" hosts what it was told to
  std::string host;            // from where they are connected
  std::int64_t processes = 0;  // that can publish: each does, over a connection of its own
  std::int64_t consumers = 0;  // and that can consume
  Timestamp since{};           // of the oldest connection
};

struct ProcessPage {
  std::vector<ProcessState> processes{};
  Timestamp read_at{};
};

// By name and host: who is connected to the platform's own vhost, as everything that consumes or publishes is. A
// process that hangs is dropped after two heartbeats, one that is killed at once. Errors as above.
Result<ProcessPage> connected_processes(std::string_view url, Timestamp now);

}  // namespace tenantry::broker_admin
