#include "shared/messaging/vhost_link.h"

#include <algorithm>
#include <set>

#include "events/topology.h"
#include "shared/loop/loop.h"
#include "shared/telemetry/log.h"

namespace tenantry::messaging {
namespace {

// A channel may be closed under us (queue not declared yet, acknowledgement timeout): how long until it is reopened.
constexpr amqp::BackoffPolicy channel_backoff{Milliseconds{50}, Milliseconds{2'000}};
constexpr amqp::BackoffPolicy connection_backoff{Milliseconds{100}, Milliseconds{10'000}};

}  // namespace

struct VhostLink::State {
  struct WorkerChannel {
    LinkWorker worker;
    amqp::ChannelId channel = 0;  // 0: none
    std::size_t consuming = 0;    // of its queues
    bool paused = false;
    std::uint64_t generation = 0;
    std::uint64_t acked_to = 0;         // all tags up to here are acknowledged
    std::set<std::uint64_t> settled{};  // beyond a gap
    std::set<std::uint64_t> alone{};    // of these, the ones acknowledged each for itself
    std::unique_ptr<amqp::Backoff> backoff;
    std::unique_ptr<loop::Timer> timer;
  };

  State(loop::Loop& l, LinkOptions o, IdGenerator& i, ConnectQueue& c, LinkHooks h)
      : loop(l),
        options(std::move(o)),
        ids(i),
        connects(c),
        hooks(std::move(h)),
        backoff(amqp::random_of(i), connection_backoff),
        timer(l) {
    for (const auto& worker : options.workers) {
      channels.push_back({.worker = worker,
                          .backoff = std::make_unique<amqp::Backoff>(amqp::random_of(i), channel_backoff),
                          .timer = std::make_unique<loop::Timer>(l)});
    }
  }

  loop::Loop& loop;
  LinkOptions options;
  IdGenerator& ids;
  ConnectQueue& connects;
  ConnectQueue::Ticket turn = 0;
  LinkHooks hooks;
  amqp::Backoff backoff;
  loop::Timer timer;
  std::unique_ptr<amqp::Connection> connection;
  std::vector<WorkerChannel> channels;
  amqp::ChannelId watch_channel = 0;
  bool watching = false;
  bool detached = false;
  bool told_attached = false;

  std::string tenant() const { return events::tenant_of_vhost(options.broker.vhost); }

  void connect_in_turn() {
    turn = connects.request([this] { connect(); });
  }

  void connect() {
    amqp::Handlers handlers;
    handlers.on_ready = [this] {
      backoff.reset();
      for (std::size_t i = 0; i < channels.size(); ++i) open(static_cast<int>(i));
      if (options.watch_tenants) watch();
    };
    handlers.on_closed = [this](const amqp::CloseReason& reason) { on_closed(reason); };
    handlers.on_delivery = [this](amqp::Delivery&& delivery) { on_delivery(std::move(delivery)); };
    handlers.on_channel_closed = [this](amqp::ChannelId channel, int code, const std::string& text) {
      on_channel_lost(channel, code, text);
    };
    handlers.on_consumer_cancelled = [this](amqp::ChannelId channel, const std::string&) {
      // The queue went away: with the vhost (then the connection ends next), or by somebody's hand.
      if (auto* lost = find(channel)) {
        [[maybe_unused]] const auto closed = connection->close_channel(channel, [](Result<void>) {});
        reset(*lost);
        reopen_later(*lost);
      }
    };
    connection = std::make_unique<amqp::Connection>(loop, options.broker, std::move(handlers));
  }

  WorkerChannel* find(amqp::ChannelId channel) {
    for (auto& candidate : channels) {
      if (candidate.channel == channel && channel != 0) return &candidate;
    }
    return nullptr;
  }

  int index_of(const WorkerChannel& channel) const { return static_cast<int>(&channel - channels.data()); }

  void open(int worker) {
    auto& channel = channels[static_cast<std::size_t>(worker)];
    if (channel.paused || channel.channel != 0 || !connection || !connection->ready()) return;
    const auto opened = connection->open_channel([](Result<amqp::ChannelId>) {});
    if (!opened) return;
    channel.channel = *opened;
    ++channel.generation;
    const auto id = channel.channel;
    const auto generation = channel.generation;
    const auto prefetched =
        connection->qos(id, static_cast<std::uint16_t>(channel.worker.prefetch), [](Result<void>) {});
    TENANTRY_ASSERT(prefetched);
    for (const auto& queue : queues_of(channel)) {
      const auto consumed = connection->consume(id, queue, "tenantry." + queue.substr(tenant().size() + 1), {},
                                                [this, worker, generation](Result<std::string> tag) {
                                                  auto& now = channels[static_cast<std::size_t>(worker)];
                                                  // on_channel_lost reopens
                                                  if (!tag || now.generation != generation) return;
                                                  ++now.consuming;
                                                  now.backoff->reset();
                                                  tell_attached();
                                                });
      TENANTRY_ASSERT(consumed);
    }
  }

  void watch() {
    const auto opened = connection->open_channel([](Result<amqp::ChannelId>) {});
    if (!opened) return;
    watch_channel = *opened;
    const std::string queue = "watch." + ids.next().to_string();
    amqp::method::QueueDeclare declare;
    declare.queue = queue;
    declare.exclusive = true;
    declare.auto_delete = true;
    declare.arguments.add("x-queue-type", "classic");
    amqp::method::QueueBind bind;
    bind.queue = queue;
    bind.exchange = std::string(events::exchange_tenant_changes);
    const auto declared = connection->queue_declare(watch_channel, declare, [](Result<amqp::QueueInfo>) {});
    const auto bound = connection->queue_bind(watch_channel, bind, [](Result<void>) {});
    const auto consumed = connection->consume(watch_channel, queue, "tenantry.watch",
                                              {.no_ack = true, .exclusive = true}, [this](Result<std::string> tag) {
                                                watching = tag.has_value();
                                                tell_attached();
                                              });
    TENANTRY_ASSERT(declared && bound && consumed);
  }

  std::vector<std::string> queues_of(const WorkerChannel& channel) const {
    return events::queues_of(tenant(), channel.worker.name);
  }

  void tell_attached() {
    const bool all = std::ranges::all_of(
                         channels, [this](const auto& c) { return c.paused || c.consuming == queues_of(c).size(); }) &&
                     (watching || !options.watch_tenants);
    if (all == told_attached) return;
    told_attached = all;
    hooks.attached(all);
  }

  static void reset(WorkerChannel& channel) {
    channel.channel = 0;
    channel.consuming = 0;
    ++channel.generation;
    channel.acked_to = 0;
    channel.settled.clear();
    channel.alone.clear();
  }

  void reopen_later(WorkerChannel& channel) {
    tell_attached();
    if (channel.paused || detached) return;
    channel.timer->start(channel.backoff->next(), [this, worker = index_of(channel)] { open(worker); });
  }

  void on_delivery(amqp::Delivery&& delivery) {
    if (delivery.channel == watch_channel) {
      hooks.tenant_changed(delivery);
      return;
    }
    if (auto* channel = find(delivery.channel)) {
      hooks.delivery(index_of(*channel), channel->generation, std::move(delivery));
    }
  }

  void on_channel_lost(amqp::ChannelId id, int code, const std::string& text) {
    if (id == watch_channel) {
      log::warn("watch of tenants lost its channel", {{"code", code}, {"text", text}});
      watch_channel = 0;
      watching = false;
      tell_attached();
      timer.start(backoff.next(), [this] {
        if (connection && connection->ready()) watch();
      });
      return;
    }
    auto* channel = find(id);
    if (channel == nullptr) return;
    log::warn("channel closed by the broker",
              {{"vhost", options.broker.vhost}, {"worker", channel->worker.name}, {"code", code}, {"text", text}});
    reset(*channel);
    reopen_later(*channel);
  }

  void on_closed(const amqp::CloseReason& reason) {
    connection.reset();
    watch_channel = 0;
    watching = false;
    for (auto& channel : channels) {
      channel.timer->stop();
      reset(channel);
    }
    tell_attached();
    if (detached) {
      hooks.left();
      return;
    }
    const bool missing =
        reason.kind == amqp::CloseKind::vhost_deleted || reason.kind == amqp::CloseKind::vhost_not_found;
    if (missing && options.broker.vhost != events::vhost_platform) {
      hooks.gone();  // a tenant released; were it to come back, discovery attaches anew
      return;
    }
    log::warn("connection lost", {{"vhost", options.broker.vhost},
                                  {"kind", amqp::to_string(reason.kind)},
                                  {"code", reason.code},
                                  {"text", reason.text}});
    timer.start(backoff.next(), [this] { connect_in_turn(); });
  }
};

VhostLink::VhostLink(loop::Loop& loop, LinkOptions options, IdGenerator& ids, ConnectQueue& connects, LinkHooks hooks)
    : state_(std::make_unique<State>(loop, std::move(options), ids, connects, std::move(hooks))) {}

VhostLink::~VhostLink() {
  state_->detached = true;
  state_->connects.cancel(state_->turn);
}

void VhostLink::attach() {
  state_->connect_in_turn();
}

void VhostLink::detach() {
  state_->detached = true;
  state_->timer.stop();
  state_->connects.cancel(state_->turn);
  for (auto& channel : state_->channels) channel.timer->stop();
  if (state_->connection && state_->connection->ready()) {
    state_->connection->close();
  } else {
    state_->connection.reset();  // nothing to acknowledge on it
    state_->loop.post([left = state_->hooks.left] { left(); });
  }
}

void VhostLink::pause(int worker) {
  auto& channel = state_->channels[static_cast<std::size_t>(worker)];
  if (channel.paused) return;
  channel.paused = true;
  channel.timer->stop();
  if (channel.channel != 0 && state_->connection) {
    [[maybe_unused]] const auto closed = state_->connection->close_channel(channel.channel, [](Result<void>) {});
  }
  State::reset(channel);
}

void VhostLink::resume(int worker) {
  auto& channel = state_->channels[static_cast<std::size_t>(worker)];
  if (!channel.paused) return;
  channel.paused = false;
  state_->tell_attached();
  state_->open(worker);
}

void VhostLink::settle(int worker, std::uint64_t generation, const std::vector<std::uint64_t>& delivery_tags) {
  auto& channel = state_->channels[static_cast<std::size_t>(worker)];
  if (channel.generation != generation || channel.channel == 0) return;  // the broker has them back; the inbox knows
  channel.settled.insert(delivery_tags.begin(), delivery_tags.end());
  const auto before = channel.acked_to;
  while (!channel.settled.empty() && *channel.settled.begin() == channel.acked_to + 1) {
    ++channel.acked_to;
    channel.settled.erase(channel.settled.begin());
  }
  if (channel.acked_to > before) {
    [[maybe_unused]] const auto acked = state_->connection->ack(channel.channel, channel.acked_to, true);
    channel.alone.erase(channel.alone.begin(), channel.alone.upper_bound(channel.acked_to));
  }
  // One that takes minutes must not use up the prefetch of all that come after it.
  const auto held_up = channel.settled.size() - channel.alone.size();
  if (held_up < static_cast<std::size_t>(std::max(1, channel.worker.prefetch / 2))) return;
  for (const auto tag : channel.settled) {
    if (!channel.alone.insert(tag).second) continue;
    [[maybe_unused]] const auto acked = state_->connection->ack(channel.channel, tag, false);
  }
}

const std::string& VhostLink::vhost() const {
  return state_->options.broker.vhost;
}

}  // namespace tenantry::messaging
