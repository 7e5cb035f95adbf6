#include "shared/telemetry/trace.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "shared/core/bytes.h"
#include "shared/telemetry/metrics.h"

namespace tenantry::tracing {
namespace {

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

// Of lower-case digits; of anything else a number with its highest bit set.
constexpr auto hex_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0x80);
  for (std::uint8_t digit = 0; digit < 16; ++digit)
    values[static_cast<unsigned char>("0123456789abcdef"[digit])] = digit;
  return values;
}();

// Each request's own is read: straight into place, and without branches on its digits, which nothing can predict.
template <std::size_t n>
std::optional<std::array<std::uint8_t, n>> read_hex(std::string_view text) {
  std::array<std::uint8_t, n> out{};
  unsigned seen = 0;
  for (std::size_t at = 0; at < n; ++at) {
    const unsigned high = hex_values[static_cast<unsigned char>(text[2 * at])];
    const unsigned low = hex_values[static_cast<unsigned char>(text[2 * at + 1])];
    seen |= high | low;
    out[at] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return (seen & 0x80U) != 0 ? std::nullopt : std::optional(out);
}

// How long spans of a name take: counts by a quarter of a doubling, halved now and then, so that it follows.
class Durations {
 public:
  // Whether it took longer than all but a hundredth of those before it.
  bool slow(Microseconds took) {
    const auto at = index_of(took);
    const bool known = total_ >= enough;
    const bool slow = known && at > rank_;
    ++counts_[at];
    if (++total_ % 64 == 0 || total_ == enough) rank_ = find_rank();
    if (total_ >= halved_at) {
      total_ = 0;
      for (auto& count : counts_) total_ += count /= 2;
    }
    return slow;
  }

 private:
  static constexpr std::size_t enough = 500;
  static constexpr std::size_t halved_at = 20'000;

  // By the highest bit and the two below it.
  static std::size_t index_of(Microseconds took) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(4, took.count()));
    const auto doublings = static_cast<std::size_t>(std::bit_width(value)) - 3;
    return std::min<std::size_t>(counts_size - 1, doublings * 4 + ((value >> doublings) & 3U));
  }
  std::size_t find_rank() const {
    std::size_t above = 0;
    for (std::size_t at = counts_size; at-- > 0;) {
      above += counts_[at];
      if (above * 100 > total_) return at;
    }
    return 0;
  }

  static constexpr std::size_t counts_size = 128;  // to an hour
  std::array<std::size_t, counts_size> counts_{};
  std::size_t total_ = 0;
  std::size_t rank_ = 0;
};

constexpr std::size_t likes_max = 1'000;  // routes, workers

// So that what is asked for by a view is found without making a string of it.
struct HashOfText {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

std::size_t size_of(const Span& span) {
  std::size_t size = 128 + span.name.size() + span.links.size() * 32;
  for (const auto& attribute : span.attributes) {
    const auto* text = std::get_if<std::string>(&attribute.value);
    size += 16 + attribute.key.size() + (text == nullptr ? 0 : text->size());
  }
  return size;
}

struct Tracer {
  Tracer(const Options& o, IdGenerator& i) : options(o), ids(i), allowance(o.spans_per_second_max) {}

  const Options options;
  IdGenerator& ids;

  std::mutex mutex;
  // Guarded by mutex.
  std::deque<Span> queue;
  std::unordered_map<std::string, Durations, HashOfText, std::equal_to<>> durations;
  double allowance;
  std::chrono::steady_clock::time_point allowed_at = std::chrono::steady_clock::now();

  template <std::size_t n>
  std::array<std::uint8_t, n> random_id() {
    std::array<std::uint8_t, n> bytes{};
    ids.random(bytes);
    bytes.back() |= 1;  // never all zeros
    return bytes;
  }
  // Of the last 56 bits, which W3C's Trace Context says are random where any are.
  bool sampled(const TraceId& trace_id) const {
    std::uint64_t number = 0;
    for (std::size_t at = 9; at < trace_id.size(); ++at) number = (number << 8) | trace_id[at];
    return static_cast<double>(number) < options.share * 0x1p56;
  }
  // Decided by the second half; the rest of it is made for who needs it.
  TraceId half_trace_id() {
    TraceId trace_id{};
    const auto half = random_id<8>();
    std::ranges::copy(half, trace_id.begin() + 8);
    return trace_id;
  }
  Context root_of(TraceId trace_id, bool is_sampled) {
    ids.random(std::span(trace_id).first(8));
    return {trace_id, random_id<8>(), is_sampled};
  }

  // Why no span is taken just now; null: one is. With the mutex held.
  const char* full() {
    if (queue.size() >= options.queue_max) return "queue_full";
    const auto at = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = at - allowed_at;
    allowed_at = at;
    allowance = std::min(options.spans_per_second_max, allowance + passed.count() * options.spans_per_second_max);
    return allowance < 1 ? "rate" : nullptr;
  }
  // Counts one that would be dropped, so that nobody makes it.
  bool has_room() {
    const char* dropped = nullptr;
    {
      const std::lock_guard lock(mutex);
      dropped = full();
    }
    if (dropped != nullptr) count_dropped(dropped, 1);
    return dropped == nullptr;
  }

  bool slow(std::string_view like, Microseconds took) {
    const std::lock_guard lock(mutex);
    auto at = durations.find(like);
    if (at == durations.end()) {
      if (durations.size() >= likes_max) return false;
      at = durations.try_emplace(std::string(like)).first;
    }
    return at->second.slow(took);
  }

  void finish(Span&& span) {
    if (!span.context.sampled && span.parent == span.context.span_id) span.context.span_id = random_id<8>();
    limit(span);
    const char* dropped = nullptr;
    {
      const std::lock_guard lock(mutex);
      dropped = full();
      if (dropped == nullptr) {
        allowance -= 1;
        queue.push_back(std::move(span));
      }
    }
    if (dropped != nullptr) count_dropped(dropped, 1);
  }
};

std::unique_ptr<Tracer>& tracer() {
  static std::unique_ptr<Tracer> instance;
  return instance;
}

std::string_view cut_text(std::string_view text) {
  if (text.size() <= value_size_max) return text;
  std::size_t end = value_size_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

thread_local std::optional<Context> current_context;
thread_local Causes* current_causes = nullptr;

}  // namespace

std::string Context::traceparent() const {
  return "00-" + to_hex(trace_id) + "-" + to_hex(span_id) + (sampled ? "-01" : "-00");
}

std::optional<Context> parse_traceparent(std::string_view text) {
  if (text.size() != 55 || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return std::nullopt;
  const auto trace_id = read_hex<16>(text.substr(3, 32));
  const auto span_id = read_hex<8>(text.substr(36, 16));
  const auto flags = read_hex<1>(text.substr(53));
  if (!trace_id || !span_id || !flags || all_zero(*trace_id) || all_zero(*span_id)) return std::nullopt;
  return Context{*trace_id, *span_id, (flags->front() & 1U) != 0};
}

void limit(Span& span) {
  span.name = cut_text(span.name);
  span.error = cut_text(span.error);
  if (span.attributes.size() > attributes_max) {
    span.attributes_dropped += static_cast<std::uint32_t>(span.attributes.size() - attributes_max);
    span.attributes.resize(attributes_max);
  }
  if (span.links.size() > links_max) {
    span.links_dropped += static_cast<std::uint32_t>(span.links.size() - links_max);
    span.links.resize(links_max);
  }
  for (auto& attribute : span.attributes) {
    if (auto* text = std::get_if<std::string>(&attribute.value)) *text = std::string(cut_text(*text));
  }
}

void enable(const Options& options, IdGenerator& ids) {
  tracer() = std::make_unique<Tracer>(options, ids);
}

void disable() {
  tracer().reset();
}

bool enabled() {
  return tracer() != nullptr;
}

bool head_sampled(const TraceId& trace_id) {
  return enabled() && tracer()->sampled(trace_id);
}

Context new_root() {
  const auto half = tracer()->half_trace_id();
  return tracer()->root_of(half, tracer()->sampled(half));
}
std::optional<Context> sampled_root() {
  const auto half = tracer()->half_trace_id();
  return tracer()->sampled(half) ? std::optional(tracer()->root_of(half, true)) : std::nullopt;
}
Context unsampled_root() {
  auto half = tracer()->half_trace_id();
  while (tracer()->sampled(half)) half = tracer()->half_trace_id();
  return tracer()->root_of(half, false);
}

Context child_of(const Context& parent) {
  if (!parent.sampled) return parent;
  return {parent.trace_id, tracer()->random_id<8>(), true};
}

Timestamp now() {
  return std::chrono::time_point_cast<Timestamp::duration>(std::chrono::system_clock::now());
}

bool wanted(const Context& context, std::string_view like, Microseconds took, bool failed) {
  if (!enabled()) return false;
  const bool slow = tracer()->slow(like, took);
  return (context.sampled || failed || slow) && tracer()->has_room();
}

void finish(Span span) {
  if (enabled()) tracer()->finish(std::move(span));
}

std::vector<Span> take(std::size_t spans_max, std::size_t bytes_max) {
  std::vector<Span> taken;
  const std::lock_guard lock(tracer()->mutex);
  auto& queue = tracer()->queue;
  std::size_t bytes = 0;
  while (!queue.empty() && taken.size() < spans_max) {
    bytes += size_of(queue.front());
    if (!taken.empty() && bytes > bytes_max) break;
    taken.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  return taken;
}

std::size_t waiting() {
  const std::lock_guard lock(tracer()->mutex);
  return tracer()->queue.size();
}

void count_dropped(std::string_view reason, std::size_t spans) {
  metrics::counter("tenantry_trace_spans_dropped_total", "Spans that were to be exported and were not",
                   {{"reason", std::string(reason)}}, static_cast<double>(spans));
}

Scope::Scope(const std::optional<Context>& context) : before_(current_context) {
  current_context = context;
}
Scope::~Scope() {
  current_context = before_;
}
const std::optional<Context>& current() {
  return current_context;
}

CauseScope::CauseScope(Causes& causes) {
  current_causes = &causes;
}
CauseScope::~CauseScope() {
  current_causes = nullptr;
}
const Context* of_cause(const Uuid& event_id) {
  return current_causes == nullptr ? nullptr : current_causes->find(event_id);
}

ClientCall::ClientCall(std::string name, std::vector<Attribute> attributes) {
  if (!enabled() || !current() || !current()->sampled) return;
  span_ = Span{.context = child_of(*current()),
               .parent = current()->span_id,
               .name = std::move(name),
               .kind = Kind::client,
               .start = now(),
               .attributes = std::move(attributes)};
}
ClientCall::~ClientCall() {
  if (!span_) return;
  span_->end = now();
  finish(*std::move(span_));
}
void ClientCall::failed(std::string_view error_type) {
  if (span_) span_->error = error_type;
}

}  // namespace tenantry::tracing
