#include "workers/gateway/config.h"

#include <sstream>

#include "shared/audit_tree/deployment.h"
#include "shared/audit_tree/note.h"
#include "shared/core/bytes.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t admin_token_size_min = 32;  // security.md J15: nobody guesses it

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

void read_audit_keys(config::Reader& reader, const char* variable, bool retired,
                     std::vector<GatewayConfig::AuditKey>& keys) {
  for (const auto& text : reader.list(variable, {})) {
    if (const auto key = audit::parse_public_key(text)) {
      keys.push_back({*key, retired});
    } else {
      reader.fail(variable, "must be public keys as `tenantry audit keygen` prints them");
    }
  }
}

}  // namespace

GatewayConfig read_gateway_config(config::Reader& reader) {
  GatewayConfig config;
  config.database_url = reader.required_secret("TENANTRY_GATEWAY_DATABASE_URL");
  config.http_address = reader.text("TENANTRY_HTTP_ADDRESS", "127.0.0.1");
  config.http_port = static_cast<std::uint16_t>(reader.integer("TENANTRY_HTTP_PORT", 8080, 0, 65535));
  config.public_url =
      reader.text("TENANTRY_URL", "http://" + config.http_address + ":" + std::to_string(config.http_port));
  config.admin_token = reader.secret("TENANTRY_ADMIN_TOKEN").value_or("");
  if (!config.admin_token.empty() && config.admin_token.size() < admin_token_size_min) {
    reader.fail("TENANTRY_ADMIN_TOKEN", "must have at least 32 characters");
  }
  config.master_key = reader.required_secret("TENANTRY_MASTER_KEY");
  if (const auto bytes = from_base64(config.master_key);
      !config.master_key.empty() && (!bytes || bytes->size() != 32)) {
    reader.fail("TENANTRY_MASTER_KEY", "must be 32 bytes in base64");
  }
  config.stripe_secrets = split(reader.secret("TENANTRY_STRIPE_WEBHOOK_SECRET").value_or(""));
  config.signup_private = reader.boolean("TENANTRY_SIGNUP_PRIVATE", false);
  config.trusted_proxies = reader.list("TENANTRY_TRUSTED_PROXIES", {});
  config.base_domain = reader.text("TENANTRY_BASE_DOMAIN", "");
  config.test_clock = reader.boolean("TENANTRY_TEST_CLOCK", false);
  config.trial = Days{reader.integer("TENANTRY_TRIAL_DAYS", 14, 1, 3650)};
  config.lifecycle.grace = Days{reader.integer("TENANTRY_GRACE_DAYS", 30, 0, 3650)};
  config.deployment = audit::read_deployment(reader);
  read_audit_keys(reader, "TENANTRY_AUDIT_KEYS", false, config.audit_keys);
  read_audit_keys(reader, "TENANTRY_AUDIT_RETIRED_KEYS", true, config.audit_keys);
  return config;
}

}  // namespace tenantry::gateway
