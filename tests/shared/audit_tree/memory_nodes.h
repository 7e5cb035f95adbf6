// A log in memory: its leaf hashes and the nodes that Frontier said to keep.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "shared/audit_tree/proofs.h"

namespace tenantry::audit {

struct MemoryNodes final : NodeReader {
  std::vector<Hash> leaves;
  std::map<std::pair<int, std::uint64_t>, Hash> kept;
  Frontier frontier;
  std::uint64_t read_hashes = 0;
  int reads = 0;

  void add(const Hash& leaf) {
    std::vector<Node> made;
    frontier.append(leaf, &made);
    leaves.push_back(leaf);
    for (const auto& node : made) kept[{node.level, node.index}] = node.hash;
  }

  std::vector<Hash> read(const NodeRange& range) override {
    std::vector<Hash> out;
    for (auto i = range.first; i < range.first + range.count; ++i) {
      if (range.level == 0 && i < leaves.size()) out.push_back(leaves[i]);
      if (range.level > 0 && kept.contains({range.level, i})) out.push_back(kept.at({range.level, i}));
    }
    ++reads;
    read_hashes += out.size();
    return out;
  }
};

}  // namespace tenantry::audit
