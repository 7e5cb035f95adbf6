// Goal: whoever sends much waits for itself. Method: tasks that stand still until they
// are let go, and others that must run meanwhile; what must not run is seen by what did.
#include "workers/gateway/edge/bounded_pool.h"

#include <gtest/gtest.h>

#include <future>

namespace tenantry::gateway::bounded_pool_test {
namespace {

using Answer = BoundedPool::Answer;

// Tasks that run until open() is called; each says that it has begun.
struct Gate {
  std::promise<void> opened;
  std::shared_future<void> open_ = opened.get_future().share();

  void open() { opened.set_value(); }
  std::future<void> hold(BoundedPool& pool, const std::string& holder) {
    auto begun = std::make_shared<std::promise<void>>();
    auto has_begun = begun->get_future();
    EXPECT_EQ(pool.submit(holder,
                          [begun, until = open_](std::size_t) {
                            begun->set_value();
                            until.wait();
                          }),
              Answer::taken);
    return has_begun;
  }
};

std::future<void> run(BoundedPool& pool, const std::string& holder) {
  auto done = std::make_shared<std::promise<void>>();
  auto is_done = done->get_future();
  EXPECT_EQ(pool.submit(holder, [done](std::size_t) { done->set_value(); }), Answer::taken);
  return is_done;
}

constexpr auto at_last = std::chrono::seconds(20);

TEST(BoundedPool, OneHoldersFloodLeavesThreadsToOthers) {
  Gate gate;
  BoundedPool pool({.threads = 2, .running_of_one = 1, .queue = 80, .queue_of_one = 40});
  gate.hold(pool, "flood").wait();
  std::vector<std::future<void>> waiting;
  for (int i = 0; i < 30; ++i) waiting.push_back(run(pool, "flood"));
  EXPECT_EQ(run(pool, "quiet").wait_for(at_last), std::future_status::ready);
  EXPECT_EQ(waiting.front().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  gate.open();
  for (auto& each : waiting) EXPECT_EQ(each.wait_for(at_last), std::future_status::ready);
}

TEST(BoundedPool, ThePlatformHasAThreadWhateverTheOthersDo) {
  Gate gate;
  BoundedPool pool({.threads = 3, .threads_kept = 1, .running_of_one = 2, .queue = 80, .queue_of_one = 40});
  gate.hold(pool, "a").wait();
  gate.hold(pool, "b").wait();
  auto another = run(pool, "c");
  EXPECT_EQ(run(pool, "").wait_for(at_last), std::future_status::ready);
  EXPECT_EQ(another.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  gate.open();
  EXPECT_EQ(another.wait_for(at_last), std::future_status::ready);
}

TEST(BoundedPool, HoldersTakeTurns) {
  Gate gate;
  BoundedPool pool({.threads = 1, .running_of_one = 1, .queue = 80, .queue_of_one = 40});
  std::string order;
  const auto note = [&](const std::string& holder) {
    EXPECT_EQ(pool.submit(holder, [&order, holder](std::size_t) { order += holder.empty() ? "!" : holder; }),
              Answer::taken);
  };
  gate.hold(pool, "x").wait();
  for (const char* holder : {"a", "a", "a", "b", "c", "b", ""}) note(holder);
  gate.open();
  pool.stop();
  EXPECT_EQ(order, "!abcaba") << "the platform first, then each holder one";
}

TEST(BoundedPool, RefusesWhoHasItsShareOfTheQueueAndTakesOthers) {
  Gate gate;
  BoundedPool pool({.threads = 1, .running_of_one = 1, .queue = 16, .queue_of_one = 3});
  gate.hold(pool, "a").wait();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.submit("a", [](std::size_t) {}), Answer::taken);
  EXPECT_EQ(pool.submit("a", [](std::size_t) {}), Answer::holder_full);
  EXPECT_EQ(pool.submit("b", [](std::size_t) {}), Answer::taken);
  gate.open();
}

TEST(BoundedPool, StoppingRunsWhatIsQueuedAndTakesNoMore) {
  Gate gate;
  int ran = 0;
  BoundedPool pool({.threads = 1, .running_of_one = 1, .queue = 16, .queue_of_one = 16});
  gate.hold(pool, "a").wait();
  for (int i = 0; i < 5; ++i) pool.submit("a", [&ran](std::size_t) { ++ran; });
  gate.open();
  pool.stop();
  EXPECT_EQ(ran, 5);
  EXPECT_EQ(pool.submit("a", [&ran](std::size_t) { ++ran; }), Answer::all_full);
  EXPECT_EQ(ran, 5);
}

}  // namespace
}  // namespace tenantry::gateway::bounded_pool_test
