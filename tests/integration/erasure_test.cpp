// Goal: after a tenant's erasure no table says who its people were, and its log still
// verifies.
// Method: a recorded life, ended and erased by the workers themselves; then every column
// of every table is searched, as text and as bytes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "shared/audit_tree/tree.h"
#include "shared/db/connection.h"
#include "shared/gzip/gzip.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tests/support/replay.h"
#include "tests/support/source_path.h"
#include "workers/archive/archive.h"
#include "workers/audit/keys.h"
#include "workers/audit/leaf.h"
#include "workers/signer/signer.h"

namespace tenantry::erasure_test {
namespace {

using testing::must;
using testing::Replay;

constexpr const char* martin = "boulangerie-martin";

replay::Recorded by_the_gateway(const google::protobuf::Message& message, const char* at, const char* id) {
  replay::Recorded out;
  out.event =
      events::make_event(martin, message,
                         {.source = "/tenantry/gateway",
                          .actor = {.kind = "user", .id = "marie-of-martin", .ip = "192.0.2.77", .user_agent = {}},
                          .time = *from_rfc3339(at)},
                         *Uuid::parse(id));
  out.exchange = out.event.type == "erasure.requested" ? "platform.events" : "boulangerie-martin.events";
  return out;
}

class Erasure : public ::testing::Test {
 protected:
  static std::vector<replay::Recorded> life() {
    std::ifstream file(source_path("tests/data/replay/boulangerie_martin.ndjson"));
    auto events = must(replay::read_recording(file));
    events::v1::TenantCancelled cancelled;
    cancelled.set_reason("marie has had enough");
    cancelled.set_from_status("active");
    events.push_back(by_the_gateway(cancelled, "2026-04-01T00:00:00Z", "019d46f2-3c00-7000-8000-000000000101"));
    return events;
  }

  void erase() {
    auto& platform = replay.platform();
    must(platform.feed(by_the_gateway(events::v1::ErasureRequested{}, "2026-06-01T00:00:00Z",
                                      "019e7f14-d400-7000-8000-000000000102")));
    platform.settle();
  }

  // "schema.table.column" wherever a text or bytes hold it.
  std::vector<std::string> places_of(const std::string& text) {
    db::Connection connection(replay.database().url("superuser"), "test");
    db::Transaction tx(connection);
    std::vector<std::string> out;
    const auto columns = tx.exec(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns JOIN information_schema.tables "
        "USING (table_schema, table_name) WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', "
        "'information_schema') ORDER BY 1, 2, 3");
    EXPECT_GT(columns.size(), 100U);
    for (const auto column : columns) {
      const auto name = std::string(column.text(0)) + "." + std::string(column.text(1));
      const auto value = "\"" + std::string(column.text(2)) + "\"";
      const auto found =
          tx.exec("SELECT count(*) FROM " + name + " WHERE " + value + "::text ILIKE '%' || $1 || '%' OR " + value +
                      "::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'",
                  {text});
      if (found[0].int64(0) > 0) out.push_back(name + "." + std::string(column.text(2)));
    }
    return out;
  }

  void expect_log_verifies() {
    const auto rows = replay.database().exec(
        "superuser", "SELECT leaf, leaf_hash FROM audit.records WHERE tenant_id = $1 ORDER BY sequence", {martin});
    audit::Frontier frontier;
    for (const auto row : rows) {
      const auto hash = audit::leaf_hash(row.bytes(0));
      EXPECT_EQ(to_hex(hash), to_hex(row.bytes(1)));
      frontier.append(hash);
    }
    const auto head =
        replay.database().exec("superuser", "SELECT size, frontier FROM audit.heads WHERE tenant_id = $1", {martin});
    EXPECT_EQ(head[0].int64(0), static_cast<std::int64_t>(rows.size()));
    EXPECT_EQ(to_hex(head[0].bytes(1)), to_hex(frontier.to_bytes()));
  }

  std::string opened(const std::string& type) {
    db::Connection connection(replay.database().url("audit"), "test");
    db::Transaction tx(connection);
    auto keys = replay::Platform::audit_keys();
    const auto rows =
        tx.exec("SELECT leaf FROM audit.records WHERE tenant_id = $1 AND type = $2 LIMIT 1", {martin, type});
    const auto leaf = must(audit::parse_leaf(as_text(rows[0].bytes(0))));
    const auto personal = keys.open(tx, leaf);
    return personal ? personal->dump() : personal.error().reason;
  }

  Replay replay{life()};
};

TEST_F(Erasure, LeavesNoTraceOfPeopleAndALogThatVerifies) {
  replay.play();
  replay.advance(Days{35});
  ASSERT_EQ(replay.status(martin), "deleted");
  EXPECT_FALSE(places_of("marie").empty());
  EXPECT_NE(opened("signup.requested").find("actor"), std::string::npos);
  const auto records = replay.database().value("SELECT count(*)::text FROM audit.records");

  erase();
  EXPECT_EQ(replay.published(martin, "tenant.erased"), 1);
  EXPECT_EQ(places_of("marie"), std::vector<std::string>{});
  EXPECT_EQ(places_of("192.0.2.77"), std::vector<std::string>{});
  EXPECT_EQ(opened("signup.requested"), "erased");
  EXPECT_GT(replay.database().value("SELECT count(*)::text FROM audit.records"), records);
  expect_log_verifies();
  EXPECT_TRUE(replay.differences().empty());
}

// Goal: who was a super-admin goes with the last company, with what that one saved; who is one stays, with it.
TEST_F(Erasure, WhoWasASuperAdminIsAsGoneAsOthers) {
  auto& database = replay.database();
  replay.play();
  const auto marie = database.value("SELECT user_id::text FROM platform.users WHERE email LIKE 'marie%'");
  const auto anna = std::string("00000000-0000-7000-8000-000000000001");
  database.exec("superuser",
                "INSERT INTO platform.users (user_id, email, first_name, last_name, created_at) VALUES ($1, "
                "'anna@platform.test', 'A', 'B', now())",
                {anna});
  database.exec("superuser",
                "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) VALUES ($1, $2, "
                "'viewer', now(), now())",
                {martin, anna});
  database.add_tenant("elsewhere");
  for (const auto& [who, revoked] : {std::pair{marie, true}, {anna, false}}) {
    database.exec("superuser", "INSERT INTO platform.admins VALUES ($1, 'support', now(), CASE WHEN $2 THEN now() END)",
                  {who, revoked});
    database.exec("superuser",
                  "INSERT INTO platform.admin_sessions (session_id, token_hash, user_id, created_at, authenticated_at, "
                  "last_seen_at, expires_at, second_factor, user_agent, address) VALUES (gen_random_uuid(), "
                  "sha256(convert_to($1, 'UTF8')), $1::text::uuid, now(), now(), now(), now() + interval '1 year', "
                  "'totp', '', '')",
                  {who});
    database.exec("superuser",
                  "INSERT INTO platform.sessions (session_id, user_id, tenant_id, created_at, authenticated_at, "
                  "last_seen_at, expires_at, acting_reason) VALUES (gen_random_uuid(), $1, 'elsewhere', now(), now(), "
                  "now(), now() + interval '1 year', 'a visit')",
                  {who});
    database.exec("gateway",
                  "INSERT INTO platform.saved_views (view_id, owner, name, address, saved_at) VALUES "
                  "(gen_random_uuid(), $1, 'Mine', '/console/tenants', now())",
                  {who});
  }
  replay.advance(Days{35});
  ASSERT_EQ(replay.status(martin), "deleted");
  for (const char* table :
       {"platform.users WHERE user_id::text = $1", "platform.saved_views WHERE owner = $1",
        "platform.admins WHERE user_id::text = $1", "platform.admin_sessions WHERE user_id::text = $1",
        "platform.sessions WHERE user_id::text = $1"}) {
    EXPECT_EQ(database.value(std::string("SELECT count(*) FROM ") + table, {marie}), "0") << table;
    EXPECT_EQ(database.value(std::string("SELECT count(*) FROM ") + table, {anna}), "1") << table;
  }
}

TEST_F(Erasure, IsAskedForTwiceAndTellsOnce) {
  replay.play();
  replay.advance(Days{35});
  erase();
  must(replay.platform().feed(
      by_the_gateway(events::v1::ErasureRequested{}, "2026-06-02T00:00:00Z", "019e843b-3000-7000-8000-000000000103")));
  replay.platform().settle();
  EXPECT_EQ(replay.published(martin, "tenant.erased"), 1);
  expect_log_verifies();
}

TEST_F(Erasure, OfATenantThatIsNotDeletedDoesNothing) {
  replay.play(*from_rfc3339("2026-03-20T00:00:00Z"));
  must(replay.platform().feed(
      by_the_gateway(events::v1::ErasureRequested{}, "2026-03-21T00:00:00Z", "019d0e2c-6c00-7000-8000-000000000104")));
  replay.platform().settle();
  EXPECT_EQ(replay.published(martin, "tenant.erased"), 0);
  EXPECT_NE(opened("signup.requested"), "erased");
}

// Stripe knows nothing of an erasure and goes on.
TEST_F(Erasure, WhatStripeSaysAfterwardsIsNotKept) {
  replay.play();
  replay.advance(Days{35});
  const auto say = [&](const std::string& n) {
    replay.database().exec(
        "gateway",
        "INSERT INTO billing.stripe_events (stripe_event_id, type, tenant_id, state, stated_at, body, "
        "body_hash, received_at) VALUES ($1, 'invoice.paid', $2, 'published', now(), "
        "convert_to('{\"name\":\"marie\"}', 'UTF8'), '', now())",
        {"evt_" + n, martin});
    replay.database().exec(
        "billing",
        "INSERT INTO billing.invoices (stripe_invoice_id, tenant_id, amount_minor, currency, url, "
        "issued_at, stated_at) VALUES ($1, $2, 1, 'eur', 'https://invoice.example/marie', now(), now())",
        {"in_" + n, martin});
    return replay.database().value(
        "SELECT length(e.body) || ' ' || length(i.url) FROM billing.stripe_events AS e JOIN billing.invoices AS i ON "
        "e.stripe_event_id = 'evt_' || $1 AND i.stripe_invoice_id = 'in_' || $1",
        {n});
  };
  EXPECT_EQ(say("before"), "16 29");
  erase();
  EXPECT_EQ(say("after"), "0 0");
  EXPECT_EQ(places_of("marie"), std::vector<std::string>{});
}

// Placed between the request and the worker's turn, a legal hold still counts; once it is over, another request erases.
TEST_F(Erasure, WaitsForTheEndOfALegalHold) {
  replay.play();
  replay.advance(Days{35});
  replay.database().exec("superuser", "INSERT INTO platform.holds VALUES ($1, 'legal', 'case 17', $2)",
                         {martin, *from_rfc3339("2030-01-01T00:00:00Z")});
  erase();
  EXPECT_EQ(replay.published(martin, "tenant.erased"), 0);
  EXPECT_NE(opened("signup.requested"), "erased");
  EXPECT_FALSE(places_of("marie").empty());

  replay.database().exec("superuser", "UPDATE platform.holds SET ends_at = $1",
                         {*from_rfc3339("2026-01-01T00:00:00Z")});
  must(replay.platform().feed(
      by_the_gateway(events::v1::ErasureRequested{}, "2026-06-02T00:00:00Z", "019e843b-3000-7000-8000-000000000103")));
  replay.platform().settle();
  EXPECT_EQ(replay.published(martin, "tenant.erased"), 1);
  EXPECT_EQ(opened("signup.requested"), "erased");
}

// Files of an archive hold leaves, in which people are sealed: nobody's name is in them, and erasure reaches them, too.
TEST_F(Erasure, ReachesWhatWasArchivedBefore) {
  replay.play();
  replay.advance(Days{35});
  const auto key = *crypto::Ed25519Key::from_seed(Bytes(32, 7));
  const auto folder = std::filesystem::path(::testing::TempDir()) / testing::random_name("tenantry_erasure_");
  std::filesystem::create_directories(folder);
  signer::SignerConfig signing{.deployment = "test", .state_path = folder / "state", .recheck_records = 0};
  signing.keys.push_back(*crypto::Ed25519Key::from_seed(Bytes(32, 7)));
  SystemClock clock;
  SystemIdGenerator ids(clock);
  auto state = must(signer::State::open(signing.state_path));
  db::Connection reader(replay.database().url("signer"), "test"), owner(replay.database().url("owner"), "test");
  signer::Signer(signing, state, reader, clock, ids).round();

  const archive::ArchiveConfig config{.deployment = "test",
                                      .keys = must(audit::KeyRing::parse(audit::public_key_text(key.public_key()))),
                                      .to = folder,
                                      .others_months = 1};
  const auto now = *from_rfc3339("2099-01-01T00:00:00Z");
  archive::Archiver archiver(config, owner, ids, now);
  const auto sealed = must(audit::parse_leaf(as_text(
      replay.database()
          .exec("superuser", "SELECT leaf FROM audit.records WHERE tenant_id = $1 AND type = 'signup.requested'",
                {martin})[0]
          .bytes(0))));
  EXPECT_NE(opened("signup.requested"), "erased");
  std::vector<std::string> names;
  {
    db::Transaction tx(owner);
    for (const auto& month : archive::list_months(tx, now, 1)) names.push_back(month.month);
  }
  names.pop_back();  // what comes is recorded in it
  ASSERT_FALSE(names.empty());
  std::uint64_t records = 0;
  for (const auto& name : names) records += must(archiver.archive(name)).records;
  EXPECT_GT(records, 5U);
  EXPECT_EQ(replay.database().value("SELECT count(*) FROM audit.records WHERE type = 'signup.requested'"), "0");

  std::string expanded;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".gz") continue;
    Gunzip gunzip;
    must(
        gunzip.expand(must(archive::read_file(entry.path(), 100'000'000)), [&](std::string_view piece) -> Result<void> {
          expanded += piece;
          return {};
        }));
  }
  EXPECT_NE(expanded.find("signup.requested"), std::string::npos);
  for (const auto* canary : {"marie", "Marie", "192.0.2.77"}) {
    EXPECT_EQ(expanded.find(canary), std::string::npos) << canary;
  }
  erase();
  db::Transaction tx(owner);
  auto keys = replay::Platform::audit_keys();
  EXPECT_EQ(keys.open(tx, sealed).error().reason, "erased");
  for (const auto& name : names) {
    EXPECT_TRUE(archive::verify_month(folder / name / archive::manifest_name, config.keys, [](std::uint64_t) {}))
        << name;
  }
  std::filesystem::remove_all(folder);
}

// The one update that the log's trigger lets pass needs a destroyed key, and empties only.
TEST_F(Erasure, NobodyEmptiesRecordsWhoseKeyStands) {
  replay.play();
  const auto update = [&](const std::string& set) {
    try {
      replay.database().exec("owner",
                             "UPDATE audit.records SET actor_id = '', actor_ip = '', actor_agent = '', "
                             "resource_id = '', payload = NULL, changes = NULL" +
                                 set);
      return std::string("accepted");
    } catch (const db::StatementError& error) {
      return error.sqlstate;
    }
  };
  EXPECT_EQ(update(""), "42501");
  replay.advance(Days{35});
  erase();
  EXPECT_EQ(update(" WHERE tenant_id = 'boulangerie-martin'"), "accepted");
  EXPECT_EQ(update(", type = 'x' WHERE tenant_id = 'boulangerie-martin'"), "42501");
}

}  // namespace
}  // namespace tenantry::erasure_test
