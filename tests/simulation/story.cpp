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
  // One that lasts so long is nobody's who goes; the others last some months.
  Fate(Random& random, int tenant, std::vector<Act>& acts, Days lasts = {})
      : random_(random), tenant_(tenant), acts_(acts), lasts_(lasts), stays_(lasts > Days{}) {}

  void draw(Timestamp start) {
    const auto signed_up = start + within(Days{5});
    free_ = random_.chance(0.15) && !stays_;
    acts_.push_back({.at = signed_up,
                     .kind = Act::Kind::sign_up,
                     .tenant = tenant_,
                     .plan = free_ ? "FREE" : (random_.chance(0.5) ? "STARTER" : "PROFESSIONAL")});
    const auto until = stays_ ? start + lasts_ : signed_up + Days{60} + within(Days{60});
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
    constexpr const char* metrics[] = {"orders", "stock", "active_users", "emails_sent"};
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

  // Stripe tells what happened at `stated_at` now or days later, once or again; in one shape or the other, with the
  // tenant's name or without.
  void tell(Act act, Timestamp stated_at) {
    act.kind = Act::Kind::stripe;
    act.tenant = tenant_;
    act.stated_at = stated_at;
    act.at = stated_at + (random_.chance(0.3) ? within(Days{3}) : within(Minutes{5}));
    act.copies = random_.chance(0.1) ? 2 : 1;
    act.older = random_.chance(0.5);
    // Whose the customer is stands in the first event of each subscription, whenever that is heard.
    // A dispute names a charge that nobody may have heard of.
    act.named = act.type == "customer.subscription.created" || !act.account.empty() || !act.charge.empty() ||
                random_.chance(0.5);
    acts_.push_back(act);
    if (!random_.chance(0.1)) return;
    act.at += within(Days{3});
    act.copies = 1;
    acts_.push_back(act);  // the same event once more
  }

  // One of Stripe's subscriptions, and what is told of it.
  struct Bought {
    std::string id;
    int customer = 1;
    std::string price{};
    Timestamp trial_end{};
  };
  Bought next_subscription(int customer, const std::string& price) {
    return {"sub_" + std::to_string(next_++), customer, price};
  }
  void state(const Bought& bought, Timestamp at, const std::string& event, const std::string& status,
             bool confirms = false) {
    tell({.type = "customer.subscription." + event,
          .object = bought.id,
          .status = status,
          .price = bought.price,
          .confirms = confirms,
          .trial_end = bought.trial_end,
          .customer = bought.customer},
         at);
  }
  void bill(const Bought& bought, Timestamp at, const std::string& event, const std::string& invoice,
            const std::string& reason = "subscription_cycle", int amount = 4900) {
    tell({.type = "invoice." + event,
          .object = invoice,
          .subscription = bought.id,
          .reason = reason,
          .amount = amount,
          .customer = bought.customer},
         at);
  }
  std::string invoice() { return "in_" + std::to_string(next_++); }

  // Its first payment may need a second step, which takes a minute.
  void begin(const Bought& bought, Timestamp at) {
    const auto first = invoice();
    const bool second_step = random_.chance(0.25);
    state(bought, at, "created", second_step ? "incomplete" : "active");
    if (second_step) {
      bill(bought, at, "payment_failed", first, "subscription_create");
      at += Minutes{1};
      state(bought, at, "updated", "active");
    }
    bill(bought, at, "paid", first, "subscription_create");
  }

  // Free for a while, which an invoice of nothing says, too; then paid, or nobody has said by what, some days or for
  // good. False: for good. `at` is then when it is paid.
  bool try_out(Bought& bought, Timestamp& at) {
    bought.trial_end = at + Days{7 + static_cast<int>(random_.below(14))};
    state(bought, at, "created", "trialing");
    bill(bought, at, "paid", invoice(), "subscription_create", 0);
    at = bought.trial_end;
    if (random_.chance(0.3)) {
      state(bought, at, "updated", "paused");
      if (random_.chance(0.5) && !stays_) return false;
      at += Hours{1} + within(Days{10});
    } else if (random_.chance(0.2)) {
      const auto due = invoice();
      state(bought, at, "updated", "past_due");
      bill(bought, at, "payment_failed", due);
      at += Hours{1} + within(Days{10});
      state(bought, at, "updated", "active");
      bill(bought, at, "paid", due);
      return true;
    }
    state(bought, at, "updated", "active");
    bill(bought, at, "paid", invoice());
    return true;
  }

  // What was paid is given back, in part, or the bank asks for it. Neither is a lapse.
  void take_back(int customer, Timestamp paid_at) {
    const auto number = std::to_string(next_++);
    if (random_.chance(0.5)) {
      return tell({.type = "charge.refunded", .object = "ch_" + number, .amount = 1200, .customer = customer},
                  paid_at + within(Days{5}));
    }
    auto at = paid_at + within(Days{20});
    const auto say = [&](const std::string& event, const std::string& status) {
      tell({.type = "charge.dispute." + event,
            .object = "dp_" + number,
            .status = status,
            .charge = "ch_" + number,
            .customer = customer},
           at);
    };
    say("created", "needs_response");
    if (random_.chance(0.2)) return;  // the bank has not decided yet
    at += random_.chance(0.2) ? Microseconds{0} : within(Days{30});
    say("closed", random_.chance(0.5) ? "won" : "lost");
  }

  // Another subscription that is never paid: it expires, and its invoice with it.
  void try_in_vain(const Bought& bought, Timestamp at) {
    const auto first = invoice();
    state(bought, at, "created", "incomplete");
    bill(bought, at + Seconds{1}, "payment_failed", first, "subscription_create");
    at += Hours{23};
    state(bought, at, "updated", "incomplete_expired");
    bill(bought, at, "voided", first, "subscription_create");
  }

  // A purchase is nobody's renewal: paid at once, or an invoice that fails and is made void or not.
  void buy(Timestamp at) {
    if (random_.chance(0.5)) {
      tell({.type = "checkout.session.completed", .object = "cs_" + std::to_string(next_++)}, at);
      return;
    }
    const auto bought = Bought{};
    const auto single = invoice();
    bill(bought, at, "payment_failed", single, "manual");
    if (random_.chance(0.8)) bill(bought, at + within(Days{5}) + Hours{1}, "voided", single, "manual");
  }

  // Beside the first; it ends some day, and the tenant goes on.
  void second_subscription(Timestamp at, Timestamp until) {
    const auto bought = next_subscription(2, random_.chance(0.7) ? "price_metered" : "price_enterprise");
    if (random_.chance(0.3)) return try_in_vain(bought, at);
    begin(bought, at);
    for (at += Days{30}; at < until && random_.chance(0.6); at += Days{30}) bill(bought, at, "paid", invoice());
    state(bought, at - within(Days{10}), "deleted", "canceled");
  }

  void fail_renewal(const Bought& bought, Timestamp at, bool& over) {
    const auto due = invoice();
    bill(bought, at, "payment_failed", due);
    state(bought, at, "updated", "past_due");
    over = !random_.chance(0.7) && !stays_;
    if (over) return;
    // Often so soon that the failure may be heard after it.
    const auto made_up = at + Hours{1} + within(random_.chance(0.5) ? Days{1} : Days{22});
    if (random_.chance(0.3)) return bill(bought, made_up, "voided", due);
    bill(bought, made_up, "paid", due);
    state(bought, made_up, "updated", "active");
  }

  // Pays within the trial or after it, month by month; now and then a payment fails, is made up for or not; some
  // cancel, and some of those come back within the grace. Beside that, another subscription, purchases, upgrades.
  void bills(Timestamp signed_up, Timestamp until) {
    auto at = signed_up + Days{1} + within(random_.chance(0.8) ? Days{12} : Days{40});
    auto bought = next_subscription(1, random_.chance(0.7) ? "price_starter" : "price_professional");
    if (random_.chance(0.15) && !stays_) {  // never pays
      if (random_.chance(0.5)) try_in_vain(bought, at);
      return;
    }
    if (random_.chance(0.3)) {
      if (!try_out(bought, at)) return;
    } else {
      begin(bought, at);
    }
    if (random_.chance(0.25)) take_back(1, at + Minutes{1});
    if (random_.chance(0.35)) second_subscription(at + within(Days{25}), until);
    if (random_.chance(0.3)) buy(at + Hours{1} + within(Days{20}));
    if (random_.chance(0.15)) {  // somebody else's account says our tenant's name
      tell({.type = "customer.subscription.updated",
            .object = "sub_foreign",
            .status = "unpaid",
            .price = "price_starter",
            .account = "acct_foreign"},
           at + within(Days{25}));
    }
    for (at += Days{30}; at < until; at += Days{30}) {
      if (random_.chance(0.2)) {  // cancels
        const auto ended = at + within(Days{10});
        state(bought, ended, "deleted", "canceled");
        if (!random_.chance(0.5) && !stays_) return;
        at = ended + Days{4} + within(Days{18});
        bought = next_subscription(1, "price_starter");
        begin(bought, at);
      } else if (random_.chance(0.3)) {
        bool over = false;
        fail_renewal(bought, at, over);
        if (over) return;
      } else {
        if (random_.chance(0.2)) bought.price = random_.chance(0.5) ? "price_enterprise" : "price_professional";
        bill(bought, at, "paid", invoice());
        state(bought, at + Seconds{1}, "updated", "active", true);
      }
    }
  }

  Random& random_;
  const int tenant_;
  std::vector<Act>& acts_;
  const Days lasts_;
  const bool stays_;
  bool free_ = false;
  int next_ = 1;
};

nlohmann::json subscription_object(const Act& act) {
  nlohmann::json object = {
      {"object", "subscription"},
      {"status", act.status},
      {"items", {{"data", nlohmann::json::array({{{"price", {{"id", act.price}}}, {"quantity", 1}}})}}}};
  if (act.trial_end != Timestamp{}) object["trial_end"] = to_unix_seconds(act.trial_end);
  return object;
}

nlohmann::json invoice_object(const Act& act, const std::string& tenant_id) {
  const auto event = act.type.substr(act.type.find('.') + 1);
  nlohmann::json object = {
      {"object", "invoice"},          {"currency", "eur"},
      {"billing_reason", act.reason}, {"total", act.amount},
      {"amount_due", act.amount},     {"amount_paid", event == "paid" ? act.amount : 0},
      {"attempt_count", 1},           {"status", event == "paid" ? "paid" : event == "voided" ? "void" : "open"}};
  if (act.subscription.empty()) return object;
  const auto subscription = act.subscription + "_" + tenant_id;
  if (act.older) {
    object["subscription"] = subscription;
  } else {
    object["parent"] = {{"subscription_details", {{"subscription", subscription}}}};
  }
  return object;
}

nlohmann::json object_of(const Act& act, const std::string& tenant_id) {
  if (act.type.starts_with("customer.")) return subscription_object(act);
  if (act.type.starts_with("invoice.")) return invoice_object(act, tenant_id);
  if (act.type.starts_with("charge.dispute.")) {
    return {{"object", "dispute"},
            {"amount", act.amount},
            {"currency", "eur"},
            {"status", act.status},
            {"charge", act.charge + "_" + tenant_id}};
  }
  if (act.type.starts_with("charge.")) {
    return {{"object", "charge"}, {"amount", 4900}, {"amount_refunded", act.amount}, {"currency", "eur"}};
  }
  return {{"object", "checkout.session"}, {"payment_status", "paid"}, {"amount_total", 500}};
}

nlohmann::json stripe_object(const Act& act, const std::string& tenant_id) {
  auto object = object_of(act, tenant_id);
  object["id"] = act.object + "_" + tenant_id;
  if (act.charge.empty()) object["customer"] = "cus" + std::to_string(act.customer) + "_" + tenant_id;
  if (!act.named) return object;
  if (act.type.starts_with("checkout.")) {
    object["client_reference_id"] = tenant_id;
  } else {
    object["metadata"] = {{"tenant_id", tenant_id}};
  }
  return object;
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

Story long_story(std::uint64_t seed, int tenants, Days lasts) {
  Random random(seed ^ 0x4C4F'4E47ULL);
  Story story;
  story.tenants = tenants;
  for (int tenant = 0; tenant < tenants; ++tenant) Fate(random, tenant, story.acts, lasts).draw(World::start());
  for (Days day{1}; day <= lasts; day += Days{1}) {
    story.acts.push_back({.at = World::start() + day, .kind = Act::Kind::keep_house});
  }
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
    case Act::Kind::keep_house:
      return to_rfc3339(act.at) + " a process sweeps";
    case Act::Kind::poison:
      return out + "publishes poison of kind " + std::to_string(static_cast<int>(act.poison));
  }
  return out;
}

void play(World& world, const Story& story, const std::function<void(const Act&)>& after) {
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
                    .copies = act.copies,
                    .confirms = act.confirms,
                    .account = act.account});
    } else if (act.kind == Act::Kind::keep_house) {
      world.keep_house();
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
    if (after) after(act);
  }
  world.advance_to(story.ends_at);
}

}  // namespace tenantry::sim
