#include "tests/simulation/model.h"

#include <algorithm>
#include <optional>
#include <set>

namespace tenantry::sim {
namespace {

// A tenant is what its facts say, whenever they were heard: paid or not since it failed, ended or not since it paid.
std::string status_of(const Accepted::Signup& signup, const std::vector<Accepted::Fact>& facts) {
  std::optional<Timestamp> paid, ended;
  std::map<std::string, const Accepted::Fact*> latest;  // statement of each subscription
  std::vector<Timestamp> failures;
  for (const auto& fact : facts) {
    if (fact.tenant_id != signup.tenant_id) continue;
    const bool payment = fact.type == "invoice.paid" || fact.status == "active";
    const bool failure = fact.type == "invoice.payment_failed" || fact.status == "past_due";
    if (payment) paid = std::max(paid.value_or(fact.stated_at), fact.stated_at);
    if (failure) failures.push_back(fact.stated_at);
    if (fact.type.starts_with("customer.subscription.")) {
      auto& known = latest[fact.object];
      if (known == nullptr || known->stated_at < fact.stated_at) known = &fact;
    }
  }
  bool live = false;
  for (const auto& [object, fact] : latest) {
    if (fact->status != "canceled") live = true;
    if (fact->status == "canceled") ended = std::max(ended.value_or(fact->stated_at), fact->stated_at);
  }
  if (ended && !live && (!paid || *ended >= *paid)) return "deleted";  // the grace is over, too
  if (std::ranges::any_of(failures, [&](Timestamp failure) { return !paid || failure > *paid; })) return "suspended";
  if (paid || signup.plan == "FREE") return "active";
  return "suspended";  // the trial is over
}

std::string starts(Timestamp at, const std::string& span) {
  if (span == "hour") return to_rfc3339(floor_hour(at));
  if (span == "day") return to_rfc3339(floor_day(at));
  if (span == "month") return to_rfc3339(floor_month(at));
  return to_rfc3339(Timestamp{});
}

}  // namespace

Expected expected_of(const Accepted& accepted) {
  Expected expected;
  for (const auto& signup : accepted.signups) expected.statuses[signup.tenant_id] = status_of(signup, accepted.facts);

  struct Window {
    double sum = 0;
    double last = 0;
    std::set<std::string> members;
    int events = 0;
  };
  std::map<std::tuple<std::string, std::string, std::string, std::string>, Window> windows;
  std::set<std::pair<std::string, std::string>> keys;
  auto usage = accepted.usage;
  std::ranges::stable_sort(usage, {}, &Accepted::Usage::at);
  for (const auto& use : usage) {
    if (!use.key.empty() && !keys.insert({use.tenant_id, use.key}).second) continue;
    for (const std::string span : {"hour", "day", "month", "total"}) {
      if (span == "total" && use.metric != "storage_bytes") continue;  // the others start anew each month
      auto& window = windows[{use.tenant_id, use.metric, span, starts(use.at, span)}];
      window.sum += use.quantity;
      window.last = use.quantity;
      window.members.insert(use.member);
      ++window.events;
    }
  }
  for (const auto& [key, window] : windows) {
    const auto& metric = std::get<1>(key);
    const double quantity = metric == "storage_bytes"  ? window.last
                            : metric == "active_users" ? static_cast<double>(window.members.size())
                                                       : window.sum;
    expected.counters[key] = {std::to_string(static_cast<long long>(quantity)), window.events};
  }
  return expected;
}

}  // namespace tenantry::sim
