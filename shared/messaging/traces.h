// Traces of events on their way: a span for each publish and each handling, joined by the header `traceparent` of the
// hop (docs/adr/0030). Nothing is made while tracing is off.
#pragma once

#include <map>
#include <string>
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

// A batch of deliveries that a worker handles.
class BatchTrace {
 public:
  BatchTrace(const std::string& worker, const std::vector<Arrival>& batch);

  const tracing::Causes& causes() const { return causes_; }
  std::optional<tracing::Context> of(const Arrival& arrival) const;

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
    const Arrival* arrival;
    std::optional<tracing::Context> parent{};  // none: the trace begins here
    tracing::Context context{};
    std::optional<tracing::Context> link{};  // what somebody else said of it
    std::string error{};
  };
  void tell(const Handling& handling) const;

  const std::string& worker_;
  const Timestamp start_;
  std::vector<Handling> handlings_;
  tracing::Causes causes_;
  bool settled_ = false;
};

}  // namespace tenantry::messaging
