#include "shared/audit_tree/tree.h"

#include <algorithm>
#include <bit>

#include "shared/crypto/hash.h"

namespace tenantry::audit {

Hash leaf_hash(ByteView leaf) {
  const std::uint8_t prefix = 0x00;
  return crypto::Sha256().update({&prefix, 1}).update(leaf).finish();
}

Hash node_hash(const Hash& left, const Hash& right) {
  const std::uint8_t prefix = 0x01;
  return crypto::Sha256().update({&prefix, 1}).update(left).update(right).finish();
}

Hash empty_root() {
  return crypto::sha256({});
}

Result<Hash> to_hash(ByteView bytes) {
  Hash hash;
  if (bytes.size() != hash.size()) return Error::invalid("/hash", "length", "must be 32 bytes of SHA-256");
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

Result<Frontier> Frontier::from_bytes(std::uint64_t size, ByteView bytes) {
  Frontier frontier;
  if (bytes.size() != static_cast<std::size_t>(std::popcount(size)) * sizeof(Hash)) {
    return Error::invalid("/frontier", "length", "a tree of " + std::to_string(size) + " leaves has another frontier");
  }
  frontier.size_ = size;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(Hash)) {
    frontier.roots_.push_back(*to_hash(bytes.subspan(at, sizeof(Hash))));
  }
  return frontier;
}

void Frontier::append(const Hash& leaf, std::vector<Node>* kept) {
  Hash hash = leaf;
  int level = 0;
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    hash = node_hash(roots_.back(), hash);
    roots_.pop_back();
    ++level;
    if (kept != nullptr && level % levels_per_kept == 0) kept->push_back({level, size_ >> level, hash});
  }
  roots_.push_back(hash);
  ++size_;
}

void Frontier::append_subtree(int level, const Hash& subtree) {
  const std::uint64_t leaves = std::uint64_t{1} << level;
  TENANTRY_ASSERT(size_ % leaves == 0);
  Hash hash = subtree;
  for (std::uint64_t rest = size_ >> level; (rest & 1) != 0; rest >>= 1) {
    hash = node_hash(roots_.back(), hash);
    roots_.pop_back();
  }
  roots_.push_back(hash);
  size_ += leaves;
}

Hash Frontier::root() const {
  if (roots_.empty()) return empty_root();
  Hash hash = roots_.back();
  for (std::size_t i = roots_.size() - 1; i-- > 0;) hash = node_hash(roots_[i], hash);
  return hash;
}

Bytes Frontier::to_bytes() const {
  Bytes bytes;
  for (const auto& root : roots_) bytes.insert(bytes.end(), root.begin(), root.end());
  return bytes;
}

}  // namespace tenantry::audit
