// sim::World: the whole platform on one thread. All workers, the relay and what the
// gateway does in its transactions run against a broker in memory, a clock that stands
// still until it is moved, and a real PostgreSQL. A seed decides everything: what
// happens next, in which batches, what is lost, doubled or refused, and where the
// process dies.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/messaging/outbox_rows.h"
#include "shared/messaging/processor.h"
#include "shared/sim/broker.h"
#include "shared/tenancy/transition.h"
#include "tests/simulation/story.h"
#include "tests/support/services.h"

namespace tenantry::sim {

// Chances per opportunity; all zero is a world where nothing goes wrong.
struct Faults {
  // Every seed has weather of its own: some of these, each at its own rate.
  static Faults of_seed(std::uint64_t seed);

  double crash = 0;            // the process dies, at a port it calls or between commit and what follows
  double connection_loss = 0;  // a consumer's connection ends; what it holds is delivered again
  double lost_ack = 0;         // the same right after the commit
  double lost_confirm = 0;     // published, and nobody says so
  double duplicate = 0;        // published twice
  double management_away = 0;  // the management API answers "later", before or after it did its work
  double mail_away = 0;        // the mail server answers "later"
  double database = 0;         // a conflict, or the connection lost before a commit or right after it
  double expiry = 0;           // an application's message expires before anybody has taken it
  double clock_jump = 0;       // of minutes, forwards or back
};

// One fault's chance, by its name: for those who take faults away until a failure does.
struct FaultName {
  const char* name;
  double Faults::*chance;
};
std::span<const FaultName> fault_names();

// What was accepted from outside: the promises of the platform are about these.
struct Accepted {
  struct Signup {
    std::string tenant_id, plan;
    Timestamp at;
  };
  struct Fact {  // of Stripe's
    std::string id, tenant_id, type;
    nlohmann::json object;
    bool confirms;  // an update of something else than the status
    Timestamp stated_at;
  };
  struct Usage {
    std::string id, tenant_id, metric, key, member;
    int quantity;
    Timestamp at;
    bool says_when;  // else `at` is what the log says
  };
  struct Poisoned {
    std::string id, tenant_id;
    Poison kind;
  };
  std::vector<Signup> signups;
  std::vector<Fact> facts;
  std::vector<Fact> foreign;  // of an account that is not ours: none of them may move a tenant
  std::vector<Usage> usage;
  std::vector<Poisoned> poison;
};

// Only in what the tenant itself has said: wherever it stands, the tenant's data stands.
std::string canary_of(std::string_view tenant_id);

// Thrown wherever the process may die, and caught by the World only: no std::exception, so that nothing else does.
struct Crash {};

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool chance(double p) { return p > 0 && static_cast<double>(engine_() >> 11) * 0x1p-53 < p; }
  std::uint64_t next() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// Ids of a seed. Asking for one is a place to die: most of a transaction's work asks.
class Ids final : public IdGenerator {
 public:
  Ids(std::uint64_t seed, const Clock& clock) : random_(seed), clock_(clock) {}
  Uuid next() override;
  void random(std::span<std::uint8_t> out) override;
  std::function<void()> on_next{};

 private:
  Random random_;
  const Clock& clock_;
  std::uint64_t counter_ = 0;
};

class World {
 public:
  World(std::uint64_t seed, Faults faults);
  ~World();

  // ---- what people and Stripe do, each in one transaction as the gateway does it
  // The tenant's id.
  std::string sign_up(const std::string& company, const std::string& email, const std::string& plan = "STARTER");

  struct Webhook {
    std::string id, type;
    Timestamp stated_at;
    std::string tenant_id;
    nlohmann::json object;
    int copies = 1;
    bool confirms = false;
    std::string account{};  // a connected one, not ours
  };
  void stripe(const Webhook& webhook);

  // A super-admin's word.
  void admin(const std::string& tenant_id, tenancy::Trigger trigger, const std::string& reason);

  // An event of the tenant's application, straight to the broker; now and then it comes twice.
  struct Use {
    std::string tenant_id, metric;
    int quantity = 1;
    std::string key{}, member{};
  };
  void use(const Use& use);
  void poison(const std::string& tenant_id, Poison kind, const std::string& other_tenant);

  // What every process asks for once a minute (docs/housekeeping.md).
  void keep_house();

  // ---- time
  void run_steps(int steps);   // a few steps of whoever can take one, then back to the script
  void settle();               // until nothing is left to do at this moment
  void advance_to(Timestamp);  // timers due on the way fire, each in its moment; then settled
  Timestamp now() const { return clock_.now(); }
  static Timestamp start();  // when every story begins

  Random& random() { return random_; }

  // ---- what has come of it
  testing::TestDatabase& database() { return database_; }
  const std::map<std::string, int>& mails() const { return mails_; }  // by Message-ID: how often the server got it
  const std::map<std::string, int>& injected() const { return injected_; }  // faults, by name
  const Broker& broker() const { return broker_; }
  const Accepted& accepted() const { return accepted_; }
  std::optional<Timestamp> house_kept_at() const { return house_kept_at_; }
  const std::string& trace() const { return trace_; }  // every step, fault and message, a line each

 private:
  class AdminPort;
  struct WorkerProcess;

  void start_process();
  void end_process();
  bool injects(double chance, const char* fault);
  void maybe_crash(const char* where);
  void attach_all();
  bool step();
  void guarded(const std::function<void()>& body);  // a Crash in it ends the process and starts another
  void deliver(WorkerProcess& worker);
  void publish_some();
  void confirm_some();
  bool sweep();
  Result<void> send_mail(const std::string& message);
  void let_leases_run_out();
  void let_other_worlds_commit();
  bool is_served(const std::string& tenant_id);
  bool publish_of_application(const std::string& tenant_id, const events::Event& event);
  void note(std::string_view what, std::string_view detail = {});
  void in_gateway(const std::function<void(db::Transaction&, messaging::Outbox&)>& work, const events::Actor& actor);

  Random random_;
  const Faults faults_;
  ManualClock clock_;
  Ids ids_;
  testing::TestDatabase database_;
  Broker broker_;
  db::Connection gateway_;
  db::Connection superuser_;
  std::map<std::string, int> mails_;
  std::map<std::string, int> injected_;
  Accepted accepted_;
  std::set<Timestamp> used_at_;
  std::optional<Timestamp> house_kept_at_;
  std::string trace_;
  bool database_may_fail_ = false;  // only while the platform works: not where the world looks

  // The process: all of it is lost in a crash.
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
  std::unique_ptr<db::Connection> relay_;
  std::vector<messaging::OutboxRow> handed_over_;  // committed, not published yet
  messaging::Answers answers_;                     // of the broker, not written yet
  int crash_in_ = 0;                               // ids until the process dies; 0: not armed
};

}  // namespace tenantry::sim
