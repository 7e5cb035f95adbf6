// Traces: what one cause led to, over all processes, as spans (OpenTelemetry's model, W3C's Trace Context).
//
// Off until enable() is called: until then nothing below does anything, and nothing is random. A span is queued when it
// ends, where wanted() says so. Whoever ends one never waits: what does not fit is counted and dropped. Thread-safe.
//
// Attributes hold ids, names from our own source and numbers; never addresses, bodies, tokens or values of statements.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shared/core/ids.h"
#include "shared/core/time.h"

namespace tenantry::tracing {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

struct Context {
  TraceId trace_id{};
  SpanId span_id{};
  bool sampled = false;

  std::string traceparent() const;
  bool operator==(const Context&) const = default;
};

// Of version 00, strictly: anything else is nobody's trace.
std::optional<Context> parse_traceparent(std::string_view text);

using Value = std::variant<bool, std::int64_t, double, std::string>;
struct Attribute {
  std::string key;
  Value value;
};

// As OTLP numbers them.
enum class Kind { internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };

struct Span {
  Context context{};
  SpanId parent{};  // zeros: it is a root
  std::string name{};
  Kind kind = Kind::internal;
  Timestamp start{};  // of the machine's clock, whatever tests have made of the platform's
  Timestamp end{};
  std::vector<Attribute> attributes{};
  std::vector<Context> links{};
  std::string error{};  // what kind of failure, as `error.type` has it; "": none
  std::uint32_t attributes_dropped = 0;
  std::uint32_t links_dropped = 0;
};

constexpr std::size_t attributes_max = 32;
constexpr std::size_t links_max = 8;
constexpr std::size_t value_size_max = 256;

// Cuts what is beyond the limits, letters whole, and counts what it drops.
void limit(Span& span);

struct Options {
  double share = 0.01;                // of new traces
  double spans_per_second_max = 200;  // that a process queues, with as many at once
  std::size_t queue_max = 2'048;
};

// Once, before other threads start; disable() after they have ended. `ids` outlives that.
void enable(const Options& options, IdGenerator& ids);
void disable();
bool enabled();

// The same for whoever sees the trace's id, so that processes agree. False while disabled.
bool head_sampled(const TraceId& trace_id);

Context new_root();
// The same in two steps, for who seldom needs the rest of it: a root if it is to be sampled, and one that is not to be.
std::optional<Context> sampled_root();
Context unsampled_root();  // where sampled_root() gave none
// Of an unsampled parent the parent itself: nobody will see the difference, and nothing is made.
Context child_of(const Context& parent);
Timestamp now();

// Whether a span that ended is to be kept: its trace is sampled, it failed, or it took longer than all but a hundredth
// of those of the same `like` before it; and there is room for it. Asked once for each, before the rest of it is made.
bool wanted(const Context& context, std::string_view like, Microseconds took, bool failed);

// Queues it. Of an unsampled trace it is a span of its own below the parent that child_of() gave back.
void finish(Span span);

// Spans that wait to be sent, oldest first, at most so many and about so many bytes of them.
std::vector<Span> take(std::size_t spans_max, std::size_t bytes_max);
std::size_t waiting();
void count_dropped(std::string_view reason, std::size_t spans);

// ---- what this thread is about -------------------------------------------------------------------------------------

class Scope {
 public:
  explicit Scope(const std::optional<Context>& context);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::optional<Context> before_;
};
const std::optional<Context>& current();

// While a batch of events is handled: the span of each, by the event's id. What follows from an event hangs there. One
// thread.
class Causes {
 public:
  virtual const Context* find(const Uuid& event_id) = 0;  // null: nothing is known; valid as long as this

 protected:
  ~Causes() = default;
};
class CauseScope {
 public:
  explicit CauseScope(Causes& causes);  // which live longer
  ~CauseScope();
  CauseScope(const CauseScope&) = delete;
  CauseScope& operator=(const CauseScope&) = delete;
};
const Context* of_cause(const Uuid& event_id);  // null: nothing is known

// A call of another server, from here to the end of its life; part of what this thread is about, or of nothing.
class ClientCall {
 public:
  ClientCall(std::string name, std::vector<Attribute> attributes);
  ~ClientCall();
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;
  void failed(std::string_view error_type);

 private:
  std::optional<Span> span_;
};

}  // namespace tenantry::tracing
