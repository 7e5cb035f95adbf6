#include "tests/simulation/invariants.h"

#include <algorithm>
#include <set>

#include "events/topology.h"
#include "shared/crypto/hash.h"
#include "tests/simulation/model.h"

namespace tenantry::sim {
namespace {

class Checker {
 public:
  explicit Checker(World& world) : world_(world), accepted_(world.accepted()) {}

  std::vector<Violation> run() {
    accepted_is_heard();
    effects_are_single();
    effects_have_causes();
    tenants_are_apart();
    log_is_whole();
    model_agrees();
    poison_is_set_aside();
    return std::move(found_);
  }

 private:
  db::Rows ask(std::string_view sql) { return world_.database().exec("superuser", sql); }

  void fail(const char* invariant, const std::string& what) { found_.push_back({invariant, what}); }

  // Each row of `sql` is a violation, and its first column says so.
  void none(const char* invariant, std::string_view sql) {
    for (const auto row : ask(sql)) fail(invariant, std::string(row.text(0)));
  }

  // I1: every accepted request has taken effect, and every event has come to each worker that its topology names.
  void accepted_is_heard() {
    std::set<std::string, std::less<>> tenants, facts, usage;
    for (const auto row : ask("SELECT tenant_id FROM platform.tenants")) tenants.emplace(row.text(0));
    for (const auto row :
         ask("SELECT jsonb_path_query(payload - 'because', '$.**.stripe_event_id') #>> '{}' FROM audit.records")) {
      facts.emplace(row.text(0));
    }
    for (const auto row : ask("SELECT payload -> 'dimensions' ->> 'id' FROM audit.records WHERE type = "
                              "'usage.recorded'")) {
      usage.emplace(row.text(0));
    }
    for (const auto& signup : accepted_.signups) {
      if (!tenants.contains(signup.tenant_id)) fail("I1", "no tenant of the signup " + signup.tenant_id);
    }
    for (const auto& fact : accepted_.facts) {
      if (!facts.contains(fact.id)) fail("I1", "not audited: " + fact.id);
    }
    for (const auto& use : accepted_.usage) {
      if (!usage.contains(use.id)) fail("I1", "usage not audited: " + use.id);
    }
    std::set<std::pair<std::string, std::string>> inbox;
    for (const auto row : ask("SELECT event_id, worker FROM messaging.inbox UNION ALL SELECT event_id, worker FROM "
                              "messaging.dead_letters")) {
      inbox.emplace(row.text(0), row.text(1));
    }
    // Where a process sweeps, the inbox forgets what is older than its 40 days, and tells of the young ones.
    const auto remembered = world_.house_kept_at().value_or(World::start() + Days{40}) - Days{40};
    for (const auto row : world_.database().exec(
             "superuser", "SELECT event_id, type, exchange FROM audit.records WHERE recorded_at > $1", {remembered})) {
      const bool of_application = row.text(2).ends_with(".app");
      for (const auto& subscription : events::subscriptions()) {
        const bool stream = (subscription.stream == events::Stream::application_events) == of_application;
        if (!stream || !topic_matches(subscription.pattern, row.text(1))) continue;
        if (!inbox.contains({std::string(row.text(0)), std::string(subscription.worker)})) {
          fail("I1", std::string(subscription.worker) + " has not heard " + std::string(row.text(1)));
        }
      }
    }
    none("I8",
         "SELECT 'still to be published: ' || type FROM messaging.outbox WHERE available_at <= "
         "(SELECT max(recorded_at) FROM audit.records)");
    none("I1",
         "SELECT 'still parked: ' || stripe_event_id FROM billing.stripe_events WHERE state = 'parked' "
         "AND account = ''");
    if (world_.broker().messages() != 0) fail("I8", "messages are left in queues");
  }

  // I2: no effect twice.
  void effects_are_single() {
    none("I2",
         "SELECT 'audited twice: ' || type FROM audit.records GROUP BY tenant_id, event_id, type "
         "HAVING count(*) > 1");
    none(
        "I2",
        "SELECT 'fact audited twice: ' || id FROM (SELECT jsonb_path_query_first(payload - 'because', "
        "'$.**.stripe_event_id') #>> '{}' AS id FROM audit.records WHERE type NOT LIKE 'stripe.%') AS r WHERE id <> '' "
        "GROUP BY id HAVING count(*) > 1");
    none("I2",
         "SELECT 'mailed twice: ' || template || ' to ' || tenant_id FROM notification.deliveries "
         "GROUP BY event_id, tenant_id, template, recipient HAVING count(*) > 1");
    none("I2",
         "SELECT 'status twice: ' || tenant_id || ' ' || to_status FROM (SELECT *, lag(to_status) OVER "
         "(PARTITION BY tenant_id ORDER BY at) AS before FROM platform.lifecycle_history) h "
         "WHERE before = to_status");
  }

  // I3: no effect without its cause.
  void effects_have_causes() {
    // A trial that goes on after all is told as an activation.
    none("I3",
         "SELECT tenant_id || ': ' || told || ' events and ' || happened || ' transitions to ' || status "
         "FROM (SELECT tenant_id, CASE to_status WHEN 'trial' THEN 'active' ELSE to_status END AS status, "
         "count(*) AS happened FROM platform.lifecycle_history WHERE to_status IN ('active', 'suspended', 'cancelled') "
         "OR (to_status = 'trial' AND from_status <> 'pending') GROUP BY 1, 2) AS h "
         "FULL JOIN (SELECT tenant_id, replace(replace(type, 'tenant.', ''), 'activated', 'active') AS status, "
         "count(*) AS told FROM audit.records WHERE type IN ('tenant.activated', 'tenant.suspended', "
         "'tenant.cancelled') GROUP BY 1, 2) AS t USING (tenant_id, status) "
         "WHERE coalesce(told, 0) <> coalesce(happened, 0)");
    none("I3",
         "SELECT 'caused by nothing: ' || r.type FROM audit.records r WHERE r.causation_id <> '' AND NOT EXISTS "
         "(SELECT FROM audit.records c WHERE c.event_id::text = r.causation_id OR c.payload ->> "
         "'stripe_event_id' = r.causation_id) AND NOT EXISTS (SELECT FROM messaging.dead_letters d WHERE "
         "d.event_id::text = r.causation_id)");
    const auto sent =
        world_.database().value("SELECT count(*)::text FROM notification.deliveries WHERE state = 'sent'");
    if (sent != std::to_string(world_.mails().size())) {
      fail("I3", sent + " mails are on record, and " + std::to_string(world_.mails().size()) + " were sent");
    }
  }

  // I4: what a tenant has said stands nowhere but with that tenant.
  void tenants_are_apart() {
    none("I4",
         "SELECT 'in the log of ' || r.tenant_id || ': ' || (r.payload -> 'dimensions' ->> 'said') "
         "FROM audit.records r WHERE r.payload -> 'dimensions' ->> 'said' <> 'canary of ' || r.tenant_id");
    none("I4",
         "SELECT 'in a dead letter of ' || d.tenant_id FROM messaging.dead_letters d JOIN platform.tenants t ON "
         "position(convert_to('canary of ' || t.tenant_id, 'UTF8') IN d.body) > 0 "
         "WHERE d.tenant_id <> t.tenant_id");
  }

  // I5: without gaps, and what is stored hashes to what the head says.
  void log_is_whole() {
    for (const auto head : ask("SELECT tenant_id, size, frontier FROM audit.heads ORDER BY tenant_id")) {
      const std::string tenant_id{head.text(0)};
      std::vector<crypto::Digest> leaves;
      const auto rows = world_.database().exec(
          "superuser", "SELECT sequence, leaf FROM audit.records WHERE tenant_id = $1 ORDER BY sequence", {tenant_id});
      for (const auto row : rows) {
        if (row.int64(0) != static_cast<std::int64_t>(leaves.size())) fail("I5", "a gap in the log of " + tenant_id);
        Bytes data{0};
        const auto leaf = row.bytes(1);
        data.insert(data.end(), leaf.begin(), leaf.end());
        leaves.push_back(crypto::sha256(data));
      }
      if (head.int64(1) != static_cast<std::int64_t>(leaves.size())) {
        fail("I5", "the head of " + tenant_id + " counts others than its records");
      } else if (!leaves.empty() && tree_hash(leaves) != folded(head.bytes(2))) {
        fail("I5", "the log of " + tenant_id + " does not hash to its head");
      }
    }
  }

  static crypto::Digest node(const crypto::Digest& left, const crypto::Digest& right) {
    Bytes data{1};
    data.insert(data.end(), left.begin(), left.end());
    data.insert(data.end(), right.begin(), right.end());
    return crypto::sha256(data);
  }

  // RFC 6962 section 2.1, as it is written there.
  static crypto::Digest tree_hash(std::span<const crypto::Digest> leaves) {
    if (leaves.size() == 1) return leaves[0];
    std::size_t k = 1;
    while (k * 2 < leaves.size()) k *= 2;
    return node(tree_hash(leaves.first(k)), tree_hash(leaves.subspan(k)));
  }

  // The root of a head's perfect subtrees, the largest first.
  static crypto::Digest folded(const Bytes& frontier) {
    std::vector<crypto::Digest> roots(frontier.size() / 32);
    for (std::size_t i = 0; i < roots.size(); ++i) {
      std::copy_n(frontier.begin() + static_cast<std::ptrdiff_t>(i * 32), 32, roots[i].begin());
    }
    if (roots.empty()) return {};
    auto hash = roots.back();
    for (auto root = roots.rbegin() + 1; root != roots.rend(); ++root) hash = node(*root, hash);
    return hash;
  }

  // Hours of usage are removed after 400 days, where a process sweeps.
  Timestamp hours_kept_since() const {
    const auto swept = world_.house_kept_at();
    return swept ? std::chrono::ceil<std::chrono::hours>(*swept - Days{400}) : Timestamp{};
  }

  // I6, I7: counters and statuses are what the naive model says.
  void model_agrees() {
    auto accepted = accepted_;
    std::map<std::string, Timestamp, std::less<>> arrived;
    for (const auto row : ask("SELECT payload -> 'dimensions' ->> 'id', occurred_at FROM audit.records WHERE type = "
                              "'usage.recorded'")) {
      arrived.emplace(row.text(0), row.timestamp(1));
    }
    for (auto& use : accepted.usage) {
      if (!use.says_when && arrived.contains(use.id)) use.at = arrived.at(use.id);
    }
    const auto expected = expected_of(accepted);
    auto counters = expected.counters;
    const auto hours_since = to_rfc3339(hours_kept_since());
    std::erase_if(counters, [&](const auto& each) {
      return std::get<2>(each.first) == "hour" && std::get<3>(each.first) < hours_since;
    });
    for (const auto row : ask("SELECT tenant_id, metric, span, window_start, quantity::text, events, last_at "
                              "FROM metering.counters WHERE metric IN ('orders', 'stock', 'active_users', "
                              "'emails_sent')")) {
      const std::tuple key{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                           to_rfc3339(row.timestamp(3))};
      const auto name = std::get<0>(key) + " " + std::get<1>(key) + " " + std::get<2>(key) + " " + std::get<3>(key);
      if (std::get<2>(key) == "hour" && std::get<3>(key) < hours_since) continue;
      const auto wanted = counters.find(key);
      if (wanted == counters.end()) {
        fail("I6", name + " counts what nobody used");
        continue;
      }
      const auto& [quantity, events, last_at] = wanted->second;
      if (row.text(4) != quantity || row.int64(5) != events) {
        fail("I6", name + " is " + std::string(row.text(4)) + " of " + std::to_string(row.int64(5)) +
                       " events, and not " + quantity + " of " + std::to_string(events));
      } else if (last_at && row.timestamp(6) != *last_at) {
        fail("I6", name + " was last counted at " + to_rfc3339(row.timestamp(6)) + ", and the log says " +
                       to_rfc3339(*last_at));
      }
      counters.erase(wanted);
    }
    for (const auto& [key, value] : counters) {
      fail("I6", std::get<0>(key) + " " + std::get<1>(key) + " " + std::get<2>(key) + " is not counted");
    }
    for (const auto row : ask("SELECT tenant_id, status, plan FROM platform.tenants")) {
      const std::string tenant_id{row.text(0)};
      const auto check = [&](const std::map<std::string, std::string>& wanted, std::string_view is) {
        const auto found = wanted.find(tenant_id);
        if (found == wanted.end() || is == found->second) return;
        fail("I7", tenant_id + " is " + std::string(is) + ", and not " + found->second);
      };
      check(expected.statuses, row.text(1));
      check(expected.plans, row.text(2));
    }
    check_payments(expected.payments);
    none("I7",
         "SELECT tenant_id || ' went from ' || coalesce(from_status, 'nothing') || ' to ' || to_status FROM "
         "platform.lifecycle_history WHERE (coalesce(from_status, ''), to_status) NOT IN (('', 'pending'), "
         "('pending', 'trial'), ('trial', 'active'), ('trial', 'suspended'), ('trial', 'cancelled'), "
         "('suspended', 'trial'), "
         "('active', 'suspended'), ('active', 'cancelled'), ('suspended', 'active'), "
         "('suspended', 'cancelled'), ('cancelled', 'active'), ('cancelled', 'suspended'), ('cancelled', 'deleted'))");
  }

  // What became of each payment, but for those of tenants that are erased.
  void check_payments(std::map<std::string, std::string> wanted) {
    for (const auto row : ask("SELECT stripe_object_id, state FROM billing.payments")) {
      const auto found = wanted.find(std::string(row.text(0)));
      if (found == wanted.end()) {
        fail("I7", std::string(row.text(0)) + " is a payment that nobody made");
        continue;
      }
      if (row.text(1) != found->second) {
        fail("I7", found->first + " is " + std::string(row.text(1)) + ", and not " + found->second);
      }
      wanted.erase(found);
    }
    for (const auto row : ask("SELECT tenant_id FROM platform.tenants WHERE status = 'deleted'")) {
      std::erase_if(wanted, [&](const auto& each) { return each.first.ends_with("_" + std::string(row.text(0))); });
    }
    for (const auto& [id, state] : wanted) fail("I7", id + " is not known to be " + state);
  }

  // I9: what is set aside is the poison, all of it and nothing else.
  void poison_is_set_aside() {
    std::set<std::string, std::less<>> poison, aside;
    for (const auto& each : accepted_.poison) poison.insert(each.id);
    for (const auto row : ask("SELECT properties ->> 'message_id', worker, error FROM messaging.dead_letters")) {
      aside.emplace(row.text(0));
      if (!poison.contains(row.text(0))) {
        fail("I9", std::string(row.text(1)) + " has set aside what is no poison: " + std::string(row.text(2)));
      }
    }
    for (const auto& each : accepted_.poison) {
      if (!aside.contains(each.id)) {
        fail("I9", "poison of kind " + std::to_string(static_cast<int>(each.kind)) + " of " + each.tenant_id +
                       " was not set aside");
      }
    }
  }

  World& world_;
  const Accepted& accepted_;
  std::vector<Violation> found_;
};

}  // namespace

std::vector<Violation> violations_of(World& world) {
  return Checker(world).run();
}

}  // namespace tenantry::sim
