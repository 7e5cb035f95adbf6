#include "shared/messaging/connect_queue.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace tenantry::messaging::connect_queue_test {
namespace {

TEST(ConnectQueue, ServesInOrderOfAskingAtItsRateAndSkipsWhoLeft) {
  loop::LoopThread thread;
  std::unique_ptr<ConnectQueue> queue;
  std::vector<int> served;
  std::promise<std::chrono::milliseconds> last;
  std::chrono::milliseconds began{};
  constexpr int asked = 40;
  constexpr int left = 30;
  thread.run_sync([&] {
    queue = std::make_unique<ConnectQueue>(thread.loop(), "test", 200);
    began = thread.loop().now();
    std::vector<ConnectQueue::Ticket> tickets;
    for (int i = 0; i < asked; ++i) {
      tickets.push_back(queue->request([&, i] {
        served.push_back(i);
        if (i == asked - 1) last.set_value(thread.loop().now() - began);
      }));
    }
    EXPECT_EQ(served.size(), 20u);  // the burst
    queue->cancel(tickets[left]);
  });
  // 19 beyond the burst at 200 a second: 95 ms, less the millisecond that timers round to.
  EXPECT_GE(last.get_future().get(), std::chrono::milliseconds{94});
  thread.run_sync([&] {
    std::vector<int> expected;
    for (int i = 0; i < asked; ++i) {
      if (i != left) expected.push_back(i);
    }
    EXPECT_EQ(served, expected);
    queue.reset();
  });
}

}  // namespace
}  // namespace tenantry::messaging::connect_queue_test
