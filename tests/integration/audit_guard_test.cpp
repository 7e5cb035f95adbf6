// Goal: the owner of the audit log's tables cannot take away what keeps them append-only, and months still come and go.
// Method: migrations/guard.sql in a database with every migration, and what an owner might try, statement by statement.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/services.h"
#include "tests/support/source_path.h"

namespace tenantry::audit_guard_test {
namespace {

using testing::TestDatabase;

class AuditGuard : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(source_path("migrations/guard.sql"));
    std::ostringstream text;
    text << file.rdbuf();
    script = text.str();
    ASSERT_EQ(run("superuser", script), "");
    ASSERT_EQ(run("owner", "SELECT audit.ensure_partition('2026-03-01T00:00:00Z')"), "");
    ASSERT_EQ(run("superuser", "SELECT guard.arm()"), "");
    ASSERT_EQ(state(), "as it was");
  }

  // Why PostgreSQL refuses; "" where it does not.
  std::string run(std::string_view role, const std::string& sql) {
    try {
      database.exec(role, sql);
      return "";
    } catch (const std::exception& error) {
      return error.what();
    }
  }
  std::string state() { return database.value("SELECT coalesce(guard.difference(), 'as it was')"); }

  TestDatabase database;
  std::string script;
};

TEST_F(AuditGuard, WhateverTheOwnerTriesIsRefusedAndNothingHasChanged) {
  const char* attacks[] = {
      "ALTER TABLE audit.records DISABLE TRIGGER records_append_only",
      "ALTER TABLE audit.records DISABLE TRIGGER USER",
      "ALTER TABLE audit.records ENABLE TRIGGER records_append_only",
      "ALTER TABLE audit.records ENABLE REPLICA TRIGGER records_append_only",
      "DROP TRIGGER records_append_only ON audit.records",
      "ALTER TRIGGER records_append_only ON audit.records RENAME TO harmless",
      "CREATE OR REPLACE FUNCTION audit.keep_records() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
      "CREATE OR REPLACE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      "ALTER FUNCTION audit.keep_records() RENAME TO keep_no_records",
      "ALTER FUNCTION audit.refuse_change() SET search_path = public",
      "CREATE FUNCTION audit.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      "CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
      "CREATE TRIGGER a BEFORE INSERT ON audit.records FOR EACH ROW EXECUTE FUNCTION public.swallow()",
      "CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
      "CREATE TRIGGER a BEFORE INSERT ON audit.records_2026_03 FOR EACH ROW EXECUTE FUNCTION public.swallow()",
      "CREATE RULE nothing AS ON INSERT TO audit.records DO INSTEAD NOTHING",
      "CREATE RULE nothing AS ON DELETE TO audit.records_2026_03 DO INSTEAD NOTHING",
      "ALTER TABLE audit.records DISABLE ROW LEVEL SECURITY",
      "ALTER TABLE audit.records NO FORCE ROW LEVEL SECURITY",
      "CREATE POLICY more ON audit.records TO PUBLIC USING (true)",
      "ALTER POLICY own_tenant ON audit.records USING (true)",
      "DROP POLICY own_tenant ON audit.records",
      "GRANT UPDATE ON audit.records TO tenantry_gateway",
      "GRANT UPDATE (payload) ON audit.records TO tenantry_gateway",
      "GRANT DELETE ON audit.records_2026_03 TO PUBLIC",
      "REVOKE SELECT ON audit.records FROM tenantry_audit",
      "DROP TABLE audit.checkpoints CASCADE",
      "DROP TABLE audit.records_2026_03",
      "ALTER TABLE audit.records DETACH PARTITION audit.records_2026_03",
      "ALTER TABLE audit.records_2026_03 DISABLE TRIGGER USER",
      "ALTER TABLE audit.records_2026_03 NO FORCE ROW LEVEL SECURITY",
      "ALTER TABLE audit.records_2026_03 RENAME TO elsewhere",
      "ALTER TABLE audit.records_2026_03 SET SCHEMA public",
      "ALTER TABLE audit.records SET SCHEMA public",
      "ALTER TABLE audit.records RENAME TO old_records",
      "ALTER TABLE audit.checkpoints DROP COLUMN signed_at CASCADE",
      "ALTER TABLE audit.records DROP CONSTRAINT records_pkey",
      "ALTER TABLE audit.checkpoints ADD CHECK (false) NOT VALID",
      "ALTER TABLE audit.records OWNER TO tenantry_gateway",
      "ALTER SCHEMA audit RENAME TO audit_before",
      "DROP SCHEMA audit CASCADE",
      "DROP OWNED BY tenantry_owner CASCADE",
      "DELETE FROM guard.baseline",
      "SELECT guard.disarm()",
      "SELECT guard.arm()",
      "DROP EVENT TRIGGER tenantry_guard_ddl",
      "ALTER EVENT TRIGGER tenantry_guard_ddl DISABLE",
      "CREATE OR REPLACE FUNCTION guard.after_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
      "DROP SCHEMA guard CASCADE",
      "SET session_replication_role = replica"};
  for (const char* attack : attacks) {
    EXPECT_NE(run("owner", attack), "") << attack;
    ASSERT_EQ(state(), "as it was") << attack;
  }
}

TEST_F(AuditGuard, MonthsComeAndOtherTablesChange) {
  ASSERT_EQ(run("superuser",
                "GRANT EXECUTE ON FUNCTION audit.ensure_partition(timestamptz) TO tenantry_audit; "
                "SELECT guard.arm()"),
            "");
  EXPECT_EQ(run("audit", "SELECT audit.ensure_partition('2026-04-01T00:00:00Z')"), "");
  EXPECT_EQ(run("owner",
                "CREATE TABLE platform.more (a int); ALTER TABLE platform.more ADD b int; "
                "DROP TABLE platform.more"),
            "");
  EXPECT_EQ(state(), "as it was");
}

TEST_F(AuditGuard, AMonthLeavesByWayOfTheArchiveAlone) {
  EXPECT_NE(run("owner", "DROP TABLE audit.records_2026_03"), "");
  // What audit.archive_month does before it lets a month go.
  const std::string archived =
      "INSERT INTO audit.archives VALUES ('acme', '2026-03-01', 0, 1, sha256('x'), sha256('y'), now()); ";
  EXPECT_EQ(run("owner", archived + "DROP TABLE audit.records_2026_03"), "");
  EXPECT_EQ(state(), "as it was");
}

TEST_F(AuditGuard, AMigrationMayOnceASuperuserHasDisarmedIt) {
  const char* migration = "ALTER TABLE audit.checkpoints ADD COLUMN more int";
  EXPECT_NE(run("owner", migration).find("column checkpoints.more is new"), std::string::npos)
      << run("owner", migration);
  EXPECT_EQ(run("superuser", "SELECT guard.disarm()"), "");
  EXPECT_EQ(run("owner", migration), "");
  EXPECT_EQ(run("superuser", script), "") << "it can be run again";
  EXPECT_EQ(run("superuser", "SELECT guard.arm()"), "");
  EXPECT_NE(run("owner", "ALTER TABLE audit.checkpoints DROP COLUMN more"), "");
}

TEST_F(AuditGuard, TheOwnerIsToldHowItStandsAndNoMore) {
  const auto report = [&] {
    const auto rows =
        database.exec("owner", "SELECT armed_at IS NOT NULL, coalesce(difference, '') FROM guard.report()");
    return std::string(rows[0].boolean(0) ? "armed " : "off ") + std::string(rows[0].text(1));
  };
  EXPECT_EQ(report(), "armed ");
  database.exec("superuser", "ALTER TABLE audit.records DISABLE TRIGGER records_append_only");
  EXPECT_EQ(report(), "armed month records_2026_03 is not guarded");
  database.exec("superuser", "ALTER EVENT TRIGGER tenantry_guard_drop DISABLE");
  EXPECT_EQ(report(), "off month records_2026_03 is not guarded");
  EXPECT_NE(run("owner", "SELECT * FROM guard.baseline"), "");
  EXPECT_NE(run("gateway", "SELECT * FROM guard.report()"), "");
}

TEST_F(AuditGuard, AnAnalystHoldsNothing) {
  for (const char* sql : {"SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
                          "SET TRANSACTION READ WRITE; SELECT lo_create(0)", "SELECT lo_get(1)",
                          "SET TRANSACTION READ WRITE; SELECT lo_from_bytea(0, 'x')"}) {
    EXPECT_NE(run("analyst", sql).find("permission denied"), std::string::npos) << sql << ": " << run("analyst", sql);
  }
  for (const char* role : {"gateway", "audit", "owner"}) {
    EXPECT_EQ(run(role, "SELECT pg_advisory_xact_lock(1)"), "") << role;
  }
}

TEST_F(AuditGuard, AnAnalystsReadEndsWhateverItSetsForItself) {
  std::thread reads([&] { EXPECT_NE(run("analyst", "SET statement_timeout = 0; SELECT pg_sleep(600)"), ""); });
  // Of its own database alone: other tests have analysts, too. And a short read is left alone.
  EXPECT_EQ(database.exec("owner", "SELECT guard.end_long_reads()")[0].int64(0), 0);
  EXPECT_TRUE(
      testing::eventually([&] { return database.exec("owner", "SELECT guard.end_long_reads('0')")[0].int64(0) > 0; }));
  reads.join();
  EXPECT_NE(run("gateway", "SELECT guard.end_long_reads('0')"), "");

  const auto swept =
      database.exec("runtime", "SELECT removed FROM housekeeping.sweep(now()) WHERE relation = 'sessions of analysts'");
  ASSERT_EQ(swept.size(), 1u);
}

}  // namespace
}  // namespace tenantry::audit_guard_test
