// Platform: every worker on one thread, over a broker in memory and a clock that stands
// still until it is moved. What a replay plays into.
//
// Its database is a real one, migrated and otherwise empty, that nobody else uses. It has
// no way out: what would be mailed is kept, and nothing in it can reach Stripe or a real
// broker, unless the options hold a way to send mail. Recorded events are fed as causes:
// what follows from them (events with a cause, timers) the workers decide anew.
//
// With one worker alone, only it handles, and decides anew what it once made. What the
// others made is fed as it was, and what they wrote of tenants, owners and statuses is
// written as their events say.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/messaging/outbox_rows.h"
#include "shared/sim/broker.h"
#include "workers/audit/keys.h"
#include "workers/registry.h"
#include "workers/replay/recording.h"

namespace tenantry::db {
class Connection;
class Transaction;
}  // namespace tenantry::db

namespace tenantry::replay {

struct PlatformOptions {
  // Of its own database, as each role: "owner", "gateway", "runtime", "signup", ...
  std::function<std::string(std::string_view role)> database_url;
  Timestamp starts_at{};
  std::string worker{};                // the only one that handles; "": all of them
  notification::SendMail send_mail{};  // beside keeping it
  std::string mail_from{workers::sandbox_mail_from};
};

struct Mail {
  std::string recipient;
  std::string message;             // headers and all
  std::optional<Error> refused{};  // by the mail server, where there is one
};

class Platform {
 public:
  explicit Platform(PlatformOptions options);
  ~Platform();

  // Moves the clock to the event's time (timers due on the way fire, each in its moment), then makes it happen. False:
  // it follows from another event, so the workers make it themselves. Not settled: batches form as they would.
  Result<bool> feed(const Recorded& recorded);

  // Whether it is an effect of what is fed: the workers here make it themselves.
  bool is_decided_anew(const events::Event& event) const;

  void settle();               // until nothing is left to do at this moment
  void advance_to(Timestamp);  // timers due on the way fire; then settled
  Timestamp now() const { return clock_.now(); }
  static audit::LeafKeys audit_keys();  // opens what its audit worker seals

  // ---- what has come of it: everything published since the start, in order, and every mail
  const std::vector<Recorded>& published() const { return published_; }
  const std::vector<Mail>& mails() const { return mails_; }
  std::function<void(const Recorded&)> on_published{};
  std::function<void(const Mail&)> on_mail{};

 private:
  class AdminPort;
  class Ids;
  struct WorkerProcess;

  void start_workers();
  void attach_all();
  bool step();
  bool deliver(WorkerProcess& worker);
  void publish_handed_over();
  bool sweep();
  void note(const messaging::OutboxRow& row);
  Result<void> in_gateway(const Recorded& recorded,
                          const std::function<Result<void>(db::Transaction&, messaging::Outbox&)>& work);
  bool runs(std::string_view worker) const { return options_.worker.empty() || options_.worker == worker; }
  Result<void> send_mail(const std::string& from, const std::string& to, const std::string& text);
  Result<void> happen(const Recorded& recorded);
  Result<void> follow_the_others(const Recorded& recorded);
  void add_vhost(const std::string& tenant_id);
  Result<void> sign_up(const Recorded& recorded);
  Result<void> move_tenant(const Recorded& recorded);
  Result<void> publish(const Recorded& recorded);

  const PlatformOptions options_;
  ManualClock clock_;
  std::unique_ptr<Ids> ids_;
  sim::Broker broker_;
  std::unique_ptr<db::Connection> gateway_;
  std::unique_ptr<db::Connection> relay_;
  std::unique_ptr<db::Connection> owner_{};  // where one worker is alone: writes what the others wrote
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
  std::vector<messaging::OutboxRow> handed_over_;  // committed, not published yet
  std::vector<Recorded> published_;
  std::vector<Mail> mails_;
};

}  // namespace tenantry::replay
