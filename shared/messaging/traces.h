// Traces of events on their way: a span for each publish and each handling, joined by the header `traceparent` of the
// hop (docs/adr/0030). Nothing is made while tracing is off.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/messaging/arrival.h"
#include "shared/messaging/outbox_rows.h"
#include "shared/messaging/publisher.h"
#include "shared/telemetry/trace.h"

namespace tenantry::messaging {

// "{tenant_id}.events:payment.failed": where a message goes, without whose it is. What nobody declared in a schema has
// no name of its own here: applications choose theirs.
std::string destination_template(std::string_view exchange, std::string_view type, std::string_view tenant_id);

// Rows on their way to the broker. One thread at a time.
class PublishTraces {
 public:
  // The row leaves below the span that decided about it. A timer's trace is its own, with a link to that one: a span
  // that is open for a fortnight helps nobody. A row that nothing led to begins a trace, too.
  void begin(OutboxRow& row);
  void end(const RowKey& key, const OutboxRow& row, PublishOutcome outcome);

 private:
  std::map<RowKey, tracing::Span> flying_;  // of sampled traces
};

// A batch of deliveries that a worker handles; it lives longer. Something is made of those only that are sampled, and
// of those that somebody asks about or that failed: of most there is nothing to tell. One thread.
class BatchTrace final : public tracing::Causes {
 public:
  BatchTrace(const std::string& worker, const std::vector<Arrival>& batch);

  const tracing::Context* find(const Uuid& event_id) override;  // of twins the first
  std::optional<tracing::Context> of(const Arrival& arrival);   // none while tracing is off

  // A transaction over these: below the first of them that is sampled, with links to the others.
  void transaction(const std::vector<const Arrival*>& part, Timestamp start, std::string_view error);
  void failed(const Arrival& arrival, const Error& error);

  // The deliveries are settled. Without it only those that failed are told: the others come again.
  void settled();
  ~BatchTrace();
  BatchTrace(const BatchTrace&) = delete;
  BatchTrace& operator=(const BatchTrace&) = delete;

 private:
  struct Handling {
    std::optional<tracing::Context> parent{};  // none: the trace begins here
    tracing::Context context{};
    std::optional<tracing::Context> link{};  // what somebody else said of it
    std::string error{};
  };
  Handling& handling_of(const Arrival& arrival);
  void tell(const Arrival& arrival, const Handling& handling) const;

  const std::string& worker_;
  const Timestamp start_;
  const std::vector<Arrival>& batch_;
  const bool on_;
  std::map<const Arrival*, Handling> handlings_;
  std::vector<std::pair<Uuid, const Arrival*>> by_id_;  // of the whole batch, once somebody asks
  bool settled_ = false;
};

}  // namespace tenantry::messaging
