// Gateway: the platform's HTTP edge. It answers requests, stores what they ask for
// and publishes events through the outbox; it consumes none.
//
// Parsing, tokens, limits and cached lookups happen on the loop; SQL on lanes;
// passwords on a pool of their own (design.md section 7).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/loop/loop.h"
#include "shared/messaging/host.h"
#include "shared/messaging/outbox.h"
#include "workers/gateway/config.h"

namespace tenantry::gateway {

// Both are called from any thread.
struct GatewayHooks {
  std::function<void(std::vector<messaging::OutboxRow>)> hand_over;  // committed rows that are due, to the relay
  std::function<messaging::HostHealth()> health;
};

class Gateway {
 public:
  // `loop`, `clock` and `ids` outlive the gateway, which is destroyed while the loop is not running.
  Gateway(loop::Loop& loop, GatewayConfig config, const Clock& clock, IdGenerator& ids, GatewayHooks hooks);
  ~Gateway();

  // Loads (or makes) the signing keys, opens the lanes, listens. On the loop, or before it runs.
  Result<void> start();
  std::uint16_t port() const;

  // On the loop: what is cached about the tenant is stale.
  void tenant_changed(const std::string& tenant_id);

  // On the loop: unready at once, then requests in flight finish, usage is stored, `stopped` is called.
  void stop(Milliseconds deadline, std::function<void()> stopped);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::gateway
