// Goal: no service sees or changes more than its own: row-level security, rights of
// roles (security.md T1 and T3).
// Method: sweeps over pg_catalog, so that a table added later is held to the same rules;
// then the gateway's role against two tenants' rows.
#include <gtest/gtest.h>

#include "shared/db/connection.h"
#include "shared/db/run.h"
#include "tests/support/services.h"

namespace tenantry {
namespace {

using testing::TestDatabase;

constexpr const char* ours =
    "n.nspname IN ('platform', 'messaging', 'billing', 'metering', 'audit', 'provisioning', 'notification', "
    "'tenant_data', 'analytics')";

struct Sweep {
  const char* name;
  std::string finds;  // what breaks the rule; none may be found
};

class Isolation : public ::testing::TestWithParam<Sweep> {};

TEST_P(Isolation, Sweep) {
  TestDatabase database;
  const auto rows = database.exec("superuser", GetParam().finds);
  for (const auto row : rows) ADD_FAILURE() << row.text(0);
}

INSTANTIATE_TEST_SUITE_P(
    , Isolation,
    ::testing::Values(
        Sweep{
            "EveryTableWithTenantHasForcedRowSecurity",
            std::string("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped "
                        "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND ") +
                ours + " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"},
        Sweep{"EveryViewRunsWithItsReadersRights",
              std::string("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                          "WHERE c.relkind = 'v' AND ") +
                  ours + " AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)"},
        Sweep{"NoMaterializedViews", "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'm'"},
        Sweep{"NoServiceIsPowerful",
              "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'tenantry\\_%' AND (rolsuper OR rolbypassrls OR "
              "rolcreaterole OR rolcreatedb OR rolreplication)"},
        Sweep{"NoServiceIsMemberOfAnother",
              "SELECT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname LIKE "
              "'tenantry\\_%'"},
        Sweep{"NobodyButTheOwnerChangesTheAuditLog",
              "SELECT r.rolname::text || ' ' || p || ' ' || t FROM pg_roles r, unnest(ARRAY['INSERT', 'UPDATE', "
              "'DELETE', 'TRUNCATE', 'TRIGGER']) p, unnest(ARRAY['audit.records', 'audit.heads', 'audit.nodes', "
              "'audit.checkpoints']) t "
              "WHERE r.rolname "
              "LIKE 'tenantry\\_%' AND r.rolname <> 'tenantry_owner' AND has_table_privilege(r.oid, t, p) AND NOT "
              "(r.rolname "
              "= 'tenantry_signer' AND t = 'audit.checkpoints' AND p = 'INSERT')"},
        Sweep{"NoServiceTruncates",
              std::string("SELECT r.rolname::text || ' ' || c.oid::regclass::text FROM pg_roles r, pg_class c JOIN "
                          "pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND ") +
                  ours +
                  " AND r.rolname LIKE 'tenantry\\_%' AND r.rolname <> 'tenantry_owner' AND "
                  "has_table_privilege(r.oid, c.oid, 'TRUNCATE')"},
        Sweep{
            "NoPartitionIsReachableDirectly",
            "SELECT r.rolname::text || ' ' || c.oid::regclass::text FROM pg_roles r, pg_class c WHERE c.relispartition "
            "AND c.relkind = 'r' AND r.rolname LIKE 'tenantry\\_%' AND r.rolname <> 'tenantry_owner' AND "
            "has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')"},
        Sweep{"EverythingBelongsToTheOwner",
              std::string("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                          "WHERE c.relkind IN ('r', 'p', 'v', 'S') AND ") +
                  ours + " AND c.relowner <> 'tenantry_owner'::regrole"},
        Sweep{
            "DefinersFixTheirSearchPath",
            std::string("SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
                        "WHERE p.prosecdef AND ") +
                ours +
                " AND NOT coalesce(array_to_string(p.proconfig, ' ') LIKE '%search_path=pg_catalog, pg_temp%', false)"},
        Sweep{"AuditFunctionsAreTheAuditWorkersOnly",
              "SELECT r.rolname::text || ' ' || p.oid::regprocedure::text FROM pg_roles r, pg_proc p WHERE "
              "p.pronamespace = 'audit'::regnamespace AND p.prorettype <> 'trigger'::regtype AND r.rolname LIKE "
              "'tenantry\\_%' AND r.rolname NOT IN ('tenantry_owner', 'tenantry_audit') AND "
              "has_function_privilege(r.oid, p.oid, 'EXECUTE')"},
        Sweep{
            "EverySignedTimeoutIsSet",
            "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'tenantry\\_%' AND rolname <> 'tenantry_owner' AND "
            "NOT coalesce(array_to_string(rolconfig, ' ') LIKE '%statement_timeout=%' AND array_to_string(rolconfig, "
            "' ') LIKE '%lock_timeout=%', false)"}),
    [](const auto& row) { return std::string(row.param.name); });

class Gateway : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* tenant : {"acme", "globex"}) {
      for (const char* sql : {"INSERT INTO tenant_data.stores VALUES ($1, now())",
                              "INSERT INTO tenant_data.clients SELECT $1, gen_random_uuid(), 'client ' || n, '', "
                              "gen_random_uuid(), now() "
                              "FROM generate_series(1, 3) n"}) {
        database.exec("superuser", sql, {tenant});
      }
    }
  }
  static std::string seen(db::Transaction& tx) {
    return std::string(tx.exec("SELECT coalesce(string_agg(DISTINCT tenant_id, ' '), '') || count(*) FROM "
                               "tenant_data.clients")[0]
                           .text(0));
  }

  TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
};

TEST_F(Gateway, SeesNothingWithoutATenant) {
  db::Transaction tx(connection);
  EXPECT_EQ(seen(tx), "0");
  tx.set_tenant("");
  EXPECT_EQ(seen(tx), "0");
}

TEST_F(Gateway, SeesAndChangesItsOwnRowsOnly) {
  db::Transaction tx(connection);
  tx.set_tenant("acme");
  EXPECT_EQ(seen(tx), "acme3");
  EXPECT_EQ(tx.exec("UPDATE tenant_data.clients SET name = 'x' WHERE tenant_id = 'globex'").affected(), 0U);
  EXPECT_EQ(tx.exec("DELETE FROM tenant_data.clients WHERE tenant_id = 'globex'").affected(), 0U);
  EXPECT_EQ(tx.exec("UPDATE tenant_data.clients SET name = 'x'").affected(), 3U);
}

struct Foreign {
  const char* name;
  const char* sql;
};
class ForeignRow : public Gateway, public ::testing::WithParamInterface<Foreign> {};

TEST_P(ForeignRow, IsRefused) {
  db::Transaction tx(connection);
  tx.set_tenant("acme");
  try {
    tx.exec(GetParam().sql);
    FAIL() << "accepted";
  } catch (const db::StatementError& error) {
    EXPECT_EQ(error.sqlstate, "42501") << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ForeignRow,
    ::testing::Values(Foreign{"Inserted",
                              "INSERT INTO tenant_data.clients VALUES ('globex', gen_random_uuid(), 'n', '', "
                              "gen_random_uuid(), now())"},
                      Foreign{"MovedToAnotherTenant", "UPDATE tenant_data.clients SET tenant_id = 'globex'"},
                      Foreign{"Truncated", "TRUNCATE tenant_data.clients"},
                      Foreign{"StoreOpened", "INSERT INTO tenant_data.stores VALUES ('initech', now())"},
                      Foreign{"SecurityTurnedOff", "ALTER TABLE tenant_data.clients DISABLE ROW LEVEL SECURITY"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(Gateway, TenantOfOneTransactionIsGoneInTheNextWhateverItsEnd) {
  const std::string own[] = {"acme3", "globex3"};
  const char* names[] = {"acme", "globex"};
  for (int turn = 0; turn < 12; ++turn) {
    {
      db::Transaction tx(connection);
      EXPECT_EQ(seen(tx), "0") << "turn " << turn;  // what the one before set must not be left
      tx.set_tenant(names[turn % 2]);
      EXPECT_EQ(seen(tx), own[turn % 2]);
      if (turn % 3 == 0) tx.commit();
      if (turn % 3 == 1) {
        EXPECT_THROW(tx.exec("SELECT 1 / 0"), db::StatementError);
      }
    }
    const auto failed = db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
      EXPECT_EQ(seen(tx), "0");
      tx.set_tenant(names[(turn + 1) % 2]);
      return Error{.code = Errc::conflict};
    });
    EXPECT_FALSE(failed);
  }
}

TEST_F(Gateway, UsageAndAuditAreBehindTheSameWall) {
  database.exec("superuser",
                "INSERT INTO metering.counters SELECT t, 'orders', 'hour', now(), 1, 1, NULL, NULL, now() FROM "
                "unnest(ARRAY['acme', 'globex']) t");
  db::Transaction tx(connection);
  EXPECT_EQ(tx.exec("SELECT FROM metering.counters").size(), 0U);
  tx.set_tenant("acme");
  const auto rows = tx.exec("SELECT tenant_id FROM metering.counters");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].text(0), "acme");
}

}  // namespace
}  // namespace tenantry
