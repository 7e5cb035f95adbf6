// Proofs about a log: that a record is in it (RFC 6962 2.1.1), that an older head is the
// start of a newer one (2.1.2), and the compact ranges around a stretch of records that
// prove the whole stretch at once.
//
// Making a proof reads O(log n) ranges of kept nodes through a NodeReader. Verifying
// needs nothing but its arguments: that is what a stranger does. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "shared/audit_tree/tree.h"

namespace tenantry::audit {

using Proof = std::vector<Hash>;

// More than any tree of 2^63 leaves needs.
constexpr std::size_t proof_hashes_max = 64;

// `count` nodes side by side, of a kept level or of level 0.
struct NodeRange {
  int level = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 0;  // at most a few hundred
};

class NodeReader {
 public:
  virtual ~NodeReader() = default;
  // In the order of their index; fewer than `count` where the log does not hold them all. Throws what its store throws.
  virtual std::vector<Hash> read(const NodeRange& range) = 0;
};

// Errors of these: invalid where the numbers are not a proof's (the field says which), internal with reason
// "audit_node_missing" where the log is damaged.
Result<Proof> inclusion_proof(NodeReader& nodes, std::uint64_t index, std::uint64_t size);
Result<Proof> consistency_proof(NodeReader& nodes, std::uint64_t old_size, std::uint64_t new_size);  // old_size >= 1

// The roots of the largest perfect subtrees that cover leaves [begin, end), left to right.
Result<Proof> compact_range(NodeReader& nodes, std::uint64_t begin, std::uint64_t end);

// RFC 9162 2.1.3.2 and 2.1.4.2. Errc::refused with reason "proof_fails" or "proof_malformed"; a proof is never nearly
// right. Consistency from size 0 fails: who holds no head yet has nothing to compare.
Result<void> verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf, const Proof& proof,
                              const Hash& root);
Result<void> verify_consistency(std::uint64_t old_size, std::uint64_t new_size, const Hash& old_root,
                                const Hash& new_root, const Proof& proof);

// The log's head after leaves [left.size(), left.size() + leaves) and then the compact range up to `size`. Starting
// from the compact range before a stretch, which is a Frontier, and its leaves appended.
Result<Frontier> with_range(Frontier frontier, const Proof& right, std::uint64_t size);

// Base64 texts, as proofs travel in JSON. Errc::invalid below `pointer` for more than 64 or one that is not 32 bytes.
Result<Proof> parse_hashes(const std::vector<std::string>& texts, const std::string& pointer);
std::vector<std::string> hash_texts(std::span<const Hash> hashes);

}  // namespace tenantry::audit
