// Outbox: the only way to publish, and the only way to act later.
//
// One Outbox lives as long as one transaction. What is published, scheduled or
// cancelled is collected and written by flush() in that transaction; after the
// commit the rows that are due go to the process's Relay. A process that dies in
// between loses nothing: the sweeper of any process finds the rows.
//
// Ids are derived from the cause, so a rerun of the same decision writes the same
// rows (and inserting them again changes nothing).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/envelope.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::messaging {

struct OutboxRow {
  Uuid id;               // the event's
  std::string exchange;  // "": straight to the queue `routing_key`
  std::string routing_key;
  std::string vhost;
  std::string tenant_id;
  std::string type;
  std::string content_type;
  std::map<std::string, std::string> headers;
  std::string payload;
  Timestamp available_at{};
  std::string timer_key{};  // empty: not a timer
  int retry = 0;            // which retry of the event in one worker; 0: its first publish
  bool pinned = false;      // stays in its vhost, whatever becomes of the tenant
};

class Outbox {
 public:
  // `source`: "/tenantry/billing". `actor`: who acts where no cause says so.
  Outbox(std::string source, events::Actor actor, IdGenerator& ids, Timestamp now);

  // What is published from here on follows from `cause` (null: from nothing).
  // `actor`, where given, is on the events instead of the outbox's own.
  void set_cause(const events::Event* cause, std::optional<events::Actor> actor = std::nullopt);
  void set_trace(std::string correlation_id, std::string traceparent);

  // Returns the event's id. Goes to the tenant's vhost or to "platform", as its schema says.
  Uuid publish(std::string_view tenant_id, const google::protobuf::Message& message, std::string subject = {});

  // An event made elsewhere (events::make_event), to its home.
  void publish_made(const events::Event& event);

  // The last event of a tenant's vhost: the only one that still goes there once the tenant is deleted.
  void publish_last(const events::Event& event);
  void publish_last_to(const std::string& queue, const events::Event& event);  // and there to one queue alone

  // An event of a tenant's application, accepted by the gateway: to <tenant>.app.
  void publish_application_event(const events::Event& event);

  // A timer: the event is published at `at`, unless the key is cancelled or scheduled again before.
  void schedule(std::string timer_key, Timestamp at, std::string_view tenant_id,
                const google::protobuf::Message& message);
  void cancel(std::string timer_key);

  // Tells every process that what it cached about the tenant is stale.
  void signal(std::string_view tenant_id, const google::protobuf::Message& message);

  // A delayed retry: the same event, straight to one queue.
  void retry(OutboxRow row) { rows_.push_back(std::move(row)); }

  // The id under which a transition is remembered: derived from the cause, like an event's.
  Uuid transition_id(std::string_view tenant_id, std::string_view status);

  // Writes everything, in a statement or three. What is for the vhost of a tenant that has none (not yet, or no
  // more) goes to "platform", where the same workers listen.
  void flush(db::Transaction& tx);

  // The rows that are due now, for the relay. After the commit.
  std::vector<OutboxRow> take_due();

  Timestamp now() const { return now_; }

 private:
  int next_ordinal(std::string_view type);
  events::Event make(std::string_view tenant_id, const google::protobuf::Message& message, Timestamp time,
                     std::string subject);
  void move_homeless(db::Transaction& tx);
  OutboxRow row_of(const events::Event& event, std::string exchange, std::string vhost) const;

  std::string source_;
  events::Actor actor_;
  IdGenerator& ids_;
  Timestamp now_;
  const events::Event* cause_ = nullptr;
  std::optional<events::Actor> cause_actor_;
  std::string correlation_id_;
  std::string traceparent_;
  std::map<std::string, int> ordinals_;  // by cause and type
  std::vector<OutboxRow> rows_;
  std::vector<std::string> cancelled_;
};

// How long a row that its writer hands to the relay stays out of the sweepers' reach.
constexpr Seconds hand_over_lease{15};

}  // namespace tenantry::messaging
