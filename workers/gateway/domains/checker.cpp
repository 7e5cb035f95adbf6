#include "workers/gateway/domains/checker.h"

#include <utility>
#include <vector>

#include "shared/db/connection.h"
#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "shared/telemetry/log.h"
#include "tenantry/events/v1/domain.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/domains/claim.h"
#include "workers/gateway/edge/contained.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr int batch_max = 32;
constexpr Seconds lease{60};  // longer than any batch is asked for
constexpr std::chrono::seconds look_every{2};
constexpr std::chrono::seconds after_trouble{10};

struct Due {
  std::string tenant_id;
  std::string domain;
  std::string token;
};

std::vector<Due> take_due(db::Transaction& tx, Timestamp now) {
  std::vector<Due> out;
  const auto rows = tx.exec(
      "UPDATE platform.domains d SET next_check_at = $2 FROM (SELECT tenant_id FROM platform.domains WHERE "
      "next_check_at <= $1 ORDER BY next_check_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS due WHERE d.tenant_id = "
      "due.tenant_id RETURNING d.tenant_id, d.domain, d.token",
      {now, now + lease, batch_max});
  for (const auto row : rows)
    out.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
  return out;
}

// Whether another tenant has proven the same domain and not lost it.
bool is_taken(db::Transaction& tx, const Due& due) {
  return !tx.exec("SELECT FROM platform.tenants WHERE custom_domain = $1 AND tenant_id <> $2 FOR UPDATE",
                  {due.domain, due.tenant_id})
              .empty();
}

// Two who prove one domain at once wait for each other here.
void lock_domain(db::Transaction& tx, const std::string& domain) {
  tx.exec("SELECT pg_advisory_xact_lock(hashtextextended('domain/' || $1, 0))", {domain});
}

template <class M>
void tell(db::Transaction& tx, messaging::Outbox& outbox, const Due& due, bool serves) {
  tx.send("UPDATE platform.tenants SET custom_domain = CASE WHEN $3 THEN $2 END WHERE tenant_id = $1",
          {due.tenant_id, due.domain, serves});
  M event;
  event.set_domain(due.domain);
  outbox.publish(due.tenant_id, event);
  outbox.signal(due.tenant_id, v1::TenantChanged());
}

void book(db::Transaction& tx, messaging::Outbox& outbox, const Due& due, const dns::TxtAnswer& answer) {
  lock_domain(tx, due.domain);
  const auto rows = tx.exec(
      "SELECT state, asked_at, checks, missing_since FROM platform.domains WHERE tenant_id = $1 AND domain = $2 AND "
      "token = $3 FOR UPDATE",
      {due.tenant_id, due.domain, due.token});
  if (rows.empty()) return;  // another was named meanwhile
  const auto row = rows[0];
  const DomainClaim claim{.state = domain_state_from(row.text(0)),
                          .asked_at = row.timestamp(1),
                          .checks = static_cast<int>(row.int64(2)),
                          .missing_since = row.optional_timestamp(3)};
  const auto now = outbox.now();
  auto verdict = judge(claim, answer, due.token, now);
  const bool proven_now = verdict.state == DomainState::verified && claim.state != DomainState::verified;
  if (proven_now && is_taken(tx, due)) {
    verdict = {.state = claim.state, .problem = "taken", .next_check_at = look_again(claim, now)};
  } else if (proven_now) {
    tell<v1::DomainVerified>(tx, outbox, due, true);
  } else if (verdict.state == DomainState::lost && claim.state == DomainState::verified) {
    tell<v1::DomainLost>(tx, outbox, due, false);
  }
  tx.send(
      "UPDATE platform.domains SET state = $2, problem = $3, missing_since = $4, next_check_at = $5, checked_at = $6, "
      "checks = least(checks + 1, 1000), verified_at = CASE WHEN $7 THEN $6 ELSE verified_at END WHERE tenant_id = $1",
      {due.tenant_id, to_string(verdict.state), verdict.problem, verdict.missing_since, verdict.next_check_at, now,
       proven_now && verdict.state == DomainState::verified});
}

}  // namespace

Result<int> check_domains(db::Connection& connection, const dns::FindTxt& find_txt, const Clock& clock,
                          IdGenerator& ids) {
  std::vector<Due> due;
  const auto taken =
      db::run(connection, {.in_doubt = db::InDoubtCommit::rerun}, [&](db::Transaction& tx) -> Result<void> {
        due = take_due(tx, clock.now());
        return {};
      });
  if (!taken) return taken.error();
  if (due.empty()) return 0;
  std::vector<std::string> names;
  for (const auto& each : due) names.push_back(proof_name(each.domain));
  const auto answers = find_txt(names);
  for (std::size_t i = 0; i < due.size(); ++i) {
    const auto booked =
        db::run(connection, {.in_doubt = db::InDoubtCommit::rerun}, [&](db::Transaction& tx) -> Result<void> {
          messaging::Outbox outbox("/tenantry/gateway", events::Actor::service("gateway"), ids, clock.now());
          book(tx, outbox, due[i], answers[i]);
          outbox.flush(tx);
          return {};
        });
    if (!booked) return booked.error();
  }
  return static_cast<int>(due.size());
}

DomainChecker::DomainChecker(std::string database_url, dns::FindTxt find_txt, const Clock& clock, IdGenerator& ids)
    : database_url_(std::move(database_url)), find_txt_(std::move(find_txt)), clock_(clock), ids_(ids) {}

DomainChecker::~DomainChecker() = default;

void DomainChecker::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void DomainChecker::look_now() {
  const std::lock_guard lock(mutex_);
  now_ = true;
  wanted_.notify_one();
}

void DomainChecker::run(const std::stop_token& stop) {
  db::Connection connection(database_url_, "tenantry-gateway domains");
  while (!stop.stop_requested()) {
    auto wait = look_every;
    const auto checked = contained("check_domains", [&] { return check_domains(connection, find_txt_, clock_, ids_); });
    if (checked && *checked == batch_max) continue;
    if (!checked) {
      log::warn("domains could not be checked", {{"error", checked.error().describe()}});
      wait = after_trouble;
    }
    std::unique_lock lock(mutex_);
    wanted_.wait_for(lock, stop, wait, [this] { return now_; });
    now_ = false;
  }
}

}  // namespace tenantry::gateway
