// Goal: what takes long to handle holds up nothing that comes after it.
// Method: a link to a tenant's vhost of the test's own, whose deliveries the test settles.
#include "shared/messaging/vhost_link.h"

#include <gtest/gtest.h>

#include <future>

#include "events/topology.h"
#include "shared/messaging/connect_queue.h"
#include "tests/support/services.h"

namespace tenantry::messaging::vhost_link_test {
namespace {

using testing::eventually;

TEST(VhostLinkTest, OneDeliveryThatIsNotSettledHoldsUpNoOther) {
  testing::TestBroker broker;
  const auto tenant = broker.make_tenant();
  const auto vhost = events::vhost_of(tenant);
  const SystemClock clock;
  SystemIdGenerator ids{clock};
  loop::LoopThread loop;
  std::unique_ptr<ConnectQueue> connects;
  std::unique_ptr<VhostLink> link;
  std::vector<std::string> handled;  // on the loop alone, like the first one's tag
  std::uint64_t first = 0;
  std::uint64_t of = 0;
  std::size_t redelivered = 0;
  std::promise<void> all_left;
  LinkHooks hooks;
  hooks.attached = [](bool) {};
  hooks.left = [&] { all_left.set_value(); };
  hooks.delivery = [&](int worker, std::uint64_t generation, amqp::Delivery&& delivery) {
    handled.push_back(delivery.body);
    of = generation;
    redelivered += delivery.redelivered ? 1 : 0;
    if (first == 0) {
      first = delivery.delivery_tag;
    } else {
      link->settle(worker, generation, {delivery.delivery_tag});
    }
  };
  const LinkOptions options{.broker = broker.as_admin(vhost), .workers = {{.name = "billing", .prefetch = 4}}};
  loop.run_sync([&] {
    connects = std::make_unique<ConnectQueue>(loop.loop(), "test", 1'000);
    link = std::make_unique<VhostLink>(loop.loop(), options, ids, *connects, hooks);
    link->attach();
  });
  constexpr std::size_t count = 30;
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(testing::try_publish(options.broker, "", events::queue_of(tenant, "billing")), "");
  }
  const auto on_loop = [&](auto read) {
    std::size_t value = 0;
    loop.run_sync([&] { value = read(); });
    return value;
  };
  EXPECT_TRUE(eventually([&] { return on_loop([&] { return handled.size(); }) == count; }))
      << on_loop([&] { return handled.size(); });

  // Settled in the end, the first takes all with it: nothing comes again to whoever attaches next.
  loop.run_sync([&] {
    link->settle(0, of, {first});
    link->detach();
  });
  all_left.get_future().wait();
  loop.run_sync([&] {
    handled.clear();
    link = std::make_unique<VhostLink>(loop.loop(), options, ids, *connects, hooks);
    link->attach();
  });
  ASSERT_EQ(testing::try_publish(options.broker, "", events::queue_of(tenant, "billing")), "");
  EXPECT_TRUE(eventually([&] { return on_loop([&] { return handled.size(); }) == 1; }));
  EXPECT_EQ(on_loop([&] { return redelivered; }), 0U);
  loop.run_sync([&] {
    link.reset();
    connects.reset();
  });
}

}  // namespace
}  // namespace tenantry::messaging::vhost_link_test
