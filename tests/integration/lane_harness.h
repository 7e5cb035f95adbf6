// A lane driven directly: events go in as arrivals, its hooks are recorded.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "events/codec.h"
#include "events/topology.h"
#include "shared/messaging/lane.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tests/support/services.h"

namespace tenantry::testing {

class Recorder {
 public:
  messaging::LaneHooks hooks() {
    return {.published = [this](std::vector<messaging::OutboxRow> rows) { note([&] { move_to(published_, rows); }); },
            .settled = [this](std::vector<messaging::Token> tokens) { note([&] { move_to(settled_, tokens); }); },
            .database = [this](bool up) { note([&] { database_.push_back(up); }); }};
  }

  // Deliveries settled so far, once there are `count` or patience has ended.
  std::size_t await_settled(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return settled_.size() >= count; });
    return settled_.size();
  }
  std::vector<bool> await_database(std::size_t changes) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return database_.size() >= changes; });
    return database_;
  }
  std::vector<messaging::OutboxRow> published() {
    const std::lock_guard lock(mutex_);
    return published_;
  }

 private:
  template <class T>
  static void move_to(std::vector<T>& to, std::vector<T>& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }
  void note(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<messaging::OutboxRow> published_;
  std::vector<messaging::Token> settled_;
  std::vector<bool> database_;
};

// An event as the platform itself would have published it into the tenant's vhost.
inline messaging::Arrival arrival_of(const events::Event& event, std::uint64_t tag = 0) {
  messaging::Arrival arrival;
  arrival.incoming.event = event;
  arrival.incoming.vhost = events::vhost_of(event.tenant_id);
  arrival.incoming.wire.exchange = events::events_exchange(event.tenant_id);
  arrival.incoming.wire.routing_key = event.type;
  arrival.incoming.wire.type = event.type;
  arrival.incoming.wire.message_id = event.id.to_string();
  arrival.token.delivery_tag = tag;
  return arrival;
}

inline events::Event event_of(const std::string& tenant, const google::protobuf::Message& message, IdGenerator& ids,
                              Timestamp at) {
  return events::make_event(tenant, message, {.source = "/test", .actor = events::Actor::service("test"), .time = at},
                            ids.next());
}

inline events::v1::TenantActivated activated(const std::string& note = {}) {
  events::v1::TenantActivated message;
  message.set_reason("test");
  message.set_from_status("TRIAL");
  message.set_note(note);
  return message;
}

}  // namespace tenantry::testing
