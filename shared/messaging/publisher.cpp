#include "shared/messaging/publisher.h"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

#include "events/topology.h"
#include "shared/amqp/reconnect.h"
#include "shared/loop/loop.h"
#include "shared/messaging/connect_queue.h"
#include "shared/messaging/outbox_rows.h"
#include "shared/messaging/wire.h"
#include "shared/telemetry/log.h"

namespace tenantry::messaging {

namespace {

// A row on its way. Its key stays what the database knows, also when it is sent through "platform".
struct Flight {
  RowKey key;
  OutboxRow row;
};

}  // namespace

// One vhost's connection: rows wait until it is ready, then fly until confirmed.
struct Publisher::Link {
  enum class Phase { idle, connecting, ready, waiting, closing };

  Link(Publisher::State& owner, std::string name);

  State& state;
  const std::string vhost;
  Phase phase = Phase::idle;
  std::unique_ptr<amqp::Connection> connection;
  amqp::ChannelId channel = 0;
  bool blocked = false;
  std::deque<Flight> waiting;
  std::map<std::uint64_t, Flight> flying;         // by sequence number
  std::unordered_map<std::string, int> returned;  // message ids the broker gave back before their confirm
  amqp::Backoff backoff;
  loop::Timer timer;
  ConnectQueue::Ticket turn = 0;
  Milliseconds used_at{0};

  void connect_in_turn();
  void connect();
  void on_ready();
  void on_closed(const amqp::CloseReason& reason);
  void on_confirm(std::uint64_t sequence, bool multiple, bool ack);
  void pump();
  void pump_held_back();
  void close();
  bool busy() const;
  void release_all();
};

struct Publisher::State {
  State(loop::Loop& l, PublisherOptions o, IdGenerator& i, Done d, std::function<void(bool)> r)
      : loop(l),
        options(std::move(o)),
        ids(i),
        done(std::move(d)),
        tell_reachable(std::move(r)),
        connects(l, "publisher", options.connects_per_second),
        idle_timer(l) {}

  loop::Loop& loop;
  PublisherOptions options;
  IdGenerator& ids;
  Done done;
  std::function<void(bool)> tell_reachable;
  ConnectQueue connects;
  std::map<std::string, std::unique_ptr<Link>, std::less<>> links;
  loop::Timer idle_timer;
  std::size_t in_flight = 0;
  bool reachable = false;
  bool closing = false;

  Link& link(const std::string& vhost) {
    auto& slot = links[vhost];
    if (!slot) slot = std::make_unique<Link>(*this, vhost);
    return *slot;
  }

  void finish(const Flight& flight, PublishOutcome outcome, const std::string& why = {}) {
    --in_flight;
    done(flight.key, flight.row, outcome, why);
  }

  void set_reachable(bool now_reachable) {
    if (reachable == now_reachable) return;
    reachable = now_reachable;
    tell_reachable(reachable);
  }

  void close_idle();
  std::size_t ready() const;
  void reroute(Link& from);
};

Publisher::Link::Link(Publisher::State& owner, std::string name)
    : state(owner), vhost(std::move(name)), backoff(amqp::random_of(owner.ids)), timer(owner.loop) {}

void Publisher::Link::connect_in_turn() {
  phase = Phase::waiting;
  turn = state.connects.request([this] { connect(); });
}

void Publisher::Link::connect() {
  phase = Phase::connecting;
  auto parameters = state.options.broker;
  parameters.vhost = vhost;
  parameters.name = parameters.name + " publisher";
  amqp::Handlers handlers;
  handlers.on_ready = [this] { on_ready(); };
  handlers.on_closed = [this](const amqp::CloseReason& reason) { on_closed(reason); };
  handlers.on_blocked = [this](bool now_blocked, const std::string& reason) {
    blocked = now_blocked;
    log::warn(now_blocked ? "broker blocks publishers" : "broker accepts publishers again",
              {{"vhost", vhost}, {"reason", reason}});
    if (!blocked) pump();
  };
  handlers.on_confirm = [this](amqp::ChannelId, std::uint64_t sequence, bool multiple, bool ack) {
    on_confirm(sequence, multiple, ack);
  };
  handlers.on_return = [this](amqp::Returned&& message) { ++returned[message.properties.message_id.value_or("")]; };
  handlers.on_channel_closed = [this](amqp::ChannelId, int code, const std::string& text) {
    log::error("publisher's channel closed", {{"vhost", vhost}, {"code", code}, {"text", text}});
    connection->close();
  };
  connection = std::make_unique<amqp::Connection>(state.loop, std::move(parameters), std::move(handlers));
}

void Publisher::Link::on_ready() {
  const auto opened = connection->open_channel([](Result<amqp::ChannelId>) {});
  TENANTRY_ASSERT(opened);
  channel = *opened;
  const auto selected = connection->confirm_select(channel, [this](Result<void> done) {
    if (!done) return;  // on_channel_closed says why
    phase = Phase::ready;
    if (vhost == events::vhost_platform) state.set_reachable(true);
    backoff.reset();
    pump();
  });
  TENANTRY_ASSERT(selected);
}

void Publisher::Link::pump() {
  used_at = state.loop.now();
  while (phase == Phase::ready && !blocked && !waiting.empty() &&
         connection->write_buffer_size() < state.options.write_buffer_max) {
    Flight flight = std::move(waiting.front());
    waiting.pop_front();
    const OutboxRow& row = flight.row;
    const auto properties = properties_of(row, state.options.broker.user);
    const auto sequence = connection->publish(channel, {.exchange = row.exchange,
                                                        .routing_key = row.routing_key,
                                                        .properties = properties,
                                                        .body = row.payload,
                                                        // Nobody may be watching: then nobody has stale caches.
                                                        .mandatory = row.exchange != events::exchange_tenant_changes});
    if (!sequence) {
      const auto& error = sequence.error();
      log::error("event cannot be published", {{"event_id", row.id.to_string()}, {"error", error.describe()}});
      const bool for_good = error.reason == "amqp_limit";
      state.finish(flight, for_good ? PublishOutcome::unpublishable : PublishOutcome::nacked, error.describe());
      continue;
    }
    flying.emplace(*sequence, std::move(flight));
  }
}

// Rows wait where the write buffer was full. A confirm goes on with them, but all confirms may have come before the
// buffer was written out.
void Publisher::Link::pump_held_back() {
  if (!waiting.empty() && flying.empty()) pump();
}

void Publisher::Link::on_confirm(std::uint64_t sequence, bool multiple, bool ack) {
  const auto last = flying.upper_bound(sequence);
  auto first = multiple ? flying.begin() : flying.find(sequence);
  if (first == flying.end()) return;
  while (first != last) {
    PublishOutcome outcome = ack ? PublishOutcome::confirmed : PublishOutcome::nacked;
    // An unroutable message is returned first and confirmed after.
    if (const auto back = returned.find(first->second.row.id.to_string()); back != returned.end()) {
      outcome = PublishOutcome::returned;
      if (--back->second == 0) returned.erase(back);
    }
    const Flight flight = std::move(first->second);
    first = flying.erase(first);
    state.finish(flight, outcome);
  }
  pump();
}

// What arrives before the broker has answered waits for the next connection.
void Publisher::Link::close() {
  phase = Phase::closing;
  connection->close();
}

bool Publisher::Link::busy() const {
  return !waiting.empty() || !flying.empty() || vhost == events::vhost_platform;
}

void Publisher::Link::release_all() {
  auto flown = std::move(flying);
  flying.clear();
  returned.clear();
  for (const auto& [sequence, flight] : flown) state.finish(flight, PublishOutcome::released);
  auto queued = std::move(waiting);
  waiting.clear();
  for (const auto& flight : queued) state.finish(flight, PublishOutcome::released);
}

void Publisher::Link::on_closed(const amqp::CloseReason& reason) {
  const bool was_idle = std::exchange(phase, Phase::idle) == Phase::closing;
  blocked = false;
  connection.reset();
  const bool missing = reason.kind == amqp::CloseKind::vhost_not_found || reason.kind == amqp::CloseKind::vhost_deleted;
  if (missing && vhost != events::vhost_platform && !state.closing) {
    state.reroute(*this);
    return;
  }
  if (was_idle && !state.closing) {
    if (!waiting.empty()) connect_in_turn();
    return;
  }
  if (reason.kind == amqp::CloseKind::requested && waiting.empty() && flying.empty()) return;
  // Only the platform's connection speaks for the broker: it is the one that comes back by itself and says so again.
  if (vhost == events::vhost_platform) state.set_reachable(false);
  if (!state.closing && reason.kind != amqp::CloseKind::requested) {
    log::warn("publisher lost its connection",
              {{"vhost", vhost}, {"kind", amqp::to_string(reason.kind)}, {"text", reason.text}});
  }
  release_all();
  if (state.closing || vhost != events::vhost_platform) return;
  // The platform's connection comes back by itself: it is how the process knows that the broker is there.
  phase = Phase::waiting;
  timer.start(backoff.next(), [this] { connect_in_turn(); });
}

void Publisher::State::reroute(Link& from) {
  auto& platform = link(std::string(events::vhost_platform));
  const auto move_over = [&](Flight& flight) {
    send_through_platform(flight.row);
    platform.waiting.push_back(std::move(flight));
  };
  for (auto& [sequence, flight] : from.flying) move_over(flight);
  for (auto& flight : from.waiting) move_over(flight);
  from.flying.clear();
  from.returned.clear();
  from.waiting.clear();
  if (platform.phase == Link::Phase::idle) platform.connect_in_turn();
  platform.pump();
}

void Publisher::State::close_idle() {
  // Of a vhost that nothing was published to since, nothing is kept: tenants come and go.
  std::erase_if(links,
                [](const auto& entry) { return entry.second->phase == Link::Phase::idle && !entry.second->busy(); });
  std::vector<Link*> idle;
  for (auto& [vhost, link] : links) {
    if (link->phase != Link::Phase::ready) continue;
    link->pump_held_back();
    if (!link->busy()) idle.push_back(link.get());
  }
  // The longest idle goes first, and more of them over the cap.
  std::ranges::sort(idle, {}, &Link::used_at);
  const auto open = static_cast<std::ptrdiff_t>(ready());
  for (std::ptrdiff_t n = 0; n < std::ssize(idle); ++n) {
    auto& link = *idle[static_cast<std::size_t>(n)];
    if (loop.now() - link.used_at < options.idle_close && open - n <= options.connections_max) break;
    link.close();
  }
}

std::size_t Publisher::State::ready() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links, [](const auto& entry) { return entry.second->phase == Link::Phase::ready; }));
}

Publisher::Publisher(loop::Loop& loop, PublisherOptions options, IdGenerator& ids, Done done,
                     std::function<void(bool)> reachable)
    : state_(std::make_unique<State>(loop, std::move(options), ids, std::move(done), std::move(reachable))) {}

Publisher::~Publisher() {
  state_->closing = true;
}

void Publisher::start() {
  state_->idle_timer.repeat(Milliseconds{1'000}, [this] { state_->close_idle(); });
  state_->link(std::string(events::vhost_platform)).connect_in_turn();
}

void Publisher::close() {
  state_->closing = true;
  state_->idle_timer.stop();
  for (auto& [vhost, link] : state_->links) {
    link->timer.stop();
    state_->connects.cancel(link->turn);
    if (link->connection) link->connection->close();
  }
}

void Publisher::publish(std::vector<OutboxRow> rows) {
  for (auto& row : rows) {
    ++state_->in_flight;
    auto& link = state_->link(row.vhost);
    auto key = key_of(row);
    link.waiting.push_back({std::move(key), std::move(row)});
    if (link.phase == Link::Phase::idle) link.connect_in_turn();
  }
  for (auto& [vhost, link] : state_->links) {
    if (!link->waiting.empty()) link->pump();
  }
}

std::size_t Publisher::connections() const {
  return state_->ready();
}

std::size_t Publisher::in_flight() const {
  return state_->in_flight;
}

}  // namespace tenantry::messaging
