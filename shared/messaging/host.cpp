#include "shared/messaging/host.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/loop/loop.h"
#include "shared/messaging/lane.h"
#include "shared/messaging/receive.h"
#include "shared/messaging/vhost_link.h"
#include "shared/messaging/wire.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"
#include "tenantry/events/v1/platform.pb.h"

namespace tenantry::messaging {
namespace {

// The worker's own table and the topology's bindings must say the same: a type bound but not handled would be lost,
// one handled but not bound would never come.
void check_table(const WorkerSpec& spec, std::span<const ConsumerRow> rows) {
  std::set<std::string> bound;
  for (const auto& subscription : events::subscriptions()) {
    if (subscription.worker == spec.name) bound.emplace(subscription.pattern);
  }
  std::set<std::string> handled;
  for (const auto& row : rows) handled.insert(row.type);
  for (const auto& type : bound) {
    if (!handled.contains(type)) log::error("bound but not consumed", {{"worker", spec.name}, {"type", type}});
  }
  for (const auto& type : handled) {
    if (!bound.contains(type)) log::error("consumed but not bound", {{"worker", spec.name}, {"type", type}});
  }
  TENANTRY_ASSERT(bound == handled);
}

// Below it a tenant's batches would wait for acknowledgements.
constexpr int prefetch_min = 20;
constexpr Seconds gone_recheck{5};

int lanes_of(const WorkerSpec& spec) {
  return spec.lanes + (spec.slow ? spec.slow_lanes : 0);
}

// The slow ones come last.
std::size_t lane_of(const WorkerSpec& spec, const Arrival& arrival) {
  const auto& event = arrival.incoming.event;
  const auto hash = std::hash<std::string_view>{}(event.tenant_id);
  const auto lanes = static_cast<std::size_t>(spec.lanes);
  const bool slow = spec.slow && !arrival.refused && spec.slow(event);
  return slow ? lanes + hash % static_cast<std::size_t>(spec.slow_lanes) : hash % lanes;
}

}  // namespace

struct Host::State {
  struct HostedWorker {
    WorkerSpec spec;
    std::vector<std::unique_ptr<Lane>> lanes{};
    std::vector<std::vector<Arrival>> arrived{};  // by lane; loop only
    int lanes_without_database = 0;
  };

  State(loop::Loop& l, HostOptions o, std::vector<WorkerSpec> specs, const Clock& c, IdGenerator& i)
      : loop(l),
        options(std::move(o)),
        clock(c),
        ids(i),
        relay(l, options.relay, c, i),
        connects(l, "consumer", options.connects_per_second),
        look_again(l),
        push_arrived(l, [this] { push_all_arrived(); }),
        scan_connection(options.relay.database_url, "tenantry discovery") {
    for (auto& spec : specs) workers.push_back({.spec = std::move(spec)});
  }

  loop::Loop& loop;
  HostOptions options;
  const Clock& clock;
  IdGenerator& ids;
  Relay relay;
  ConnectQueue connects;
  loop::Timer look_again;
  loop::Deferred push_arrived;
  std::vector<HostedWorker> workers;

  // Links by number, so that a settlement can name one that may be gone. Loop only.
  std::map<std::uint64_t, std::unique_ptr<VhostLink>> links;
  std::map<std::string, std::uint64_t, std::less<>> link_of_vhost;
  std::uint64_t next_link = 1;
  std::set<std::uint64_t> unattached;  // of them, those some of whose consumers do not stand
  std::size_t vhosts_known = 0;
  bool stopping = false;
  std::size_t leaving = 0;        // links that are detached and not closed yet
  std::promise<void> all_left{};  // kept once: a host drains once
  std::atomic<bool> platform_attached{false};
  std::atomic<bool> databases_up{true};

  // The scanner thread.
  db::Connection scan_connection;
  std::thread scanner;
  std::mutex mutex;
  std::condition_variable wake;
  bool scan_stop = false;   // guarded by mutex
  bool scan_asked = false;  // guarded by mutex

  // ---- deliveries: on the loop -------------------------------------------------------------------------------

  void on_delivery(int worker_index, std::uint64_t link, std::uint64_t generation, const std::string& vhost,
                   amqp::Delivery&& delivery) {
    auto& worker = workers[static_cast<std::size_t>(worker_index)];
    const Token token{.link = (link << 16) | static_cast<std::uint64_t>(worker_index),
                      .generation = generation,
                      .delivery_tag = delivery.delivery_tag};
    auto arrival = receive(std::move(delivery), vhost, {options.relay.publisher.broker.user}, token, clock.now());
    const auto lane = lane_of(worker.spec, arrival);
    worker.arrived[lane].push_back(std::move(arrival));
    push_arrived.request();
  }

  // What one turn of the loop has read, to each lane at once.
  void push_all_arrived() {
    for (auto& worker : workers) {
      for (std::size_t lane = 0; lane < worker.lanes.size(); ++lane) {
        if (!worker.arrived[lane].empty()) worker.lanes[lane]->push(std::exchange(worker.arrived[lane], {}));
      }
    }
  }

  void on_settled(std::vector<Token> tokens) {
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::uint64_t>> by_channel;
    for (const auto& token : tokens) by_channel[{token.link, token.generation}].push_back(token.delivery_tag);
    for (const auto& [channel, tags] : by_channel) {
      const auto link = links.find(channel.first >> 16);
      if (link == links.end()) continue;
      link->second->settle(static_cast<int>(channel.first & 0xFFFF), channel.second, tags);
    }
  }

  void on_database(int worker_index, bool up) {
    auto& worker = workers[static_cast<std::size_t>(worker_index)];
    worker.lanes_without_database += up ? -1 : 1;
    bool all_up = true;
    for (const auto& each : workers) all_up = all_up && each.lanes_without_database == 0;
    databases_up = all_up;
    if (!up && worker.lanes_without_database == 1) {
      for (auto& [number, link] : links) link->pause(worker_index);
      for (auto& lane : worker.lanes) lane->drop_queued();
      for (auto& arrived : worker.arrived) arrived.clear();
    } else if (up && worker.lanes_without_database == 0) {
      for (auto& [number, link] : links) link->resume(worker_index);
    }
  }

  // Many tenants share what one process may hold.
  int prefetch_of(const WorkerSpec& spec) const {
    const auto attached = std::max<std::size_t>(1, vhosts_known / static_cast<std::size_t>(options.shard.count));
    const auto share = static_cast<int>(options.deliveries_max / attached);
    return std::clamp(share, std::min(prefetch_min, spec.prefetch), spec.prefetch);
  }

  // ---- attachment: on the loop -------------------------------------------------------------------------------

  void attach(const std::string& vhost) {
    if (stopping || link_of_vhost.contains(vhost)) return;
    const bool platform = vhost == events::vhost_platform;
    if (!platform && (workers.empty() || !options.shard.serves(events::tenant_of_vhost(vhost)))) return;
    LinkOptions link_options;
    link_options.broker = options.consumer;
    link_options.broker.vhost = vhost;
    for (const auto& worker : workers) link_options.workers.push_back({worker.spec.name, prefetch_of(worker.spec)});
    link_options.watch_tenants = platform;
    const auto number = next_link++;
    LinkHooks hooks;
    hooks.delivery = [this, number, vhost](int worker, std::uint64_t generation, amqp::Delivery&& delivery) {
      on_delivery(worker, number, generation, vhost, std::move(delivery));
    };
    hooks.tenant_changed = [this](const amqp::Delivery& delivery) { on_tenant_changed(delivery); };
    hooks.attached = [this, number, platform](bool attached) {
      // What tenants became while nobody could tell us is not told again.
      if (platform && !platform_attached.exchange(attached) && attached) ask_scan();
      note_attached(number, attached);
    };
    hooks.left = [this] {
      if (--leaving == 0) all_left.set_value();
    };
    hooks.gone = [this, vhost] {
      // Not from within the link's own handler.
      loop.post([this, vhost] {
        detach(vhost);
        // A broker that has just started may say so of a vhost that it only has not loaded yet.
        if (!stopping && !look_again.active()) look_again.start(gone_recheck, [this] { ask_scan(); });
      });
    };
    auto link = std::make_unique<VhostLink>(loop, std::move(link_options), ids, connects, std::move(hooks));
    auto& kept = *links.emplace(number, std::move(link)).first->second;
    link_of_vhost.emplace(vhost, number);
    unattached.insert(number);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (workers[i].lanes_without_database > 0) kept.pause(static_cast<int>(i));
    }
    kept.attach();
    metrics::gauge("tenantry_attached_vhosts", "Vhosts this process consumes from", static_cast<double>(links.size()));
  }

  // Says when every consumer of every vhost stands, after a start, a new tenant or a lost broker.
  void note_attached(std::uint64_t link, bool attached) {
    if (!attached) {
      unattached.insert(link);
    } else if (unattached.erase(link) == 1 && unattached.empty() && vhosts_known > 0) {
      log::info("attached to every vhost", {{"vhosts", links.size()}});
    }
  }

  void detach_all() {
    stopping = true;
    leaving = links.size();
    if (leaving == 0) all_left.set_value();
    for (auto& [number, link] : links) link->detach();
  }

  void detach(const std::string& vhost) {
    if (stopping) return;
    const auto at = link_of_vhost.find(vhost);
    if (at == link_of_vhost.end()) return;
    links.erase(at->second);
    unattached.erase(at->second);
    link_of_vhost.erase(at);
    metrics::gauge("tenantry_attached_vhosts", "Vhosts this process consumes from", static_cast<double>(links.size()));
  }

  void on_tenant_changed(const amqp::Delivery& delivery) {
    amqp::Delivery copy = delivery;
    const auto wire = to_wire(std::move(copy));
    const events::TrustRules rules{options.relay.publisher.broker.user};
    const auto event = events::decode(wire, events::platform_tenant, rules);
    if (!event || wire.user_id != rules.publisher_user || event->type != "platform.tenant_changed") return;
    const auto& changed = event->as<events::v1::TenantChanged>();
    if (changed.vhost_ready()) attach(events::vhost_of(event->tenant_id));
    if (options.tenant_changed) options.tenant_changed(event->tenant_id);
  }

  // ---- discovery: the scanner thread -------------------------------------------------------------------------

  void scan() {
    bool quiet = false;
    for (;;) {
      auto next = options.rescan_every;
      try {
        db::Transaction tx(scan_connection);
        const auto rows = tx.exec("SELECT tenant_id FROM platform.tenants WHERE vhost_present ORDER BY tenant_id");
        auto vhosts = std::make_shared<std::vector<std::string>>();
        for (const auto row : rows) vhosts->push_back(events::vhost_of(row.text(0)));
        loop.post([this, vhosts] {
          vhosts_known = vhosts->size() + 1;  // and the platform's
          for (const auto& vhost : *vhosts) attach(vhost);
        });
        quiet = false;
      } catch (const std::exception& error) {
        if (!quiet) log::error("tenants cannot be listed", {{"error", error.what()}});
        quiet = true;
        scan_connection.disconnect();
        next = Seconds{2};
      }
      std::unique_lock lock(mutex);
      wake.wait_for(lock, next, [&] { return scan_stop || scan_asked; });
      if (scan_stop) return;
      scan_asked = false;
    }
  }

  // What changed while nobody told us: now, not at the next round.
  void ask_scan() {
    const std::lock_guard lock(mutex);
    scan_asked = true;
    wake.notify_all();
  }
};

Host::Host(loop::Loop& loop, HostOptions options, std::vector<WorkerSpec> workers, const Clock& clock, IdGenerator& ids)
    : state_(std::make_unique<State>(loop, std::move(options), std::move(workers), clock, ids)) {}

Host::~Host() {
  drain(Milliseconds{0});
}

void Host::start() {
  auto& state = *state_;
  for (std::size_t w = 0; w < state.workers.size(); ++w) {
    auto& worker = state.workers[w];
    {
      db::Connection unused(worker.spec.database_url, "tenantry table check");
      const auto probe = worker.spec.make(LaneContext{state.clock, state.ids, unused});
      check_table(worker.spec, probe->consumes());
    }
    for (int n = 0; n < lanes_of(worker.spec); ++n) {
      LaneHooks hooks;
      hooks.published = [this](std::vector<OutboxRow> rows) { state_->relay.hand_over(std::move(rows)); };
      hooks.settled = [this](std::vector<Token> tokens) {
        if (tokens.empty()) return;
        state_->loop.post([this, moved = std::move(tokens)]() mutable { state_->on_settled(std::move(moved)); });
      };
      hooks.database = [this, w](bool up) {
        state_->loop.post([this, w, up] { state_->on_database(static_cast<int>(w), up); });
      };
      worker.lanes.push_back(std::make_unique<Lane>(worker.spec, n, state.clock, state.ids, std::move(hooks)));
      worker.lanes.back()->start();
      worker.arrived.emplace_back();
    }
  }
  state.relay.start();
  state.loop.post([this] { state_->attach(std::string(events::vhost_platform)); });
  state.scanner = std::thread([this] { state_->scan(); });
}

Relay& Host::relay() {
  return state_->relay;
}

HostHealth Host::health() const {
  return {state_->relay.database_reachable() && state_->databases_up,
          state_->relay.broker_reachable() && state_->platform_attached};
}

void Host::drain(Milliseconds deadline) {
  auto& state = *state_;
  if (!state.scanner.joinable()) return;
  {
    const std::lock_guard lock(state.mutex);
    state.scan_stop = true;
    state.wake.notify_all();
  }
  state.scanner.join();
  const auto give_up_at = std::chrono::steady_clock::now() + deadline;
  for (auto& worker : state.workers) {
    for (auto& lane : worker.lanes) lane->finish();
  }
  for (auto& worker : state.workers) {
    for (auto& lane : worker.lanes) lane->stop();
  }
  // Their settlements were posted before this. Acknowledgements leave with the polite close, and are worth waiting for:
  // a socket that is closed over deliveries it has not read is reset, and the broker may not read what it still holds.
  state.loop.post([this] { state_->detach_all(); });
  state.relay.drain(deadline);
  state.all_left.get_future().wait_until(give_up_at);
}

}  // namespace tenantry::messaging
