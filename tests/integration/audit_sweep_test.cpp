// Goal: no role of a service or an analyst bends the audit log, whatever object it
// reaches for, and a tenant's reader learns nothing of another's rows.
// Method: every role tries every statement on every table, view, partition and function
// there is; so a new one that forgets its rules fails here (and one is planted to see it).
#include <gtest/gtest.h>

#include <algorithm>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/db/connection.h"
#include "tests/support/services.h"
#include "workers/audit/store.h"

namespace tenantry::audit_sweep_test {
namespace {

using testing::TestDatabase;

class AuditSweep : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto* tenant : {"acme", "globex"}) {
      write(tenant, 256);
      database.exec("superuser", "INSERT INTO audit.checkpoints VALUES ($1, 1, sha256(''), 'secret-of-' || $1, now())",
                    {tenant});
      database.exec("superuser",
                    "INSERT INTO audit.archives VALUES ($1, '2020-01-01', 0, 1, sha256(''), sha256(''), now())",
                    {tenant});
      database.exec("superuser",
                    "INSERT INTO audit.archived_leaves VALUES ($1, 0, sha256(convert_to('secret-of-' || $1, 'UTF8')))",
                    {tenant});
      live(tenant);
    }
  }

  // What the views over the other schemas show: two months of a company with a person, a payment and a count.
  void live(const std::string& tenant) {
    database.add_tenant(tenant);
    for (const char* statement :
         {"UPDATE platform.tenants SET created_at = now() - interval '70 days' WHERE tenant_id = $1",
          "INSERT INTO platform.lifecycle_history (tenant_id, event_id, to_status, trigger, at) "
          "VALUES ($1, gen_random_uuid(), 'active', 'test', now() - interval '69 days')",
          "WITH person AS (INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, "
          "created_at) "
          "VALUES (gen_random_uuid(), $1 || '@acme.test', 'A', 'B', '$argon2id$', now()) RETURNING user_id) "
          "INSERT INTO platform.memberships (tenant_id, user_id, role, state, state_since, created_at) "
          "SELECT $1, user_id, 'owner', 'active', now(), now() FROM person",
          "INSERT INTO billing.payments VALUES ('in_' || $1, $1, 'succeeded', '', 4900, 'EUR', now())",
          "INSERT INTO metering.counters VALUES ($1, 'api_calls', 'month', now(), 1, 1, NULL, NULL, now())"}) {
      database.exec("superuser", statement, {tenant});
    }
  }

  void write(const std::string& tenant, int count) {
    db::Connection own(database.url("audit"), "test");
    db::Transaction tx(own);
    auto heads = audit::lock_heads(tx, {tenant});
    std::vector<audit::Leaf> leaves;
    std::vector<audit::Node> nodes;
    for (int i = 0; i < count; ++i) {
      auto& head = heads.at(tenant).frontier;
      audit::Leaf leaf;
      leaf.record = {.tenant_id = tenant,
                     .sequence = head.size(),
                     .event_id = ids.next(),
                     .type = "test.happened",
                     .occurred_at = clock.now(),
                     .recorded_at = clock.now(),
                     .actor_kind = "secret-of-" + tenant,
                     .actor_id = "secret-of-" + tenant,
                     .actor_ip = "secret-of-" + tenant,
                     .actor_agent = "secret-of-" + tenant,
                     .action = "secret-of-" + tenant,
                     .crud = "secret-of-" + tenant,
                     .resource = "secret-of-" + tenant,
                     .resource_id = "secret-of-" + tenant,
                     .correlation_id = "secret-of-" + tenant,
                     .causation_id = "secret-of-" + tenant,
                     .source = "secret-of-" + tenant,
                     .exchange = "secret-of-" + tenant,
                     .payload = R"({"text":"secret-of-)" + tenant + "\"}"};
      leaf.bytes = "secret-of-" + tenant;
      leaf.hash = audit::leaf_hash(as_bytes(leaf.bytes));
      head.append(leaf.hash, &nodes);
      leaves.push_back(std::move(leaf));
    }
    std::vector<audit::TenantNode> completed;
    for (const auto& node : nodes) completed.push_back({tenant, node});
    audit::append(tx, leaves, heads, completed);
    tx.commit();
  }

  std::vector<std::string> roles() {
    std::vector<std::string> out;
    for (const auto row :
         database.exec("superuser",
                       "SELECT substr(rolname, 10) FROM pg_roles WHERE rolname LIKE 'tenantry\\_%' AND "
                       "rolname <> 'tenantry_owner' ORDER BY 1")) {
      out.emplace_back(row.text(0));
    }
    EXPECT_GE(out.size(), 9U);
    return out;
  }

  // Tables, partitions, views and sequences of the schema, quoted.
  std::vector<std::string> relations(const std::string& schema) {
    std::vector<std::string> out;
    for (const auto row : database.exec("superuser",
                                        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = "
                                        "$1::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1",
                                        {schema})) {
      out.emplace_back(row.text(0));
    }
    return out;
  }

  // The state a statement ends with: "" where it was carried out, and how many rows it touched.
  std::string attempt(db::Connection& connection, const std::string& sql) {
    try {
      db::Transaction tx(connection);
      tx.exec("SET TRANSACTION READ WRITE");  // an analyst's default is a setting, no right
      tx.set_tenant("acme");
      tx.exec(sql);
      return "";
    } catch (const db::StatementError& error) {
      if (std::string(error.what()).find("secret-of-globex") != std::string::npos) return "leak: " + sql;
      return error.sqlstate;
    }
  }

  std::vector<std::string> violations(const std::vector<std::string>& of) {
    std::vector<std::string> out;
    const auto audit = relations("audit");
    for (const auto& role : of) {
      db::Connection connection(database.url(role), "sweep");
      for (const auto& relation : audit) {
        for (const auto& sql : {"UPDATE " + relation + " SET tenant_id = tenant_id", "DELETE FROM " + relation,
                                "TRUNCATE " + relation, "ALTER TABLE " + relation + " DISABLE TRIGGER ALL",
                                "DROP TABLE " + relation, "ALTER TABLE " + relation + " DISABLE ROW LEVEL SECURITY",
                                "CREATE RULE r AS ON INSERT TO " + relation + " DO INSTEAD NOTHING"}) {
          if (attempt(connection, sql) != "42501") out.push_back(role + ": " + sql);
        }
      }
      for (const auto* sql :
           {"SET session_replication_role = replica", "SET ROLE tenantry_owner",
            "CREATE FUNCTION audit.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION audit.keep_records() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN NEW; END'",
            "SELECT audit.erase('acme')", "SELECT audit.ensure_partition(now())", "SELECT audit.kept_months()",
            "SELECT audit.logs_of_month(now()::date, now(), 1)",
            "SELECT audit.archive_month(now()::date, now(), 1, '{}', '{}', '{}', '{}', '{}', '')",
            "INSERT INTO audit.archives VALUES ('acme', '2020-02-01', 1, 1, sha256(''), sha256(''), now())",
            "INSERT INTO audit.archived_leaves VALUES ('acme', 1, sha256(''))"}) {
        if (attempt(connection, sql) != "42501") out.push_back(role + ": " + sql);
      }
    }
    return out;
  }

  SystemClock clock;
  SystemIdGenerator ids{clock};
  TestDatabase database;
};

TEST_F(AuditSweep, NoRoleChangesTheLogOrItsGuards) {
  EXPECT_EQ(violations(roles()), std::vector<std::string>{});
}

TEST_F(AuditSweep, FindsATableThatForgotItsRules) {
  database.exec("superuser", "CREATE TABLE audit.forgotten (tenant_id text)");
  database.exec("superuser", "GRANT ALL ON audit.forgotten TO tenantry_gateway");
  const auto found = violations({"gateway"});
  EXPECT_NE(std::ranges::find(found, "gateway: DELETE FROM audit.forgotten"), found.end());
}

// A tenant's reader is the gateway with its tenant set: of other tenants no row, no count, no word in an error message,
// through whatever it may read; with casts that fail on the other's values if they get to see them.
TEST_F(AuditSweep, ATenantsReaderLearnsNothingOfAnother) {
  db::Connection connection(database.url("gateway"), "sweep"), other(database.url("gateway"), "sweep");
  // Who the tenants are, their lives and their people the gateway knows whoever it works for (platform.tenants,
  // lifecycle_history, memberships); these say no more.
  static constexpr std::string_view of_all[] = {"analytics.churn_by_month", "analytics.cohorts_by_month",
                                                "analytics.members",        "analytics.milestones",
                                                "analytics.months",         "analytics.mrr_by_plan",
                                                "analytics.status_spans",   "analytics.subscriptions_by_month"};
  int readable = 0;
  std::size_t known = 0;
  for (const auto* schema : {"audit", "analytics"}) {
    for (const auto& relation : relations(schema)) {
      if (attempt(connection, "SELECT FROM " + relation + " LIMIT 1") == "42501") continue;
      ++readable;
      if (std::ranges::find(of_all, relation) != std::end(of_all)) {
        ++known;
        continue;
      }
      db::Transaction tx(connection);
      tx.set_tenant("acme");
      EXPECT_EQ(tx.exec("SELECT FROM " + relation + " WHERE tenant_id IS DISTINCT FROM 'acme'").size(), 0U) << relation;
      EXPECT_GT(tx.exec("SELECT FROM " + relation).size(), 0U) << relation;
      for (const auto column :
           database.exec("superuser",
                         "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = $1::regclass AND "
                         "attnum > 0 AND NOT attisdropped",
                         {relation})) {
        // Division by zero for whoever sees the other's value, an error with the value in it for a cast.
        const auto value = std::string(column.text(0)) + "::text";
        for (const auto& predicate :
             {"1 / (CASE WHEN " + value + " LIKE '%globex%' THEN 0 ELSE 1 END) = 1",
              "(CASE WHEN " + value + " LIKE '%globex%' THEN " + value + " ELSE '1' END)::int = 1"}) {
          EXPECT_EQ(attempt(other, "SELECT FROM " + relation + " WHERE " + predicate), "") << relation << predicate;
        }
      }
    }
  }
  EXPECT_GE(readable, 2);
  EXPECT_EQ(known, std::size(of_all));
  db::Transaction tx(connection);
  EXPECT_EQ(tx.exec("SELECT FROM audit.records").size(), 0U) << "without a tenant";
}

}  // namespace
}  // namespace tenantry::audit_sweep_test
