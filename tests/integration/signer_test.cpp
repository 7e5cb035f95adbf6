// Goal: the signer signs what it has read and nothing else, never two roots for one size,
// and says once what was tampered with; so does the verifier (audit-log.md 6, 8).
// Method: real logs; a superuser's hand without triggers; the signer stopped at its worst
// moment and started again.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "shared/audit_tree/checkpoint_store.h"
#include "shared/audit_tree/verify_log.h"
#include "tests/integration/audit_log.h"
#include "workers/signer/signer.h"

namespace tenantry::signer::signer_test {
namespace {

using audit::Finding;
using testing::AuditLog;
using testing::must;

class SignerTest : public ::testing::Test {
 protected:
  SignerTest() {
    std::filesystem::create_directories(folder);
    config.keys.push_back(*crypto::Ed25519Key::from_seed(Bytes(32, 7)));
    start();
  }
  ~SignerTest() override { std::filesystem::remove_all(folder); }

  // A process of its own each time: nothing but the state file is carried over.
  void start() {
    signer.reset();
    state.reset();
    state.emplace(must(State::open(config.state_path)));
    signer = std::make_unique<Signer>(config, *state, connection, log.clock, log.ids);
  }

  std::vector<audit::NoteKey> keys_of(const std::string& origin) const {
    std::vector<audit::NoteKey> out;
    for (const auto& key : config.keys) out.emplace_back(origin, key.public_key());
    return out;
  }

  std::optional<audit::Checkpoint> latest(const std::string& tenant) {
    db::Transaction tx(connection);
    const auto stored = audit::read_latest_checkpoint(tx, tenant);
    if (!stored) return {};
    const auto origin = audit::checkpoint_origin("test", tenant);
    return must(audit::verified(*stored, origin, keys_of(origin)));
  }

  audit::Frontier tree_of(const std::string& tenant) {
    audit::Frontier out;
    for (const auto row : log.database.exec(
             "superuser", "SELECT leaf FROM audit.records WHERE tenant_id = $1 ORDER BY sequence", {tenant})) {
      out.append(audit::leaf_hash(row.bytes(0)));
    }
    return out;
  }

  std::vector<std::string> alarms() {
    std::vector<std::string> out;
    for (const auto row : log.database.exec("superuser",
                                            "SELECT tenant_id || ' ' || type || ' ' || exchange || ' ' || vhost FROM "
                                            "messaging.outbox ORDER BY seq")) {
      out.emplace_back(row.text(0));
    }
    return out;
  }

  audit::LogVerdict verify(const std::string& tenant, bool with_state = true) {
    const auto origin = audit::checkpoint_origin("test", tenant);
    audit::LogExpectation expectation{origin, keys_of(origin)};
    if (with_state && state->heads().contains(tenant)) expectation.signed_head = state->heads().at(tenant);
    db::Connection owner(log.database.url("owner"), "test");
    db::Transaction tx(owner);
    return audit::verify_log(tx, tenant, expectation, [](std::uint64_t) {});
  }

  AuditLog log;
  const std::string folder = ::testing::TempDir() + testing::random_name("tenantry_signer_");
  SignerConfig config{.database_url = log.database.url("signer"),
                      .deployment = "test",
                      .state_path = folder + "/state",
                      .interval = Milliseconds{1'000},
                      .recheck_records = 1'000'000};
  db::Connection connection{log.database.url("signer"), "test"};
  std::optional<State> state;
  std::unique_ptr<Signer> signer;
};

TEST_F(SignerTest, SignsHeadsThatGrewAndNoOthers) {
  log.write("acme", 300);
  log.write("globex", 2);
  signer->round();
  ASSERT_TRUE(latest("acme"));
  EXPECT_EQ(latest("acme")->size, 300U);
  EXPECT_EQ(latest("acme")->root, tree_of("acme").root());
  EXPECT_EQ(latest("globex")->root, tree_of("globex").root());
  signer->round();
  log.write("acme", 7);
  signer->round();
  EXPECT_EQ(latest("acme")->root, tree_of("acme").root());
  EXPECT_EQ(log.database.value("SELECT string_agg(tenant_id || size, ' ' ORDER BY tenant_id, size) FROM "
                               "audit.checkpoints"),
            "acme300 acme307 globex2");
  EXPECT_TRUE(alarms().empty());
  const auto verdict = verify("acme");
  EXPECT_FALSE(verdict.finding);
  EXPECT_EQ(verdict.records, 307U);
  EXPECT_EQ(verdict.checkpoints, 2U);
}

// What a row says never ends the signer, nor keeps the logs of others unsigned; nor does a state file that has it.
TEST_F(SignerTest, ANameThatNoKeyCanBearIsLeftOutAndTheOthersAreSigned) {
  log.write("acme", 2);
  log.tamper("ALTER TABLE audit.heads DROP CONSTRAINT heads_names");
  for (const char* name : {"Acme Corp", "a+b", "\xc2\xa0 \n"}) log.write(name, 3);
  signer->round();
  ASSERT_TRUE(latest("acme"));
  EXPECT_EQ(latest("acme")->size, 2U);
  {
    std::ofstream file(config.state_path, std::ios::app);
    file << R"({"tenant_id":"Acme Corp","size":1,"frontier":")" << to_base64(Bytes(32, 1)) << "\"}\n";
  }
  start();
  log.write("acme", 1);
  signer->round();
  signer->round();
  EXPECT_EQ(latest("acme")->size, 3U);
  EXPECT_EQ(log.database.value("SELECT count(*) FROM audit.checkpoints WHERE tenant_id <> 'acme'"), "0");
  EXPECT_TRUE(alarms().empty());
}

TEST_F(SignerTest, NoLogBeginsUnderANameThatIsNoTenants) {
  for (const char* name : {"Acme Corp", "", "ghost_1", "-acme"}) EXPECT_ANY_THROW(log.write(name, 1)) << name;
  log.write("platform", 1);
  EXPECT_EQ(log.database.value("SELECT string_agg(tenant_id, ' ') FROM audit.heads"), "platform");
}

// Killed between the flush of its state and the publication: the same head again, or a later one, never another root.
TEST_F(SignerTest, KilledBeforePublishingItPublishesTheSameHead) {
  log.write("acme", 5);
  signer->before_publishing = [] { throw std::runtime_error("killed"); };
  EXPECT_THROW(signer->round(), std::runtime_error);
  EXPECT_FALSE(latest("acme"));
  const auto signed_root = tree_of("acme").root();
  start();
  signer->round();
  ASSERT_TRUE(latest("acme"));
  EXPECT_EQ(latest("acme")->size, 5U);
  EXPECT_EQ(latest("acme")->root, signed_root);

  log.write("acme", 5);
  signer->before_publishing = [] { throw std::runtime_error("killed"); };
  EXPECT_THROW(signer->round(), std::runtime_error);
  log.write("acme", 1);
  start();
  signer->round();
  EXPECT_EQ(latest("acme")->size, 11U);
  EXPECT_FALSE(verify("acme").finding);
}

TEST_F(SignerTest, BothKeysSignWhileOneTakesOver) {
  config.keys.push_back(crypto::Ed25519Key::generate());
  log.write("acme", 1);
  signer->round();
  db::Transaction tx(connection);
  const auto stored = *audit::read_latest_checkpoint(tx, "acme");
  const auto origin = audit::checkpoint_origin("test", "acme");
  for (const auto& key : keys_of(origin)) EXPECT_TRUE(audit::verified(stored, origin, {&key, 1}));
}

// A state file that is lost or old must not let another history be signed: what was published is held to, too.
TEST_F(SignerTest, WithoutItsStateItHoldsToWhatItPublished) {
  log.write("acme", 5);
  log.write("globex", 5);
  signer->round();
  std::filesystem::remove(config.state_path);
  log.write("acme", 2);
  log.tamper(
      "UPDATE audit.records SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '/shop', '/shoq'), 'UTF8'), "
      "source = '/shoq' WHERE tenant_id = 'globex' AND sequence = 3;"
      "UPDATE audit.records SET leaf_hash = sha256('\\x00'::bytea || leaf)");
  const auto forged = tree_of("globex");
  log.database.exec("superuser", "UPDATE audit.heads SET frontier = $1 WHERE tenant_id = 'globex'",
                    {forged.to_bytes()});
  start();
  signer->round();
  EXPECT_EQ(latest("acme")->size, 7U);
  EXPECT_EQ(state->findings().at("globex").rule, "history_changed");
}

// ---- tampering -----------------------------------------------------------------------------------------------------

// The whole tree made again over changed leaves: hashes, nodes and head all fit each other.
void rewrite_tree(AuditLog& log, const std::string& tenant) {
  audit::Frontier tree;
  std::vector<audit::Node> nodes;
  for (const auto row : log.database.exec(
           "superuser", "SELECT leaf FROM audit.records WHERE tenant_id = $1 ORDER BY sequence", {tenant})) {
    tree.append(audit::leaf_hash(row.bytes(0)), &nodes);
  }
  std::string script = "UPDATE audit.records SET leaf_hash = sha256('\\x00'::bytea || leaf) WHERE tenant_id = '" +
                       tenant + "'; UPDATE audit.heads SET size = " + std::to_string(tree.size()) +
                       ", frontier = '\\x" + to_hex(tree.to_bytes()) + "' WHERE tenant_id = '" + tenant +
                       "'; DELETE FROM audit.nodes WHERE tenant_id = '" + tenant + "'";
  for (const auto& node : nodes) {
    script += "; INSERT INTO audit.nodes VALUES ('" + tenant + "', " + std::to_string(node.level) + ", " +
              std::to_string(node.index) + ", '\\x" + to_hex(node.hash) + "')";
  }
  log.tamper(script);
}

struct Tampering {
  const char* name;
  std::string script;  // of the log of acme: 600 records, signed at 300 and 600
  std::string rule;
  std::uint64_t sequence = 0, through = 0;
  bool rewritten = false;
};
const std::string change_leaf =
    "UPDATE audit.records SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '\"sealed\":\"', "
    "'\"sealed\":\"AA'), 'UTF8') WHERE tenant_id = 'acme' AND sequence = 400";

class Tampered : public SignerTest, public ::testing::WithParamInterface<Tampering> {};

TEST_P(Tampered, IsFoundBySignerAndVerifierWhichNameTenantAndSequence) {
  log.write("acme", 300);
  log.write("globex", 10);
  signer->round();
  log.write("acme", 300);
  signer->round();
  ASSERT_FALSE(verify("acme").finding);
  log.tamper(GetParam().script);
  if (GetParam().rewritten) rewrite_tree(log, "acme");

  const auto verdict = verify("acme");
  ASSERT_TRUE(verdict.finding);
  EXPECT_EQ(verdict.finding->rule, GetParam().rule) << verdict.finding->describe();
  EXPECT_EQ(verdict.finding->sequence, GetParam().sequence);
  EXPECT_EQ(verdict.finding->through, GetParam().through ? GetParam().through : GetParam().sequence);
  EXPECT_NE(verdict.finding->describe().find("tenant acme, record"), std::string::npos);
  // The published checkpoints alone tell, too: the signer's file is not needed.
  EXPECT_TRUE(verify("acme", false).finding);

  log.write("globex", 1);
  signer->round();
  ASSERT_TRUE(state->findings().contains("acme"));
  EXPECT_EQ(state->findings().at("acme").tenant_id, "acme");
  EXPECT_EQ(state->findings().at("acme").sequence, GetParam().sequence) << state->findings().at("acme").describe();
  const auto raised = alarms();
  ASSERT_FALSE(raised.empty());
  EXPECT_EQ(raised[0], "acme audit.tampering_detected platform.events platform");
  EXPECT_EQ(latest("globex")->size, 11U) << "the others are signed all the same";

  // Once, not in every round and not after a restart; and nothing more is signed.
  signer->round();
  start();
  signer->round();
  signer->round();
  EXPECT_LE(alarms().size(), 2U);
  const auto after = alarms().size();
  signer->round();
  EXPECT_EQ(alarms().size(), after);
  EXPECT_EQ(latest("acme")->size, 600U);
}

INSTANTIATE_TEST_SUITE_P(
    , Tampered,
    ::testing::Values(
        Tampering{"PayloadChanged", change_leaf, "record_changed", 400},
        Tampering{"PayloadAndItsHashChanged",
                  change_leaf + "; UPDATE audit.records SET leaf_hash = sha256('\\x00'::bytea || leaf) WHERE tenant_id "
                                "= 'acme' AND sequence = 400",
                  "history_changed", 300, 599},
        Tampering{"ColumnChanged",
                  "UPDATE audit.records SET outcome = 'failure' WHERE tenant_id = 'acme' AND sequence = 17",
                  "record_changed", 17},
        Tampering{"RecordRemoved", "DELETE FROM audit.records WHERE tenant_id = 'acme' AND sequence = 123",
                  "record_missing", 123},
        Tampering{"RecordInserted",
                  "INSERT INTO audit.records SELECT (jsonb_populate_record(r, jsonb_build_object('recorded_at', "
                  "recorded_at + interval '1 microsecond'))).* FROM audit.records r WHERE tenant_id = 'acme' AND "
                  "sequence = 50",
                  "record_inserted", 50},
        Tampering{"RecordAddedBeyondTheHead",
                  "INSERT INTO audit.records SELECT (jsonb_populate_record(r, '{\"sequence\": 600}')).* FROM "
                  "audit.records r WHERE tenant_id = 'acme' AND sequence = 599",
                  "record_inserted", 600},
        Tampering{"RecordsSwapped",
                  "UPDATE audit.records SET sequence = 1000000 WHERE tenant_id = 'acme' AND sequence = 70;"
                  "UPDATE audit.records SET sequence = 70 WHERE tenant_id = 'acme' AND sequence = 80;"
                  "UPDATE audit.records SET sequence = 80 WHERE tenant_id = 'acme' AND sequence = 1000000",
                  "record_changed", 70},
        Tampering{"TailTruncated", "DELETE FROM audit.records WHERE tenant_id = 'acme' AND sequence >= 550",
                  "record_missing", 550},
        Tampering{"TailTruncatedWithHeadAndNodes",
                  "DELETE FROM audit.records WHERE tenant_id = 'acme' AND sequence >= 550", "log_shrank", 550, 599,
                  true},
        Tampering{"TreeRewritten", change_leaf, "history_changed", 300, 599, true},
        Tampering{"NodeChanged", "UPDATE audit.nodes SET hash = sha256('x') WHERE tenant_id = 'acme' AND index = 1",
                  "node_changed", 256, 511},
        Tampering{"NodeRemoved", "DELETE FROM audit.nodes WHERE tenant_id = 'acme' AND index = 0", "node_changed", 0,
                  255},
        Tampering{"HeadChanged",
                  "UPDATE audit.heads SET frontier = decode(repeat('ab', length(frontier)), 'hex') WHERE tenant_id = "
                  "'acme'",
                  "head_changed", 599},
        Tampering{"LeafThatIsNoJson",
                  "UPDATE audit.records SET leaf = 'x', leaf_hash = sha256('\\x0078') WHERE tenant_id = 'acme' AND "
                  "sequence = 5",
                  "record_malformed", 5}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(SignerTest, ACheckpointThatNobodySignedIsFound) {
  log.write("acme", 10);
  signer->round();
  log.tamper("UPDATE audit.checkpoints SET note = replace(note, E'\\n10\\n', E'\\n11\\n')");
  ASSERT_TRUE(verify("acme").finding);
  EXPECT_EQ(verify("acme").finding->rule, "checkpoint_changed");
}

// Put right again (from a backup, say), the log holds, and is signed on.
TEST_F(SignerTest, ALogPutRightIsSignedAgain) {
  log.write("acme", 10);
  signer->round();
  log.tamper("UPDATE audit.records SET type = 'x' WHERE sequence = 4");
  signer->round();
  ASSERT_TRUE(state->findings().contains("acme"));
  log.tamper("UPDATE audit.records SET type = 'order.created' WHERE sequence = 4");
  log.write("acme", 1);
  signer->round();  // finds nothing any more
  signer->round();
  EXPECT_FALSE(state->findings().contains("acme"));
  EXPECT_EQ(latest("acme")->size, 11U);
}

// ---- the state file ------------------------------------------------------------------------------------------------

TEST_F(SignerTest, StateIsHeldByOneProcess) {
  EXPECT_EQ(State::open(config.state_path).error().reason, "state_held");
}

TEST_F(SignerTest, StateWithACutLastLineReadsWithoutIt) {
  log.write("acme", 3);
  signer->round();
  signer.reset();
  state.reset();
  std::ofstream(config.state_path, std::ios::app) << R"({"tenant_id":"acme","size":9)";
  start();
  EXPECT_EQ(state->heads().at("acme").size(), 3U);
  log.write("acme", 1);
  signer->round();
  start();
  EXPECT_EQ(state->heads().at("acme").size(), 4U);
}

TEST_F(SignerTest, DamagedStateStopsTheSigner) {
  for (const std::string line :
       {"x", R"({"tenant_id":"acme"})", R"({"tenant_id":"acme","size":3,"frontier":"AAAA"})"}) {
    signer.reset();
    state.reset();
    std::ofstream(config.state_path) << line << "\n";
    const auto opened = State::open(config.state_path);
    ASSERT_FALSE(opened) << line;
    EXPECT_EQ(opened.error().reason, "state_damaged");
  }
}

}  // namespace
}  // namespace tenantry::signer::signer_test
