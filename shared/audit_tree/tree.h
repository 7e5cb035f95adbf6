// Tree: the Merkle tree of RFC 6962 section 2.1, as far as appending needs it.
//
// A log of n leaves is known by its frontier: the roots of its perfect subtrees,
// largest first, one for each 1 bit of n. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "shared/core/bytes.h"

namespace tenantry::audit {

using Hash = std::array<std::uint8_t, 32>;  // SHA-256

Hash leaf_hash(ByteView leaf);                        // H(0x00 || leaf)
Hash node_hash(const Hash& left, const Hash& right);  // H(0x01 || left || right)
Hash empty_root();                                    // H("")
Result<Hash> to_hash(ByteView bytes);                 // exactly 32 bytes

// A log no machine will fill: what is larger is a mistake or a lie.
constexpr std::uint64_t size_max = (std::uint64_t{1} << 63) - 1;

// Root of the perfect subtree over leaves [index << level, (index + 1) << level). Level 0 is a leaf's hash.
struct Node {
  int level = 0;
  std::uint64_t index = 0;
  Hash hash{};
  bool operator==(const Node&) const = default;
};

// Nodes are kept at every eighth level only (8, 16, ...; level 0 is in the records): one for 255 records, and any other
// is made of at most 128 that are kept.
constexpr int levels_per_kept = 8;

class Frontier {
 public:
  Frontier() = default;

  // From a head row: `size` leaves and the hashes' bytes, 32 each. Errc::invalid when
  // they do not belong together.
  static Result<Frontier> from_bytes(std::uint64_t size, ByteView bytes);

  // `kept`, where given, gets the nodes at kept levels that this leaf completes, lowest first.
  void append(const Hash& leaf, std::vector<Node>* kept = nullptr);

  // A perfect subtree at once. Asserts that it stands where one of its level may: size() is a multiple of its leaves.
  void append_subtree(int level, const Hash& hash);

  std::uint64_t size() const { return size_; }
  Hash root() const;
  Bytes to_bytes() const;
  const std::vector<Hash>& roots() const { return roots_; }
  bool operator==(const Frontier&) const = default;

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> roots_;
};

}  // namespace tenantry::audit
