// Goal: proofs are those of RFC 6962, and nothing but a right proof is accepted.
// Method: the published vectors; the recursive definition on random trees; every single
// change of a right proof.
#include "shared/audit_tree/proofs.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "shared/audit_tree/evidence.h"
#include "tests/shared/audit_tree/memory_nodes.h"
#include "tests/shared/audit_tree/naive_tree.h"
#include "tests/support/source_path.h"

namespace tenantry::audit::proofs_test {
namespace {

Hash leaf(std::uint64_t i) {
  return leaf_hash(as_bytes(std::to_string(i)));
}

MemoryNodes log_of(std::uint64_t size) {
  MemoryNodes log;
  for (std::uint64_t i = 0; i < size; ++i) log.add(leaf(i));
  return log;
}

Hash root_of(const MemoryNodes& log, std::uint64_t size) {
  return naive::root(std::span(log.leaves).first(size));
}

// Leaves, inner nodes and roots of google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc, and of
// transparency-dev/merkle, testonly/constants.go.
MemoryNodes published() {
  MemoryNodes log;
  for (const char* hex :
       {"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}) {
    log.add(leaf_hash(*from_hex(hex)));
  }
  return log;
}
const char* const leaf0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
const char* const leaf1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const char* const leaf4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const char* const leaf6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f";
const char* const root2 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const char* const root4 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const char* const node_2_4 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const char* const node_4_6 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const char* const node_6_8 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const char* const node_4_8 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";

std::vector<std::string> hex(const Proof& proof) {
  std::vector<std::string> out;
  for (const auto& hash : proof) out.push_back(to_hex(hash));
  return out;
}

TEST(Proofs, ArePublishedInclusionProofs) {
  auto log = published();
  using Hexes = std::vector<std::string>;
  EXPECT_EQ(hex(*inclusion_proof(log, 0, 8)), (Hexes{leaf1, node_2_4, node_4_8}));
  EXPECT_EQ(hex(*inclusion_proof(log, 5, 8)), (Hexes{leaf4, node_6_8, root4}));
  EXPECT_EQ(hex(*inclusion_proof(log, 2, 3)), (Hexes{root2}));
  EXPECT_EQ(hex(*inclusion_proof(log, 1, 5)), (Hexes{leaf0, node_2_4, leaf4}));
  EXPECT_EQ(hex(*inclusion_proof(log, 0, 1)), Hexes{});
}

TEST(Proofs, ArePublishedConsistencyProofs) {
  auto log = published();
  using Hexes = std::vector<std::string>;
  EXPECT_EQ(hex(*consistency_proof(log, 1, 8)), (Hexes{leaf1, node_2_4, node_4_8}));
  EXPECT_EQ(hex(*consistency_proof(log, 6, 8)), (Hexes{node_4_6, node_6_8, root4}));
  EXPECT_EQ(hex(*consistency_proof(log, 2, 5)), (Hexes{node_2_4, leaf4}));
  EXPECT_EQ(hex(*consistency_proof(log, 6, 7)), (Hexes{node_4_6, leaf6, root4}));
  EXPECT_EQ(hex(*consistency_proof(log, 8, 8)), Hexes{});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The file that the console's verifier, which runs in browsers, is held against, too.
TEST(Proofs, AreThoseOfTheVectorsThatBrowsersAreHeldAgainst) {
  const auto vectors = nlohmann::json::parse(std::ifstream(source_path("tests/data/audit_tree/vectors.json")));
  MemoryNodes log;
  for (const auto& each : vectors.at("leaves")) {
    log.add(leaf_hash(*from_hex(each.at("data").get<std::string>())));
    EXPECT_EQ(to_hex(log.leaves.back()), each.at("hash"));
  }
  for (std::uint64_t size = 0; size <= log.leaves.size(); ++size) {
    EXPECT_EQ(to_hex(root_of(log, size)), vectors.at("roots").at(size));
  }
  for (const auto& each : vectors.at("inclusion")) {
    EXPECT_EQ(hex(*inclusion_proof(log, each.at("index"), each.at("size"))), each.at("proof")) << each;
  }
  for (const auto& each : vectors.at("consistency")) {
    EXPECT_EQ(hex(*consistency_proof(log, each.at("old"), each.at("size"))), each.at("proof")) << each;
  }
  const auto& documents = vectors.at("documents");
  const auto keys = *KeyRing::parse(documents.at("key").get<std::string>());
  EXPECT_TRUE(verify_proof_document(documents.at("inclusion").get<std::string>(), keys));
  EXPECT_TRUE(verify_proof_document(documents.at("consistency").get<std::string>(), keys));
  const auto evidence = lines_of(documents.at("evidence"));
  auto check = EvidenceCheck::begin(evidence.at(0), keys);
  ASSERT_TRUE(check);
  for (std::size_t i = 1; i < evidence.size(); ++i) ASSERT_TRUE(check->add(evidence[i]));
  EXPECT_TRUE(check->finish());
}

TEST(Proofs, EqualTheRecursiveDefinitionInEverySmallTree) {
  auto log = log_of(70);
  const std::span all(log.leaves);
  for (std::uint64_t n = 1; n <= 70; ++n) {
    for (std::uint64_t m = 0; m < n; ++m) {
      const auto inclusion = inclusion_proof(log, m, n);
      ASSERT_TRUE(inclusion);
      ASSERT_EQ(*inclusion, naive::path(m, all.first(n))) << m << " of " << n;
      ASSERT_TRUE(verify_inclusion(m, n, log.leaves[m], *inclusion, root_of(log, n))) << m << " of " << n;
      const auto consistency = consistency_proof(log, m + 1, n);
      ASSERT_TRUE(consistency);
      ASSERT_EQ(*consistency, naive::subproof(m + 1, all.first(n), true)) << m + 1 << " to " << n;
      ASSERT_TRUE(verify_consistency(m + 1, n, root_of(log, m + 1), root_of(log, n), *consistency));
    }
  }
}

class Seeded : public ::testing::Test {
 protected:
  void SetUp() override { RecordProperty("seed", std::to_string(seed)); }
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random);
  }
  const std::uint64_t seed = std::random_device{}();
  std::mt19937_64 random{seed};
};
using ProofsAtRandom = Seeded;

// Trees large enough that kept nodes of two levels carry the proofs.
TEST_F(ProofsAtRandom, EqualTheRecursiveDefinition) {
  auto log = log_of(70'000 + below(3'000));
  const std::span all(log.leaves);
  for (int round = 0; round < 12; ++round) {
    const auto n = 1 + below(all.size());
    const auto m = below(n);
    log.reads = 0, log.read_hashes = 0;
    const auto inclusion = inclusion_proof(log, m, n);
    ASSERT_TRUE(inclusion) << "seed " << seed;
    EXPECT_LE(log.reads, 6) << m << " of " << n << ", seed " << seed;
    EXPECT_LE(log.read_hashes, 3'000U) << m << " of " << n << ", seed " << seed;
    ASSERT_EQ(*inclusion, naive::path(m, all.first(n))) << m << " of " << n << ", seed " << seed;
    const auto root = root_of(log, n);
    ASSERT_TRUE(verify_inclusion(m, n, all[m], *inclusion, root)) << "seed " << seed;

    log.reads = 0;
    const auto consistency = consistency_proof(log, m + 1, n);
    ASSERT_TRUE(consistency) << "seed " << seed;
    EXPECT_LE(log.reads, 6) << m + 1 << " to " << n << ", seed " << seed;
    ASSERT_EQ(*consistency, naive::subproof(m + 1, all.first(n), true)) << "seed " << seed;
    ASSERT_TRUE(verify_consistency(m + 1, n, root_of(log, m + 1), root, *consistency)) << "seed " << seed;
  }
}

// An export of [from, to): the two compact ranges around it lead to the root, and only with all of it in its order.
TEST_F(ProofsAtRandom, CompactRangesProveAStretch) {
  auto log = log_of(3'000);
  for (int round = 0; round < 100; ++round) {
    const auto size = 1 + below(3'000);
    const auto to = 1 + below(size);
    const auto from = below(to);
    const auto left = compact_range(log, 0, from);
    const auto right = compact_range(log, to, size);
    ASSERT_TRUE(left && right) << "seed " << seed;
    Frontier start;
    start = *with_range({}, *left, from);
    const auto head = [&](bool swapped) {
      auto frontier = start;
      for (auto i = from; i < to; ++i)
        frontier.append(log.leaves[swapped && i == from ? to - 1 : swapped && i == to - 1 ? from : i]);
      return with_range(frontier, *right, size)->root();
    };
    EXPECT_EQ(head(false), root_of(log, size)) << from << " to " << to << " of " << size << ", seed " << seed;
    if (to - from > 1) {
      EXPECT_NE(head(true), root_of(log, size)) << "seed " << seed;
    }
    EXPECT_FALSE(with_range(start, Proof(65), size)) << "seed " << seed;
  }
}

// What a liar could send instead of a right proof.
template <class Accepts>
void expect_refused_when_changed(const Proof& right, const Accepts& accepts, const std::string& what) {
  ASSERT_TRUE(accepts(right)) << what;
  for (std::size_t i = 0; i < right.size(); ++i) {
    for (const int bit : {0, 77, 255}) {
      auto changed = right;
      changed[i][static_cast<std::size_t>(bit / 8)] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      EXPECT_FALSE(accepts(changed)) << what << " bit " << bit << " of " << i;
    }
    auto shorter = right;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(accepts(shorter)) << what << " without " << i;
  }
  for (const auto& extra : {Hash{}, right.empty() ? leaf(7) : right.front()}) {
    auto before = right, after = right;
    before.insert(before.begin(), extra);
    after.push_back(extra);
    EXPECT_FALSE(accepts(before)) << what << " with one before";
    EXPECT_FALSE(accepts(after)) << what << " with one after";
  }
  EXPECT_FALSE(accepts(Proof(65, leaf(1)))) << what;
}

TEST(Proofs, ChangedOnesAreRefused) {
  auto log = log_of(40);
  for (const std::uint64_t n : {1, 2, 3, 7, 8, 9, 31, 32, 33, 40}) {
    const auto root = root_of(log, n);
    for (std::uint64_t m = 0; m < n; ++m) {
      const auto what = std::to_string(m) + " of " + std::to_string(n);
      const auto inclusion = *inclusion_proof(log, m, n);
      expect_refused_when_changed(
          inclusion, [&](const Proof& proof) { return verify_inclusion(m, n, log.leaves[m], proof, root).has_value(); },
          what);
      for (const std::uint64_t other : {m + 1, m - 1, m * 2, m / 2}) {
        if (other == m) continue;
        EXPECT_FALSE(verify_inclusion(other, n, log.leaves[m], inclusion, root)) << other << " for " << what;
      }
      EXPECT_FALSE(verify_inclusion(m, n, log.leaves[m], inclusion, root_of(log, n - 1))) << what;
      EXPECT_FALSE(verify_inclusion(m, n, leaf(99), inclusion, root)) << what;

      const auto old_root = root_of(log, m + 1);
      const auto consistency = *consistency_proof(log, m + 1, n);
      expect_refused_when_changed(
          consistency,
          [&](const Proof& proof) { return verify_consistency(m + 1, n, old_root, root, proof).has_value(); }, what);
      EXPECT_FALSE(verify_consistency(m, n, old_root, root, consistency)) << what;
      if (m + 1 < n) {
        EXPECT_FALSE(verify_consistency(m + 1, n, root, old_root, consistency)) << what;
        EXPECT_FALSE(verify_consistency(m + 2, n, old_root, root, consistency)) << what;
      }
    }
  }
}

// The right border of a tree ends in odd nodes: sizes beside the right one may share a path, never a root.
TEST(Proofs, OtherSizesHaveOtherRoots) {
  auto log = log_of(40);
  for (std::uint64_t n = 2; n < 40; ++n) {
    const auto proof = *inclusion_proof(log, n / 3, n);
    for (const std::uint64_t other : {n + 1, n - 1, n * 2, n / 2}) {
      if (other == 0 || other > 40 || other <= n / 3) continue;
      EXPECT_FALSE(verify_inclusion(n / 3, other, log.leaves[n / 3], proof, root_of(log, other))) << n << " " << other;
    }
  }
}

TEST(Proofs, EdgesOfVerification) {
  const auto root = leaf(0);
  EXPECT_FALSE(verify_inclusion(0, 0, leaf(0), {}, empty_root()));
  EXPECT_FALSE(verify_consistency(0, 0, empty_root(), empty_root(), {}));
  EXPECT_FALSE(verify_consistency(0, 1, empty_root(), root, {}));
  EXPECT_FALSE(verify_consistency(2, 1, root, root, {}));
  EXPECT_TRUE(verify_consistency(1, 1, root, root, {}));
  EXPECT_FALSE(verify_consistency(1, 1, root, leaf(1), {}));  // a fork
  EXPECT_FALSE(verify_consistency(1, 1, root, root, {leaf(1)}));
  EXPECT_FALSE(verify_consistency(1, 2, root, root, {}));
  const auto huge = ~std::uint64_t{0};
  EXPECT_FALSE(verify_inclusion(0, huge, root, Proof(64, root), root));
  EXPECT_FALSE(verify_consistency(1, huge, root, root, Proof(64, root)));
  EXPECT_FALSE(verify_inclusion(huge, huge, root, {}, root));
}

TEST(Proofs, EdgesOfMaking) {
  auto log = log_of(10);
  EXPECT_EQ(inclusion_proof(log, 10, 10).error().fields[0].pointer, "/sequence");
  EXPECT_EQ(inclusion_proof(log, 0, ~std::uint64_t{0}).error().fields[0].pointer, "/size");
  EXPECT_EQ(consistency_proof(log, 0, 3).error().fields[0].code, "minimum");
  EXPECT_EQ(consistency_proof(log, 4, 3).error().fields[0].pointer, "/from");
  EXPECT_EQ(compact_range(log, 4, 3).error().fields[0].pointer, "/from");
  EXPECT_EQ(inclusion_proof(log, 0, 11).error().reason, "audit_node_missing");
}

TEST(Proofs, TextsOfHashesAreStrict) {
  const auto good = hash_texts(std::vector<Hash>{leaf(1), leaf(2)});
  EXPECT_EQ(*parse_hashes(good, "/proof"), (Proof{leaf(1), leaf(2)}));
  EXPECT_EQ(parse_hashes({good[0], to_base64(Bytes(31))}, "/proof").error().fields[0].pointer, "/proof/1");
  EXPECT_FALSE(parse_hashes({to_base64(Bytes(33))}, "/proof"));
  EXPECT_FALSE(parse_hashes({"not base64"}, "/proof"));
  EXPECT_FALSE(parse_hashes(std::vector<std::string>(65, good[0]), "/proof"));
}

}  // namespace
}  // namespace tenantry::audit::proofs_test
