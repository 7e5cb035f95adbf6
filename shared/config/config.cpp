#include "shared/config/config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "shared/config/secrets.h"

namespace tenantry::config {
namespace {

constexpr Variable table[] = {
    {"TENANTRY_ADMIN_TOKEN",
     "Bearer tokens of super-admins (/v1/admin/*), <name>:<token> with commas between; 32 characters and more", true},
    {"TENANTRY_AMQP_ADMIN_URL", "RabbitMQ's management API: http://user:password@host:15672", true},
    {"TENANTRY_AMQP_URL", "The platform's publisher: amqp://tenantry-publisher:...@host:5672/platform", true},
    {"TENANTRY_ANALYST_DATABASE_URL", "PostgreSQL as tenantry_analyst, read-only views", true},
    {"TENANTRY_AUDIT_AMQP_URL", "Broker user of the audit worker when it runs alone", true},
    {"TENANTRY_AUDIT_DATABASE_URL", "PostgreSQL as tenantry_audit", true},
    {"TENANTRY_AUDIT_KEYS",
     "Public keys of the audit signer, as `audit keygen` prints them, comma-separated; published"},
    {"TENANTRY_AUDIT_RETIRED_KEYS", "Those that sign no more, but whose signatures stay; comma-separated"},
    {"TENANTRY_BACKUP_YEARS", "How long the final backup of a deleted tenant is kept; 7"},
    {"TENANTRY_BASE_DOMAIN", "Tenants' subdomains are <tenant_id>.<this>; none by default"},
    {"TENANTRY_BILLING_AMQP_URL", "Broker user of the billing worker when it runs alone", true},
    {"TENANTRY_BILLING_DATABASE_URL", "PostgreSQL as tenantry_billing", true},
    {"TENANTRY_BROKER_QUEUES", "Queues of a tenant's applications; 10, at most 30"},
    {"TENANTRY_DATABASE_URL", "PostgreSQL as the owner; only for migrate and the command line", true},
    {"TENANTRY_DEPLOYMENT", "This installation's name, part of the origin of every audit log; default"},
    {"TENANTRY_DNS_SERVERS", "Name servers that prove tenants' domains: 192.0.2.1,[2001:db8::1]:5353; the system's"},
    {"TENANTRY_DUNNING_REMIND_DAYS", "Days after a failed payment on which the tenant is reminded; 0,3,7"},
    {"TENANTRY_DUNNING_SUSPEND_DAY", "Day after a failed payment on which the tenant is suspended; 14"},
    {"TENANTRY_GATEWAY_AMQP_URL", "Broker user of the gateway when it runs alone: it hears of tenants' changes", true},
    {"TENANTRY_GATEWAY_DATABASE_URL", "PostgreSQL as tenantry_gateway", true},
    {"TENANTRY_GRACE_DAYS", "Days between a cancellation and the deletion; 30"},
    {"TENANTRY_HTTP_ADDRESS", "Address the gateway listens on; 127.0.0.1"},
    {"TENANTRY_HTTP_PORT", "Port the gateway listens on; 8080; 0 takes a free one"},
    {"TENANTRY_LOG_LEVEL", "debug, info, warn or error; info"},
    {"TENANTRY_MAIL_DIR", "Where the development mail sink keeps messages"},
    {"TENANTRY_MAIL_FROM", "Sender of notifications; no-reply@tenantry.example"},
    {"TENANTRY_MASTER_KEY", "32 random bytes in base64: wraps every tenant's key and the signing keys", true},
    {"TENANTRY_METERING_AMQP_URL", "Broker user of the metering worker when it runs alone", true},
    {"TENANTRY_METERING_DATABASE_URL", "PostgreSQL as tenantry_metering", true},
    {"TENANTRY_NOTIFICATION_AMQP_URL", "Broker user of the notification worker when it runs alone", true},
    {"TENANTRY_NOTIFICATION_DATABASE_URL", "PostgreSQL as tenantry_notification", true},
    {"TENANTRY_PROVISIONING_AMQP_URL", "Broker user of the provisioning worker when it runs alone", true},
    {"TENANTRY_PROVISIONING_DATABASE_URL", "PostgreSQL as tenantry_provisioning", true},
    {"TENANTRY_PUBLIC_AMQP_URL",
     "Where tenants' applications reach the broker: amqps://host:5671; TENANTRY_AMQP_URL's host"},
    {"TENANTRY_QUEUE_TYPE", "auto, classic or quorum; auto is classic on one node, quorum on three and more"},
    {"TENANTRY_RUNTIME_DATABASE_URL", "PostgreSQL as tenantry_runtime: relay, sweeper, discovery", true},
    {"TENANTRY_SANDBOX_DATABASE_URL", "PostgreSQL as a role that may create databases; only for `events replay`", true},
    {"TENANTRY_SHARD", "i/n: consume for the tenants of the i-th of n replicas; 1/1"},
    {"TENANTRY_SIGNER_DATABASE_URL", "PostgreSQL as tenantry_signer", true},
    {"TENANTRY_SIGNER_INTERVAL_MS", "How often audit logs that grew are signed; 1000"},
    {"TENANTRY_SIGNER_KEYS", "Files of the Ed25519 keys that sign audit logs (PEM, mode 0600), comma-separated"},
    {"TENANTRY_SIGNER_RECHECK_RECORDS", "Old audit records read again each interval; 0: never; 1000"},
    {"TENANTRY_SIGNER_STATE", "File in which the signer keeps what it has signed; not for PostgreSQL's users"},
    {"TENANTRY_SIGNUPS_PER_HOUR", "How many an address may make, accepted ones; 10"},
    {"TENANTRY_SIGNUP_AMQP_URL", "Broker user of the signup worker when it runs alone", true},
    {"TENANTRY_SIGNUP_DATABASE_URL", "PostgreSQL as tenantry_signup", true},
    {"TENANTRY_SIGNUP_PRIVATE", "1: no endpoint tells whether an address is registered; 0"},
    {"TENANTRY_SMTP_URL", "Mail server: smtp://host:25; none: notifications fail and say so", true},
    {"TENANTRY_STATUS_ADDRESS", "Address of TENANTRY_STATUS_PORT; 127.0.0.1"},
    {"TENANTRY_STATUS_PORT",
     "Port on which this process tells /metrics, /livez and /readyz; none: only the gateway's own does"},
    {"TENANTRY_STRIPE_ACCOUNTS",
     "Connected accounts of Stripe's that are ours, comma-separated; events of others are parked"},
    {"TENANTRY_STRIPE_MODE", "live or test: events of the other are parked; both are taken where it is not set"},
    {"TENANTRY_STRIPE_WEBHOOK_SECRET", "Signing secrets of the webhook endpoint, comma-separated while rotating", true},
    {"TENANTRY_TEST_CLOCK", "1: time follows `tenantry clock advance`; never in production; 0"},
    {"TENANTRY_TRACES_AUTHORIZATION", "Header Authorization of what is sent to TENANTRY_TRACES_URL; none", true},
    {"TENANTRY_TRACES_FORMAT", "protobuf or json, in which traces are sent; protobuf"},
    {"TENANTRY_TRACES_PERCENT", "Of new traces that are kept whole; failures and what is slow are kept anyway; 1"},
    {"TENANTRY_TRACES_URL", "OTLP receiver of traces, http://host:4318 (/v1/traces is added); none: nothing is traced"},
    {"TENANTRY_TRIAL_DAYS", "Days of trial, from signup; 14"},
    {"TENANTRY_TRUSTED_PROXIES", "Addresses whose X-Forwarded-For counts, comma-separated; none"},
    {"TENANTRY_URL", "Where people reach the gateway; http://127.0.0.1:<port>"},
    {"TENANTRY_WORKERS_AMQP_URL", "Broker user of workers hosted together: amqp://tenantry-workers:...@host:5672",
     true},
};

std::string upper(std::string_view word) {
  std::string out{word};
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

bool is_known(std::string_view name) {
  if (std::ranges::find(table, name, &Variable::name) != std::end(table)) return true;
  if (!name.ends_with("_FILE")) return false;
  const auto base = std::ranges::find(table, name.substr(0, name.size() - 5), &Variable::name);
  return base != std::end(table) && base->secret;
}

}  // namespace

std::span<const Variable> variables() {
  return table;
}

Environment process_environment() {
  Environment out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const auto equals = text.find('=');
    if (text.starts_with("TENANTRY_") && equals != text.npos)
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Reader::Reader(Environment environment) : environment_(std::move(environment)) {
  for (const auto& [name, value] : environment_) {
    if (!is_known(name)) errors_.push_back({name, "unknown", "no such setting; `tenantry config` lists them"});
  }
}

const std::string* Reader::find(std::string_view name) {
  TENANTRY_ASSERT(is_known(name));
  const auto at = environment_.find(name);
  return at == environment_.end() || at->second.empty() ? nullptr : &at->second;
}

std::string Reader::text(std::string_view name, std::string fallback) {
  const auto* value = find(name);
  return value == nullptr ? std::move(fallback) : *value;
}

std::string Reader::required(std::string_view name) {
  const auto* value = find(name);
  if (value != nullptr) return *value;
  fail(name, "must be set");
  return {};
}

std::optional<std::string> Reader::secret(std::string_view name) {
  if (const auto* value = find(name)) return *value;
  const auto file = environment_.find(std::string(name) + "_FILE");
  if (file == environment_.end()) return std::nullopt;
  std::ifstream in(file->second);
  if (!in) {
    fail(file->first, "the file cannot be read");
    return std::nullopt;
  }
  std::ostringstream content;
  content << in.rdbuf();
  std::string value = content.str();
  while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
  return value;
}

std::string Reader::required_secret(std::string_view name) {
  if (auto value = secret(name); value && !value->empty()) return *value;
  fail(name, "must be set (or " + std::string(name) + "_FILE)");
  return {};
}

std::string Reader::required_key(std::string_view name) {
  auto value = required_secret(name);
  if (value.empty()) return value;
  if (auto rule = weakness_of_key(value)) fail(name, std::move(*rule));
  return value;
}

void Reader::check_strength(std::string_view name, std::string_view secret, std::size_t length_min) {
  if (auto rule = weakness_of(secret, length_min)) fail(name, std::move(*rule));
}

std::int64_t Reader::integer(std::string_view name, std::int64_t fallback, std::int64_t least, std::int64_t most) {
  const auto* value = find(name);
  if (value == nullptr) return fallback;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc{} || end != value->data() + value->size() || number < least || number > most) {
    fail(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return fallback;
  }
  return number;
}

bool Reader::boolean(std::string_view name, bool fallback) {
  const auto* value = find(name);
  if (value == nullptr) return fallback;
  if (*value == "1" || *value == "true") return true;
  if (*value == "0" || *value == "false") return false;
  fail(name, "must be 1 or 0");
  return fallback;
}

std::vector<std::string> Reader::list(std::string_view name, std::vector<std::string> fallback) {
  const auto* value = find(name);
  if (value == nullptr) return fallback;
  std::vector<std::string> out;
  std::istringstream in(*value);
  for (std::string item; std::getline(in, item, ',');) {
    if (!item.empty()) out.push_back(item);
  }
  return out;
}

void Reader::fail(std::string_view name, std::string rule) {
  errors_.push_back({std::string(name), "setting", std::move(rule)});
}

Result<void> Reader::finish() const {
  if (errors_.empty()) return {};
  std::string message = "configuration:";
  for (const auto& error : errors_) message += "\n  " + error.pointer + ": " + error.detail;
  return Error{.code = Errc::invalid, .reason = "configuration", .message = message, .fields = errors_};
}

std::string service_database_variable(std::string_view service) {
  return "TENANTRY_" + upper(service) + "_DATABASE_URL";
}

std::string service_amqp_variable(std::string_view service) {
  return "TENANTRY_" + upper(service) + "_AMQP_URL";
}

}  // namespace tenantry::config
