#include "shared/audit_tree/verify_log.h"

#include <algorithm>

#include "shared/audit_tree/checkpoint_store.h"

namespace tenantry::audit {
namespace {

constexpr std::uint64_t step = 16'384;  // records between two looks at the checkpoints

Finding log_shrank(const std::string& tenant_id, std::uint64_t size, std::uint64_t signed_size) {
  return {tenant_id, "log_shrank", size, signed_size - 1,
          "the log has " + std::to_string(size) + " records, " + std::to_string(signed_size) + " were signed"};
}

}  // namespace

LogVerdict verify_log(db::Transaction& tx, const std::string& tenant_id, const LogExpectation& expectation,
                      const std::function<void(std::uint64_t)>& progress) {
  LogVerdict verdict;
  // Checkpoints first: a head may grow between the two, and never shrinks.
  const auto latest = read_latest_checkpoint(tx, tenant_id);
  const auto head = read_head(tx, tenant_id).value_or(StoredHead{});
  if (latest) verdict.signed_size = latest->size;
  if (expectation.signed_head) verdict.signed_size = std::max(verdict.signed_size, expectation.signed_head->size());

  LogWalk walk(tenant_id);
  if (expectation.signed_head) walk.expect_root(expectation.signed_head->size(), expectation.signed_head->root());
  while (walk.frontier().size() < head.size) {
    const auto from = walk.frontier().size();
    const auto until = std::min(head.size, from + step);
    for (const auto& stored : read_checkpoints(tx, tenant_id, from, until)) {
      const auto checkpoint = verified(stored, expectation.origin, expectation.keys);
      if (!checkpoint) {
        verdict.finding = Finding{tenant_id, "checkpoint_changed", stored.size - 1, stored.size - 1,
                                  "of size " + std::to_string(stored.size) + ": " + checkpoint.error().describe()};
        return verdict;
      }
      walk.expect_root(checkpoint->size, checkpoint->root);
      ++verdict.checkpoints;
    }
    verdict.finding = walk.advance(tx, until, step);
    verdict.records = walk.frontier().size();
    verdict.archived = walk.archived();
    progress(verdict.records - from);
    if (verdict.finding) return verdict;
  }
  verdict.finding = head.size < verdict.signed_size ? log_shrank(tenant_id, head.size, verdict.signed_size)
                                                    : walk.check_head(tx, head);
  return verdict;
}

}  // namespace tenantry::audit
