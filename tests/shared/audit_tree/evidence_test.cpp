// Goal: evidence and proofs hold as they were made and not otherwise, and errors name
// tenant and record; foreign documents are refused with field and rule.
#include "shared/audit_tree/evidence.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/shared/audit_tree/memory_nodes.h"

namespace tenantry::audit::evidence_test {
namespace {

const crypto::Ed25519Key& key() {
  static const auto made = *crypto::Ed25519Key::from_seed(Bytes(32, 3));
  return made;
}
const std::string origin = checkpoint_origin("test", "acme");

std::string leaf_of(std::uint64_t i) {
  return R"({"sequence":)" + std::to_string(i) + R"(,"tenant_id":"acme","text":"é \" \\"})";
}

struct Log {
  explicit Log(std::uint64_t size) {
    for (std::uint64_t i = 0; i < size; ++i) nodes.add(leaf_hash(as_bytes(leaf_of(i))));
  }
  std::string note(std::uint64_t size) {
    Frontier tree;
    for (std::uint64_t i = 0; i < size; ++i) tree.append(nodes.leaves[i]);
    Note out{.text = Checkpoint{origin, size, tree.root()}.to_text()};
    sign_note(out, origin, key());
    return out.to_string();
  }
  MemoryNodes nodes;
};

KeyRing ring() {
  return *KeyRing::parse(NoteKey(origin, key().public_key()).vkey());
}

std::vector<std::string> evidence(Log& log, std::uint64_t first, std::uint64_t past, std::uint64_t size) {
  std::vector<std::string> lines{
      evidence_line({log.note(size), first, past - first, *compact_range(log.nodes, 0, first),
                     *compact_range(log.nodes, past, size)})};
  for (auto i = first; i < past; ++i) append_evidence_line(lines.emplace_back(), i, leaf_of(i));
  return lines;
}

Result<void> check(const std::vector<std::string>& lines) {
  auto begun = EvidenceCheck::begin(lines.at(0), ring());
  if (!begun) return begun.error();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (auto added = begun->add(lines[i]); !added) return added;
  }
  return begun->finish();
}

TEST(Evidence, OfEveryStretchHolds) {
  Log log(20);
  for (std::uint64_t size = 1; size <= 20; ++size) {
    for (std::uint64_t first = 0; first <= size; ++first) {
      for (std::uint64_t past = first; past <= size; ++past) {
        const auto good = check(evidence(log, first, past, size));
        ASSERT_TRUE(good) << first << " to " << past << " of " << size << ": " << good.error().describe();
      }
    }
  }
}

struct Change {
  const char* name;
  std::function<void(std::vector<std::string>&)> change;
  const char* says;
};
class ChangedEvidence : public ::testing::TestWithParam<Change> {};
TEST_P(ChangedEvidence, IsRefusedAndSaysWhere) {
  Log log(300);
  auto lines = evidence(log, 5, 290, 300);
  ASSERT_TRUE(check(lines));
  GetParam().change(lines);
  const auto refused = check(lines);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().describe().find(GetParam().says), std::string::npos) << refused.error().describe();
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  ASSERT_NE(at, text.npos);
  text.replace(at, from.size(), to);
}
INSTANTIATE_TEST_SUITE_P(
    , ChangedEvidence,
    ::testing::Values(
        Change{"Removed", [](auto& lines) { lines.erase(lines.begin() + 3); }, "tenant acme, record 7"},
        Change{"Swapped", [](auto& lines) { std::swap(lines[1], lines[2]); }, "tenant acme, record 5"},
        Change{"Repeated", [](auto& lines) { lines.insert(lines.begin() + 3, lines[2]); }, "tenant acme, record 7"},
        Change{"Truncated", [](auto& lines) { lines.pop_back(); }, "tenant acme, record 289"},
        Change{"Prolonged", [](auto& lines) { lines.push_back(lines.back()); }, "tenant acme, record 290"},
        Change{"LeafOfAnotherSequence",
               [](auto& lines) { replace(lines[2], R"(\"sequence\":6)", R"(\"sequence\":7)"); },
               "tenant acme, record 6"},
        Change{"LeafOfAnotherTenant", [](auto& lines) { replace(lines[2], "acme", "acmo"); }, "tenant acme, record 6"},
        Change{"LeafChanged", [](auto& lines) { replace(lines[9], "text", "texu"); }, "tenant acme, records 5 to 289"},
        Change{"LineThatIsNoJson", [](auto& lines) { lines[4] = "x"; }, "tenant acme, record 8"},
        Change{"CountChanged", [](auto& lines) { replace(lines[0], R"("count":285)", R"("count":284)"); },
               "tenant acme, record 289"},
        Change{"CountBeyondTheHead", [](auto& lines) { replace(lines[0], R"("count":285)", R"("count":299)"); },
               "/count"},
        Change{"CountThatOverflows",
               [](auto& lines) { replace(lines[0], R"("count":285)", R"("count":18446744073709551615)"); }, "/count"},
        Change{"FirstChanged", [](auto& lines) { replace(lines[0], R"("first":5)", R"("first":4)"); }, ""},
        Change{"SizeChanged", [](auto& lines) { replace(lines[0], "\\n300\\n", "\\n301\\n"); }, "note_unverified"},
        Change{"FormatChanged", [](auto& lines) { replace(lines[0], "evidence/1", "evidence/2"); }, "/format"},
        Change{"NoHead", [](auto& lines) { lines[0] = "[]"; }, "object"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ProofDocument, HoldsAsMadeOnly) {
  Log log(50);
  const auto inclusion = inclusion_document(log.note(50), 17, leaf_of(17), *inclusion_proof(log.nodes, 17, 50));
  EXPECT_EQ(*verify_proof_document(inclusion.dump(), ring()), "tenant acme, record 17 is in the log of 50 records");
  const auto consistency = consistency_document(log.note(20), log.note(50), *consistency_proof(log.nodes, 20, 50));
  EXPECT_TRUE(verify_proof_document(consistency.dump(), ring()));
  const auto refused = [](nlohmann::json document, const char* name, const nlohmann::json& value) {
    document[name] = value;
    const auto result = verify_proof_document(document.dump(), ring());
    return result ? std::string("accepted") : result.error().describe();
  };
  EXPECT_NE(refused(inclusion, "sequence", 18).find("tenant acme, record 18"), std::string::npos);
  EXPECT_NE(refused(inclusion, "leaf", leaf_of(18)).find("record 17"), std::string::npos);
  EXPECT_NE(refused(inclusion, "checkpoint", log.note(49)), "accepted");
  EXPECT_NE(refused(inclusion, "sequence", -1).find("/sequence"), std::string::npos);
  EXPECT_NE(refused(inclusion, "proof", nlohmann::json::array({"AAAA"})).find("/proof/0"), std::string::npos);
  EXPECT_NE(refused(inclusion, "type", "other").find("/type"), std::string::npos);
  EXPECT_NE(refused(consistency, "old_checkpoint", log.note(21)).find("proof_fails"), std::string::npos);
  EXPECT_NE(refused(consistency, "checkpoint", log.note(49)).find("proof_fails"), std::string::npos);
}

TEST(ProofDocument, CallsThePlatformsOwnLogWhatItIs) {
  EXPECT_EQ(log_name("acme"), "tenant acme");
  EXPECT_EQ(log_name("platform"), "the platform");
}

// Of an archived record the hash stands for the leaf, and nothing else may.
TEST(ProofDocument, OfAnArchivedRecordHoldsForItsHash) {
  Log log(50);
  const auto proof = *inclusion_proof(log.nodes, 17, 50);
  const auto hash_of = [](std::uint64_t sequence) { return leaf_hash(as_bytes(leaf_of(sequence))); };
  auto document = archived_inclusion_document(log.note(50), 17, hash_of(17), "2025-01", proof);
  EXPECT_EQ(*verify_proof_document(document.dump(), ring()), "tenant acme, record 17 is in the log of 50 records");
  document["leaf_hash"] = to_base64(hash_of(18));
  EXPECT_EQ(verify_proof_document(document.dump(), ring()).error().reason, "proof_fails");
  document["leaf_hash"] = "AAAA";
  EXPECT_NE(verify_proof_document(document.dump(), ring()).error().describe().find("/leaf_hash"), std::string::npos);
  document["leaf_hash"] = to_base64(hash_of(17));
  document["leaf"] = leaf_of(18);
  EXPECT_NE(verify_proof_document(document.dump(), ring()).error().describe().find("beside leaf"), std::string::npos);
}

TEST(KeyRing, TakesVkeysBareKeysAndTheirDocument) {
  const auto vkey = NoteKey(origin, key().public_key()).vkey();
  const auto bare = public_key_text(key().public_key());
  const auto other = checkpoint_origin("test", "globex");
  EXPECT_EQ(KeyRing::parse(vkey)->keys_for(other).size(), 0U) << "a vkey is of its own log";
  EXPECT_EQ(KeyRing::parse(bare)->keys_for(other).size(), 1U);
  EXPECT_EQ(KeyRing::parse(vkey + "\n" + bare + "\n")->keys_for(origin).size(), 2U);
  EXPECT_EQ(KeyRing::parse(R"({"keys":[{"public_key":")" + bare + R"("}]})")->keys_for(origin).size(), 1U);
  for (const std::string bad : {"", "x", "{}", R"({"keys":[]})", R"({"keys":[3]})"}) {
    EXPECT_FALSE(KeyRing::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace tenantry::audit::evidence_test
