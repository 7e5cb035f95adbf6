#include "shared/messaging/connect_queue.h"

#include "shared/telemetry/metrics.h"

namespace tenantry::messaging {

namespace {
constexpr double burst = 20;
}

ConnectQueue::ConnectQueue(loop::Loop& loop, std::string purpose, double per_second)
    : loop_(loop), purpose_(std::move(purpose)), tokens_(per_second, burst, loop.now()), timer_(loop) {}

void ConnectQueue::admit(const std::function<void()>& connect) const {
  metrics::counter("tenantry_connection_attempts_total", "Connections to the broker that were tried",
                   {{"purpose", purpose_}});
  connect();
}

ConnectQueue::Ticket ConnectQueue::request(std::function<void()> connect) {
  const Ticket ticket = ++last_;
  if (waiting_.empty() && tokens_.try_take(loop_.now())) {
    admit(connect);
    return ticket;
  }
  waiting_.emplace(ticket, std::move(connect));
  if (!timer_.active()) timer_.start(tokens_.wait(loop_.now()), [this] { serve(); });
  return ticket;
}

void ConnectQueue::cancel(Ticket ticket) {
  waiting_.erase(ticket);
}

void ConnectQueue::serve() {
  while (!waiting_.empty() && tokens_.try_take(loop_.now())) {
    const auto next = waiting_.extract(waiting_.begin());
    admit(next.mapped());
  }
  if (!waiting_.empty()) timer_.start(tokens_.wait(loop_.now()), [this] { serve(); });
}

}  // namespace tenantry::messaging
