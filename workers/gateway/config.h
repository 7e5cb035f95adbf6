// The gateway's settings, read whole at start from TENANTRY_* (design.md section 9).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/config/config.h"
#include "shared/config/secrets.h"
#include "shared/core/time.h"
#include "shared/crypto/ed25519.h"
#include "shared/tenancy/transition.h"
#include "workers/gateway/stripe/policy.h"

namespace tenantry::gateway {

struct GatewayConfig {
  std::string database_url{};
  std::string http_address = "127.0.0.1";
  std::uint16_t http_port = 8080;
  std::string public_url{};
  struct Broker {
    std::string host = "localhost";
    std::uint16_t port = 5672;
    bool tls = false;
  };
  Broker public_broker{};                     // where tenants' applications connect
  std::string broker_monitor_url{};           // secret; "": nobody here sees the broker's queues
  std::int64_t broker_queues = 10;            // of a tenant's applications
  std::vector<config::NamedToken> admins{};   // secrets; empty: no super-admin can log in
  config::MasterKeyTexts master_keys{};       // secrets
  std::vector<std::string> stripe_secrets{};  // secrets; any of them may have signed
  StripePolicy stripe{};
  bool signup_private = false;
  std::string terms_version = "1";
  std::int64_t signups_per_hour = 10;  // of an address, accepted ones
  std::int64_t tenants_max = 10'000;   // of all that are not deleted, for strangers to make one more
  std::vector<std::string> trusted_proxies{};
  std::string base_domain{};
  std::string dns_servers{};  // "": the system's
  bool test_clock = false;
  Days trial{14};
  tenancy::LifecyclePolicy lifecycle{};
  std::string deployment = "default";  // part of every audit log's origin
  struct AuditKey {
    crypto::Ed25519PublicKey key{};
    bool retired = false;
  };
  std::vector<AuditKey> audit_keys{};  // published, current ones first
};

constexpr Milliseconds dns_deadline{6'000};  // of a batch of domains

GatewayConfig read_gateway_config(config::Reader& reader);

}  // namespace tenantry::gateway
