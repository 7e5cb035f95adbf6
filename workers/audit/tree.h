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

class Frontier {
 public:
  Frontier() = default;

  // From a head row: `size` leaves and the hashes' bytes, 32 each. Errc::invalid when
  // they do not belong together.
  static Result<Frontier> from_bytes(std::uint64_t size, ByteView bytes);

  void append(const Hash& leaf);
  std::uint64_t size() const { return size_; }
  Hash root() const;
  Bytes to_bytes() const;

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> roots_;
};

}  // namespace tenantry::audit
