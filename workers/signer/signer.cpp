#include "workers/signer/signer.h"

#include <algorithm>

#include "shared/audit_tree/note.h"
#include "shared/messaging/outbox.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"
#include "tenantry/events/v1/security.pb.h"

namespace tenantry::signer {
namespace {

// Of one tenant in one round, so that a log signed for the first time does not keep the others waiting for long.
constexpr std::uint64_t derived_max = 100'000;
// Of one query's checkpoints, before the records they are about.
constexpr std::uint64_t recheck_slice = 4'096;

}  // namespace

Signer::Signer(const SignerConfig& config, State& state, db::Connection& connection, const Clock& clock,
               IdGenerator& ids)
    : config_(config), state_(state), connection_(connection), clock_(clock), ids_(ids) {}

void Signer::round() {
  StoredHeads heads;
  {
    db::Transaction tx(connection_);
    heads = read_heads(tx);
    std::erase_if(heads, [&](const auto& head) { return !can_sign(head.first); });
    if (!started_) {
      for (const auto& each : read_latest(tx)) {
        if (!can_sign(each.tenant_id)) continue;
        published_[each.tenant_id] = each.size;
        const auto signed_head = state_.heads().find(each.tenant_id);
        const auto known = signed_head == state_.heads().end() ? 0 : signed_head->second.size();
        // Signed by us, and forgotten: the state is older than what was published. The log must still lead there.
        if (each.size > known && is_ours(each)) foreign_[each.tenant_id] = *audit::to_hash(each.root);
      }
      started_ = true;
    }
  }
  sign_grown(heads);
  if (before_publishing) before_publishing();
  publish_signed();
  recheck(heads);
}

// Once per name and process: an operator must see it, and a flood of it would hide everything else.
bool Signer::can_sign(const std::string& tenant_id) {
  if (audit::is_key_name(audit::checkpoint_origin(config_.deployment, tenant_id))) return true;
  if (unsignable_.insert(tenant_id).second) {
    log::error("an audit log is not signed: no key can bear its name", {{"tenant_id", tenant_id}});
    metrics::gauge("tenantry_signer_unsignable_logs", "Audit logs under names that no key can bear.",
                   static_cast<double>(unsignable_.size()));
  }
  return false;
}

void Signer::sign_grown(const StoredHeads& heads) {
  ahead_.clear();
  for (const auto& [tenant_id, frontier] : state_.heads()) {
    if (heads.contains(tenant_id) || state_.findings().contains(tenant_id) || !can_sign(tenant_id)) continue;
    report({tenant_id, "log_shrank", 0, frontier.size() - 1, "the log is gone"});
  }
  for (const auto& [tenant_id, head] : heads) {
    if (state_.findings().contains(tenant_id)) continue;
    if (const auto wrong = derive(tenant_id, head)) report(*wrong);
  }
  std::vector<SignedHead> signed_now;
  for (const auto& [tenant_id, frontier] : ahead_) signed_now.push_back({tenant_id, frontier});
  if (!signed_now.empty()) state_.add_heads(signed_now);
}

std::optional<audit::Finding> Signer::derive(const std::string& tenant_id, const audit::StoredHead& head) {
  const auto at = state_.heads().find(tenant_id);
  const auto& from = at == state_.heads().end() ? audit::Frontier{} : at->second;
  if (head.size < from.size()) {
    return audit::Finding{
        tenant_id, "log_shrank", head.size, from.size() - 1,
        "the head is at " + std::to_string(head.size) + ", " + std::to_string(from.size()) + " records are signed"};
  }
  db::Transaction tx(connection_);
  audit::LogWalk walk(tenant_id, from);
  if (head.size == from.size())
    return walk.frontier().to_bytes() == head.frontier ? std::nullopt : walk.check_head(tx, head);
  const auto foreign = foreign_.find(tenant_id);
  if (foreign != foreign_.end()) walk.expect_root(published_.at(tenant_id), foreign->second);
  if (auto wrong = walk.advance(tx, head.size, derived_max)) return wrong;
  if (walk.frontier().size() == head.size) {
    if (auto wrong = walk.check_head(tx, head)) return wrong;
  }
  ahead_[tenant_id] = walk.frontier();
  return {};
}

audit::StoredCheckpoint Signer::signed_checkpoint(const std::string& tenant_id, const audit::Frontier& frontier) const {
  const auto origin = audit::checkpoint_origin(config_.deployment, tenant_id);
  const auto root = frontier.root();
  audit::Note note{.text = audit::Checkpoint{origin, frontier.size(), root}.to_text()};
  for (const auto& key : config_.keys) audit::sign_note(note, origin, key);
  return {tenant_id, frontier.size(), Bytes(root.begin(), root.end()), note.to_string()};
}

bool Signer::is_ours(const audit::StoredCheckpoint& published) const {
  const auto origin = audit::checkpoint_origin(config_.deployment, published.tenant_id);
  std::vector<audit::NoteKey> keys;
  for (const auto& key : config_.keys) keys.emplace_back(origin, key.public_key());
  return audit::verified(published, origin, keys).has_value();
}

// Whatever the state has and the database has not: also what a crash kept from being published.
void Signer::publish_signed() {
  std::vector<audit::StoredCheckpoint> checkpoints;
  for (const auto& [tenant_id, frontier] : state_.heads()) {
    if (can_sign(tenant_id) && published_[tenant_id] < frontier.size())
      checkpoints.push_back(signed_checkpoint(tenant_id, frontier));
  }
  if (checkpoints.empty()) return;
  db::Transaction tx(connection_);
  publish(tx, checkpoints, clock_.now());
  tx.commit();
  for (const auto& each : checkpoints) published_[each.tenant_id] = each.size;
}

// The next tenant in the order of their names, from its first record to what is signed now.
void Signer::begin_recheck() {
  const auto& heads = state_.heads();
  auto next = heads.upper_bound(rechecked_last_);
  if (next == heads.end()) next = heads.begin();
  recheck_.emplace(Recheck{next->first, audit::LogWalk(next->first), next->second});
  recheck_->walk.expect_root(next->second.size(), next->second.root());
}

void Signer::recheck(const StoredHeads& heads) {
  auto left = static_cast<std::uint64_t>(config_.recheck_records);
  for (std::size_t tenants = 0; left > 0 && tenants < state_.heads().size(); ++tenants) {
    if (!recheck_) begin_recheck();
    if (!can_sign(recheck_->tenant_id)) {
      rechecked_last_ = recheck_->tenant_id;
      recheck_.reset();
      continue;
    }
    const auto wrong = read_again(left);
    if (!wrong && recheck_->walk.frontier().size() < recheck_->until.size()) return;  // the next round goes on
    const auto tenant_id = recheck_->tenant_id;
    const auto head = heads.find(tenant_id);
    const bool whole = head != heads.end() && head->second.size >= recheck_->until.size();
    recheck_.reset();
    rechecked_last_ = tenant_id;
    if (wrong) {
      report(*wrong);
    } else if (whole && state_.findings().contains(tenant_id)) {
      log::info("an audit log holds again", {{"tenant_id", tenant_id}});
      state_.close_finding(tenant_id);
    }
  }
}

// Goes on with the re-check at hand, over at most `left` records, which is lowered by those read.
std::optional<audit::Finding> Signer::read_again(std::uint64_t& left) {
  auto& [tenant_id, walk, until, expected_through] = *recheck_;
  db::Transaction tx(connection_);
  while (left > 0 && walk.frontier().size() < until.size()) {
    const auto from = walk.frontier().size();
    if (from >= expected_through) {
      expected_through = std::min(until.size(), from + recheck_slice);
      for (const auto& each : audit::read_checkpoints(tx, tenant_id, from, expected_through)) {
        if (each.size < until.size() && is_ours(each)) walk.expect_root(each.size, *audit::to_hash(each.root));
      }
    }
    if (auto wrong = walk.advance(tx, expected_through, left)) return wrong;
    left -= walk.frontier().size() - from;
  }
  // Of a log that stands still, what lies beyond its head; one that grows is looked at when its head is signed.
  const auto head = audit::read_head(tx, tenant_id);
  if (!head || head->size != walk.frontier().size()) return {};
  return walk.check_head(tx, *head);
}

// Once: the finding stays open in the state until a re-check finds nothing. The alarm is committed first, as an alarm
// raised twice harms less than none.
void Signer::report(const audit::Finding& finding) {
  const auto open = state_.findings().find(finding.tenant_id);
  if (open != state_.findings().end() && open->second == finding) return;
  log::error("an audit log was tampered with", {{"tenant_id", finding.tenant_id},
                                                {"rule", finding.rule},
                                                {"sequence", finding.sequence},
                                                {"through", finding.through},
                                                {"detail", finding.detail}});
  events::v1::TamperingDetected alarm;
  alarm.set_rule(finding.rule);
  alarm.set_first_sequence(static_cast<std::int64_t>(finding.sequence));
  alarm.set_last_sequence(static_cast<std::int64_t>(finding.through));
  alarm.set_detail(finding.detail);
  const auto head = state_.heads().find(finding.tenant_id);
  alarm.set_signed_size(head == state_.heads().end() ? 0 : static_cast<std::int64_t>(head->second.size()));
  db::Transaction tx(connection_);
  messaging::Outbox outbox("/tenantry/signer", {.kind = "service", .id = "signer"}, ids_, clock_.now());
  outbox.publish(finding.tenant_id, alarm);
  outbox.flush(tx);
  tx.commit();
  state_.open_finding(finding);
}

}  // namespace tenantry::signer
