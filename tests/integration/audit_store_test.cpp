// Goal: the audit log takes its next records and nothing else, from nobody else, and
// changes nothing it has (audit-log.md 7 and 8).
// Method: audit.append with calls that do not fit; then writers at once, and the tree
// computed again from the leaves that were stored.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "shared/audit_tree/node_store.h"
#include "shared/core/ids.h"
#include "shared/db/migrate.h"
#include "shared/db/run.h"
#include "tests/support/services.h"
#include "workers/audit/store.h"

namespace tenantry::audit::audit_store_test {
namespace {

using testing::must;
using testing::TestDatabase;

class AuditStore : public ::testing::Test {
 protected:
  Leaf next(const std::string& tenant, Frontier& head, std::vector<TenantNode>* nodes = nullptr) {
    Leaf leaf;
    leaf.record = {.tenant_id = tenant,
                   .sequence = head.size(),
                   .event_id = ids.next(),
                   .type = "test.happened",
                   .occurred_at = clock.now(),
                   .recorded_at = clock.now(),
                   .actor_kind = "service",
                   .actor_id = "test",
                   .actor_ip = {},
                   .actor_agent = {},
                   .action = "CREATE",
                   .crud = "create",
                   .resource = "thing",
                   .resource_id = "1",
                   .failure = false,
                   .correlation_id = {},
                   .causation_id = {},
                   .source = "/test",
                   .exchange = "acme.events",
                   .payload = R"({"nul":"\u0000"})"};
    leaf.bytes = tenant + std::string(1, '\0') + leaf.record.event_id.to_string();
    leaf.hash = leaf_hash(as_bytes(leaf.bytes));
    std::vector<Node> completed;
    head.append(leaf.hash, &completed);
    for (const auto& node : completed) {
      if (nodes != nullptr) nodes->push_back({tenant, node});
    }
    return leaf;
  }

  // One batch of `count` records as the audit worker writes it.
  Result<void> write(const std::string& tenant, int count) {
    db::Connection own(database.url("audit"), "test");
    return db::run(own, {}, [&](db::Transaction& tx) -> Result<void> {
      auto heads = lock_heads(tx, {tenant});
      std::vector<Leaf> leaves;
      std::vector<TenantNode> nodes;
      for (int i = 0; i < count; ++i) leaves.push_back(next(tenant, heads.at(tenant).frontier, &nodes));
      append(tx, leaves, heads, nodes);
      return {};
    });
  }

  SystemClock clock;
  SystemIdGenerator ids{clock};
  TestDatabase database;
  db::Connection connection{database.url("audit"), "test"};
};

struct Misfit {
  const char* name;
  std::function<void(std::vector<Leaf>&, Heads&)> spoil;
};
class Refused : public AuditStore, public ::testing::WithParamInterface<Misfit> {};

TEST_P(Refused, AndNothingIsWritten) {
  must(write("acme", 3));
  must(write("globex", 2));
  const auto heads_before = database.value("SELECT string_agg(h::text, ';' ORDER BY tenant_id) FROM audit.heads h");
  try {
    db::Transaction tx(connection);
    auto heads = lock_heads(tx, {"acme"});
    std::vector<Leaf> leaves = {next("acme", heads.at("acme").frontier), next("acme", heads.at("acme").frontier)};
    GetParam().spoil(leaves, heads);
    append(tx, leaves, heads, {});
    tx.commit();
    ADD_FAILURE() << "accepted";
  } catch (const db::StatementError& error) {
    EXPECT_EQ(error.sqlstate, "22000") << error.what();
  }
  EXPECT_EQ(database.value("SELECT count(*)::text FROM audit.records"), "5");
  EXPECT_EQ(database.value("SELECT string_agg(h::text, ';' ORDER BY tenant_id) FROM audit.heads h"), heads_before);
}

Head of_size(int size) {
  Head out;
  for (int i = 0; i < size; ++i) out.frontier.append(empty_root());
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    , Refused,
    ::testing::Values(Misfit{"GapBeforeTheFirst", [](auto& leaves, auto&) { leaves.erase(leaves.begin()); }},
                      Misfit{"GapWithin", [](auto& leaves, auto&) { leaves[1].record.sequence = 5; }},
                      Misfit{"SequenceTwice", [](auto& leaves, auto&) { leaves[1].record.sequence = 3; }},
                      Misfit{"SequenceTwiceForOneLeftOut",
                             [](auto& leaves, auto& heads) {
                               leaves[1].record.sequence = 5;
                               leaves.push_back(leaves[1]);
                               leaves.back().record.recorded_at += Milliseconds{1};  // not the same key
                               heads["acme"] = of_size(6);
                             }},
                      Misfit{"RecordedBeforeTheLast",
                             [](auto& leaves, auto&) { leaves[0].record.recorded_at -= Days{1}; }},
                      Misfit{"SequenceTakenBefore", [](auto& leaves, auto&) { leaves[0].record.sequence = 2; }},
                      Misfit{"HeadTooSmall", [](auto&, auto& heads) { heads["acme"] = of_size(4); }},
                      Misfit{"HeadTooLarge", [](auto&, auto& heads) { heads["acme"] = of_size(6); }},
                      Misfit{"HeadMissing", [](auto&, auto& heads) { heads.clear(); }},
                      Misfit{"TenantWithoutHead", [](auto& leaves, auto&) { leaves[1].record.tenant_id = "initech"; }},
                      Misfit{"HeadOfATenantWithoutRecords", [](auto&, auto& heads) { heads["globex"] = of_size(1); }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(AuditStore, ArraysOfDifferentLengthAreRefused) {
  db::Transaction tx(connection);
  lock_heads(tx, {"acme"});
  try {
    const auto none =
        "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', "
        "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'";
    tx.exec("SELECT audit.append('{acme}', " + std::string(none) + ")");
    FAIL() << "accepted";
  } catch (const db::StatementError& error) {
    EXPECT_EQ(error.sqlstate, "22000") << error.what();
  }
}

class Change : public AuditStore, public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(Change, IsRefusedEvenToTheOwnerAndTheSuperuser) {
  must(write("acme", 256));
  std::string statement = GetParam().second;
  // Of the parent and of the month alone.
  const std::string month = "PARTITION";
  if (const auto at = statement.find(month); at != statement.npos) {
    statement.replace(at, month.size(),
                      database.value("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent "
                                     "= 'audit.records'::regclass"));
  }
  for (const char* role : {"owner", "superuser"}) {
    try {
      database.exec(role, statement);
      ADD_FAILURE() << "accepted of " << role;
    } catch (const db::StatementError& error) {
      EXPECT_EQ(error.sqlstate, "42501") << error.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Change,
                         ::testing::Values(std::pair{"UpdateRecord", "UPDATE audit.records SET type = 'x'"},
                                           std::pair{"DeleteRecord", "DELETE FROM audit.records"},
                                           std::pair{"TruncateRecords", "TRUNCATE audit.records"},
                                           std::pair{"UpdateRecordOfAMonth", "UPDATE PARTITION SET type = 'x'"},
                                           std::pair{"DeleteRecordOfAMonth", "DELETE FROM PARTITION"},
                                           std::pair{"TruncateMonth", "TRUNCATE PARTITION"},
                                           std::pair{"UpdateNode", "UPDATE audit.nodes SET index = 7"},
                                           std::pair{"DeleteNode", "DELETE FROM audit.nodes"},
                                           std::pair{"TruncateNodes", "TRUNCATE audit.nodes"},
                                           std::pair{"DeleteHead", "DELETE FROM audit.heads"},
                                           std::pair{"TruncateHeads", "TRUNCATE audit.heads"}),
                         [](const auto& row) { return std::string(row.param.first); });

// A superuser's session_replication_role skips triggers that are not ENABLE ALWAYS: those of the months, too, are.
TEST_F(AuditStore, MonthsInheritTheRules) {
  must(write("acme", 1));
  EXPECT_EQ(
      database.value("SELECT string_agg(tgname || ' ' || tgenabled::text, ', ' ORDER BY tgname) FROM pg_trigger t JOIN "
                     "pg_inherits i ON i.inhrelid = t.tgrelid WHERE inhparent = 'audit.records'::regclass"),
      "records_append_only A, records_no_truncate A");
  EXPECT_EQ(database.value("SELECT bool_and(relrowsecurity AND relforcerowsecurity)::text FROM pg_class c JOIN "
                           "pg_inherits i ON i.inhrelid = c.oid WHERE inhparent = 'audit.records'::regclass"),
            "true");
}

TEST_F(AuditStore, ABatchOverTheTurnOfAMonthLiesInBoth) {
  db::Transaction tx(connection);
  auto heads = lock_heads(tx, {"acme"});
  std::vector<Leaf> leaves = {next("acme", heads.at("acme").frontier), next("acme", heads.at("acme").frontier)};
  leaves[0].record.recorded_at = *from_rfc3339("2031-12-31T23:59:59.999999Z");
  leaves[1].record.recorded_at = *from_rfc3339("2032-01-01T00:00:00Z");
  append(tx, leaves, heads, {});
  tx.commit();
  EXPECT_EQ(database.value("SELECT string_agg(tableoid::regclass::text, ' ' ORDER BY sequence) FROM audit.records"),
            "audit.records_2031_12 audit.records_2032_01");
}

TEST_F(AuditStore, WritersAtOnceGiveAGaplessSequenceAndItsTree) {
  constexpr int writers = 4;
  constexpr int batches = 8;
  std::vector<std::future<Result<void>>> running;
  for (int writer = 0; writer < writers; ++writer) {
    running.push_back(std::async(std::launch::async, [&, writer]() -> Result<void> {
      for (int batch = 0; batch < batches; ++batch) {
        if (auto ok = write("acme", 1 + (writer + batch) % 4); !ok) return ok;
      }
      return {};
    }));
  }
  for (auto& one : running) must(one.get());

  Frontier again;
  const auto rows = database.exec("superuser", "SELECT sequence, leaf, leaf_hash FROM audit.records ORDER BY sequence");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].int64(0), static_cast<std::int64_t>(i));
    const auto hash = leaf_hash(rows[i].bytes(1));
    EXPECT_EQ(Bytes(hash.begin(), hash.end()), rows[i].bytes(2));
    again.append(hash);
  }
  EXPECT_EQ(rows.size(), 80U);  // 4 writers, batches of 1 to 4 in turn
  const auto head = database.exec("superuser", "SELECT size, frontier FROM audit.heads WHERE tenant_id = 'acme'");
  EXPECT_EQ(head[0].int64(0), static_cast<std::int64_t>(again.size()));
  EXPECT_EQ(head[0].bytes(1), again.to_bytes());
}

// ---- nodes ---------------------------------------------------------------------------------------------------------

struct MisfitNodes {
  const char* name;
  std::function<void(std::vector<TenantNode>&)> spoil;
};
class NodesRefused : public AuditStore, public ::testing::WithParamInterface<MisfitNodes> {};

TEST_P(NodesRefused, AndNothingIsWritten) {
  must(write("acme", 250));
  must(write("globex", 250));
  db::Transaction tx(connection);
  auto heads = lock_heads(tx, {"acme", "globex"});
  std::vector<Leaf> leaves;
  std::vector<TenantNode> nodes;
  for (int i = 0; i < 10; ++i) leaves.push_back(next("acme", heads.at("acme").frontier, &nodes));
  leaves.push_back(next("globex", heads.at("globex").frontier, &nodes));
  ASSERT_EQ(nodes.size(), 1U);
  GetParam().spoil(nodes);
  try {
    append(tx, leaves, heads, nodes);
    tx.commit();
    ADD_FAILURE() << "accepted";
  } catch (const db::StatementError& error) {
    EXPECT_TRUE(error.sqlstate == "22000" || error.sqlstate == "23505") << error.what();
  }
  EXPECT_EQ(database.value("SELECT (SELECT count(*) FROM audit.records) || ' ' || (SELECT count(*) FROM audit.nodes)"),
            "500 0");
}

INSTANTIATE_TEST_SUITE_P(
    , NodesRefused,
    ::testing::Values(MisfitNodes{"LeftOut", [](auto& nodes) { nodes.clear(); }},
                      MisfitNodes{"OneTooMany",
                                  [](auto& nodes) {
                                    nodes.push_back(nodes[0]);
                                    nodes.back().node.index = 1;
                                  }},
                      MisfitNodes{"Twice", [](auto& nodes) { nodes.push_back(nodes[0]); }},
                      MisfitNodes{"OfAnotherLevel", [](auto& nodes) { nodes[0].node.level = 16; }},
                      MisfitNodes{"OfNoKeptLevel", [](auto& nodes) { nodes[0].node.level = 7; }},
                      MisfitNodes{"OfAnotherPlace", [](auto& nodes) { nodes[0].node.index = 1; }},
                      MisfitNodes{"OfATenantThatCompletesNone", [](auto& nodes) { nodes[0].tenant_id = "globex"; }},
                      MisfitNodes{"OfATenantWithoutRecords", [](auto& nodes) { nodes[0].tenant_id = "initech"; }}),
    [](const auto& row) { return std::string(row.param.name); });

std::vector<std::string> nodes_of(TestDatabase& database) {
  std::vector<std::string> out;
  for (const auto row : database.exec("superuser",
                                      "SELECT concat_ws(' ', tenant_id, level, index, encode(hash, 'hex')) FROM "
                                      "audit.nodes ORDER BY tenant_id, level, index")) {
    out.emplace_back(row.text(0));
  }
  return out;
}

std::vector<std::string> nodes_again(TestDatabase& database, const std::string& tenant) {
  std::vector<Node> completed;
  Frontier again;
  for (const auto row : database.exec(
           "superuser", "SELECT leaf_hash FROM audit.records WHERE tenant_id = $1 ORDER BY sequence", {tenant})) {
    again.append(*to_hash(row.bytes(0)), &completed);
  }
  std::vector<std::string> out;
  for (const auto& node : completed) {
    out.push_back(tenant + " " + std::to_string(node.level) + " " + std::to_string(node.index) + " " +
                  to_hex(node.hash));
  }
  return out;
}

TEST_F(AuditStore, NodesAreThoseOfTheTree) {
  for (const int count : {255, 1, 1, 700, 300}) must(write("acme", count));
  must(write("globex", 255));
  const auto nodes = nodes_of(database);
  EXPECT_EQ(nodes.size(), 4U);
  EXPECT_EQ(nodes, nodes_again(database, "acme"));
}

// A month per 2,000 records, so that every range lies in the middle of many partitions.
TEST_F(AuditStore, ProofsAreRightAcrossMonthsAndReadFewRows) {
  Frontier tree;
  std::vector<Hash> leaf_hashes;
  constexpr int months = 36;
  for (int month = 0; month < months; ++month) {
    db::Transaction tx(connection);
    auto heads = lock_heads(tx, {"acme"});
    std::vector<Leaf> leaves;
    std::vector<TenantNode> nodes;
    for (int i = 0; i < 1'900; ++i) {
      leaves.push_back(next("acme", heads.at("acme").frontier, &nodes));
      leaves.back().record.recorded_at = *from_rfc3339("2031-01-15T00:00:00Z") + Days{30} * month;
      leaf_hashes.push_back(leaves.back().hash);
      tree.append(leaves.back().hash);
    }
    append(tx, leaves, heads, nodes);
    tx.commit();
  }
  ASSERT_EQ(database.value("SELECT count(*)::text FROM audit.nodes WHERE level = 16"), "1");
  const auto size = tree.size();
  Frontier older;
  for (std::uint64_t i = 0; i < size / 2 + 77; ++i) older.append(leaf_hashes[i]);

  db::Transaction tx(connection);
  PostgresNodes nodes(tx, "acme");
  for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{255}, std::uint64_t{33'333}, size - 1}) {
    const auto proof = must(inclusion_proof(nodes, index, size));
    must(verify_inclusion(index, size, leaf_hashes[index], proof, tree.root()));
  }
  must(verify_consistency(older.size(), size, older.root(), tree.root(),
                          must(consistency_proof(nodes, older.size(), size))));
  EXPECT_EQ(inclusion_proof(nodes, 0, size + 1).error().reason, "audit_node_missing");

  // What a proof reads of the months: by key in each, never a month.
  std::string plan;
  for (const auto row : tx.exec("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT leaf_hash, sequence FROM "
                                "audit.records WHERE tenant_id = 'acme' AND sequence >= 33280 AND sequence < 33536 "
                                "ORDER BY sequence LIMIT 256")) {
    plan += std::string(row.text(0)) + "\n";
  }
  EXPECT_EQ(plan.find("Seq Scan"), plan.npos) << plan;
  EXPECT_EQ(plan.find("Rows Removed by Filter"), plan.npos) << plan;
}

// The migration's own arithmetic, from records without nodes.
TEST_F(AuditStore, MigrationGivesLogsThatExistTheirNodes) {
  for (const int count : {1'000, 65'000, 600}) must(write("acme", count));
  must(write("globex", 512));
  must(write("initech", 255));
  const auto before = nodes_of(database);
  ASSERT_EQ(before.size(), 66'600U / 256 + 1 + 2);

  const auto all = must(db::embedded_migrations());
  const auto it = std::ranges::find_if(
      all, [](const auto& each) { return each.name.find("keep_audit_nodes") != std::string::npos; });
  ASSERT_NE(it, all.end());
  // Back to where the migration began: its function replaces the one it drops.
  database.exec("superuser", "DROP TABLE audit.nodes");
  database.exec("owner", it->sql.substr(0, it->sql.find("CREATE TRIGGER nodes_append_only")));
  EXPECT_EQ(nodes_of(database), before);
}

}  // namespace
}  // namespace tenantry::audit::audit_store_test
