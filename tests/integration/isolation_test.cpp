// Goal: no service sees or changes more than its own: row-level security, rights of
// roles (security.md T1 and T3).
// Method: sweeps over pg_catalog, so that a table added later is held to the same rules;
// then the gateway's role against two tenants' rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/db/role_check.h"
#include "shared/db/role_rights.h"
#include "shared/db/run.h"
#include "tests/support/services.h"
#include "tests/support/source_path.h"

namespace tenantry::isolation_test {
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
        Sweep{"EveryTableOfTenantDataGoesWithItsStore",
              "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
              "WHERE n.nspname = 'tenant_data' AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
              "AND c.relname <> 'stores' AND NOT EXISTS (SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid "
              "= c.oid AND a.attnum = k.conkey[1] WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confdeltype = 'c' "
              "AND k.confrelid = 'tenant_data.stores'::regclass AND a.attname = 'tenant_id' AND a.attnotnull)"},
        Sweep{"EveryViewRunsWithItsReadersRights",
              std::string("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                          "WHERE c.relkind = 'v' AND ") +
                  ours + " AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)"},
        Sweep{"NoMaterializedViews", "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'm'"},
        Sweep{"NoServiceIsPowerful",
              "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'tenantry\\_%' AND (rolsuper OR rolbypassrls OR "
              "rolcreaterole OR rolreplication OR (rolcreatedb AND rolname <> 'tenantry_sandbox'))"},
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
            "NoFunctionIsEverybodys",
            std::string("SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
                        "WHERE p.prorettype <> 'trigger'::regtype AND ") +
                ours +
                " AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a "
                "WHERE a.grantee = 0)"},
        Sweep{
            "TheAnalystRunsNoFunctionOfOurs",
            std::string("SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
                        "WHERE ") +
                ours + " AND has_function_privilege('tenantry_analyst', p.oid, 'EXECUTE')"},
        Sweep{
            "SecretsAreReadByWhoWorksWithThem",
            // Whatever is called so is a secret of these readers, or "*": none.
            std::string(
                "WITH known (col, readers) AS (VALUES ('platform.users.password_hash', 'gateway'), "
                "('platform.refresh_tokens.token_hash', 'gateway'), ('platform.sessions.cookie_hash', 'gateway'), "
                "('platform.admin_cookies.cookie_hash', 'gateway'), "
                "('platform.admin_cookies.credential_hash', 'gateway'), "
                "('platform.admin_sessions.token_hash', 'gateway'), "
                "('platform.admin_sessions.cookie_hash', 'gateway'), "
                "('platform.invitations.token_hash', 'gateway'), "
                "('platform.password_resets.token_hash', 'gateway'), "
                "('platform.email_links.token_hash', 'gateway'), ('platform.api_keys.secret_hash', 'gateway'), "
                "('platform.api_keys.former_hash', 'gateway'), ('platform.totp_factors.sealed_seed', 'gateway'), "
                "('platform.recovery_codes.code_hash', 'gateway'), "
                "('platform.passkey_challenges.challenge', 'gateway'), ('platform.domains.token', 'gateway'), "
                "('platform.signing_keys.sealed_jwk', 'gateway'), "
                "('platform.idempotency_keys.request_hash', 'gateway'), "
                "('platform.tenant_keys.wrapped_key', 'provisioning'), ('audit.keys.wrapped_key', 'audit'), "
                "('provisioning.broker_users.password_hash', 'provisioning'), "
                "('provisioning.backup_parts.sealed', 'provisioning'), "
                "('notification.deliveries.recipient', 'notification'), ('platform.signing_keys.public_jwk', '*'), "
                "('platform.api_keys.secret_used_at', '*'), ('platform.users.password_changed_at', '*'), "
                "('audit.records.leaf_hash', '*'), "
                "('audit.nodes.hash', '*'), ('audit.archived_leaves.hashes', '*'), "
                "('billing.stripe_events.body_hash', '*')), "
                "columns AS (SELECT c.oid, a.attname, c.oid::regclass || '.' || a.attname AS col FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid "
                "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped "
                "AND ") +
                ours +
                ") SELECT col || ' is in no list' FROM columns WHERE attname ~ "
                "'hash|secret|sealed|wrapped|seed|cipher|jwk|token|challenge|password' AND col NOT IN (SELECT col FROM "
                "known) UNION ALL SELECT r.rolname || ' reads ' || col FROM columns JOIN known USING (col), pg_roles r "
                "WHERE readers <> '*' AND r.rolname LIKE 'tenantry\\_%' AND r.rolname NOT IN ('tenantry_owner', "
                "'tenantry_' || readers) AND has_column_privilege(r.oid, columns.oid, attname, 'SELECT') UNION ALL "
                "SELECT col || ' is there no more' FROM known WHERE col NOT IN (SELECT col FROM columns)"},
        Sweep{
            "NothingIsAboutNobody",
            std::string("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped "
                        "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND ") +
                ours +
                " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND (k.contype = 'c' AND "
                "pg_get_constraintdef(k.oid) LIKE '%tenant_id <> ''''%' OR k.contype = 'f' AND k.confrelid = "
                "'platform.tenants'::regclass))"},
        Sweep{
            "EverySignedTimeoutIsSet",
            "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'tenantry\\_%' AND rolname <> 'tenantry_owner' AND "
            "NOT coalesce(array_to_string(rolconfig, ' ') LIKE '%statement_timeout=%' AND array_to_string(rolconfig, "
            "' ') LIKE '%lock_timeout=%', false)"}),
    [](const auto& row) { return std::string(row.param.name); });

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// What the page lacks, and what is there no more.
std::string difference(const std::vector<std::string>& page, const std::vector<std::string>& found) {
  std::string out;
  for (const auto& line : found) {
    if (std::ranges::find(page, line) == page.end()) out += "+ " + line + "\n";
  }
  for (const auto& line : page) {
    if (std::ranges::find(found, line) == found.end()) out += "- " + line + "\n";
  }
  return out;
}

// Each role, object and right. What is meant is read there before it is copied.
TEST(RightsList, IsThatOfThePage) {
  TestDatabase database;
  const auto read = [](const std::string& path) {
    std::ifstream in(source_path(path));
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto rows = database.exec("superuser", read("tests/data/rights.sql"));
  ASSERT_GT(rows.size(), 100U);
  const auto page = read("docs/rights.md");
  const auto intro = page.find("\n## ");
  ASSERT_NE(intro, page.npos);
  std::string now = page.substr(0, intro);
  for (const auto row : rows) now.append(row.text(0)) += '\n';
  if (now == page) return;
  const auto path = std::filesystem::temp_directory_path() / "tenantry-rights.md";
  std::ofstream(path) << now;
  ADD_FAILURE() << "docs/rights.md says otherwise:\n"
                << difference(lines_of(page), lines_of(now)) << "If it is meant: cp " << path.string()
                << " docs/rights.md";
}

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

struct Claim {
  const char* name;
  const char* role;
  const char* type;
  const char* exchange;
  const char* routing_key;
  bool may;
};
class OutboxRows : public ::testing::TestWithParam<Claim> {};

// What lies in the outbox is published as the platform's word.
TEST_P(OutboxRows, AreOfTypesThatTheRoleDecidesOn) {
  const auto& row = GetParam();
  TestDatabase database;
  db::Connection connection(database.url(row.role), "test");
  db::Transaction tx(connection);
  const auto insert = [&] {
    tx.exec(
        "INSERT INTO messaging.outbox (id, exchange, routing_key, vhost, tenant_id, type, content_type, headers, "
        "payload, "
        "available_at) VALUES (gen_random_uuid(), $1, $2, 'tenant-acme', 'acme', $3, 'application/json', '{}', '{}', "
        "now())",
        {row.exchange, row.routing_key, row.type});
  };
  if (row.may) {
    EXPECT_NO_THROW(insert());
    return;
  }
  try {
    insert();
    FAIL() << "accepted";
  } catch (const db::StatementError& error) {
    EXPECT_EQ(error.sqlstate, "42501") << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    , OutboxRows,
    ::testing::Values(
        Claim{"NotificationSaysNobodyPaid", "notification", "payment.succeeded", "acme.events", "payment.succeeded",
              false},
        Claim{"MeteringSaysNobodyPaid", "metering", "payment.succeeded", "acme.events", "payment.succeeded", false},
        Claim{"AuditActivatesNobody", "audit", "tenant.activated", "acme.events", "tenant.activated", false},
        Claim{"SignupActivatesNobody", "signup", "tenant.activated", "acme.events", "tenant.activated", false},
        Claim{"BillingSaysNobodyPaid", "billing", "payment.succeeded", "acme.events", "payment.succeeded", false},
        Claim{"NobodyGetsAroundByAnothersQueue", "audit", "payment.succeeded", "", "acme.billing", false},
        Claim{"ProvisioningEndsALogin", "provisioning", "tenant.broker_access_ended", "acme.events",
              "tenant.broker_access_ended", true},
        Claim{"ProvisioningMakesNoLogin", "provisioning", "tenant.broker_access_rotated", "acme.events",
              "tenant.broker_access_rotated", false},
        Claim{"BillingSuspends", "billing", "tenant.suspended", "acme.events", "tenant.suspended", true},
        Claim{"BillingTriesAgain", "billing", "payment.succeeded", "", "acme.billing", true},
        Claim{"GatewayTellsWhatStripeSigned", "gateway", "payment.succeeded", "acme.events", "payment.succeeded",
              true}),
    [](const auto& row) { return std::string(row.param.name); });

// Goal: what events/topology.cpp says that a worker publishes is what the database admits from it.
TEST(OutboxPolicies, AreTheTopologysProducers) {
  TestDatabase database;
  std::map<std::string, std::set<std::string>> admitted;
  for (const auto row : database.exec(
           "superuser",
           "SELECT substring(p.polname::text FROM 'types_of_(.*)'), m[1] FROM pg_policy p, regexp_matches(substring("
           "pg_get_expr(p.polwithcheck, p.polrelid) FROM 'ELSE .*'), '([a-z_]+[.][a-z_.%]+)', 'g') m "
           "WHERE p.polrelid = 'messaging.outbox'::regclass AND p.polname LIKE 'types\\_of\\_%'")) {
    admitted[std::string(row.text(0))].emplace(row.text(1));
  }
  EXPECT_EQ(admitted.size(), std::size(events::workers));
  std::map<std::string, std::set<std::string>> told;
  for (const auto worker : events::workers) {
    for (const auto& producer : events::producers()) {
      if (producer.service != worker && producer.service != "any worker") continue;
      told[std::string(worker)].insert(producer.types.begin(), producer.types.end());
    }
  }
  EXPECT_EQ(admitted, told);
}

struct Login {
  const char* name;
  const char* as;
  const char* wrong;  // "": nothing
};
class Logins : public ::testing::TestWithParam<Login> {};

TEST_P(Logins, MustBeTheServicesOwn) {
  TestDatabase database;
  const auto checked = db::check_role(database.url(GetParam().as), "tenantry_billing");
  if (std::string_view(GetParam().wrong).empty()) {
    EXPECT_TRUE(checked) << checked.error().message;
    return;
  }
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find(GetParam().wrong), std::string::npos) << checked.error().message;
}

INSTANTIATE_TEST_SUITE_P(, Logins,
                         ::testing::Values(Login{"Own", "billing", ""}, Login{"Superuser", "superuser", "a superuser"},
                                           Login{"Owner", "owner", "owns tables"},
                                           Login{"Another", "metering", "another service's role"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(RoleRights, ThoseOfTheListAreThoseOfAMigratedDatabase) {
  TestDatabase database;
  for (const char* role :
       {"audit", "billing", "gateway", "metering", "notification", "provisioning", "runtime", "signer", "signup"}) {
    const auto checked = db::check_role(database.url(role), std::string("tenantry_") + role);
    EXPECT_TRUE(checked) << checked.error().message;
  }
}

// Somebody grants by hand what a service has no use for, whatever it is.
TEST(RoleRights, WhatIsNotListedRefusesTheStart) {
  TestDatabase database;
  const auto start = [&] {
    const auto checked = db::check_role(database.url("billing"), "tenantry_billing");
    return checked ? std::string("starts") : checked.error().message;
  };
  struct Grant {
    const char* grant;
    const char* revoke;
    const char* named;
  };
  for (const auto& [grant, revoke, named] :
       {Grant{"GRANT DELETE ON billing.accounts TO tenantry_billing",
              "REVOKE DELETE ON billing.accounts FROM tenantry_billing", "DELETE on billing.accounts"},
        Grant{"GRANT SELECT (password_hash) ON platform.users TO tenantry_billing",
              "REVOKE SELECT (password_hash) ON platform.users FROM tenantry_billing",
              "SELECT (password_hash) on platform.users"},
        Grant{"GRANT EXECUTE ON FUNCTION platform.erase_tenant(text, timestamptz) TO tenantry_billing",
              "REVOKE EXECUTE ON FUNCTION platform.erase_tenant(text, timestamptz) FROM tenantry_billing",
              "EXECUTE on platform.erase_tenant/2"},
        Grant{"GRANT SELECT ON audit.records TO PUBLIC", "REVOKE SELECT ON audit.records FROM PUBLIC",
              "SELECT on audit.records"},
        Grant{"GRANT CREATE ON SCHEMA billing TO tenantry_billing",
              "REVOKE CREATE ON SCHEMA billing FROM tenantry_billing", "CREATE on billing"},
        Grant{"CREATE TABLE platform.another (); GRANT INSERT ON platform.another TO tenantry_billing",
              "DROP TABLE platform.another", "INSERT on platform.another"}}) {
    database.exec("superuser", grant);
    EXPECT_NE(start().find(named), std::string::npos) << start();
    database.exec("superuser", revoke);
    EXPECT_EQ(start(), "starts");
  }
  // While releases roll, the database is of another build than the process.
  database.exec("superuser", "GRANT DELETE ON billing.accounts TO tenantry_billing");
  EXPECT_NE(start(), "starts");
  database.exec("superuser", "COMMENT ON TABLE public.schema_migrations IS '9999'");
  EXPECT_EQ(start(), "starts");
}

TEST(RoleRights, AreReadOfThePage) {
  const std::string page =
      "# Rights\n| | who may what |\n|---|---|\n"
      "| `platform.tenants` | billing: SELECT, UPDATE (plan, status); gateway: DELETE | billing: all |\n"
      "| `audit.append/3` | everybody: EXECUTE |\n| `audit.erase/1` | nobody |\n";
  const std::vector<db::Right> billing = {{"platform.tenants", "SELECT", ""},
                                          {"platform.tenants", "UPDATE", "plan"},
                                          {"platform.tenants", "UPDATE", "status"},
                                          {"audit.append/3", "EXECUTE", ""}};
  EXPECT_EQ(db::listed_rights(page, "billing"), billing);
  EXPECT_TRUE(db::listed_rights(page, "ledger").empty()) << "a role without a line is not judged";
  EXPECT_TRUE(db::surplus({{"platform.tenants", "SELECT", "plan"}}, billing).empty()) << "of all its columns";
  EXPECT_EQ(db::surplus({{"platform.tenants", "UPDATE", ""}}, billing).size(), 1U) << "of some columns alone";
}

TEST_F(Gateway, LoginsAndQueuesOfApplicationsAreBehindTheSameWall) {
  database.exec("superuser",
                "INSERT INTO provisioning.broker_queues SELECT t, 'orders', '{}', '{}', NULL, 'ready', now() FROM "
                "unnest(ARRAY['acme', 'globex']) t");
  database.exec("superuser",
                "INSERT INTO provisioning.broker_users SELECT t, 1, repeat('A', 48), now(), now() FROM "
                "unnest(ARRAY['acme', 'globex']) t");
  for (const char* table : {"broker_users", "broker_queues"}) {
    db::Transaction tx(connection);
    const auto count = std::string("SELECT count(tenant_id) FROM provisioning.") + table;
    EXPECT_EQ(tx.exec(count)[0].int64(0), 0) << table;
    tx.set_tenant("acme");
    EXPECT_EQ(tx.exec(count)[0].int64(0), 1) << table;
  }
  db::Transaction tx(connection);
  tx.set_tenant("acme");
  EXPECT_EQ(tx.exec("UPDATE provisioning.broker_queues SET state = 'ending'").affected(), 1U);
  EXPECT_THROW(tx.exec("INSERT INTO provisioning.broker_users VALUES ('globex', 2, repeat('A', 48), now())"),
               db::StatementError);
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
}  // namespace tenantry::isolation_test
