#include "tests/simulation/story.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/simulation/world.h"

namespace tenantry::sim {
namespace {

using Hours = std::chrono::hours;
using Minutes = std::chrono::minutes;

constexpr Days quiet_at_the_end{60};  // more than any timer: dunning 14, trial 14, grace 30

// One tenant's fate, drawn act by act.
class Fate {
 public:
  Fate(Random& random, int tenant, std::vector<Act>& acts) : random_(random), tenant_(tenant), acts_(acts) {}

  void draw(Timestamp start) {
    const auto signed_up = start + within(Days{5});
    free_ = random_.chance(0.15);
    acts_.push_back({.at = signed_up,
                     .kind = Act::Kind::sign_up,
                     .tenant = tenant_,
                     .plan = free_ ? "FREE" : (random_.chance(0.5) ? "STARTER" : "PROFESSIONAL")});
    const auto until = signed_up + Days{60} + within(Days{60});
    // Half a day after the signup its vhost stands.
    for (auto at = signed_up + Hours{12}; at < until; at += Hours{12} + within(Days{12})) use(at);
    if (random_.chance(0.3)) {
      acts_.push_back({.at = signed_up + Hours{12} + within(Days{10}),
                       .kind = Act::Kind::poison,
                       .tenant = tenant_,
                       .poison = static_cast<Poison>(random_.below(4))});
    }
    if (!free_) bills(signed_up, until);
  }

 private:
  Microseconds within(Microseconds span) {
    return Microseconds{static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(span.count())))};
  }

  void use(Timestamp at) {
    constexpr const char* metrics[] = {"orders", "storage_bytes", "active_users", "emails_sent"};
    const auto times = 1 + random_.below(4);
    for (std::uint64_t i = 0; i < times; ++i) {
      const std::string metric = metrics[random_.below(4)];
      acts_.push_back({.at = at,
                       .kind = Act::Kind::use,
                       .tenant = tenant_,
                       .metric = metric,
                       .quantity = static_cast<int>(1 + random_.below(100)),
                       .key = metric == "orders" && random_.chance(0.3) ? "key-" + std::to_string(next_++) : "",
                       .member = metric == "active_users" ? "user-" + std::to_string(random_.below(5)) : ""});
    }
  }

  // Stripe tells what happened at `stated_at` now or days later, once or again.
  void fact(Timestamp stated_at, const std::string& type, const std::string& object, const std::string& status = {}) {
    Act act{.at = stated_at + (random_.chance(0.3) ? within(Days{3}) : within(Minutes{5})),
            .kind = Act::Kind::stripe,
            .tenant = tenant_,
            .type = type,
            .object = object,
            .status = status,
            .stated_at = stated_at,
            .copies = random_.chance(0.1) ? 2 : 1};
    acts_.push_back(act);
    if (!random_.chance(0.1)) return;
    act.at += within(Days{3});
    act.copies = 1;
    acts_.push_back(act);  // the same event once more
  }

  std::string invoice() { return "in_" + std::to_string(next_++); }

  // Pays within the trial or after it, month by month; now and then a payment fails, is made up for or not; some
  // cancel, and some of those come back within the grace.
  void bills(Timestamp signed_up, Timestamp until) {
    if (random_.chance(0.15)) return;  // never pays
    auto at = signed_up + Days{1} + within(random_.chance(0.8) ? Days{12} : Days{40});
    std::string subscription = "sub_" + std::to_string(next_++);
    fact(at, "customer.subscription.created", subscription, "active");
    fact(at, "invoice.paid", invoice());
    for (at += Days{30}; at < until; at += Days{30}) {
      if (random_.chance(0.2)) {  // cancels
        const auto ended = at + within(Days{10});
        fact(ended, "customer.subscription.deleted", subscription, "canceled");
        if (!random_.chance(0.5)) return;
        at = ended + Days{4} + within(Days{18});
        subscription = "sub_" + std::to_string(next_++);
        fact(at, "customer.subscription.created", subscription, "active");
        fact(at, "invoice.paid", invoice());
      } else if (random_.chance(0.3)) {  // fails
        const auto bill = invoice();
        fact(at, "invoice.payment_failed", bill);
        fact(at, "customer.subscription.updated", subscription, "past_due");
        if (!random_.chance(0.6)) return;
        // Often so soon that the failure may be heard after it.
        const auto made_up = at + Hours{1} + within(random_.chance(0.5) ? Days{1} : Days{22});
        fact(made_up, "invoice.paid", bill);
        fact(made_up, "customer.subscription.updated", subscription, "active");
      } else {
        fact(at, "invoice.paid", invoice());
      }
    }
  }

  Random& random_;
  const int tenant_;
  std::vector<Act>& acts_;
  bool free_ = false;
  int next_ = 1;
};

nlohmann::json stripe_object(const Act& act, const std::string& tenant_id) {
  const std::string id = act.object + "_" + tenant_id;
  if (act.type.starts_with("customer.subscription.")) {
    return {{"id", id},
            {"object", "subscription"},
            {"customer", "cus_" + tenant_id},
            {"status", act.status},
            {"metadata", {{"tenant_id", tenant_id}}},
            {"items", {{"data", nlohmann::json::array({{{"price", {{"id", "price_starter"}}}, {"quantity", 1}}})}}}};
  }
  const bool paid = act.type == "invoice.paid";
  return {{"id", id},
          {"object", "invoice"},
          {"customer", "cus_" + tenant_id},
          {"metadata", {{"tenant_id", tenant_id}}},
          {"currency", "eur"},
          {"amount_due", 4900},
          {"amount_paid", paid ? 4900 : 0},
          {"attempt_count", 1},
          {"status", paid ? "paid" : "open"}};
}

}  // namespace

Story story_of(std::uint64_t seed) {
  Random random(seed ^ 0x5354'4F52'59ULL);
  Story story;
  story.tenants = static_cast<int>(2 + random.below(3));
  for (int tenant = 0; tenant < story.tenants; ++tenant) Fate(random, tenant, story.acts).draw(World::start());
  std::ranges::stable_sort(story.acts, {}, &Act::at);
  story.ends_at = story.acts.back().at + quiet_at_the_end;
  return story;
}

std::string describe(const Act& act) {
  std::string out = to_rfc3339(act.at) + " tenant " + std::to_string(act.tenant) + " ";
  switch (act.kind) {
    case Act::Kind::sign_up:
      return out + "signs up for " + act.plan;
    case Act::Kind::stripe:
      return out + act.type + " " + act.object + (act.status.empty() ? "" : " " + act.status) + " of " +
             to_rfc3339(act.stated_at) + (act.copies > 1 ? ", twice" : "");
    case Act::Kind::use:
      return out + "uses " + std::to_string(act.quantity) + " " + act.metric + (act.key.empty() ? "" : " " + act.key) +
             (act.member.empty() ? "" : " " + act.member);
    case Act::Kind::poison:
      return out + "publishes poison of kind " + std::to_string(static_cast<int>(act.poison));
  }
  return out;
}

void play(World& world, const Story& story) {
  std::vector<std::string> tenant_ids(static_cast<std::size_t>(story.tenants));
  for (const auto& act : story.acts) {
    world.advance_to(act.at);
    auto& tenant_id = tenant_ids[static_cast<std::size_t>(act.tenant)];
    if (act.kind == Act::Kind::sign_up) {
      const auto name = "Boulangerie " + std::to_string(act.tenant);
      tenant_id = world.sign_up(name, "owner-" + std::to_string(act.tenant) + "@example.org", act.plan);
    } else if (act.kind == Act::Kind::stripe) {
      const auto id =
          "evt_" + act.object + "_" + act.type + "_" + std::to_string(to_unix_micros(act.stated_at)) + "_" + tenant_id;
      world.stripe({.id = id,
                    .type = act.type,
                    .stated_at = act.stated_at,
                    .tenant_id = tenant_id,
                    .object = stripe_object(act, tenant_id),
                    .copies = act.copies});
    } else if (act.kind == Act::Kind::use) {
      const int events = act.key.empty() ? 1 : 2;
      for (int i = 0; i < events; ++i) {
        world.use({.tenant_id = tenant_id,
                   .metric = act.metric,
                   .quantity = act.quantity,
                   .key = act.key,
                   .member = act.member});
      }
    } else {
      const auto& other = tenant_ids[static_cast<std::size_t>((act.tenant + 1) % story.tenants)];
      world.poison(tenant_id, act.poison, other);
    }
    world.run_steps(static_cast<int>(world.random().below(12)));
  }
  world.advance_to(story.ends_at);
}

}  // namespace tenantry::sim
