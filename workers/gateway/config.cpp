#include "workers/gateway/config.h"

#include <sstream>

#include "shared/amqp/connection.h"
#include "shared/audit_tree/deployment.h"
#include "shared/audit_tree/note.h"
#include "shared/dns/resolver.h"
#include "shared/tenancy/dunning_terms.h"
#include "workers/gateway/edge/networks.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t admin_token_size_min = 32;    // nobody guesses it
constexpr std::size_t stripe_secret_size_min = 24;  // Stripe's own have 38 characters

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
  for (const auto& text : reader.list(variable)) {
    if (const auto key = audit::parse_public_key(text)) {
      keys.push_back({*key, retired});
    } else {
      reader.fail(variable, "must be public keys as `tenantry audit keygen` prints them");
    }
  }
}

// Where none is set, our own broker: as in a test or a demo, where there are no others.
GatewayConfig::Broker read_public_broker(config::Reader& reader) {
  constexpr const char* variable = "TENANTRY_PUBLIC_AMQP_URL";
  const auto set = reader.text(variable);
  const auto parameters = amqp::parse_url(set.empty() ? reader.secret("TENANTRY_AMQP_URL").value_or("") : set);
  const auto authority = set.find("//");
  const bool plain = authority != set.npos && set.find_first_of("@/", authority + 2) == set.npos;
  if (!set.empty() && (!parameters || !plain)) {
    reader.fail(variable, "must be amqp://host:port or amqps://host:port: without a login, and without a vhost");
  }
  if (!parameters) return {};
  return {.host = parameters->host, .port = parameters->port, .tls = parameters->tls};
}

// Stripe's two modes; where none is set both are listened to, as in a demo.
std::optional<bool> read_stripe_mode(config::Reader& reader) {
  const auto mode = reader.word("TENANTRY_STRIPE_MODE");
  return mode.empty() ? std::nullopt : std::optional(mode == "live");
}

}  // namespace

GatewayConfig read_gateway_config(config::Reader& reader) {
  GatewayConfig config;
  config.database_url = reader.required_secret("TENANTRY_GATEWAY_DATABASE_URL");
  config.http_address = reader.text("TENANTRY_HTTP_ADDRESS");
  config.http_port = static_cast<std::uint16_t>(reader.integer("TENANTRY_HTTP_PORT"));
  config.public_url = reader.text("TENANTRY_URL");
  if (config.public_url.empty()) {
    config.public_url = "http://" + config.http_address + ":" + std::to_string(config.http_port);
  }
  config.public_broker = read_public_broker(reader);
  config.broker_monitor_url = reader.secret("TENANTRY_AMQP_MONITOR_URL").value_or("");
  config.broker_queues = reader.integer("TENANTRY_BROKER_QUEUES");
  if (auto admins = config::named_tokens(reader.secret("TENANTRY_ADMIN_TOKEN").value_or(""))) {
    config.admins = std::move(*admins);
  } else {
    reader.fail("TENANTRY_ADMIN_TOKEN", "must be <name>:<token>, comma-separated, each name once");
  }
  for (const auto& admin : config.admins) {
    reader.check_strength("TENANTRY_ADMIN_TOKEN", admin.token, admin_token_size_min);
  }
  config.master_keys = reader.master_keys();
  config.stripe_secrets = split(reader.secret("TENANTRY_STRIPE_WEBHOOK_SECRET").value_or(""));
  for (const auto& secret : config.stripe_secrets) {
    reader.check_strength("TENANTRY_STRIPE_WEBHOOK_SECRET", secret, stripe_secret_size_min);
  }
  config.stripe.accounts = reader.list("TENANTRY_STRIPE_ACCOUNTS");
  config.stripe.live = read_stripe_mode(reader);
  config.signups_per_hour = reader.integer("TENANTRY_SIGNUPS_PER_HOUR");
  config.tenants_max = reader.integer("TENANTRY_TENANTS_MAX");
  config.signup_private = reader.flag("TENANTRY_SIGNUP_PRIVATE");
  config.terms_version = reader.text("TENANTRY_TERMS_VERSION");
  config.trusted_proxies = reader.list("TENANTRY_TRUSTED_PROXIES");
  for (const auto& proxy : config.trusted_proxies) {
    if (!network(proxy)) reader.fail("TENANTRY_TRUSTED_PROXIES", "holds " + proxy + ", which is no address or network");
  }
  config.base_domain = reader.text("TENANTRY_BASE_DOMAIN");
  config.dns_servers = reader.text("TENANTRY_DNS_SERVERS");
  if (const auto resolver = dns::txt_resolver(config.dns_servers, dns_deadline); !resolver) {
    reader.fail("TENANTRY_DNS_SERVERS", resolver.error().describe());
  }
  config.test_clock = reader.flag("TENANTRY_TEST_CLOCK");
  config.trial = Days{reader.integer("TENANTRY_TRIAL_DAYS")};
  config.lifecycle.grace = Days{reader.integer("TENANTRY_GRACE_DAYS")};
  config.deployment = audit::read_deployment(reader);
  read_audit_keys(reader, "TENANTRY_AUDIT_KEYS", false, config.audit_keys);
  read_audit_keys(reader, "TENANTRY_AUDIT_RETIRED_KEYS", true, config.audit_keys);
  return config;
}

}  // namespace tenantry::gateway
