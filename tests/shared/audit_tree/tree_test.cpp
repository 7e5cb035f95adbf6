#include "shared/audit_tree/tree.h"

#include <gtest/gtest.h>

#include "shared/crypto/hash.h"
#include "tests/shared/audit_tree/naive_tree.h"

namespace tenantry::audit::tree_test {
namespace {

// Leaves and roots of google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc.
const char* const leaves[] = {
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
const char* const roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                             "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                             "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                             "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                             "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                             "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                             "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                             "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

TEST(Tree, MatchesThePublishedRoots) {
  Frontier frontier;
  EXPECT_EQ(to_hex(frontier.root()), roots[0]);
  for (std::size_t i = 0; i < std::size(leaves); ++i) {
    frontier.append(leaf_hash(*from_hex(leaves[i])));
    EXPECT_EQ(to_hex(frontier.root()), roots[i + 1]) << i;
    EXPECT_EQ(frontier.size(), i + 1);
  }
}

// transparency-dev/merkle, rfc6962/rfc6962_test.go.
TEST(Tree, HashesLeavesAndNodesApart) {
  EXPECT_EQ(to_hex(leaf_hash(as_bytes("L123456"))), "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
}

TEST(Tree, EqualsTheRecursiveDefinitionAndSurvivesItsBytes) {
  std::vector<Hash> all;
  Frontier frontier;
  for (int i = 0; i < 300; ++i) {
    all.push_back(leaf_hash(as_bytes(std::to_string(i))));
    frontier.append(all.back());
    ASSERT_EQ(frontier.root(), naive::root(all)) << i;
    auto back = Frontier::from_bytes(frontier.size(), frontier.to_bytes());
    ASSERT_TRUE(back);
    frontier = *std::move(back);
  }
  EXPECT_FALSE(Frontier::from_bytes(3, Bytes(32)));
  EXPECT_FALSE(Frontier::from_bytes(4, Bytes(31)));
}

TEST(Tree, TellsTheNodesThatAreKept) {
  std::vector<Hash> all;
  Frontier frontier;
  for (int i = 0; i < 65'536; ++i) {
    std::vector<Node> kept;
    all.push_back(leaf_hash(as_bytes(std::to_string(i))));
    frontier.append(all.back(), &kept);
    const std::size_t expected = (i + 1) % 65'536 == 0 ? 2 : (i + 1) % 256 == 0 ? 1 : 0;
    ASSERT_EQ(kept.size(), expected) << i;
    if (expected == 0) continue;
    ASSERT_EQ(kept[0], (Node{8, static_cast<std::uint64_t>(i / 256), naive::root(std::span(all).last(256))}));
    if (expected == 2) {
      EXPECT_EQ(kept[1], (Node{16, 0, naive::root(all)}));
    }
  }
}

TEST(Tree, TakesASubtreeAtOnce) {
  Frontier one_by_one, at_once;
  std::vector<Hash> four;
  for (int i = 0; i < 12; ++i) {
    const auto leaf = leaf_hash(as_bytes(std::to_string(i)));
    one_by_one.append(leaf);
    if (i < 8) {
      at_once.append(leaf);
    } else {
      four.push_back(leaf);
    }
  }
  at_once.append_subtree(2, naive::root(four));
  EXPECT_EQ(at_once, one_by_one);
}

}  // namespace
}  // namespace tenantry::audit::tree_test
