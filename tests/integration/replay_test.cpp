// Goal: recorded events played again have the effects they had, and nothing gets out.
// The first tests are docs/replay.md's example; the others hold what a replay promises.
#include <gtest/gtest.h>

#include <sstream>

#include "shared/db/connection.h"
#include "tests/support/replay.h"
#include "workers/replay/sandbox.h"
#include "workers/replay/store.h"

namespace tenantry::replay_test {
namespace {

using replay::Difference;
using testing::Replay;

constexpr const char* martin = "boulangerie-martin";
constexpr const char* story = "tests/data/replay/boulangerie_martin.ndjson";

// [docs/replay.md: example]
TEST(ReplayExample, ATrialThatIsPaidBecomesActive) {
  Replay replay(story);

  replay.play(*from_rfc3339("2026-03-10T00:00:00Z"));
  EXPECT_EQ(replay.status(martin), "trial");
  EXPECT_EQ(replay.usage(martin, "orders"), "7");  // 3, and 4 once: two events under one key
  EXPECT_EQ(replay.dead_letters(), std::vector<std::string>{"metering usage.recorded invalid"});  // -1 orders

  replay.play();  // the payment
  EXPECT_EQ(replay.status(martin), "active");
  EXPECT_EQ(replay.published(martin, "tenant.activated"), 1);

  replay.advance(Days{30});  // the trial's end comes and changes nothing
  EXPECT_EQ(replay.status(martin), "active");
  EXPECT_EQ(replay.published(martin, "tenant.suspended"), 0);
}

TEST(ReplayExample, WithoutThePaymentItIsSuspendedAndTold) {
  Replay replay(story);
  replay.play(*from_rfc3339("2026-03-10T00:00:00Z"));
  replay.advance(Days{14});
  EXPECT_EQ(replay.status(martin), "suspended");
  EXPECT_GE(replay.subjects("marie@martin.example").size(), 2U);
}
// [docs/replay.md: end of example]

// By way of the file's form, as `events record` and `events replay` go.
std::vector<replay::Recorded> recording_of(Replay& replay) {
  std::vector<replay::Recorded> recorded;
  db::Connection connection(replay.database().url("owner"), "test");
  db::Transaction tx(connection);
  auto keys = replay::Platform::audit_keys();
  testing::must(replay::read_events(tx, keys, {}, [&](replay::Recorded&& one) -> Result<void> {
    recorded.push_back(testing::must(replay::from_line(replay::to_line(one))));
    return {};
  }));
  return recorded;
}

TEST(ReplayTest, WhatItsAuditLogRecordsPlaysAgainToTheSameEnd) {
  Replay first(story);
  first.play();
  const auto recorded = recording_of(first);
  EXPECT_GT(recorded.size(), 10U);
  Replay second(recorded);
  second.play();
  EXPECT_EQ(second.status(martin), first.status(martin));
  EXPECT_EQ(second.usage(martin, "orders"), first.usage(martin, "orders"));
  EXPECT_EQ(second.types(martin), first.types(martin));
  EXPECT_EQ(second.platform().mails().size(), first.platform().mails().size());
}

// What a worker made of its tenants, by its source.
std::vector<std::string> types_by(Replay& replay, const std::string& worker) {
  std::vector<std::string> out;
  for (const auto& recorded : replay.platform().published()) {
    const auto& event = recorded.event;
    if (event.source == "/tenantry/" + worker && !event.causation_id.empty()) out.push_back(event.type);
  }
  std::ranges::sort(out);
  return out;
}

class OneWorker : public ::testing::TestWithParam<const char*> {};

// With nobody else there: what the others made is fed as they made it, and what they wrote is there.
TEST_P(OneWorker, DoesAloneWhatItDidAmongTheOthers) {
  Replay all(story);
  all.play();
  const std::string worker = GetParam();
  Replay alone(recording_of(all), {.worker = worker});
  alone.play();
  EXPECT_EQ(types_by(alone, worker), types_by(all, worker));
  EXPECT_EQ(alone.status(martin), all.status(martin));
  EXPECT_EQ(alone.usage(martin, "orders"), worker == "metering" ? all.usage(martin, "orders") : "");
  EXPECT_EQ(alone.platform().mails().size(), worker == "notification" ? all.platform().mails().size() : 0U);
  EXPECT_EQ(alone.dead_letters(), worker == "metering" ? all.dead_letters() : std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(, OneWorker,
                         ::testing::Values("signup", "provisioning", "billing", "metering", "notification"),
                         [](const auto& row) { return std::string(row.param); });

// Told to send, it says what the server answered, and that a refusal is no news to anybody else.
TEST(ReplayMail, GoesOutWhereItIsToldTo) {
  std::vector<std::string> sent;
  const auto send = [&](const std::string& from, const std::string& to, const std::string&) -> Result<void> {
    sent.push_back(from + " " + to);
    return sent.size() == 1 ? Result<void>{} : Error{.code = Errc::invalid, .reason = "mail_refused"};
  };
  Replay first(story);
  first.play();
  Replay replay(recording_of(first), {.send_mail = send, .mail_from = "us@tenantry.example"});
  replay.play();
  ASSERT_EQ(sent.size(), first.platform().mails().size());
  ASSERT_GE(sent.size(), 2U);
  EXPECT_EQ(sent[0], "us@tenantry.example marie@martin.example");
  EXPECT_FALSE(replay.platform().mails()[0].refused);
  EXPECT_EQ(replay.platform().mails()[1].refused.value().reason, "mail_refused");
}

// What the command line plays into: made by a role that may make databases, and nothing else.
TEST(ReplaySandbox, IsMadeAndDroppedByARoleThatMayDoNothingElse) {
  const auto maker = testing::required_variable("TENANTRY_SANDBOX_DATABASE_URL");
  testing::TestDatabase empty(testing::TestDatabase::Content::empty);
  EXPECT_EQ(empty.value("SELECT count(*) FROM pg_roles r WHERE rolname = 'tenantry_sandbox' AND rolcreatedb AND NOT "
                        "(rolsuper OR rolcreaterole OR rolbypassrls OR rolreplication) AND NOT EXISTS (SELECT FROM "
                        "pg_auth_members WHERE member = r.oid)"),
            "1");
  EXPECT_EQ(empty.value("SELECT has_database_privilege('tenantry_sandbox', 'tenantry', 'CONNECT')"), "f");
  const auto name = testing::random_name("tenantry_sandbox_test_");
  const auto there = [&] { return empty.value("SELECT count(*) FROM pg_database WHERE datname = $1", {name}); };
  {
    auto sandbox = testing::must(
        replay::SandboxDatabase::make(maker, name, [&](std::string_view role) { return empty.url(role); }));
    EXPECT_EQ(there(), "1");
    replay::Platform platform({.database_url = [&](std::string_view role) { return sandbox.url(role); },
                               .starts_at = *from_rfc3339("2026-03-02T09:00:00Z")});
    platform.settle();
  }
  EXPECT_EQ(there(), "0");
}

TEST(ReplayVerify, AgreesWithWhatTheWorkersLeft) {
  Replay replay(story);
  replay.play();
  EXPECT_EQ(replay.differences(), std::vector<Difference>{});
  replay.advance(Days{40});
  EXPECT_EQ(replay.differences(), std::vector<Difference>{});
}

// Housekeeping removes hours after 400 days, and nothing else of usage: what is left agrees still.
TEST(ReplayVerify, AsksForNoHourThatWasRemoved) {
  Replay replay(story);
  replay.play();
  EXPECT_EQ(replay.usage(martin, "orders", "hour"), "7");
  replay.advance(Days{402});
  replay.database().exec("runtime", "SELECT housekeeping.sweep($1)", {replay.platform().now()});
  EXPECT_EQ(replay.usage(martin, "orders", "hour"), "");
  EXPECT_EQ(replay.usage(martin, "orders"), "7");
  EXPECT_EQ(replay.differences(), std::vector<Difference>{});
}

struct Plant {
  const char* name;
  const char* sql;
  const char* found;  // in what
  const char* live;
};
class PlantedDifference : public ::testing::TestWithParam<Plant> {};

TEST_P(PlantedDifference, IsFoundAndNamed) {
  Replay replay(story);
  replay.play();
  replay.database().exec("superuser", GetParam().sql);
  const auto differences = replay.differences();
  ASSERT_FALSE(differences.empty());
  EXPECT_EQ(differences.front().tenant_id, martin);
  EXPECT_TRUE(differences.front().what.starts_with(GetParam().found)) << differences.front().what;
  EXPECT_EQ(differences.front().live, GetParam().live);
}

INSTANTIATE_TEST_SUITE_P(
    , PlantedDifference,
    ::testing::Values(Plant{"Status", "UPDATE platform.tenants SET status = 'suspended', status_reason = 'abuse'",
                            "status", "suspended"},
                      Plant{"Plan", "UPDATE platform.tenants SET plan = 'FREE', plan_version = 1", "plan", "FREE"},
                      Plant{"Trial", "UPDATE platform.tenants SET trial_ends_at = '2027-01-01'", "trial_ends_at",
                            "2027-01-01T00:00:00Z"},
                      Plant{"Quantity", "UPDATE metering.counters SET quantity = quantity + 1 WHERE span = 'day'",
                            "usage orders day 2026-03-03", "8 of 2"},
                      Plant{"Events", "UPDATE metering.counters SET events = 5 WHERE span = 'month'",
                            "usage orders month 2026-03-01", "7 of 5"},
                      Plant{"LostWindow", "DELETE FROM metering.counters WHERE span = 'hour'",
                            "usage orders hour 2026-03-03T08", ""}),
    [](const auto& row) { return std::string(row.param.name); });

struct BadLine {
  const char* name;
  const char* line;
  const char* says;
};
class BadRecording : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadRecording, NamesTheLineTheFieldAndTheRule) {
  std::istringstream in(std::string("\n") + GetParam().line + "\n");
  const auto read = replay::read_recording(in);
  ASSERT_FALSE(read);
  const auto text = read.error().describe();
  EXPECT_NE(text.find("line 2"), text.npos) << text;
  EXPECT_NE(text.find(GetParam().says), text.npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    , BadRecording,
    ::testing::Values(
        BadLine{"NoJson", "{", "malformed"}, BadLine{"NoObject", "[]", "object"},
        BadLine{"NoTenant", R"({"specversion":"1.0","type":"order.created"})", "/tenantid"},
        BadLine{"NoId", R"({"specversion":"1.0","type":"order.created","tenantid":"a","id":"x"})", "/eventid"},
        BadLine{
            "NoTime",
            R"({"specversion":"1.0","type":"a.b","tenantid":"a","id":"0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","time":"now"})",
            "/time"},
        BadLine{
            "AgainstItsSchema",
            R"({"specversion":"1.0","type":"usage.recorded","tenantid":"a","id":"0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","data":{"quantity":1}})",
            "/data/metric"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace tenantry::replay_test
