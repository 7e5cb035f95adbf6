#include "shared/config/config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "shared/config/secrets.h"

namespace tenantry::config {
namespace {

constexpr Variable text(std::string_view name, std::string_view help, std::string_view fallback = {}) {
  return {.name = name, .help = help, .kind = Kind::text, .fallback = fallback};
}
constexpr Variable secret(std::string_view name, std::string_view help) {
  return {.name = name, .help = help, .kind = Kind::secret};
}
constexpr Variable integer(std::string_view name, std::string_view help, std::string_view fallback, std::int64_t least,
                           std::int64_t most) {
  return {.name = name, .help = help, .kind = Kind::integer, .fallback = fallback, .least = least, .most = most};
}
constexpr Variable flag(std::string_view name, std::string_view help) {
  return {.name = name, .help = help, .kind = Kind::flag, .fallback = "0"};
}
constexpr Variable word(std::string_view name, std::string_view help, std::string_view fallback,
                        std::string_view words) {
  return {.name = name, .help = help, .kind = Kind::word, .fallback = fallback, .words = words};
}
constexpr Variable list(std::string_view name, std::string_view help, std::string_view fallback = {}) {
  return {.name = name, .help = help, .kind = Kind::list, .fallback = fallback};
}

constexpr Variable table[] = {
    secret("TENANTRY_ADMIN_TOKEN",
           "Bearer tokens of super-admins (/v1/admin/*), <name>:<token> with commas between; 32 characters and more"),
    secret("TENANTRY_AMQP_ADMIN_URL", "RabbitMQ's management API: http://user:password@host:15672"),
    secret("TENANTRY_AMQP_MONITOR_URL",
           "The same as a user that looks and changes nothing: super-admins see the queues of all tenants"),
    secret("TENANTRY_AMQP_URL", "The platform's publisher: amqp://tenantry-publisher:...@host:5672/platform"),
    secret("TENANTRY_ANALYST_DATABASE_URL", "PostgreSQL as tenantry_analyst, read-only views"),
    secret("TENANTRY_AUDIT_AMQP_URL", "Broker user of the audit worker when it runs alone"),
    secret("TENANTRY_AUDIT_DATABASE_URL", "PostgreSQL as tenantry_audit"),
    list("TENANTRY_AUDIT_KEYS", "Public keys of the audit signer, as `audit keygen` prints them; published"),
    list("TENANTRY_AUDIT_RETIRED_KEYS", "Those that sign no more, but whose signatures stay"),
    integer("TENANTRY_BACKUP_YEARS", "How long the final backup of a deleted tenant is kept", "7", 1, 100),
    text("TENANTRY_BASE_DOMAIN", "Tenants' subdomains are <tenant_id>.<this>; none by default"),
    secret("TENANTRY_BILLING_AMQP_URL", "Broker user of the billing worker when it runs alone"),
    secret("TENANTRY_BILLING_DATABASE_URL", "PostgreSQL as tenantry_billing"),
    integer("TENANTRY_BROKER_QUEUES", "Queues of a tenant's applications", "10", 1, 30),
    secret("TENANTRY_DATABASE_URL", "PostgreSQL as the owner; only for migrate and the command line"),
    text("TENANTRY_DEPLOYMENT", "This installation's name, part of the origin of every audit log", "default"),
    text("TENANTRY_DNS_SERVERS",
         "Name servers that prove tenants' domains: 192.0.2.1,[2001:db8::1]:5353; the system's"),
    list("TENANTRY_DUNNING_REMIND_DAYS", "Days after a failed payment on which the tenant is reminded", "0,3,7"),
    integer("TENANTRY_DUNNING_SUSPEND_DAY", "Day after a failed payment on which the tenant is suspended", "14", 1,
            365),
    secret("TENANTRY_GATEWAY_AMQP_URL", "Broker user of the gateway when it runs alone: it hears of tenants' changes"),
    secret("TENANTRY_GATEWAY_DATABASE_URL", "PostgreSQL as tenantry_gateway"),
    secret("TENANTRY_FORMER_MASTER_KEYS",
           "Master keys of before, comma-separated, while the master key is changed (docs/keys.md)"),
    integer("TENANTRY_GRACE_DAYS", "Days between a cancellation and the deletion", "30", 0, 3650),
    text("TENANTRY_HTTP_ADDRESS", "Address the gateway listens on", "127.0.0.1"),
    integer("TENANTRY_HTTP_PORT", "Port the gateway listens on; 0 takes a free one", "8080", 0, 65535),
    word("TENANTRY_LOG_LEVEL", "What is logged, and what is worse", "info", "debug info warn error"),
    text("TENANTRY_MAIL_DIR", "Where the development mail sink keeps messages"),
    text("TENANTRY_MAIL_FROM", "Sender of notifications", "no-reply@tenantry.example"),
    secret("TENANTRY_MASTER_KEY", "32 random bytes in base64: wraps every tenant's key and the signing keys"),
    secret("TENANTRY_METERING_AMQP_URL", "Broker user of the metering worker when it runs alone"),
    secret("TENANTRY_METERING_DATABASE_URL", "PostgreSQL as tenantry_metering"),
    secret("TENANTRY_NOTIFICATION_AMQP_URL", "Broker user of the notification worker when it runs alone"),
    secret("TENANTRY_NOTIFICATION_DATABASE_URL", "PostgreSQL as tenantry_notification"),
    secret("TENANTRY_PROVISIONING_AMQP_URL", "Broker user of the provisioning worker when it runs alone"),
    secret("TENANTRY_PROVISIONING_DATABASE_URL", "PostgreSQL as tenantry_provisioning"),
    text("TENANTRY_PUBLIC_AMQP_URL",
         "Where tenants' applications reach the broker: amqps://host:5671; TENANTRY_AMQP_URL's host"),
    word("TENANTRY_QUEUE_TYPE", "Of tenants' queues; auto is classic on one node, quorum on three and more", "auto",
         "auto classic quorum"),
    secret("TENANTRY_RUNTIME_DATABASE_URL", "PostgreSQL as tenantry_runtime: relay, sweeper, discovery"),
    secret("TENANTRY_SANDBOX_DATABASE_URL",
           "PostgreSQL as a role that may create databases (tenantry_sandbox); only for `events replay`"),
    text("TENANTRY_SHARD", "i/n: consume for the tenants of the i-th of n replicas", "1/1"),
    secret("TENANTRY_SIGNER_DATABASE_URL", "PostgreSQL as tenantry_signer"),
    integer("TENANTRY_SIGNER_INTERVAL_MS", "How often audit logs that grew are signed", "1000", 10, 3600000),
    list("TENANTRY_SIGNER_KEYS", "Files of the Ed25519 keys that sign audit logs (PEM, mode 0600)"),
    integer("TENANTRY_SIGNER_RECHECK_RECORDS", "Old audit records read again each interval; 0: never", "1000", 0,
            1000000),
    text("TENANTRY_SIGNER_STATE", "File in which the signer keeps what it has signed; not for PostgreSQL's users"),
    integer("TENANTRY_SIGNUPS_PER_HOUR", "How many an address may make, accepted ones", "10", 1, 1000000000),
    secret("TENANTRY_SIGNUP_AMQP_URL", "Broker user of the signup worker when it runs alone"),
    secret("TENANTRY_SIGNUP_DATABASE_URL", "PostgreSQL as tenantry_signup"),
    flag("TENANTRY_SIGNUP_PRIVATE", "No endpoint tells whether an address is registered"),
    secret("TENANTRY_SMTP_URL", "Mail server: smtp://host:25; none: notifications fail and say so"),
    text("TENANTRY_STATUS_ADDRESS", "Address of TENANTRY_STATUS_PORT", "127.0.0.1"),
    integer("TENANTRY_STATUS_PORT",
            "Port on which this process tells /metrics, /livez and /readyz; 0: only the gateway's own does", "0", 0,
            65535),
    list("TENANTRY_STRIPE_ACCOUNTS", "Connected accounts of Stripe's that are ours; events of others are parked"),
    word("TENANTRY_STRIPE_MODE", "Events of the other are parked; both are taken where it is not set", "", "live test"),
    secret("TENANTRY_STRIPE_WEBHOOK_SECRET", "Signing secrets of the webhook endpoint, comma-separated while rotating"),
    integer("TENANTRY_TENANTS_MAX",
            "How many tenants there are when strangers may no longer sign up: each has a virtual host of the broker",
            "10000", 1, 10000000),
    text("TENANTRY_TERMS_VERSION", "Of the terms and the privacy policy that people accept, as the audit log keeps it",
         "1"),
    flag("TENANTRY_TEST_CLOCK", "Time follows `tenantry clock advance`; never in production"),
    secret("TENANTRY_TRACES_AUTHORIZATION", "Header Authorization of what is sent to TENANTRY_TRACES_URL"),
    word("TENANTRY_TRACES_FORMAT", "In which traces are sent", "protobuf", "protobuf json"),
    integer("TENANTRY_TRACES_PERCENT", "Of new traces that are kept whole; failures and what is slow are kept anyway",
            "1", 0, 100),
    text("TENANTRY_TRACES_URL",
         "OTLP receiver of traces, http://host:4318 (/v1/traces is added); where none is set nothing is traced"),
    integer("TENANTRY_TRIAL_DAYS", "Days of trial, from signup", "14", 1, 365),
    list("TENANTRY_TRUSTED_PROXIES", "Addresses and networks (10.0.0.0/8) whose X-Forwarded-For counts"),
    text("TENANTRY_URL", "Where people reach the gateway; without it, http:// and its address and port"),
    secret("TENANTRY_WORKERS_AMQP_URL",
           "Broker user of workers hosted together: amqp://tenantry-workers:...@host:5672"),
};

std::string upper(std::string_view word) {
  std::string out{word};
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

const Variable* find_variable(std::string_view name) {
  const auto at = std::ranges::find(table, name, &Variable::name);
  return at == std::end(table) ? nullptr : &*at;
}

bool is_known(std::string_view name) {
  if (find_variable(name)) return true;
  if (!name.ends_with("_FILE")) return false;
  const auto* base = find_variable(name.substr(0, name.size() - 5));
  return base && base->kind == Kind::secret;
}

std::vector<std::string> split(std::string_view text, char delimiter) {
  std::vector<std::string> out;
  std::istringstream in{std::string(text)};
  for (std::string item; std::getline(in, item, delimiter);) {
    if (!item.empty()) out.push_back(item);
  }
  return out;
}

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::span<const Variable> variables() {
  return table;
}

std::string range_of(const Variable& variable) {
  return "from " + std::to_string(variable.least) + " to " + std::to_string(variable.most);
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

const Variable& Reader::ask(std::string_view name, Kind kind) {
  const auto* variable = find_variable(name);
  TENANTRY_ASSERT(variable && variable->kind == kind);
  asked_.insert(std::string(name));
  return *variable;
}

const std::string* Reader::find(std::string_view name) const {
  const auto at = environment_.find(name);
  return at == environment_.end() || at->second.empty() ? nullptr : &at->second;
}

std::string Reader::text(std::string_view name) {
  const auto& variable = ask(name, Kind::text);
  const auto* value = find(name);
  return value == nullptr ? std::string(variable.fallback) : *value;
}

std::string Reader::word(std::string_view name) {
  const auto& variable = ask(name, Kind::word);
  const auto* value = find(name);
  if (value == nullptr) return std::string(variable.fallback);
  const auto words = split(variable.words, ' ');
  if (std::ranges::find(words, *value) != words.end()) return *value;
  std::string rule = "must be ";
  for (const auto& each : words) rule += (&each == &words.front() ? "" : &each == &words.back() ? " or " : ", ") + each;
  fail(name, std::move(rule));
  return std::string(variable.fallback);
}

std::string Reader::required(std::string_view name) {
  ask(name, Kind::text);
  const auto* value = find(name);
  if (value != nullptr) return *value;
  fail(name, "must be set");
  return {};
}

std::optional<std::string> Reader::secret(std::string_view name) {
  ask(name, Kind::secret);
  if (const auto* value = find(name)) {
    check_login(name, *value);
    return *value;
  }
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
  check_login(name, value);
  return value;
}

void Reader::check_login(std::string_view name, std::string_view url) {
  const bool of_server = name.ends_with("_DATABASE_URL") || name.ends_with("_AMQP_URL") ||
                         name == "TENANTRY_AMQP_ADMIN_URL" || name == "TENANTRY_AMQP_MONITOR_URL";
  const auto* clock = find("TENANTRY_TEST_CLOCK");
  const bool trying_out = clock != nullptr && (*clock == "1" || *clock == "true");
  if (!of_server || trying_out) return;
  if (auto rule = weakness_of_login(url)) fail(name, std::move(*rule));
}

std::string Reader::required_secret(std::string_view name) {
  if (auto value = secret(name); value && !value->empty()) return *value;
  fail(name, "must be set (or " + std::string(name) + "_FILE)");
  return {};
}

MasterKeyTexts Reader::master_keys() {
  constexpr std::string_view current = "TENANTRY_MASTER_KEY";
  constexpr std::string_view former = "TENANTRY_FORMER_MASTER_KEYS";
  MasterKeyTexts keys{required_secret(current), split(secret(former).value_or(""), ',')};
  if (!keys.current.empty()) {
    if (auto rule = weakness_of_key(keys.current)) fail(current, std::move(*rule));
  }
  for (const auto& key : keys.former) {
    if (auto rule = weakness_of_key(key)) fail(former, std::move(*rule));
  }
  return keys;
}

void Reader::check_strength(std::string_view name, std::string_view secret, std::size_t length_min) {
  if (auto rule = weakness_of(secret, length_min)) fail(name, std::move(*rule));
}

std::int64_t Reader::integer(std::string_view name) {
  const auto& variable = ask(name, Kind::integer);
  const auto fallback = number_of(variable.fallback);
  const auto* value = find(name);
  if (value == nullptr) return fallback;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc{} || end != value->data() + value->size() || number < variable.least ||
      number > variable.most) {
    fail(name, "must be a whole number " + range_of(variable));
    return fallback;
  }
  return number;
}

bool Reader::flag(std::string_view name) {
  const bool fallback = ask(name, Kind::flag).fallback == "1";
  const auto* value = find(name);
  if (value == nullptr) return fallback;
  if (*value == "1" || *value == "true") return true;
  if (*value == "0" || *value == "false") return false;
  fail(name, "must be 1 or 0");
  return fallback;
}

std::vector<std::string> Reader::list(std::string_view name) {
  const auto& variable = ask(name, Kind::list);
  const auto* value = find(name);
  return split(value == nullptr ? variable.fallback : std::string_view(*value), ',');
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
