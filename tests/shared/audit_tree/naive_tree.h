// RFC 6962 section 2.1 word for word, slow and obvious: what the real tree is held against.
#pragma once

#include <span>
#include <vector>

#include "shared/audit_tree/tree.h"

namespace tenantry::audit::naive {

inline std::size_t split(std::size_t n) {
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

inline Hash root(std::span<const Hash> leaves) {
  if (leaves.empty()) return empty_root();
  if (leaves.size() == 1) return leaves[0];
  const auto k = split(leaves.size());
  return node_hash(root(leaves.first(k)), root(leaves.subspan(k)));
}

inline std::vector<Hash> path(std::size_t m, std::span<const Hash> leaves) {
  if (leaves.size() == 1) return {};
  const auto k = split(leaves.size());
  auto out = m < k ? path(m, leaves.first(k)) : path(m - k, leaves.subspan(k));
  out.push_back(m < k ? root(leaves.subspan(k)) : root(leaves.first(k)));
  return out;
}

inline std::vector<Hash> subproof(std::size_t m, std::span<const Hash> leaves, bool known) {
  if (m == leaves.size()) return known ? std::vector<Hash>{} : std::vector<Hash>{root(leaves)};
  const auto k = split(leaves.size());
  auto out = m <= k ? subproof(m, leaves.first(k), known) : subproof(m - k, leaves.subspan(k), false);
  out.push_back(m <= k ? root(leaves.subspan(k)) : root(leaves.first(k)));
  return out;
}

}  // namespace tenantry::audit::naive
