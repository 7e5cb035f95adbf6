// Goal: a month leaves the database only when nothing keeps it and its files are verified,
// whole or not at all; and afterwards every proof can be made that could be made before.
// Method: real logs of chosen months, signed by the real signer; the archiver stopped at
// each of its steps, its files and the database changed behind its back.
#include "workers/archive/archive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "shared/audit_tree/archived_leaves.h"
#include "shared/audit_tree/node_store.h"
#include "shared/audit_tree/verify_log.h"
#include "tests/integration/audit_log.h"
#include "workers/signer/signer.h"

namespace tenantry::archive::archive_test {
namespace {

using testing::AuditLog;
using testing::must;

Timestamp at(const char* text) {
  return *from_rfc3339(text);
}

struct Stopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Archive : public ::testing::Test {
 protected:
  Archive() {
    std::filesystem::create_directories(folder);
    signer_config.keys.push_back(*crypto::Ed25519Key::from_seed(Bytes(32, 7)));
    start_signer();
  }
  ~Archive() override { std::filesystem::remove_all(folder); }

  void start_signer() {
    signer.reset();
    state.reset();
    state.emplace(must(signer::State::open(signer_config.state_path)));
    signer = std::make_unique<signer::Signer>(signer_config, *state, signing, log.clock, log.ids);
  }
  void lose_state() {
    signer.reset();
    state.reset();
    std::filesystem::remove(signer_config.state_path);
    start_signer();
  }

  void add_tenant(const std::string& tenant, const std::string& plan) {
    log.database.add_tenant(tenant);
    log.database.exec("superuser", "UPDATE platform.tenants SET plan = $2 WHERE tenant_id = $1", {tenant, plan});
  }
  void hold(const std::string& tenant, const char* until) {
    log.database.exec("superuser", "INSERT INTO platform.holds VALUES ($1, 'legal', 'case 17', $2)",
                      {tenant, at(until)});
  }

  // Two months of two logs, signed: 300 and 280 records of acme, 5 and 7 of globex.
  void write_two_months() {
    add_tenant("acme", "STARTER");
    add_tenant("globex", "FREE");
    log.write_at(at("2025-01-10T00:00:00Z"), "acme", 300);
    log.write_at(at("2025-01-31T23:59:59Z"), "globex", 5);
    signer->round();
    log.write_at(at("2025-02-01T00:00:00Z"), "acme", 280);
    log.write_at(at("2025-02-10T00:00:00Z"), "globex", 7);
    signer->round();
  }

  Result<Archived> archive(const std::string& month, const char* now = "2027-01-01T00:00:00Z") {
    db::Connection connection(log.database.url("owner"), "test");
    Archiver archiver(config, connection, log.ids, at(now));
    archiver.before = before;
    return archiver.archive(month);
  }
  Result<Archived> stopped_before(const char* step, const std::string& month) {
    before = [step](const char* here) {
      if (std::string_view(here) == step) throw Stopped(step);
    };
    const std::shared_ptr<void> reset(nullptr, [this](void*) { before = [](const char*) {}; });
    return archive(month);
  }

  std::vector<Month> months(const char* now) {
    db::Connection connection(log.database.url("owner"), "test");
    db::Transaction tx(connection);
    return list_months(tx, at(now), config.others_months);
  }
  // "2025-01: rule tenant, rule tenant" for each month
  std::vector<std::string> states(const char* now) {
    std::vector<std::string> out;
    for (const auto& month : months(now)) {
      std::string text = month.month + ":";
      for (const auto& reason : month.kept) text += " " + reason.rule + " " + reason.tenant_id;
      out.push_back(text);
    }
    return out;
  }

  std::string value(const char* sql) { return log.database.value(sql); }
  bool january_is_whole() {
    return value("SELECT count(*) FROM audit.records WHERE recorded_at < '2025-02-01Z'") == "305" &&
           value("SELECT count(*) FROM audit.archives") == "0" &&
           value("SELECT count(*) FROM audit.archived_leaves") == "0" && told() == "0";
  }
  bool january_is_archived() {
    return value("SELECT count(*) FROM audit.records WHERE recorded_at < '2025-02-01Z'") == "0" &&
           value("SELECT sum(records) FROM audit.archives") == "305" &&
           value("SELECT sum(length(hashes)) / 32 FROM audit.archived_leaves") == "305" && told() == "1";
  }
  std::string told() {
    return value(
        "SELECT count(*) FROM messaging.outbox WHERE type = 'audit.month_archived' AND tenant_id = 'platform'");
  }
  std::string alarms() {
    return value("SELECT count(*) FROM messaging.outbox WHERE type = 'audit.tampering_detected'");
  }

  std::vector<audit::Hash> leaves_of(const std::string& tenant) {
    std::vector<audit::Hash> out;
    for (const auto row : log.database.exec(
             "superuser", "SELECT leaf FROM audit.records WHERE tenant_id = $1 ORDER BY sequence", {tenant})) {
      out.push_back(audit::leaf_hash(row.bytes(0)));
    }
    return out;
  }

  audit::LogVerdict verify(const std::string& tenant) {
    const auto origin = audit::checkpoint_origin("test", tenant);
    audit::LogExpectation expectation{origin, config.keys.keys_for(origin)};
    if (state->heads().contains(tenant)) expectation.signed_head = state->heads().at(tenant);
    db::Connection owner(log.database.url("owner"), "test");
    db::Transaction tx(owner);
    return audit::verify_log(tx, tenant, expectation, [](std::uint64_t) {});
  }
  std::string wrong_with(const std::string& tenant) {
    const auto verdict = verify(tenant);
    return verdict.finding ? verdict.finding->rule : "";
  }

  audit::KeyRing keys() const {
    return must(audit::KeyRing::parse(audit::public_key_text(signer_config.keys[0].public_key())));
  }

  AuditLog log;
  const std::string folder = ::testing::TempDir() + testing::random_name("tenantry_archive_");
  signer::SignerConfig signer_config{.database_url = log.database.url("signer"),
                                     .deployment = "test",
                                     .state_path = folder + "/state",
                                     .interval = Milliseconds{1'000},
                                     .recheck_records = 1'000'000};
  db::Connection signing{log.database.url("signer"), "test"};
  std::optional<signer::State> state;
  std::unique_ptr<signer::Signer> signer;
  ArchiveConfig config = [this] {
    const auto key = *crypto::Ed25519Key::from_seed(Bytes(32, 7));
    return ArchiveConfig{.deployment = "test",
                         .keys = must(audit::KeyRing::parse(audit::public_key_text(key.public_key()))),
                         .to = folder,
                         .key = *crypto::Ed25519Key::from_seed(Bytes(32, 7))};
  }();
  std::function<void(const char*)> before = [](const char*) {};
};

// ---- what is due ---------------------------------------------------------------------------------------------------

// A month's end and the longest retention in it; logs of no tenant have one of their own.
TEST_F(Archive, TheLongestRetentionInAMonthCounts) {
  add_tenant("acme", "STARTER");  // 12 months
  add_tenant("globex", "FREE");   // 3
  log.write_at(at("2025-01-10T00:00:00Z"), "acme", 1);
  log.write_at(at("2025-01-10T00:00:00Z"), "globex", 1);
  log.write_at(at("2025-02-10T00:00:00Z"), "globex", 1);
  log.write_at(at("2025-03-10T00:00:00Z"), "platform", 1);
  EXPECT_EQ(states("2025-04-30T23:59:59Z"), (std::vector<std::string>{"2025-01: retention acme retention globex",
                                                                      "2025-02: retention globex earlier_month ",
                                                                      "2025-03: retention platform earlier_month "}));
  EXPECT_EQ(states("2026-01-31T23:59:59Z"),
            (std::vector<std::string>{"2025-01: retention acme", "2025-02: earlier_month ",
                                      "2025-03: retention platform earlier_month "}));
  EXPECT_EQ(states("2026-02-01T00:00:00Z"),
            (std::vector<std::string>{"2025-01:", "2025-02:", "2025-03: retention platform"}));
  EXPECT_EQ(states("2032-03-31T23:59:59Z")[2], "2025-03: retention platform");
  EXPECT_EQ(states("2032-04-01T00:00:00Z")[2], "2025-03:");
}

TEST_F(Archive, ALegalHoldKeepsAMonthUntilItEnds) {
  write_two_months();
  hold("globex", "2026-06-01T00:00:00Z");
  EXPECT_EQ(states("2026-05-31T23:59:59Z")[0], "2025-01: legal_hold globex");
  const auto refused = archive("2025-01", "2026-05-31T23:59:59Z");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "month_kept");
  EXPECT_EQ(refused.error().message, "tenant globex is under a legal hold until 2026-06-01: case 17");
  EXPECT_TRUE(january_is_whole());
  EXPECT_FALSE(std::filesystem::exists(folder + "/2025-01"));
  EXPECT_TRUE(archive("2025-01", "2026-06-01T00:00:00Z"));
}

TEST_F(Archive, RefusesWhatIsNotInTurnAndSaysWhy) {
  write_two_months();
  EXPECT_EQ(archive("2025-01", "2025-12-31T00:00:00Z").error().message,
            "tenant acme keeps its records for 12 months, these until 2026-02-01");
  EXPECT_EQ(archive("2025-02").error().reason, "earlier_month");
  EXPECT_EQ(archive("2024-12").error().reason, "no_records");
  must(archive("2025-01"));
  EXPECT_EQ(archive("2025-01").error().reason, "archived");
  must(archive("2025-02"));
  EXPECT_EQ(value("SELECT count(*) FROM audit.records"), "0");
}

TEST_F(Archive, WaitsForTheSigner) {
  add_tenant("acme", "FREE");
  log.write_at(at("2025-01-10T00:00:00Z"), "acme", 10);
  signer->round();
  log.write_at(at("2025-01-11T00:00:00Z"), "acme", 1);
  EXPECT_EQ(archive("2025-01").error().reason, "not_signed");
  EXPECT_EQ(value("SELECT count(*) FROM audit.records"), "11");
  signer->round();
  EXPECT_TRUE(archive("2025-01"));
}

TEST_F(Archive, OfAnotherDeploymentStaysAsItIs) {
  write_two_months();
  std::filesystem::create_directories(folder + "/2025-01");
  std::ofstream(folder + "/2025-01/manifest.json") << Manifest{.deployment = "other", .month = "2025-01"}.to_text();
  EXPECT_EQ(archive("2025-01").error().reason, "folder_taken");
  EXPECT_TRUE(january_is_whole());
}

// ---- the files -----------------------------------------------------------------------------------------------------

TEST_F(Archive, FilesAreVerifiedWithTheKeyAlone) {
  write_two_months();
  const auto done = must(archive("2025-01"));
  EXPECT_EQ(done.records, 305U);
  EXPECT_EQ(done.logs, 2U);
  const auto path = folder + "/2025-01/manifest.json";
  std::uint64_t records = 0;
  const auto month = must(verify_month(path, keys(), [&](std::uint64_t count) { records += count; }));
  EXPECT_EQ(records, 305U);
  EXPECT_TRUE(month.is_signed);
  EXPECT_EQ(value("SELECT DISTINCT encode(manifest_sha256, 'hex') FROM audit.archives"), to_hex(month.sha256));
  EXPECT_EQ(month.files[0].checkpoint.size, 580U) << "the newest signed head";
  const auto other =
      must(audit::KeyRing::parse(audit::public_key_text(crypto::Ed25519Key::from_seed(Bytes(32, 8))->public_key())));
  EXPECT_EQ(verify_month(path, other, [](std::uint64_t) {}).error().reason, "note_unverified");
}

// Every byte of a file and of the manifest counts.
TEST_F(Archive, AFileThatWasChangedIsRefused) {
  write_two_months();
  must(archive("2025-01"));
  for (const auto* name : {"globex.ndjson.gz", "manifest.json", "manifest.sig"}) {
    const auto path = folder + "/2025-01/" + name;
    const auto text = must(read_file(path, 1'000'000));
    for (const auto place : {std::size_t{0}, text.size() / 3, text.size() / 2, text.size() - 2}) {
      auto changed = text;
      changed[place] = static_cast<char>(changed[place] ^ 1);
      std::ofstream(path, std::ios::binary | std::ios::trunc) << changed;
      EXPECT_FALSE(verify_month(folder + "/2025-01/manifest.json", keys(), [](std::uint64_t) {})) << name << place;
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text.substr(0, text.size() - 9);
    EXPECT_FALSE(verify_month(folder + "/2025-01/manifest.json", keys(), [](std::uint64_t) {})) << name;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  EXPECT_TRUE(verify_month(folder + "/2025-01/manifest.json", keys(), [](std::uint64_t) {}));
}

// ---- stopped, or disturbed -----------------------------------------------------------------------------------------

class Interrupted : public Archive, public ::testing::WithParamInterface<const char*> {};

TEST_P(Interrupted, LeavesTheMonthWholeAndGoesOnWhenCalledAgain) {
  write_two_months();
  EXPECT_THROW(must(stopped_before(GetParam(), "2025-01")), Stopped);
  EXPECT_TRUE(january_is_whole());
  EXPECT_EQ(wrong_with("acme"), "");
  must(archive("2025-01"));
  EXPECT_TRUE(january_is_archived());
  EXPECT_TRUE(verify_month(folder + "/2025-01/manifest.json", keys(), [](std::uint64_t) {}));
  EXPECT_EQ(wrong_with("acme"), "");
}

INSTANTIATE_TEST_SUITE_P(, Interrupted, ::testing::Values("file", "manifest", "verify", "let_go", "commit"),
                         [](const auto& row) { return std::string(row.param); });

TEST_F(Archive, StoppedAfterItsCommitItIsArchived) {
  write_two_months();
  EXPECT_THROW(must(stopped_before("end", "2025-01")), Stopped);
  EXPECT_TRUE(january_is_archived());
  EXPECT_EQ(archive("2025-01").error().reason, "archived");
}

// What happens between two of its steps: a file on the disk changes, a hold is placed, the log itself is changed.
TEST_F(Archive, WhatChangesMeanwhileKeepsTheMonth) {
  write_two_months();
  const auto disturbed = [&](const char* step, const std::function<void()>& disturb) {
    before = [&](const char* here) {
      if (std::string_view(here) == step) disturb();
    };
    const auto result = archive("2025-01");
    before = [](const char*) {};
    EXPECT_FALSE(result) << step;
    EXPECT_EQ(value("SELECT count(*) FROM audit.archives"), "0") << step;
    EXPECT_EQ(told(), "0") << step;
    return result ? "" : result.error().reason;
  };
  EXPECT_NE(disturbed("verify", [&] { std::ofstream(folder + "/2025-01/acme.ndjson.gz", std::ios::app) << "x"; }), "");
  EXPECT_EQ(disturbed("let_go", [&] { hold("acme", "2030-01-01T00:00:00Z"); }), "month_kept");
  log.database.exec("superuser", "DELETE FROM platform.holds");
  const auto hash =
      value("SELECT encode(leaf_hash, 'hex') FROM audit.records WHERE tenant_id = 'acme' AND sequence = 9");
  EXPECT_EQ(disturbed("let_go",
                      [&] {
                        log.tamper(
                            "UPDATE audit.records SET leaf_hash = sha256('x') WHERE tenant_id = 'acme' AND "
                            "sequence = 9");
                      }),
            "archive_fails");
  log.tamper("UPDATE audit.records SET leaf_hash = decode('" + hash +
             "', 'hex') WHERE tenant_id = 'acme' AND sequence = 9");
  EXPECT_TRUE(january_is_whole());
  add_tenant("initech", "FREE");
  EXPECT_EQ(disturbed("let_go", [&] { log.write_at(at("2025-01-31T00:00:00Z"), "initech", 1); }), "archive_fails");
  EXPECT_EQ(value("SELECT count(*) FROM audit.records WHERE recorded_at < '2025-02-01Z'"), "306");
}

TEST_F(Archive, NothingIsRecordedInAMonthThatIsArchived) {
  write_two_months();
  must(archive("2025-01"));
  EXPECT_THROW(log.write_at(at("2025-01-31T00:00:00Z"), "initech", 1), db::StatementError);
  log.write_at(at("2025-02-11T00:00:00Z"), "initech", 1);
}

// ---- across the cut ------------------------------------------------------------------------------------------------

// Every inclusion, every pair of heads around the cut and the multiples of 256, as the gateway makes them.
TEST_F(Archive, EveryProofAcrossTheCutHolds) {
  write_two_months();
  const auto leaves = leaves_of("acme");
  ASSERT_EQ(leaves.size(), 580U);
  std::vector<audit::Hash> roots;
  audit::Frontier frontier;
  for (const auto& leaf : leaves) {
    roots.push_back(frontier.root());
    frontier.append(leaf);
  }
  roots.push_back(frontier.root());
  must(archive("2025-01"));

  db::Connection gateway(log.database.url("gateway"), "test");
  db::Transaction tx(gateway);
  tx.set_tenant("acme");
  audit::PostgresNodes nodes(tx, "acme");
  for (std::uint64_t sequence = 0; sequence < 580; ++sequence) {
    for (const std::uint64_t size : {sequence + 1, std::uint64_t{580}}) {
      const auto proof = must(audit::inclusion_proof(nodes, sequence, size));
      EXPECT_TRUE(audit::verify_inclusion(sequence, size, leaves[sequence], proof, roots[size])) << sequence << size;
    }
  }
  std::vector<std::uint64_t> sizes{1, 2, 254, 255, 256, 257, 511, 512, 513, 580};
  for (std::uint64_t size = 290; size <= 310; ++size) sizes.push_back(size);
  std::ranges::sort(sizes);
  for (const auto newer : sizes) {
    for (const auto older : sizes) {
      if (older > newer) break;
      const auto proof = must(audit::consistency_proof(nodes, older, newer));
      EXPECT_TRUE(audit::verify_consistency(older, newer, roots[older], roots[newer], proof)) << older << newer;
    }
  }
  EXPECT_EQ(audit::read_archived_leaves(tx, "acme", 250, 300),
            std::vector<audit::Hash>(leaves.begin() + 250, leaves.begin() + 300));
  EXPECT_EQ(audit::first_kept(tx, "acme"), 300U);
  EXPECT_EQ(audit::first_kept(tx, "globex"), 0U) << "another tenant's";
}

TEST_F(Archive, TheSignerSignsOnAndRaisesNoAlarm) {
  write_two_months();
  must(archive("2025-01"));
  log.write("acme", 3);
  signer->round();
  lose_state();
  log.write("acme", 4);
  log.write("globex", 1);
  signer->round();
  signer->round();
  EXPECT_EQ(alarms(), "0");
  EXPECT_TRUE(state->findings().empty());
  EXPECT_EQ(state->heads().at("acme").size(), 587U);
  const auto verdict = verify("acme");
  EXPECT_FALSE(verdict.finding);
  EXPECT_EQ(verdict.records, 587U);
  EXPECT_EQ(verdict.archived, 300U);
  EXPECT_EQ(verdict.checkpoints, 4U) << "also those that were signed before the cut";
}

struct Vanished {
  const char* name;
  const char* script;
  const char* rule;
};
class Gone : public Archive, public ::testing::WithParamInterface<Vanished> {};

// What leaves without an archive, and an archive that is not that of the log, are found by the signer's re-check and by
// the verifier.
TEST_P(Gone, IsFound) {
  write_two_months();
  must(archive("2025-01"));
  signer->round();
  ASSERT_EQ(alarms(), "0");
  log.tamper(GetParam().script);
  EXPECT_EQ(wrong_with("acme"), GetParam().rule);
  signer->round();
  signer->round();
  EXPECT_EQ(alarms(), "1");
  EXPECT_EQ(state->findings().at("acme").rule, GetParam().rule);
}

INSTANTIATE_TEST_SUITE_P(
    , Gone,
    ::testing::Values(
        Vanished{"RecordsWithoutAnArchive", "DELETE FROM audit.records WHERE tenant_id = 'acme' AND sequence < 400",
                 "record_missing"},
        Vanished{"TheArchivesRow", "DELETE FROM audit.archives WHERE tenant_id = 'acme'", "record_missing"},
        Vanished{"SomeLeafHashes",
                 "DELETE FROM audit.archived_leaves WHERE tenant_id = 'acme' AND first_sequence = 256",
                 "archive_changed"},
        Vanished{
            "OneLeafHashChanged",
            "UPDATE audit.archived_leaves SET hashes = overlay(hashes PLACING sha256('x') FROM 33) WHERE tenant_id "
            "= 'acme' AND first_sequence = 0",
            "history_changed"},
        Vanished{
            "OneLeafHashChangedBehindTheLastNode",
            "UPDATE audit.archived_leaves SET hashes = overlay(hashes PLACING sha256('x') FROM 33) WHERE tenant_id "
            "= 'acme' AND first_sequence = 256",
            "history_changed"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace tenantry::archive::archive_test
