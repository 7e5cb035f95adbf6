#include "tests/simulation/model.h"

#include <algorithm>
#include <optional>
#include <set>

namespace tenantry::sim {
namespace {

using namespace nlohmann::literals;

using Fact = Accepted::Fact;
using When = std::optional<Timestamp>;

void earlier(When& known, Timestamp at) {
  known = known ? std::min(*known, at) : at;
}
void later(When& known, Timestamp at) {
  known = known ? std::max(*known, at) : at;
}

// A subscription's trial begins with a paid invoice of nothing.
bool is_payment(const Fact& fact) {
  return fact.type.starts_with("checkout.") || (fact.type == "invoice.paid" && fact.object.at("amount_paid") > 0);
}

// "" where the fact is of no money.
std::string payment_in(const Fact& fact) {
  if (is_payment(fact)) return "succeeded";
  if (fact.type == "invoice.payment_failed") return "failed";
  if (fact.type == "charge.refunded") return "refunded";
  if (fact.type == "charge.dispute.created") return "disputed";
  return fact.type == "charge.dispute.closed" ? "dispute_" + fact.object.at("status").get<std::string>() : "";
}

// Of each object the latest fact; within a second the one that follows from the other.
std::map<std::string, std::string> payments_of(const std::vector<Fact>& facts) {
  static const std::vector<std::string> way = {"failed",   "succeeded",   "refunded",
                                               "disputed", "dispute_won", "dispute_lost"};
  std::map<std::string, std::pair<Timestamp, std::ptrdiff_t>> last;
  for (const auto& fact : facts) {
    const auto state = payment_in(fact);
    if (state.empty()) continue;
    const std::pair said{fact.stated_at, std::ranges::find(way, state) - way.begin()};
    auto& known = last.try_emplace(fact.object.at("id"), said).first->second;
    known = std::max(known, said);
  }
  std::map<std::string, std::string> out;
  for (const auto& [id, said] : last) out[id] = way[static_cast<std::size_t>(said.second)];
  return out;
}

std::string subscription_of(const Fact& invoice) {
  if (invoice.object.contains("subscription")) return invoice.object.at("subscription");
  const nlohmann::json::json_pointer newer("/parent/subscription_details/subscription");
  return invoice.object.contains(newer) ? invoice.object.at(newer).get<std::string>() : "";
}

// What has been said of one tenant, put in the order in which it happened.
class Told {
 public:
  Told(const std::string& tenant_id, const std::vector<Fact>& facts) {
    for (const auto& fact : facts) {
      if (fact.tenant_id != tenant_id) continue;
      const std::string id = fact.object.at("id");
      if (fact.type.starts_with("customer.subscription.")) {
        subscriptions_[id].push_back(&fact);
      } else if (fact.type.starts_with("invoice.")) {
        invoices_[id].push_back(&fact);
      }
      if (is_payment(fact)) later(paid_, fact.stated_at);
    }
    for (auto& [id, statements] : subscriptions_) {
      std::ranges::sort(statements, {}, [](const Fact* fact) { return std::pair(fact->stated_at, place(*fact)); });
    }
  }

  std::string status(const std::string& plan) const {
    When paid = paid_, ended;
    bool lives = false, subscribed = false, owes = owes_for_purchases();
    for (const auto& [id, statements] : subscriptions_) {
      const std::string last = word(*statements.back());
      if (const auto since = active_since(statements)) later(paid, *since);
      if (last == "canceled") later(ended, statements.back()->stated_at);
      lives = lives || last == "active" || last == "past_due" || last == "trialing" || last == "paused";
      subscribed = subscribed || last == "active";
      owes = owes || owes_for(id, statements);
    }
    if (ended && !lives && (!paid || *ended >= *paid)) return "deleted";  // the grace is over, too
    if (owes) return "suspended";
    return paid || subscribed || plan == "FREE" ? "active" : "suspended";  // the trial is over
  }

  // What the dearest price says of those that are paid, else of those that are owed.
  std::string plan() const {
    static const std::vector<std::pair<std::string, std::string>> dearest_first = {
        {"price_enterprise", "ENTERPRISE"}, {"price_professional", "PROFESSIONAL"}, {"price_starter", "STARTER"}};
    for (const auto* status : {"active", "past_due"}) {
      for (const auto& [price, plan] : dearest_first) {
        for (const auto& [id, statements] : subscriptions_) {
          const auto& last = *statements.back();
          if (word(last) == status && last.object.at("/items/data/0/price/id"_json_pointer) == price) return plan;
        }
      }
    }
    return "";
  }

 private:
  static std::string word(const Fact& fact) { return fact.object.at("status"); }
  // Within a second a subscription goes this way.
  static std::size_t place(const Fact& fact) {
    static const std::vector<std::string> way = {"incomplete", "trialing",           "paused",  "past_due",
                                                 "active",     "incomplete_expired", "canceled"};
    return static_cast<std::size_t>(std::ranges::find(way, word(fact)) - way.begin());
  }

  static When active_since(const std::vector<const Fact*>& statements) {
    When since;
    for (const auto* fact : statements) {
      if (word(*fact) != "active") since.reset();
      if (word(*fact) == "active" && !since && !fact->confirms) since = fact->stated_at;
    }
    return since;
  }

  struct Invoice {
    When failed, closed;
  };
  static Invoice read(const std::vector<const Fact*>& facts) {
    Invoice out;
    for (const auto* fact : facts) {
      if (fact->type == "invoice.payment_failed") later(out.failed, fact->stated_at);
      if (fact->type == "invoice.paid" || fact->type == "invoice.voided") earlier(out.closed, fact->stated_at);
    }
    return out;
  }
  static bool is_first(const std::vector<const Fact*>& facts) {
    return facts.front()->object.at("billing_reason") == "subscription_create";
  }

  bool owes_for_purchases() const {
    return std::ranges::any_of(invoices_, [](const auto& each) {
      const auto invoice = read(each.second);
      return subscription_of(*each.second.front()).empty() && invoice.failed && !invoice.closed;
    });
  }

  // Where its last word is that it owes, until the invoice is settled after that; else where one has failed since.
  bool owes_for(const std::string& id, const std::vector<const Fact*>& statements) const {
    const auto& last = *statements.back();
    if (word(last) != "active" && word(last) != "past_due") return false;
    When well;
    for (const auto* fact : statements) {
      if (word(*fact) != "past_due") well = fact->stated_at;
    }
    if (word(last) == "active") {
      for (const auto& [invoice_id, facts] : invoices_) {
        const bool of_it = subscription_of(*facts.front()) == id;
        for (const auto* fact : facts) {
          if (of_it && fact->type == "invoice.paid") later(well, fact->stated_at);
        }
      }
    }
    bool open = false;
    When closed;
    for (const auto& [invoice_id, facts] : invoices_) {
      if (subscription_of(*facts.front()) != id) continue;
      const auto invoice = read(facts);
      if (invoice.closed) later(closed, *invoice.closed);
      if (invoice.closed || !invoice.failed || is_first(facts)) continue;
      open = open || !well || *invoice.failed > *well;
    }
    return open || (word(last) == "past_due" && !(closed && *closed >= last.stated_at));
  }

  std::map<std::string, std::vector<const Fact*>> subscriptions_, invoices_;
  When paid_;
};

std::string starts(Timestamp at, const std::string& span) {
  if (span == "hour") return to_rfc3339(floor_hour(at));
  if (span == "day") return to_rfc3339(floor_day(at));
  if (span == "month") return to_rfc3339(floor_month(at));
  return to_rfc3339(Timestamp{});
}

}  // namespace

Expected expected_of(const Accepted& accepted) {
  Expected expected{.payments = payments_of(accepted.facts)};
  for (const auto& signup : accepted.signups) {
    const Told told(signup.tenant_id, accepted.facts);
    expected.statuses[signup.tenant_id] = told.status(signup.plan);
    if (const auto plan = told.plan(); !plan.empty()) expected.plans[signup.tenant_id] = plan;
  }

  struct Window {
    double sum = 0;
    double last = 0;
    std::set<std::string> members;
    int events = 0;
    Timestamp last_at{};
    bool keyed = false;
  };
  std::map<std::tuple<std::string, std::string, std::string, std::string>, Window> windows;
  std::set<std::pair<std::string, std::string>> keys;
  auto usage = accepted.usage;
  std::ranges::stable_sort(usage, {}, &Accepted::Usage::at);
  for (const auto& use : usage) {
    if (!use.key.empty() && !keys.insert({use.tenant_id, use.key}).second) continue;
    for (const std::string span : {"hour", "day", "month", "total"}) {
      if (span == "total" && use.metric != "stock") continue;  // the others start anew each month
      auto& window = windows[{use.tenant_id, use.metric, span, starts(use.at, span)}];
      window.sum += use.quantity;
      window.last = use.quantity;
      window.last_at = use.at;
      window.keyed |= !use.key.empty();
      window.members.insert(use.member);
      ++window.events;
    }
  }
  for (const auto& [key, window] : windows) {
    const auto& metric = std::get<1>(key);
    const double quantity = metric == "stock"          ? window.last
                            : metric == "active_users" ? static_cast<double>(window.members.size())
                                                       : window.sum;
    expected.counters[key] = {std::to_string(static_cast<long long>(quantity)), window.events,
                              window.keyed ? std::optional<Timestamp>() : window.last_at};
  }
  return expected;
}

}  // namespace tenantry::sim
