// The services that integration tests run against: a database and parts of the broker
// of each test's own, made from what TENANTRY_TEST_* and TENANTRY_*_URL name.
//
// Whatever is missing or refused is thrown: gtest fails the test with its text. Names
// are random, so any number of tests share the servers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "events/topology.h"
#include "shared/amqp/connection.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/db/connection.h"
#include "shared/loop/loop.h"

namespace tenantry::testing {

constexpr std::chrono::seconds patience{30};  // after which what was awaited is held not to come

std::string required_variable(const std::string& name);
std::string random_name(std::string_view prefix);  // prefix and 12 hex digits

// Asks until `condition` holds; false after `patience`.
bool eventually(const std::function<bool()>& condition);

// A value or its Error as a failure of the test.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().describe());
  return *std::move(result);
}
inline void must(Result<void> result) {
  if (!result) throw std::runtime_error(result.error().describe());
}

// A database of the test's own, with every migration and plan, dropped at the end.
class TestDatabase {
 public:
  enum class Content { migrated, empty };
  explicit TestDatabase(Content content = Content::migrated);
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  const std::string& name() const { return name_; }

  // "owner", "gateway", "signup", ..., "runtime", "analyst", "superuser".
  std::string url(std::string_view role) const;

  // One statement or script as this role, committed.
  db::Rows exec(std::string_view role, std::string_view sql, std::initializer_list<db::Param> params = {});
  std::string value(std::string_view sql, std::initializer_list<db::Param> params = {});  // as superuser: first field

  void add_tenant(const std::string& tenant_id);  // ACTIVE, with a vhost of its own

  void allow_connections(bool allowed);  // not to this role or that: to nobody
  void terminate_backends();             // all but those of the postgres database

 private:
  std::string name_;
};

// A message as a Listener got it.
struct Heard {
  std::string exchange;
  std::string routing_key;
  std::string message_id;
  std::string type;
  std::string user_id;
  std::string body;
};

// Consumes one queue of one vhost on a thread of its own.
class Listener {
 public:
  // Declares the queue (deleted with its connection); where it does not, it must exist.
  struct Binding {
    std::string exchange;
    std::string routing_key;
  };
  Listener(amqp::ConnectionParameters parameters, std::string queue, std::vector<Binding> bindings = {},
           bool declares = true);
  ~Listener();

  std::vector<Heard> heard();
  std::vector<Heard> await(std::size_t count);  // what came when `count` had come or patience ended

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Heard> heard_;
  bool ready_ = false;
  std::string failed_;
  loop::LoopThread loop_;
  std::unique_ptr<amqp::Connection> connection_;
};

// The broker, with a vhost of the test's own and any number of tenants'.
class TestBroker {
 public:
  TestBroker();
  ~TestBroker();
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;

  broker_admin::BrokerAdmin& admin() { return *admin_; }
  const std::string& vhost();  // "it-<random>", made on first use

  // The platform's vhost and users, made where they are missing and never removed: they belong to the server.
  void ensure_platform();

  // The vhost of a tenant nobody else uses, with its exchanges, queues and permissions. Removed at the end.
  std::string make_tenant();

  // An id for a tenant whose vhost and user, if the test makes any, are removed at the end.
  std::string reserve_tenant();

  amqp::ConnectionParameters as_admin(const std::string& vhost);  // may do everything in it
  amqp::ConnectionParameters publisher() const;                   // the platform's publisher, on "platform"

 private:
  void let_in(const std::string& vhost, const std::string& user);

  std::unique_ptr<broker_admin::BrokerAdmin> admin_;
  std::string vhost_;
  std::set<std::string> tenants_;
  std::set<std::string> let_in_;
};

// One connection tried and one message published as `parameters`' user: "" when it was confirmed, else why not.
std::string try_publish(amqp::ConnectionParameters parameters, const std::string& exchange,
                        const std::string& routing_key);

// A TCP proxy that can cut what passes through it.
class Proxy {
 public:
  Proxy(std::string host, std::uint16_t port);
  ~Proxy();

  std::uint16_t port() const { return port_; }

  // The next time a client says `text`, it is passed on, the answer is awaited and thrown away, and both ends are cut.
  void swallow_answer_to(std::string text);
  bool swallowed() const;

  // Cuts every connection whose client has said `text`; returns how many.
  int cut(const std::string& text);

 private:
  struct Pair;
  void accept();
  void pump(std::shared_ptr<Pair> pair);

  std::string host_;
  std::uint16_t target_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::string swallow_;     // guarded by mutex_
  bool swallowed_ = false;  // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  std::vector<std::shared_ptr<Pair>> pairs_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A URL's host and port replaced, e.g. by a proxy's.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};
Endpoint endpoint_of(const std::string& url);
std::string with_endpoint(const std::string& url, const Endpoint& endpoint);

}  // namespace tenantry::testing
