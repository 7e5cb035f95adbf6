#include "tests/support/services.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <stdexcept>

#include "shared/core/embedded.h"
#include "shared/crypto/hash.h"
#include "shared/db/migrate.h"
#include "shared/db/session.h"
#include "shared/tenancy/plans.h"

namespace tenantry {
std::span<const EmbeddedFile> plan_files();
}

namespace tenantry::testing {
namespace {

constexpr std::int64_t servers_lock = 0x69745f6c6f636b;  // "it_lock": one test at a time makes what all share

std::string with_database(const std::string& url, const std::string& database) {
  const auto path = url.find('/', url.find('@'));
  const auto query = url.find('?', path);
  return url.substr(0, path) + "/" + database + (query == url.npos ? "" : url.substr(query));
}

class Superuser {
 public:
  Superuser() : session_(required_variable("TENANTRY_TEST_SUPERUSER_URL"), "test") {}
  db::Rows exec(const std::string& sql) { return session_.exec_alone(sql); }

 private:
  db::Session session_;
};

void make_template(Superuser& superuser, const std::string& name, const std::vector<db::Migration>& migrations) {
  superuser.exec("SELECT pg_advisory_lock(" + std::to_string(servers_lock) + ")");  // until this connection ends
  if (!superuser.exec("SELECT FROM pg_database WHERE datname = '" + name + "'").empty()) return;
  const std::string draft = name + "_draft";
  superuser.exec("DROP DATABASE IF EXISTS " + draft + " WITH (FORCE)");
  superuser.exec("CREATE DATABASE " + draft + " OWNER tenantry_owner");
  {
    db::Session owner(with_database(required_variable("TENANTRY_DATABASE_URL"), draft), "test template");
    must(db::migrate(owner, migrations, [](const db::Migration&) {}));
    must(tenancy::load_plans(owner));
  }
  superuser.exec("ALTER DATABASE " + draft + " RENAME TO " + name);
}

std::string template_name(const std::vector<db::Migration>& migrations) {
  crypto::Sha256 hash;
  for (const auto& migration : migrations) hash.update(as_bytes(migration.checksum));
  for (const auto& file : plan_files()) hash.update(as_bytes(file.content));
  return "it_template_" + to_hex(hash.finish()).substr(0, 16);
}

}  // namespace

std::string required_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    throw std::runtime_error(name + " is missing: ./dev test sets what integration tests need");
  }
  return value;
}

std::string random_name(std::string_view prefix) {
  return std::string(prefix) + to_hex(crypto::random_bytes(6));
}

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(Milliseconds{5});
  }
  return true;
}

// ---- TestDatabase ----------------------------------------------------------------------------------------------

TestDatabase::TestDatabase(Content content) : name_(random_name("it_")) {
  const std::string owned = " OWNER tenantry_owner";
  if (content == Content::empty) {
    Superuser().exec("CREATE DATABASE " + name_ + owned);
    return;
  }
  const auto migrations = must(db::embedded_migrations());
  const auto from = template_name(migrations);
  Superuser superuser;
  if (superuser.exec("SELECT FROM pg_database WHERE datname = '" + from + "'").empty()) {
    Superuser maker;
    make_template(maker, from, migrations);
  }
  superuser.exec("CREATE DATABASE " + name_ + owned + " TEMPLATE " + from);
}

TestDatabase::~TestDatabase() {
  try {
    Superuser().exec("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "database %s stays: %s\n", name_.c_str(), error.what());
  }
}

std::string TestDatabase::url(std::string_view role) const {
  std::string variable = "TENANTRY_DATABASE_URL";
  if (role == "superuser") {
    variable = "TENANTRY_TEST_SUPERUSER_URL";
  } else if (role != "owner") {
    std::string upper{role};
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    variable = "TENANTRY_" + upper + "_DATABASE_URL";
  }
  return with_database(required_variable(variable), name_);
}

db::Rows TestDatabase::exec(std::string_view role, std::string_view sql, std::initializer_list<db::Param> params) {
  db::Session session(url(role), "test");
  db::Session::Transaction tx(session);
  auto rows = tx.exec(sql, params);
  tx.commit();
  return rows;
}

std::string TestDatabase::value(std::string_view sql, std::initializer_list<db::Param> params) {
  const auto rows = exec("superuser", sql, params);
  if (rows.size() != 1) throw std::runtime_error("one row expected of: " + std::string(sql));
  return std::string(rows[0].text(0));
}

void TestDatabase::add_tenant(const std::string& tenant_id) {
  exec(
      "superuser",
      "INSERT INTO platform.tenants (tenant_id, company_name, company_email, status, status_since, plan, plan_version, "
      "trial_ends_at, vhost_ready, vhost_present, created_at, updated_at) "
      "VALUES ($1, $1, '', 'active', now(), 'STARTER', 1, now(), true, true, now(), now())",
      {tenant_id});
}

void TestDatabase::allow_connections(bool allowed) {
  Superuser().exec("ALTER DATABASE " + name_ + " ALLOW_CONNECTIONS " + (allowed ? "true" : "false"));
}

void TestDatabase::terminate_backends() {
  Superuser().exec("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '" + name_ + "'");
}

// ---- Listener --------------------------------------------------------------------------------------------------

Listener::Listener(amqp::ConnectionParameters parameters, std::string queue, std::vector<Binding> bindings,
                   bool declares) {
  parameters.name = "test listener";
  amqp::Handlers handlers;
  const auto fail = [this](const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (!ready_) failed_ = why.empty() ? "closed" : why;
    changed_.notify_all();
  };
  handlers.on_delivery = [this](amqp::Delivery&& delivery) {
    auto& properties = delivery.properties;
    const std::lock_guard lock(mutex_);
    heard_.push_back({delivery.exchange, delivery.routing_key, properties.message_id.value_or(""),
                      properties.type.value_or(""), properties.user_id.value_or(""), delivery.body});
    changed_.notify_all();
  };
  handlers.on_closed = [fail](const amqp::CloseReason& reason) { fail(reason.text); };
  handlers.on_channel_closed = [fail](amqp::ChannelId, int, const std::string& text) { fail(text); };
  handlers.on_ready = [this, queue, bindings, declares] {
    const auto channel = must(connection_->open_channel([](Result<amqp::ChannelId>) {}));
    if (declares) {
      must(connection_->queue_declare(channel, {.queue = queue, .exclusive = true, .auto_delete = true}, nullptr));
    }
    for (const auto& binding : bindings) {
      must(connection_->queue_bind(
          channel, {.queue = queue, .exchange = binding.exchange, .routing_key = binding.routing_key}, nullptr));
    }
    must(connection_->consume(channel, queue, "test", {.no_ack = true}, [this](Result<std::string> tag) {
      const std::lock_guard lock(mutex_);
      ready_ = tag.has_value();
      changed_.notify_all();
    }));
  };
  loop_.run_sync(
      [&] { connection_ = std::make_unique<amqp::Connection>(loop_.loop(), parameters, std::move(handlers)); });
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return ready_ || !failed_.empty(); });
  if (!ready_) {
    lock.unlock();
    loop_.run_sync([&] { connection_.reset(); });
    throw std::runtime_error("cannot listen to " + queue + ": " + failed_);
  }
}

Listener::~Listener() {
  loop_.run_sync([&] { connection_.reset(); });
}

std::vector<Heard> Listener::heard() {
  const std::lock_guard lock(mutex_);
  return heard_;
}

std::vector<Heard> Listener::await(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return heard_.size() >= count; });
  return heard_;
}

std::string try_publish(amqp::ConnectionParameters parameters, const std::string& exchange,
                        const std::string& routing_key) {
  loop::Loop loop;
  loop::Timer timeout(loop);
  std::string outcome = "nothing happened";
  std::unique_ptr<amqp::Connection> connection;
  const auto end = [&](const std::string& how) {
    outcome = how;
    loop.stop();
  };
  amqp::Handlers handlers;
  handlers.on_closed = [&](const amqp::CloseReason& reason) { end(std::string(amqp::to_string(reason.kind))); };
  handlers.on_channel_closed = [&](amqp::ChannelId, int code, const std::string&) { end(std::to_string(code)); };
  handlers.on_confirm = [&](amqp::ChannelId, std::uint64_t, bool, bool ack) { end(ack ? "" : "nacked"); };
  handlers.on_ready = [&] {
    const auto channel = must(connection->open_channel([](Result<amqp::ChannelId>) {}));
    must(connection->confirm_select(channel, nullptr));
    const amqp::Properties properties;
    must(connection->publish(channel, {.exchange = exchange,
                                       .routing_key = routing_key,
                                       .properties = properties,
                                       .body = "{}",
                                       .mandatory = false}));
  };
  timeout.start(std::chrono::duration_cast<Milliseconds>(patience), [&] { loop.stop(); });
  connection = std::make_unique<amqp::Connection>(loop, std::move(parameters), std::move(handlers));
  loop.run();
  return outcome;
}

// ---- TestBroker ------------------------------------------------------------------------------------------------

namespace {
amqp::ConnectionParameters parameters_of(const std::string& variable) {
  auto parsed = must(amqp::parse_url(required_variable(variable)));
  parsed.name = "integration test";
  return parsed;
}
}  // namespace

namespace {
constexpr int application_users_max = 4;  // more logins of one tenant no test makes
}

TestBroker::TestBroker() : admin_(must(broker_admin::connect(required_variable("TENANTRY_TEST_MANAGEMENT_URL")))) {}

TestBroker::~TestBroker() {
  std::vector<std::string> vhosts;
  if (!vhost_.empty()) vhosts.push_back(vhost_);
  for (const auto& tenant : tenants_) {
    vhosts.push_back(events::vhost_of(tenant));
    for (int number = 1; number <= application_users_max; ++number) {
      if (const auto gone = admin_->remove_user(events::application_user(tenant, number)); !gone) {
        std::fprintf(stderr, "user of %s stays: %s\n", tenant.c_str(), gone.error().describe().c_str());
      }
    }
  }
  for (const auto& vhost : vhosts) {
    if (const auto gone = admin_->remove_vhost(vhost); !gone) {
      std::fprintf(stderr, "vhost %s stays: %s\n", vhost.c_str(), gone.error().describe().c_str());
    }
  }
}

void TestBroker::let_in(const std::string& vhost, const std::string& user) {
  if (!let_in_.insert(vhost + " " + user).second) return;
  must(admin_->set_permissions(
      vhost, std::vector{events::Permission{.user = user, .configure = ".*", .write = ".*", .read = ".*"}}));
}

const std::string& TestBroker::vhost() {
  if (vhost_.empty()) {
    vhost_ = random_name("it-");
    must(admin_->ensure_vhost(vhost_, "integration test"));
    let_in(vhost_, publisher().user);
  }
  return vhost_;
}

void TestBroker::ensure_platform() {
  Superuser lock;
  lock.exec("SELECT pg_advisory_lock(" + std::to_string(servers_lock) + ")");
  const std::string vhost{events::vhost_platform};
  if (must(admin_->has_vhost(vhost))) return;
  const auto user = [&](const std::string& variable) {
    const auto login = parameters_of(variable);
    must(admin_->ensure_user(login.user, login.password));
    return login.user;
  };
  events::BrokerUsers users{.publisher = user("TENANTRY_AMQP_URL"),
                            .workers = user("TENANTRY_WORKERS_AMQP_URL"),
                            .gateway = user("TENANTRY_GATEWAY_AMQP_URL")};
  for (const auto worker : events::workers) {
    std::string upper{worker};
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    user("TENANTRY_" + upper + "_AMQP_URL");
  }
  must(admin_->ensure_vhost(vhost, "Tenantry: platform"));
  must(admin_->set_permissions(vhost, events::permissions_of(events::platform_tenant, users)));
  must(admin_->import_definitions(vhost, events::definitions_json(events::platform_tenant, "classic")));
}

std::string TestBroker::reserve_tenant() {
  auto tenant = random_name("it-");
  tenants_.insert(tenant);
  return tenant;
}

std::string TestBroker::make_tenant() {
  ensure_platform();
  const auto tenant = reserve_tenant();
  const auto vhost = events::vhost_of(tenant);
  must(admin_->ensure_vhost(vhost, "integration test"));
  must(admin_->ensure_user(events::application_user(tenant), random_name("")));
  const events::BrokerUsers users{.publisher = publisher().user,
                                  .workers = parameters_of("TENANTRY_WORKERS_AMQP_URL").user};
  auto permissions = events::permissions_of(tenant, users);
  permissions.push_back(events::application_permission(tenant, events::application_user(tenant)));
  must(admin_->set_permissions(vhost, permissions));
  must(admin_->import_definitions(vhost, events::definitions_json(tenant, "classic")));
  return tenant;
}

amqp::ConnectionParameters TestBroker::as_admin(const std::string& vhost) {
  auto out = parameters_of("TENANTRY_TEST_AMQP_URL");
  out.vhost = vhost;
  let_in(vhost, out.user);
  return out;
}

amqp::ConnectionParameters TestBroker::publisher() const {
  return parameters_of("TENANTRY_AMQP_URL");
}

}  // namespace tenantry::testing
