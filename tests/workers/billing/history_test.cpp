// Goal: an account, its dunning and its tenant's status are functions of the set of facts.
// Method: random histories as Stripe tells them, each heard in order and then shuffled and
// repeated; the lifecycle table plays the tenant. The seed is printed, and taken from
// TENANTRY_TEST_SEED.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "workers/billing/account.h"

namespace tenantry::billing {
namespace {

constexpr int shuffles = 2'000;
const Timestamp start = from_unix_seconds(1'700'000'000);

struct Fact {
  enum { payment, failure, statement } kind;
  Timestamp at;
  Subscription said{};
};

// What the worker does with each fact, on a tenant that only exists here.
struct World {
  Account account;
  std::vector<Subscription> subscriptions;
  tenancy::LifecycleState lifecycle{.status = tenancy::Status::trial, .trial_ends_at = start + Days{14}};
  std::optional<std::pair<Timestamp, DunningTimer>> timer;

  void hear(const Fact& fact) {
    const auto before = account;
    switch (fact.kind) {
      case Fact::payment:
        book_payment(account, fact.at);
        break;
      case Fact::failure:
        book_failure(account, fact.at);
        break;
      case Fact::statement:
        book_statement(account, subscriptions, fact.said);
        break;
    }
    derive(account, subscriptions);
    const Tenancy tenancy{.status = lifecycle.status, .reason = lifecycle.reason};
    const auto decision = decide(before, account, tenancy, {});
    for (const auto& ask : decision.ask) {
      const auto move = tenancy::decide(lifecycle, ask.trigger, ask.reason, start);
      if (!move) continue;
      lifecycle.status = move->to;
      lifecycle.reason = move->reason;
      lifecycle.resumes_to = move->resumes_to;
    }
    if (decision.cancel_timer) timer.reset();
    if (decision.timer) timer = {*account.past_due_since, *decision.timer};
  }
};

class Histories {
 public:
  explicit Histories(std::uint64_t seed) : random_(seed) {}

  int draw(int least, int most) { return std::uniform_int_distribution{least, most}(random_); }

  // One or two subscriptions, each living through paid and failed periods to an end or not. Seconds
  // collide on purpose.
  std::vector<Fact> make() {
    std::vector<Fact> facts;
    const int subscriptions = draw(1, 2);
    for (int i = 0; i < subscriptions; ++i) live(facts, "sub_" + std::to_string(i));
    std::ranges::stable_sort(facts, {}, &Fact::at);
    return facts;
  }

  std::vector<Fact> disorder(std::vector<Fact> facts) {
    const auto once = facts.size();
    for (int i = draw(0, static_cast<int>(once)); i > 0; --i) {
      facts.push_back(facts[static_cast<std::size_t>(draw(0, static_cast<int>(once) - 1))]);
    }
    std::ranges::shuffle(facts, random_);
    return facts;
  }

 private:
  void live(std::vector<Fact>& facts, const std::string& id) {
    auto now = start + Seconds{draw(0, 20)};
    const auto say = [&](const char* status) {
      facts.push_back({Fact::statement, now,
                       Subscription{.stripe_subscription_id = id,
                                    .tenant_id = "acme",
                                    .status = status,
                                    .stated_at = now,
                                    .stripe_event_id = "evt_" + std::to_string(facts.size())}});
    };
    say(draw(0, 1) == 0 ? "incomplete" : "trialing");
    for (int period = draw(0, 4); period > 0; --period) {
      now += Seconds{draw(0, 5)};
      if (draw(0, 2) > 0) {
        facts.push_back({Fact::payment, now});
        say("active");
      } else {
        for (int tries = draw(1, 3); tries > 0; --tries, now += Seconds{draw(0, 3)})
          facts.push_back({Fact::failure, now});
        say("past_due");
      }
    }
    now += Seconds{draw(0, 5)};
    if (draw(0, 2) == 0) say("canceled");
    if (draw(0, 5) == 0) facts.push_back({Fact::failure, now + Seconds{1}});
  }

  std::mt19937_64 random_;
};

TEST(History, OrderAndRepetitionDoNotMatter) {
  const char* given = std::getenv("TENANTRY_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("TENANTRY_TEST_SEED=" + std::to_string(seed));
  Histories histories(seed);
  int states[4] = {};
  for (int i = 0; i < shuffles; ++i) {
    const auto facts = histories.make();
    World in_order;
    for (const auto& fact : facts) in_order.hear(fact);
    World disordered;
    for (const auto& fact : histories.disorder(facts)) disordered.hear(fact);

    ASSERT_EQ(disordered.account, in_order.account) << "history " << i;
    ASSERT_EQ(disordered.timer, in_order.timer) << "history " << i;
    // The lifecycle has no way from CANCELLED back to TRIAL: a tenant that never paid stays cancelled where the end
    // of its one subscription was heard before the start of another.
    if (in_order.account.paid_at || in_order.account.state == AccountState::ended) {
      ASSERT_EQ(disordered.lifecycle.status, in_order.lifecycle.status) << "history " << i;
    }
    ++states[static_cast<int>(in_order.account.state)];
  }
  for (const int count : states) EXPECT_GT(count, 0) << "a state that no history reached";
}

}  // namespace
}  // namespace tenantry::billing
