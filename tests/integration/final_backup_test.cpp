// Goal: what a deleted tenant had can be read and restored as it was, until its erasure.
// Method: a recorded life played by the workers themselves; a superuser, who sees every
// row, says what should be in the backup.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "shared/crypto/envelope.h"
#include "shared/crypto/hash.h"
#include "shared/db/connection.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tests/support/replay.h"
#include "tests/support/source_path.h"
#include "workers/provisioning/backup.h"

namespace tenantry::final_backup_test {
namespace {

using nlohmann::json;
using testing::must;
using testing::Replay;

constexpr const char* martin = "boulangerie-martin";
constexpr int years = 7;

// Tables with rows of tenants that are not backed up: what is secret, what is over, and what stays by itself.
const std::set<std::string> left_out = {
    "platform.tenant_keys",
    "platform.refresh_tokens",
    "platform.sessions",
    "platform.api_keys",
    "metering.idempotency_keys",
    "messaging.outbox",
    "messaging.dead_letters",
    "audit.records",
    "audit.heads",
    "audit.keys",
    "audit.nodes",
    "audit.checkpoints",
    "audit.archives",
    "audit.archived_leaves",
    "provisioning.sagas",
    "provisioning.steps",
    "provisioning.resources",
    "provisioning.broker_users",
    "provisioning.broker_queues",
    "provisioning.backups",
    "provisioning.backup_parts",
};

using Rows = std::map<std::string, std::multiset<std::string>>;  // by table

class FinalBackup : public ::testing::Test {
 protected:
  FinalBackup() {
    replay.play();
    replay.database().exec("superuser",
                           "INSERT INTO tenant_data.clients SELECT $1, gen_random_uuid(), 'Café de la Gare ' || i, "
                           "'gare' || i || '@example.org', gen_random_uuid(), now() FROM generate_series(1, 3) AS i",
                           {martin});
  }

  static std::vector<replay::Recorded> life() {
    std::ifstream file(source_path("tests/data/replay/boulangerie_martin.ndjson"));
    return must(replay::read_recording(file));
  }

  // By the workers of the replay, whose master key this is.
  static crypto::MasterKey master() {
    return must(crypto::MasterKey::from_base64("cGSvYt1MExmCKQ0wjlgVnZ5k7uO2hF4aTqRbWxI9EfM="));
  }

  void make(Timestamp now) {
    db::Connection connection(replay.database().url("provisioning"), "test");
    db::Transaction tx(connection);
    must(provisioning::make_final_backup(tx, master(), martin, now, years));
    tx.commit();
  }

  Result<std::vector<std::string>> read() {
    db::Connection connection(replay.database().url("owner"), "test");
    db::Transaction tx(connection);
    std::vector<std::string> lines;
    const auto done = provisioning::read_final_backup(tx, master(), martin, [&](std::string_view line) -> Result<void> {
      lines.emplace_back(line);
      return {};
    });
    if (!done) return done.error();
    return lines;
  }
  std::string refusal() {
    const auto lines = read();
    return lines ? "opened" : lines.error().reason;
  }

  static Rows rows_of(const std::vector<std::string>& lines) {
    Rows out;
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
      const auto line = json::parse(lines[i]);
      out[line.at("table").get<std::string>()].insert(line.at("row").dump());
    }
    return out;
  }

  // As a superuser sees them, in every table there is.
  static Rows rows_in(testing::TestDatabase& database, const std::set<std::string>& but_for) {
    db::Connection connection(database.url("superuser"), "test");
    db::Transaction tx(connection);
    Rows out;
    const auto take = [&](const std::string& table, const std::string& sql) {
      for (const auto row : tx.exec(sql, {martin})) out[table].insert(json::parse(row.text(0)).dump());
    };
    for (const auto row : tx.exec(
             "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN "
             "pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' WHERE c.relkind IN ('r', 'p') AND NOT "
             "c.relispartition")) {
      const std::string table(row.text(0));
      if (!but_for.contains(table)) {
        take(table, "SELECT to_jsonb(t) FROM " + table + " t WHERE tenant_id = $1");
      }
    }
    take("platform.users",
         "SELECT to_jsonb(u) - 'password_hash' FROM platform.users u JOIN platform.memberships USING (user_id) "
         "WHERE tenant_id = $1");
    return out;
  }

  Replay replay{life()};
};

TEST_F(FinalBackup, HoldsEveryRowButWhatIsNamed) {
  const auto expected = rows_in(replay.database(), left_out);
  for (const auto* table : {"platform.tenants", "platform.users", "platform.memberships", "billing.payments",
                            "metering.counters", "notification.deliveries", "tenant_data.clients"}) {
    EXPECT_TRUE(expected.contains(table)) << table << " has nothing that could be missing";
  }
  make(replay.platform().now());
  const auto lines = must(read());
  EXPECT_EQ(rows_of(lines), expected);
  const auto first = json::parse(lines.front());
  EXPECT_EQ(first.at("format"), "tenantry-backup/1");
  EXPECT_EQ(first.at("tenant_id"), martin);
  EXPECT_EQ(json::parse(lines.back()).at("rows"), lines.size() - 2);
  for (const auto& line : lines) EXPECT_EQ(line.find("argon2"), std::string::npos) << line;
}

TEST_F(FinalBackup, ComesBackAsItWas) {
  make(replay.platform().now());
  testing::TestDatabase other;
  db::Connection connection(other.url("superuser"), "test");
  db::Transaction tx(connection);
  tx.exec(
      "SET LOCAL session_replication_role = replica");  // rows come table by table, not as they depend on each other
  const auto lines = must(read());
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const auto line = json::parse(lines[i]);
    const auto table = line.at("table").get<std::string>();
    tx.exec("INSERT INTO " + table + " SELECT * FROM jsonb_populate_record(NULL::" + table + ", $1::jsonb)",
            {line.at("row").dump()});
  }
  tx.commit();
  EXPECT_EQ(rows_in(other, left_out), rows_in(replay.database(), left_out));
}

TEST_F(FinalBackup, IsMadeBeforeAnythingIsReleasedAndErasureReachesIt) {
  const auto feed = [&](const google::protobuf::Message& message, const char* at, const char* id, bool platform) {
    replay::Recorded recorded;
    recorded.event =
        events::make_event(martin, message,
                           {.source = "/tenantry/gateway",
                            .actor = {.kind = "user", .id = "marie-of-martin", .ip = "192.0.2.77", .user_agent = {}},
                            .time = *from_rfc3339(at)},
                           *Uuid::parse(id));
    recorded.exchange = platform ? "platform.events" : "boulangerie-martin.events";
    must(replay.platform().feed(recorded));
    replay.platform().settle();
  };
  events::v1::TenantCancelled cancelled;
  cancelled.set_from_status("ACTIVE");
  feed(cancelled, "2026-04-01T00:00:00Z", "019d46f2-3c00-7000-8000-000000000101", false);
  EXPECT_EQ(refusal(), "no_backup");
  replay.advance(Days{35});
  ASSERT_EQ(replay.status(martin), "deleted");
  EXPECT_EQ(replay.database().value("SELECT count(*) FROM tenant_data.clients"), "0");
  EXPECT_EQ(replay.database().value("SELECT count(*) FROM platform.users"), "0");
  const auto rows = rows_of(must(read()));
  EXPECT_EQ(rows.at("tenant_data.clients").size(), 3U);
  EXPECT_EQ(rows.at("platform.users").size(), 1U);
  EXPECT_EQ(json::parse(*rows.at("platform.tenants").begin()).at("status"), "deleted");

  feed(events::v1::ErasureRequested{}, "2026-06-01T00:00:00Z", "019e7f14-d400-7000-8000-000000000102", true);
  ASSERT_EQ(replay.published(martin, "tenant.erased"), 1);
  EXPECT_EQ(refusal(), "erased");
}

// Deleted is deleted before its release is through: whoever asks for erasure in between must not stop the release.
TEST_F(FinalBackup, ErasedBeforeItsTurnThereIsNone) {
  replay.database().exec("superuser", "DELETE FROM platform.tenant_keys");
  make(replay.platform().now());
  EXPECT_EQ(refusal(), "no_backup");
}

TEST_F(FinalBackup, IsRefusedWhereAByteWasChangedOrAPartIsGone) {
  replay.database().exec(
      "superuser",
      "INSERT INTO tenant_data.clients SELECT $1, gen_random_uuid(), string_agg(md5(random()::text || i || j), ''), "
      "'', "
      "gen_random_uuid(), now() FROM generate_series(1, 25000) AS i, generate_series(1, 4) AS j GROUP BY i",
      {martin});
  make(replay.platform().now());
  const auto clients = [&](const std::vector<std::string>& lines) {
    return rows_of(lines).at("tenant_data.clients").size();
  };
  EXPECT_EQ(clients(must(read())), 25'003U);
  EXPECT_EQ(replay.database().value("SELECT part_count = (SELECT count(*) FROM provisioning.backup_parts) AND "
                                    "part_count > 1 FROM provisioning.backups"),
            "t");
  const auto with = [&](const char* change, const char* back) {
    replay.database().exec("superuser", "CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM provisioning.backup_parts");
    replay.database().exec("superuser", change);
    const auto found = refusal();
    replay.database().exec("superuser", back);
    return found;
  };
  const char* all_back =
      "UPDATE provisioning.backup_parts p SET sealed = kept.sealed FROM kept WHERE kept.part = p.part";
  EXPECT_EQ(with("UPDATE provisioning.backup_parts SET sealed = set_byte(sealed, 1000, 255 - get_byte(sealed, 1000)) "
                 "WHERE part = 1",
                 all_back),
            "backup_changed");
  EXPECT_EQ(with("UPDATE provisioning.backup_parts p SET sealed = kept.sealed FROM kept WHERE p.part + kept.part = 1",
                 all_back),
            "backup_changed");
  EXPECT_EQ(with("UPDATE provisioning.backups SET part_count = part_count - 1",
                 "UPDATE provisioning.backups SET part_count = part_count + 1"),
            "backup_changed");
  EXPECT_EQ(with("UPDATE provisioning.backups SET part_count = part_count + 1",
                 "UPDATE provisioning.backups SET part_count = part_count - 1"),
            "backup_changed");
  EXPECT_EQ(refusal(), "opened");
}

TEST_F(FinalBackup, IsMadeOnceAndGoesAtItsEndUnlessALawyerHoldsIt) {
  const auto at = [](const char* text) { return *from_rfc3339(text); };
  const auto made_at = [&] { return replay.database().value("SELECT max(made_at)::date FROM provisioning.backups"); };
  make(at("2026-03-01T00:00:00Z"));
  make(at("2027-03-01T00:00:00Z"));
  EXPECT_EQ(made_at(), "2026-03-01");
  EXPECT_EQ(replay.database().value("SELECT keep_until::date FROM provisioning.backups"), "2033-03-01");
  replay.database().exec("superuser", "INSERT INTO platform.holds VALUES ($1, 'legal', 'case 17', $2)",
                         {martin, at("2034-01-01T00:00:00Z")});
  make(at("2033-03-02T00:00:00Z"));
  EXPECT_EQ(made_at(), "2026-03-01");
  make(at("2034-01-02T00:00:00Z"));
  EXPECT_EQ(made_at(), "2034-01-02");
  EXPECT_EQ(replay.database().value("SELECT count(DISTINCT tenant_id) FROM provisioning.backup_parts"), "1");
  EXPECT_EQ(refusal(), "opened");
}

TEST_F(FinalBackup, NobodyElseReachesIt) {
  make(replay.platform().now());
  for (const auto* role :
       {"gateway", "signup", "billing", "metering", "audit", "notification", "runtime", "signer", "analyst"}) {
    for (const auto* sql :
         {"SELECT count(*) FROM provisioning.backup_parts", "SELECT count(*) FROM provisioning.backups",
          "SELECT * FROM provisioning.rows_of_tenant()"}) {
      try {
        replay.database().exec(role, sql);
        ADD_FAILURE() << role << " may " << sql;
      } catch (const db::StatementError& error) {
        EXPECT_EQ(error.sqlstate, "42501") << role << ": " << sql;
      }
    }
  }
}

}  // namespace
}  // namespace tenantry::final_backup_test
