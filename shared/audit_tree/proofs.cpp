#include "shared/audit_tree/proofs.h"

#include <algorithm>
#include <bit>
#include <map>

namespace tenantry::audit {
namespace {

struct Stretch {
  std::uint64_t begin = 0, end = 0;
};

// The largest power of two below `width`, which is at least 2: where RFC 6962 splits a tree.
std::uint64_t split_of(std::uint64_t width) {
  return std::bit_floor(width - 1);
}

struct Place {
  int level = 0;
  std::uint64_t index = 0;
};

// Perfect subtrees that cover a stretch, left to right, each as large as its place allows.
std::vector<Place> perfect_subtrees(Stretch stretch) {
  std::vector<Place> out;
  auto [begin, end] = stretch;
  while (begin < end) {
    const int fits = static_cast<int>(std::bit_width(end - begin)) - 1;
    const int level = begin == 0 ? fits : std::min(fits, std::countr_zero(begin));
    out.push_back({level, begin >> level});
    begin += std::uint64_t{1} << level;
  }
  return out;
}

// What a perfect subtree is made of: the nodes of the kept level at or below its own.
NodeRange kept_below(const Place& place) {
  const int up = place.level % levels_per_kept;
  return {place.level - up, place.index << up, std::uint64_t{1} << up};
}

// The nodes of one proof, read in as few ranges as may be.
class Nodes {
 public:
  // Ranges this close are read as one: a row too many costs less than a query.
  static constexpr std::uint64_t gap_max = 256;

  Nodes(NodeReader& reader, const std::vector<Stretch>& stretches) {
    std::vector<NodeRange> wanted;
    for (const auto& stretch : stretches) {
      for (const auto& place : perfect_subtrees(stretch)) wanted.push_back(kept_below(place));
    }
    std::ranges::sort(wanted, [](const NodeRange& a, const NodeRange& b) {
      return std::pair(a.level, a.first) < std::pair(b.level, b.first);
    });
    for (const auto& range : wanted) {
      auto* last = ranges_.empty() ? nullptr : &ranges_.back().range;
      if (last != nullptr && last->level == range.level && range.first <= last->first + last->count + gap_max) {
        last->count = std::max(last->count, range.first + range.count - last->first);
      } else {
        ranges_.push_back({range, {}});
      }
    }
    for (auto& [range, hashes] : ranges_) hashes = reader.read(range);
  }

  Result<Hash> root(const Place& place) const {
    const auto wanted = kept_below(place);
    const auto holds = [&](const Read& read) {
      return read.range.level == wanted.level && read.range.first <= wanted.first &&
             wanted.first + wanted.count <= read.range.first + read.hashes.size();
    };
    const auto at = std::ranges::find_if(ranges_, holds);
    if (at == ranges_.end()) {
      return Error{.code = Errc::internal,
                   .reason = "audit_node_missing",
                   .message = "the log does not hold " + std::to_string(wanted.count) + " nodes of level " +
                              std::to_string(wanted.level) + " from " + std::to_string(wanted.first)};
    }
    const auto first = at->hashes.begin() + static_cast<std::ptrdiff_t>(wanted.first - at->range.first);
    std::vector<Hash> row(first, first + static_cast<std::ptrdiff_t>(wanted.count));
    for (; row.size() > 1; row.resize(row.size() / 2)) {
      for (std::size_t i = 0; i < row.size() / 2; ++i) row[i] = node_hash(row[2 * i], row[2 * i + 1]);
    }
    return row[0];
  }

  // Of a stretch that RFC 6962's splits make: its subtrees shrink from left to right.
  Result<Hash> root(Stretch stretch) const {
    const auto places = perfect_subtrees(stretch);
    auto hash = root(places.back());
    for (std::size_t i = places.size() - 1; hash && i-- > 0;) {
      const auto left = root(places[i]);
      if (!left) return left;
      hash = node_hash(*left, *hash);
    }
    return hash;
  }

 private:
  struct Read {
    NodeRange range;
    std::vector<Hash> hashes;
  };
  std::vector<Read> ranges_;
};

// The roots of `stretches`, last first: proofs begin at the leaf's side.
Result<Proof> proof_of(NodeReader& reader, const std::vector<Stretch>& stretches) {
  const Nodes nodes(reader, stretches);
  Proof out;
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
    const auto root = nodes.root(*stretch);
    if (!root) return root.error();
    out.push_back(*root);
  }
  return out;
}

Error fails(std::string why) {
  return {.code = Errc::refused, .reason = "proof_fails", .message = std::move(why)};
}
Error malformed(std::string why) {
  return {.code = Errc::refused, .reason = "proof_malformed", .message = std::move(why)};
}

Result<void> check_size(std::uint64_t size, const char* pointer) {
  if (size > size_max) return Error::invalid(pointer, "maximum", "must be at most 2^63 - 1");
  return {};
}

// One step up the right border: levels at which the last node has no sibling are passed over.
void climb(std::uint64_t& node, std::uint64_t& last) {
  while ((node & 1) == 0 && node != 0) {
    node >>= 1;
    last >>= 1;
  }
}

}  // namespace

Result<Proof> inclusion_proof(NodeReader& nodes, std::uint64_t index, std::uint64_t size) {
  if (const auto valid = check_size(size, "/size"); !valid) return valid.error();
  if (index >= size) return Error::invalid("/sequence", "maximum", "must be below the tree's size");
  std::vector<Stretch> siblings;
  Stretch at{0, size};
  while (at.end - at.begin > 1) {
    const auto middle = at.begin + split_of(at.end - at.begin);
    if (index < middle) {
      siblings.push_back({middle, at.end});
      at.end = middle;
    } else {
      siblings.push_back({at.begin, middle});
      at.begin = middle;
    }
  }
  return proof_of(nodes, siblings);
}

Result<Proof> consistency_proof(NodeReader& nodes, std::uint64_t old_size, std::uint64_t new_size) {
  if (const auto valid = check_size(new_size, "/to"); !valid) return valid.error();
  if (old_size == 0) return Error::invalid("/from", "minimum", "must be at least 1: an empty log is any log's start");
  if (old_size > new_size) return Error::invalid("/from", "maximum", "must not be above the newer size");
  if (old_size == new_size) return Proof{};
  std::vector<Stretch> stretches;
  Stretch at{0, new_size};
  bool whole = true;  // what is left is the old tree itself, whose root the verifier has
  while (old_size != at.end) {
    const auto middle = at.begin + split_of(at.end - at.begin);
    if (old_size <= middle) {
      stretches.push_back({middle, at.end});
      at.end = middle;
    } else {
      stretches.push_back({at.begin, middle});
      at.begin = middle;
      whole = false;
    }
  }
  if (!whole) stretches.push_back(at);
  return proof_of(nodes, stretches);
}

Result<Proof> compact_range(NodeReader& reader, std::uint64_t begin, std::uint64_t end) {
  if (const auto valid = check_size(end, "/to"); !valid) return valid.error();
  if (begin > end) return Error::invalid("/from", "maximum", "must not be above the end");
  const Nodes nodes(reader, {{begin, end}});
  Proof out;
  for (const auto& place : perfect_subtrees({begin, end})) {
    const auto root = nodes.root(place);
    if (!root) return root.error();
    out.push_back(*root);
  }
  return out;
}

Result<void> verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf, const Proof& proof,
                              const Hash& root) {
  if (proof.size() > proof_hashes_max) return malformed("the proof has more than 64 hashes");
  if (size > size_max || index >= size) return malformed("the sequence must be below the size");
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Hash hash = leaf;
  for (const auto& step : proof) {
    if (last == 0) return fails("the proof is too long for the tree");
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(step, hash);
      climb(node, last);
    } else {
      hash = node_hash(hash, step);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return fails("the proof is too short for the tree");
  if (hash != root) return fails("the proof leads to another root");
  return {};
}

Result<void> verify_consistency(std::uint64_t old_size, std::uint64_t new_size, const Hash& old_root,
                                const Hash& new_root, const Proof& proof) {
  if (proof.size() > proof_hashes_max) return malformed("the proof has more than 64 hashes");
  if (old_size == 0 || old_size > new_size || new_size > size_max) {
    return malformed("the older size must be at least 1 and not above the newer");
  }
  if (old_size == new_size) {
    if (!proof.empty()) return fails("equal sizes need no proof");
    if (old_root != new_root) return fails("two roots for one size: a fork");
    return {};
  }
  if (proof.empty()) return fails("the proof is empty");
  auto step = proof.begin();
  const Hash start = std::has_single_bit(old_size) ? old_root : *step++;
  std::uint64_t node = old_size - 1;
  std::uint64_t last = new_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  Hash old_hash = start;
  Hash new_hash = start;
  for (; step != proof.end(); ++step) {
    if (last == 0) return fails("the proof is too long for the trees");
    if ((node & 1) != 0 || node == last) {
      old_hash = node_hash(*step, old_hash);
      new_hash = node_hash(*step, new_hash);
      climb(node, last);
    } else {
      new_hash = node_hash(new_hash, *step);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return fails("the proof is too short for the trees");
  if (old_hash != old_root) return fails("the proof leads to another old root");
  if (new_hash != new_root) return fails("the proof leads to another new root");
  return {};
}

Result<Frontier> with_range(Frontier frontier, const Proof& right, std::uint64_t size) {
  if (size > size_max || size < frontier.size()) return malformed("the range ends before it begins");
  const auto places = perfect_subtrees({frontier.size(), size});
  if (places.size() != right.size()) {
    return malformed("the range up to " + std::to_string(size) + " must have " + std::to_string(places.size()) +
                     " hashes");
  }
  for (std::size_t i = 0; i < places.size(); ++i) frontier.append_subtree(places[i].level, right[i]);
  return frontier;
}

Result<Proof> parse_hashes(const std::vector<std::string>& texts, const std::string& pointer) {
  if (texts.size() > proof_hashes_max) return Error::invalid(pointer, "max_items", "must have at most 64 hashes");
  Proof out;
  for (const auto& text : texts) {
    const auto bytes = from_base64(text);
    if (!bytes || bytes->size() != sizeof(Hash)) {
      return Error::invalid(pointer + "/" + std::to_string(out.size()), "hash", "must be 32 bytes in base64");
    }
    out.push_back(*to_hash(*bytes));
  }
  return out;
}

std::vector<std::string> hash_texts(std::span<const Hash> hashes) {
  std::vector<std::string> out;
  for (const auto& hash : hashes) out.push_back(to_base64(hash));
  return out;
}

}  // namespace tenantry::audit
