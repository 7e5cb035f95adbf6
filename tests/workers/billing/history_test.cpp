// Goal: an account, its dunning and its tenant's status are functions of the set of
// facts, and the account is what the rules say it is.
// Method: random histories as Stripe tells them, of several subscriptions, invoices and
// purchases, some facts lost. Each is heard in order, then shuffled and repeated; the
// lifecycle table plays the tenant, and an oracle that knows the rules in other words,
// and nothing of the code, says what must come of it. The seed is printed, and taken from
// TENANTRY_TEST_SEED.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "workers/billing/account.h"
#include "workers/billing/statement.h"

namespace tenantry::billing::history_test {
namespace {

constexpr int histories = 10'000;
const Timestamp start = from_unix_seconds(1'700'000'000);

struct Fact {
  enum Kind { statement, failed, paid, closed, purchase } kind;
  Timestamp at;
  std::string object;     // subscription or invoice
  std::string status{};   // of a statement; of a closed invoice
  bool confirms = false;  // of a statement: it was about something else
  std::string of{};       // an invoice's subscription
  std::string reason{};   // an invoice's
};

// ---- the worker's part, on a tenant that only exists here ----------------------------------------------------------

struct World {
  Facts facts;
  Account account;
  tenancy::LifecycleState lifecycle{.status = tenancy::Status::trial, .trial_ends_at = start + Days{14}};
  std::optional<std::pair<Timestamp, DunningTimer>> timer;

  static Invoice invoice_of(const Fact& fact) {
    return {.stripe_invoice_id = fact.object,
            .tenant_id = "acme",
            .stripe_subscription_id = fact.of,
            .billing_reason = fact.reason,
            .stated_at = fact.at};
  }

  void add(const Fact& fact) {
    switch (fact.kind) {
      case Fact::statement: {
        Subscription said{.stripe_subscription_id = fact.object,
                          .tenant_id = "acme",
                          .status = fact.status,
                          .stated_at = fact.at,
                          .stripe_event_id = "evt_" + fact.status};
        said.history = {{fact.at, fact.status, fact.confirms}};
        book(facts.subscriptions, said);
        return;
      }
      case Fact::failed: {
        auto invoice = invoice_of(fact);
        invoice.failed_at = invoice.failed_last_at = fact.at;
        book(facts.invoices, invoice);
        return;
      }
      case Fact::paid:
      case Fact::closed: {
        auto invoice = invoice_of(fact);
        invoice.status = fact.status == "void"            ? InvoiceStatus::voided
                         : fact.status == "uncollectible" ? InvoiceStatus::uncollectible
                                                          : InvoiceStatus::paid;
        invoice.closed_at = fact.at;
        book(facts.invoices, invoice);
        if (fact.kind == Fact::closed) return;
        [[fallthrough]];
      }
      case Fact::purchase:
        facts.received_at = std::max(facts.received_at.value_or(fact.at), fact.at);
    }
  }

  void hear(const Fact& fact) {
    const auto before = account;
    add(fact);
    account = account_of(facts);
    const Tenancy tenancy{.status = lifecycle.status, .reason = lifecycle.reason, .price_minor = 4900};
    const auto decision = decide(before, account, tenancy, {});
    for (const auto& each : decision.ask) ask(each.trigger, each.reason);
    if (decision.cancel_timer) timer.reset();
    if (decision.timer) timer = {*account.past_due_since, *decision.timer};
  }

  void ask(tenancy::Trigger trigger, std::string_view reason) {
    const auto move = tenancy::decide(lifecycle, trigger, reason, start);
    if (!move) return;
    lifecycle.status = move->to;
    lifecycle.reason = move->reason;
    lifecycle.resumes_to = move->resumes_to;
    lifecycle.suspension = move->suspension;
  }

  // A month later: whatever is owed has been dunned for.
  tenancy::Status status_in_the_end() {
    if (timer) ask(tenancy::Trigger::unpaid, tenancy::reason_payment_failed);
    return lifecycle.status;
  }
};

// ---- the oracle ----------------------------------------------------------------------------------------------------

class Oracle {
 public:
  explicit Oracle(const std::vector<Fact>& facts) : facts_(facts) {
    for (const auto& fact : facts) (fact.kind == Fact::statement ? subscriptions_ : invoices_).insert(fact.object);
    invoices_.erase("");
  }

  Account account() const {
    Account out;
    for (const auto& fact : facts_) {
      if (fact.kind == Fact::paid || fact.kind == Fact::purchase) later(out.paid_at, fact.at);
    }
    for (const auto& id : subscriptions_) {
      if (const auto since = active_since(id)) later(out.paid_at, *since);
      out.subscribed = out.subscribed || last_of(id).status == "active";
    }
    bool lives = false;
    std::optional<Timestamp> ended, owed;
    for (const auto& id : subscriptions_) {
      const auto last = last_of(id);
      if (last.status == "canceled") later(ended, last.at);
      if (last.status != "canceled" && !last.status.starts_with("incomplete")) lives = true;
      const auto since = owed_by(id);
      if (since) earlier(owed, *since);
      if (since && last.status == "unpaid") out.given_up = true;
      if (last.status == "paused" && !out.subscribed && (!out.paid_at || *out.paid_at < last.at)) {
        out.trial_expired = true;
      }
    }
    for (const auto& id : invoices_) {
      const auto first = failures(id);
      const bool orphan = !subscriptions_.contains(of(id).of);
      if (!orphan || is_closed(id) || first.empty() || !starts_dunning(id)) continue;
      const auto paid = last_paid(of(id).of);
      if (!paid || first.back() > *paid) earlier(owed, first.front());
    }
    if (!lives) out.ended_at = ended;
    if (out.ended_at && !(out.paid_at && *out.paid_at > *out.ended_at)) {
      out.state = AccountState::ended;
    } else if (owed) {
      out.state = AccountState::past_due;
      out.past_due_since = owed;
    } else if (out.paid_at || out.subscribed) {
      out.state = AccountState::current;
    }
    return out;
  }

 private:
  static void later(std::optional<Timestamp>& known, Timestamp at) { known = known ? std::max(*known, at) : at; }
  static void earlier(std::optional<Timestamp>& known, Timestamp at) { known = known ? std::min(*known, at) : at; }
  static bool is_bad(const Fact& fact) { return fact.status == "past_due" || fact.status == "unpaid"; }

  // Of one second, what comes later in a subscription's life.
  static int place(const std::string& status) {
    static const std::vector<std::string> order = {"incomplete", "trialing",           "paused",  "past_due", "unpaid",
                                                   "active",     "incomplete_expired", "canceled"};
    return static_cast<int>(std::ranges::find(order, status) - order.begin());
  }

  std::vector<Fact> statements(const std::string& id) const {
    std::vector<Fact> out;
    for (const auto& fact : facts_) {
      if (fact.kind == Fact::statement && fact.object == id) out.push_back(fact);
    }
    std::ranges::sort(out, {}, [](const Fact& fact) { return std::tuple(fact.at, place(fact.status), fact.confirms); });
    return out;
  }
  Fact last_of(const std::string& id) const { return statements(id).back(); }

  std::optional<Timestamp> active_since(const std::string& id) const {
    std::optional<Timestamp> since;
    for (const auto& fact : statements(id)) {
      if (fact.status != "active") since.reset();
      if (fact.status == "active" && !since && !fact.confirms) since = fact.at;
    }
    return since;
  }

  const Fact& of(const std::string& invoice) const {
    return *std::ranges::find_if(
        facts_, [&](const Fact& fact) { return fact.kind != Fact::statement && fact.object == invoice; });
  }
  bool is_closed(const std::string& invoice) const { return closed_last(invoice).has_value(); }
  // The word that holds of it, and when that was first said.
  std::optional<Timestamp> closed_last(const std::string& invoice) const {
    std::map<std::string, Timestamp> said;
    for (const auto& fact : facts_) {
      if (fact.object != invoice || (fact.kind != Fact::paid && fact.kind != Fact::closed)) continue;
      const auto word = fact.kind == Fact::paid ? "paid" : fact.status;
      if (!said.contains(word) || fact.at < said[word]) said[word] = fact.at;
    }
    const auto word = closing_word(invoice);
    return word.empty() ? std::nullopt : std::optional(said[word]);
  }
  std::string closing_word(const std::string& invoice) const {
    std::set<std::string> said;
    for (const auto& fact : facts_) {
      if (fact.object == invoice && fact.kind == Fact::paid) said.insert("paid");
      if (fact.object == invoice && fact.kind == Fact::closed) said.insert(fact.status);
    }
    for (const auto* word : {"paid", "void", "uncollectible"}) {
      if (said.contains(word)) return word;
    }
    return "";
  }
  std::vector<Timestamp> failures(const std::string& invoice) const {
    std::vector<Timestamp> out;
    for (const auto& fact : facts_) {
      if (fact.object == invoice && fact.kind == Fact::failed) out.push_back(fact.at);
    }
    std::ranges::sort(out);
    return out;
  }
  bool starts_dunning(const std::string& invoice) const {
    return of(invoice).reason != "subscription_create" && of(invoice).reason != "subscription_update";
  }

  // Of a subscription: the last of its invoices that was.
  std::optional<Timestamp> last_paid(const std::string& id) const {
    std::optional<Timestamp> out;
    for (const auto& invoice : invoices_) {
      if (id.empty() || of(invoice).of != id || closing_word(invoice) != "paid") continue;
      later(out, *closed_last(invoice));
    }
    return out;
  }

  // A subscription that never began or is over owes nothing. Else it owes for invoices that failed after it was last
  // well, or last paid while it does not say itself that it owes; and where it does, until one is settled after that
  // and none is left.
  std::optional<Timestamp> owed_by(const std::string& id) const {
    const auto all = statements(id);
    const auto& last = all.back();
    if (last.status == "canceled" || last.status.starts_with("incomplete")) return std::nullopt;
    std::optional<Timestamp> well, since, settled;
    for (const auto& fact : all) {
      if (!is_bad(fact)) {
        well = fact.at;
        since.reset();
      } else if (!since) {
        since = fact.at;
      }
    }
    if (const auto paid = last_paid(id); paid && !is_bad(last)) later(well, *paid);
    bool any_open = false;
    for (const auto& invoice : invoices_) {
      if (of(invoice).of != id) continue;
      if (const auto at = closed_last(invoice)) later(settled, *at);
      const auto failed = failures(invoice);
      if (is_closed(invoice) || failed.empty() || (well && failed.back() <= *well)) continue;
      if (of(invoice).reason == "subscription_create") continue;
      any_open = true;
      if (starts_dunning(invoice)) earlier(since, failed.front());
    }
    if (is_bad(last) && settled && *settled >= last.at && !any_open) return std::nullopt;
    return since;
  }

  const std::vector<Fact>& facts_;
  std::set<std::string> subscriptions_, invoices_;
};

// ---- histories -----------------------------------------------------------------------------------------------------

class Histories {
 public:
  explicit Histories(std::uint64_t seed) : random_(seed) {}

  int draw(int least, int most) { return std::uniform_int_distribution{least, most}(random_); }
  bool chance(int of) { return draw(1, of) == 1; }

  // One to three subscriptions, each living through paid and failed periods to an end or not, and purchases beside
  // them. Seconds collide on purpose; a few facts never come.
  std::vector<Fact> make() {
    facts_.clear();
    const int subscriptions = draw(1, 3);
    for (int i = 0; i < subscriptions; ++i) live("sub_" + std::to_string(i));
    for (int i = draw(0, 2); i > 0; --i) buy();
    std::erase_if(facts_, [&](const Fact&) { return chance(20); });
    std::ranges::stable_sort(facts_, {}, &Fact::at);
    return facts_;
  }

  std::vector<Fact> disorder(std::vector<Fact> facts) {
    const auto once = static_cast<int>(facts.size());
    for (int i = draw(0, once); i > 0; --i) facts.push_back(facts[static_cast<std::size_t>(draw(0, once - 1))]);
    std::ranges::shuffle(facts, random_);
    return facts;
  }

 private:
  void buy() {
    const auto at = start + Seconds{draw(0, 40)};
    if (chance(2)) {
      facts_.push_back({Fact::purchase, at, ""});
      return;
    }
    const auto invoice = next_invoice();
    const auto tell = [&](Fact::Kind kind, int after, const char* status = "") {
      facts_.push_back({kind, at + Seconds{after}, invoice, status, false, "", "manual"});
    };
    tell(Fact::failed, 0);
    if (chance(2)) chance(2) ? tell(Fact::paid, draw(0, 9)) : tell(Fact::closed, draw(0, 9), "void");
  }

  std::string next_invoice() { return "in_" + std::to_string(invoices_++); }

  void live(const std::string& id) {
    auto now = start + Seconds{draw(0, 20)};
    const auto say = [&](const char* status, bool confirms = false) {
      facts_.push_back({Fact::statement, now, id, status, confirms});
    };
    const auto bill = [&](const std::string& invoice, Fact::Kind kind, const char* reason, const char* status = "") {
      facts_.push_back({kind, now, invoice, status, false, id, reason});
    };
    const bool tried = chance(2);
    say(tried ? "trialing" : "incomplete");
    if (!tried && chance(3)) {
      bill(next_invoice(), Fact::failed, "subscription_create");
      now += Seconds{draw(0, 5)};
      if (chance(2)) return say("incomplete_expired");
    }
    if (tried && chance(6)) return say("paused");
    for (int period = draw(0, 4); period > 0; --period) {
      now += Seconds{draw(0, 5)};
      const auto invoice = next_invoice();
      const char* reason = chance(4) ? "subscription_update" : "subscription_cycle";
      if (draw(0, 2) > 0) {
        bill(invoice, Fact::paid, reason);
        say("active");
        if (chance(3)) {
          now += Seconds{1};
          say("active", true);
        }
        continue;
      }
      for (int tries = draw(1, 3); tries > 0; --tries, now += Seconds{draw(0, 3)}) bill(invoice, Fact::failed, reason);
      say("past_due");
      if (chance(3)) {
        now += Seconds{draw(0, 2)};
        say("unpaid");
      }
      now += Seconds{draw(0, 4)};
      if (chance(3)) bill(invoice, Fact::paid, reason);
      if (chance(5)) bill(invoice, Fact::closed, reason, chance(2) ? "void" : "uncollectible");
      if (chance(4)) bill(invoice, Fact::closed, reason, "paid");  // credited
    }
    now += Seconds{draw(0, 5)};
    if (chance(3)) say("canceled");
    now += Seconds{1};
    if (chance(6)) bill(next_invoice(), Fact::failed, "");
  }

  std::mt19937_64 random_;
  std::vector<Fact> facts_;
  int invoices_ = 0;
};

std::string shown(const Account& account) {
  const auto at = [](std::optional<Timestamp> when) {
    return when ? std::to_string((*when - start).count() / 1'000'000) : std::string("-");
  };
  return std::string(to_string(account.state)) + " paid " + at(account.paid_at) + " due " + at(account.past_due_since) +
         " ended " + at(account.ended_at) + (account.subscribed ? " subscribed" : "") +
         (account.given_up ? " given_up" : "") + (account.trial_expired ? " trial_expired" : "");
}

std::string shown(const std::vector<Fact>& facts) {
  std::string out;
  for (const auto& fact : facts) {
    out += std::to_string((fact.at - start).count() / 1'000'000) + " " + std::to_string(fact.kind) + " " + fact.object +
           " " + fact.status + (fact.confirms ? "~" : "") + " " + fact.of + " " + fact.reason + "\n";
  }
  return out;
}

TEST(History, AccountIsWhatTheRulesSayInWhateverOrder) {
  const char* given = std::getenv("TENANTRY_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("TENANTRY_TEST_SEED=" + std::to_string(seed));
  Histories drawn(seed);
  int states[4] = {};
  for (int i = 0; i < histories; ++i) {
    const auto facts = drawn.make();
    World in_order;
    for (const auto& fact : facts) in_order.hear(fact);
    const auto heard = drawn.disorder(facts);
    World disordered;
    for (const auto& fact : heard) disordered.hear(fact);

    ASSERT_EQ(shown(in_order.account), shown(Oracle(facts).account())) << "history " << i << "\n" << shown(facts);
    ASSERT_EQ(disordered.account, in_order.account) << "history " << i << "\n" << shown(heard);
    ASSERT_EQ(disordered.timer, in_order.timer) << "history " << i << "\n" << shown(heard);
    // The lifecycle has no way from CANCELLED back to TRIAL: a tenant that never paid stays cancelled where the end
    // of its one subscription was heard before the start of another.
    if (in_order.account.paid_at || in_order.account.state == AccountState::ended) {
      ASSERT_EQ(disordered.status_in_the_end(), in_order.status_in_the_end()) << "history " << i << "\n"
                                                                              << shown(heard);
    }
    ++states[static_cast<int>(in_order.account.state)];
  }
  for (const int count : states) EXPECT_GT(count, 0) << "a state that no history reached";
}

}  // namespace
}  // namespace tenantry::billing::history_test
