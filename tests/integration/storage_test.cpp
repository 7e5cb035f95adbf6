// Goal: what a tenant stores is what lies there, however it came and went, and is told where it is another.
// Method: metering.measure_storage over records and clients that are put there and taken away, against a count of the
// whole.
#include <gtest/gtest.h>

#include "shared/core/time.h"
#include "shared/db/connection.h"
#include "shared/tenancy/limits.h"
#include "tests/support/services.h"

namespace tenantry::storage_test {
namespace {

using testing::must;
using testing::TestDatabase;

const Timestamp began = from_unix_seconds(1'790'000'000);

class Storage : public ::testing::Test {
 protected:
  Storage() {
    for (const char* tenant : {"acme", "bakery"}) {
      database.add_tenant(tenant);
      database.exec("superuser", "INSERT INTO tenant_data.stores VALUES ($1, now())", {tenant});
    }
  }
  // So many records of that many bytes, behind those that are there.
  void append(const std::string& tenant, int records, int bytes, Timestamp at) {
    database.exec("owner", "SELECT audit.ensure_partition($1)", {at});
    database.exec(
        "superuser",
        "INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, "
        "actor_id, "
        "action, crud, resource, resource_id, outcome, source, exchange, leaf, leaf_hash) "
        "SELECT $1, (SELECT count(*) FROM audit.records WHERE tenant_id = $1) + i, gen_random_uuid(), 'x', $4, $4, '', "
        "'', "
        "'x', '', '', '', 'success', '', '', convert_to(repeat('x', $3), 'UTF8'), decode(repeat('00', 32), 'hex') "
        "FROM generate_series(0, $2 - 1) AS i",
        {tenant, std::int64_t{records}, std::int64_t{bytes}, at});
    grow_head(tenant);
  }
  void grow_head(const std::string& tenant) {
    database.exec("superuser",
                  "INSERT INTO audit.heads (tenant_id, size, frontier, updated_at) SELECT $1, count(*), '', now() FROM "
                  "audit.records WHERE tenant_id = $1 ON CONFLICT (tenant_id) DO UPDATE SET size = excluded.size",
                  {tenant});
  }
  void add_client(const std::string& tenant, const std::string& name) {
    database.exec("superuser",
                  "INSERT INTO tenant_data.clients (tenant_id, client_id, name, created_by, created_at) VALUES ($1, "
                  "gen_random_uuid(), $2, gen_random_uuid(), now())",
                  {tenant, name});
  }
  // What is told: "acme 100, bakery 7".
  std::string measure(Timestamp at, std::int64_t telling = 1, std::int64_t tenants_max = 10) {
    db::Transaction tx(connection);
    std::string out;
    for (const auto row :
         tx.exec("SELECT tenant_id || ' ' || bytes FROM metering.measure_storage($1, '1 hour', $2, $3) "
                 "ORDER BY 1",
                 {at, tenants_max, telling})) {
      out += (out.empty() ? "" : ", ") + std::string(row.text(0));
    }
    tx.commit();
    return out;
  }
  std::int64_t used(const std::string& tenant) {
    db::Transaction tx(connection);
    const auto count = tenancy::count_of(tx, tenant, "storage_bytes", began);
    return count ? count->used : -1;
  }
  std::string clients(const std::string& tenant) {
    return database.value(
        "SELECT coalesce(sum(pg_column_size(c)), 0)::text FROM tenant_data.clients c WHERE tenant_id = $1", {tenant});
  }

  TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
};

TEST_F(Storage, IsWhatLiesThere) {
  EXPECT_EQ(used("acme"), -1);  // nobody has measured it
  append("acme", 3, 1'000, began);
  append("bakery", 1, 70, began);
  EXPECT_EQ(measure(began), "acme 3000, bakery 70");
  EXPECT_EQ(used("acme"), 3'000);
  // What came since is added, in the same month and in the next; within the hour it is nobody's turn.
  append("acme", 2, 10, began);
  append("acme", 1, 500, began + Days{31});
  EXPECT_EQ(measure(began + Seconds{3'599}), "");
  EXPECT_EQ(used("acme"), 3'000);
  EXPECT_EQ(measure(began + Seconds{3'600}), "acme 3520");
  EXPECT_EQ(used("acme"), std::stoll(database.value("SELECT sum(octet_length(leaf))::text FROM audit.records WHERE "
                                                    "tenant_id = 'acme'")));
  add_client("acme", "Dupont");
  EXPECT_EQ(measure(began + Days{1}), "acme " + std::to_string(3'520 + std::stoll(clients("acme"))));
  database.exec("superuser", "DELETE FROM tenant_data.clients");
  EXPECT_EQ(measure(began + Days{2}), "acme 3520");
}

// Of a log that was never measured, and is long, each look reads a part; nothing is said of it before its end.
TEST_F(Storage, LongLogIsReadByParts) {
  append("acme", 20'500, 10, began);
  append("bakery", 1, 70, began);
  EXPECT_EQ(measure(began), "bakery 70");
  EXPECT_EQ(measure(began), "");
  EXPECT_EQ(measure(began), "acme 205000");
  EXPECT_EQ(measure(began), "");
}

TEST_F(Storage, MonthsThatAreArchivedAreNotStored) {
  append("acme", 3, 1'000, began);
  append("acme", 1, 500, began + Days{31});
  EXPECT_EQ(measure(began), "acme 3500");
  database.exec("superuser",
                "INSERT INTO audit.archives SELECT 'acme', date_trunc('month', $1 AT TIME ZONE 'UTC')::date, 0, 3, "
                "decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), $1",
                {began});
  EXPECT_EQ(measure(began + Days{40}), "acme 500");
  append("acme", 1, 7, began + Days{40});  // what was read before is not read again
  EXPECT_EQ(measure(began + Days{41}), "acme 507");
}

TEST_F(Storage, IsToldWhereItIsAnother) {
  append("acme", 1, 999, began);
  EXPECT_EQ(measure(began, 1'000), "");
  EXPECT_EQ(used("acme"), 999);  // and known all the same
  append("acme", 1, 1, began);
  EXPECT_EQ(measure(began + Days{1}, 1'000), "acme 1000");
  EXPECT_EQ(measure(began + Days{2}, 1'000), "");
}

TEST_F(Storage, EachHasATurnAndWhoIsGoneHasNone) {
  append("acme", 1, 10, began);
  append("bakery", 1, 10, began);
  const auto first = measure(began, 1, 1), second = measure(began, 1, 1);
  EXPECT_EQ(first.empty() + second.empty(), 0);
  EXPECT_NE(first, second);
  EXPECT_EQ(measure(began, 1, 1), "");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'deleted' WHERE tenant_id = 'acme'");
  append("bakery", 1, 10, began);
  EXPECT_EQ(measure(began + Days{1}), "bakery 20");
  EXPECT_EQ(database.value("SELECT string_agg(tenant_id, ' ') FROM metering.stored"), "bakery");
  EXPECT_EQ(database.value("SELECT string_agg(tenant_id, ' ') FROM metering.stored_months"), "bakery");
}

}  // namespace
}  // namespace tenantry::storage_test
