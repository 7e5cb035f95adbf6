// LogWalk: a tenant's log read again from its stored bytes, record by record, and held
// against everything the database keeps beside them: hashes, columns, nodes, the head,
// and roots that were signed. What the signer does before it signs and what
// `tenantry audit verify` does on a live log.
//
// Stored hashes are only a cache: every root here comes from the leaves' bytes. Of archived
// records there are hashes alone; they count as far as the roots that were signed above
// them come out. The first record that does not hold ends the walk. One thread; throws what shared/db throws.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "shared/audit_tree/tree.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::audit {

// What is wrong with a log. Rules: record_missing, record_inserted, record_changed, record_malformed, node_changed,
// head_changed, log_shrank, history_changed (the leaves are not those that were signed), checkpoint_changed,
// archive_changed (of archived records, not all leaf hashes are there).
struct Finding {
  std::string tenant_id;
  std::string rule;
  std::uint64_t sequence = 0;  // of the first record that is wrong
  std::uint64_t through = 0;   // where only a stretch is known: its last record; else the same
  std::string detail;

  std::string describe() const;  // "tenant acme, record 17: record_changed: ..."
  bool operator==(const Finding&) const = default;
};

struct StoredHead {
  std::uint64_t size = 0;
  Bytes frontier;
};
std::optional<StoredHead> read_head(db::Transaction& tx, const std::string& tenant_id);

class LogWalk {
 public:
  explicit LogWalk(std::string tenant_id, Frontier start = {});

  // The root must be this one when the walk is at `size`. Sizes at or before its start have no effect.
  void expect_root(std::uint64_t size, const Hash& root) { expected_[size] = root; }

  // Reads and checks at most `records_max` further records below `until`.
  std::optional<Finding> advance(db::Transaction& tx, std::uint64_t until, std::uint64_t records_max);

  // The walk is at the head's size: is the head the one that the records give, and is nothing stored beyond it?
  std::optional<Finding> check_head(db::Transaction& tx, const StoredHead& head) const;

  const Frontier& frontier() const { return frontier_; }
  std::uint64_t archived() const { return archived_; }  // of what was walked over: records that are archived

 private:
  std::optional<Finding> take(const Hash& leaf, std::vector<Node>& completed);
  std::optional<Finding> take_archived(db::Transaction& tx, std::uint64_t until, std::vector<Node>& completed);
  std::optional<Finding> check_nodes(db::Transaction& tx, std::uint64_t from, const std::vector<Node>& completed) const;
  Finding finding(std::string rule, std::uint64_t sequence, std::string detail) const;

  std::string tenant_id_;
  Frontier frontier_;
  std::map<std::uint64_t, Hash> expected_;
  std::uint64_t archived_ = 0;
  std::uint64_t agreed_;  // the last size whose root was the expected one
};

}  // namespace tenantry::audit
