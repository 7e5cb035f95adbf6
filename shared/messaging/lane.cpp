#include "shared/messaging/lane.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "shared/amqp/reconnect.h"
#include "shared/messaging/gathering.h"
#include "shared/messaging/processor.h"
#include "shared/telemetry/log.h"

namespace tenantry::messaging {
namespace {
// A tenant's turn is at most this part of a batch. A batch of few tenants is cheaper, in rows locked and in
// acknowledgements; who waits, waits for as many turns as there are tenants.
constexpr std::size_t turns_per_batch = 16;
constexpr Milliseconds probe_floor{50};
constexpr amqp::BackoffPolicy probe_backoff{Milliseconds{200}, Milliseconds{5'000}};
}  // namespace

struct Lane::State {
  State(const WorkerSpec& s, int n, const Clock& c, IdGenerator& i, LaneHooks h)
      : name(s.name),
        number(n),
        batch_max(static_cast<std::size_t>(s.batch_max)),
        turn_max(std::max<std::size_t>(1, batch_max / turns_per_batch)),
        ids(i),
        database(std::move(h.database)),
        processor(s, "tenantry " + s.name + " lane " + std::to_string(n), c, i,
                  {std::move(h.published), std::move(h.settled)}) {}

  const std::string name;
  const int number;
  const std::size_t batch_max;
  const std::size_t turn_max;
  IdGenerator& ids;
  const std::function<void(bool up)> database;
  Processor processor;
  std::thread thread;

  mutable std::mutex mutex;
  std::condition_variable work;
  std::map<std::string, std::deque<Arrival>> waiting;  // by tenant; guarded by mutex
  std::deque<std::string> turns;                       // tenants with something waiting; guarded by mutex
  std::size_t waiting_count = 0;                       // guarded by mutex
  std::size_t fullest = 0;  // events of the tenant that has most, as far as is known; likewise
  bool gathers = false;     // a batch waits for company; guarded by mutex
  Gathering gathering{batch_max, turn_max, std::chrono::steady_clock::now()};  // guarded by mutex
  bool stopping = false;                                                       // guarded by mutex

  // With the mutex held.
  bool has_company() const { return gathering.is_enough(waiting_count, turns.size(), fullest); }

  // With the mutex held: something waits, and more of it after a moment where that pays.
  void gather(std::unique_lock<std::mutex>& lock) {
    const auto now = std::chrono::steady_clock::now();
    const auto patience = gathering.patience(now);
    if (patience == Milliseconds{0}) return;
    for (const auto& [tenant, queue] : waiting) fullest = std::max(fullest, queue.size());
    gathers = true;
    work.wait_until(lock, now + patience, [&] { return stopping || has_company(); });
    gathers = false;
  }

  // A few events of each waiting tenant in turn, and again while all of them have more and the batch is not full: a
  // batch that somebody quiet is in is not filled up with a flood.
  std::vector<Arrival> next_batch() {
    std::unique_lock lock(mutex);
    do {
      work.wait(lock, [&] { return stopping || !turns.empty(); });
      if (!stopping) gather(lock);
    } while (!stopping && turns.empty());  // dropped meanwhile
    fullest = 0;
    std::vector<Arrival> batch;
    if (stopping) return batch;
    bool all_have_more = true;
    while (all_have_more && !turns.empty() && batch.size() < batch_max) {
      for (auto left = turns.size(); left > 0 && batch.size() < batch_max; --left) {
        const std::string tenant = std::move(turns.front());
        turns.pop_front();
        auto& queue = waiting[tenant];
        for (std::size_t n = 0; n < turn_max && !queue.empty() && batch.size() < batch_max; ++n) {
          batch.push_back(std::move(queue.front()));
          queue.pop_front();
          --waiting_count;
        }
        if (queue.empty()) {
          waiting.erase(tenant);
          all_have_more = false;
        } else {
          turns.push_back(tenant);
        }
      }
    }
    return batch;
  }

  // The broker keeps what we hold; we come back when the database does.
  void wait_for_database() {
    log::error("database away: deliveries are given back", {{"worker", name}, {"lane", number}});
    database(false);
    amqp::Backoff backoff(amqp::random_of(ids), probe_backoff);
    for (;;) {
      {
        std::unique_lock lock(mutex);
        if (work.wait_for(lock, probe_floor + backoff.next(), [&] { return stopping; })) return;
      }
      if (processor.reach_database()) break;
    }
    log::info("database back", {{"worker", name}, {"lane", number}});
    database(true);
  }

  void run() {
    for (;;) {
      auto batch = next_batch();
      if (batch.empty()) return;
      if (!processor.process(std::move(batch))) wait_for_database();
    }
  }
};

Lane::Lane(const WorkerSpec& spec, int number, const Clock& clock, IdGenerator& ids, LaneHooks hooks)
    : state_(std::make_unique<State>(spec, number, clock, ids, std::move(hooks))) {}

Lane::~Lane() {
  stop();
}

void Lane::start() {
  state_->thread = std::thread([this] { state_->run(); });
}

void Lane::push(std::vector<Arrival> arrivals) {
  const std::lock_guard lock(state_->mutex);
  for (auto& arrival : arrivals) {
    auto& queue = state_->waiting[arrival.incoming.event.tenant_id];
    if (queue.empty()) state_->turns.push_back(arrival.incoming.event.tenant_id);
    queue.push_back(std::move(arrival));
    ++state_->waiting_count;
    state_->fullest = std::max(state_->fullest, queue.size());
  }
  state_->gathering.arrived(arrivals.size());
  if (!state_->gathers || state_->has_company()) state_->work.notify_one();
}

void Lane::drop_queued() {
  const std::lock_guard lock(state_->mutex);
  state_->waiting.clear();
  state_->turns.clear();
  state_->waiting_count = 0;
  state_->fullest = 0;
}

void Lane::finish() {
  const std::lock_guard lock(state_->mutex);
  state_->stopping = true;
  state_->work.notify_all();
}

void Lane::stop() {
  finish();
  if (state_->thread.joinable()) state_->thread.join();
}

std::size_t Lane::queued() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting_count;
}

}  // namespace tenantry::messaging
