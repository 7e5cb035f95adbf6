// Goal: shared/db against a real server: what is rerun, what is looked up, what travels
// unchanged by either way in, and migrations. Session by itself: session_test.cpp.
// Method: a database per test; connections are ended by the server itself or by a proxy
// that throws the answer to COMMIT away.
#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <latch>
#include <limits>
#include <optional>

#include "shared/core/ids.h"
#include "shared/crypto/hash.h"
#include "shared/db/migrate.h"
#include "shared/db/run.h"
#include "shared/tenancy/plans.h"
#include "tests/support/services.h"

namespace tenantry::db::database_test {
namespace {

using testing::must;
using testing::TestDatabase;

class Run : public ::testing::Test {
 protected:
  void SetUp() override {
    database.exec("owner", "CREATE TABLE public.numbers (id int PRIMARY KEY, n int NOT NULL)");
    database.exec("owner", "INSERT INTO public.numbers VALUES (1, 0), (2, 0)");
  }

  std::string pid(Transaction& tx) { return std::string(tx.exec("SELECT pg_backend_pid()::text")[0].text(0)); }
  std::string connection_pid() {
    Transaction tx(connection);
    return pid(tx);
  }
  void terminate(const std::string& which) {
    database.exec("superuser", "SELECT pg_terminate_backend($1::int, 10000)", {which});
  }

  TestDatabase database{TestDatabase::Content::empty};
  Connection connection{database.url("owner"), "test"};
  int tries = 0;
};

TEST_F(Run, SerializationFailureIsRerunAsAWhole) {
  must(run(connection, {}, [&](Transaction& tx) -> Result<void> {
    tx.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    const auto before = tx.exec("SELECT n FROM public.numbers WHERE id = 1")[0].int64(0);
    if (++tries == 1) database.exec("owner", "UPDATE public.numbers SET n = 10 WHERE id = 1");
    tx.exec("UPDATE public.numbers SET n = $1 WHERE id = 1", {before + 1});
    return {};
  }));
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(database.value("SELECT n::text FROM public.numbers WHERE id = 1"), "11");
}

TEST_F(Run, DeadlockedTransactionsBothCommit) {
  std::latch both_hold_one{2};
  std::atomic<int> all_tries = 0;
  const auto update = [&](int first, int second) {
    Connection own(database.url("owner"), "test");
    int my_tries = 0;
    return run(own, {}, [&](Transaction& tx) -> Result<void> {
      ++all_tries;
      tx.exec("UPDATE public.numbers SET n = n + 1 WHERE id = $1", {first});
      if (++my_tries == 1) both_hold_one.arrive_and_wait();
      tx.exec("UPDATE public.numbers SET n = n + 1 WHERE id = $1", {second});
      return {};
    });
  };
  auto other = std::async(std::launch::async, update, 2, 1);
  must(update(1, 2));
  must(other.get());
  EXPECT_GE(all_tries, 3);  // the one that was rolled back may be back before the other has woken up
  EXPECT_EQ(database.value("SELECT string_agg(n::text, ' ') FROM public.numbers"), "2 2");
}

TEST_F(Run, ConstantConflictGivesUp) {
  const auto done = run(connection, {.reruns_max = 2}, [&](Transaction& tx) -> Result<void> {
    ++tries;
    tx.exec("DO $$ BEGIN RAISE 'again' USING ERRCODE = 'serialization_failure'; END $$");
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "database_busy");
  EXPECT_EQ(tries, 3);
}

TEST_F(Run, PermanentErrorIsThrownWithItsConstraint) {
  try {
    (void)run(connection, {}, [&](Transaction& tx) -> Result<void> {
      ++tries;
      tx.exec("INSERT INTO public.numbers VALUES (1, 1)");
      return {};
    });
    FAIL() << "a duplicate was accepted";
  } catch (const StatementError& error) {
    EXPECT_TRUE(error.is_unique_violation());
    EXPECT_EQ(error.constraint, "numbers_pkey");
  }
  EXPECT_EQ(tries, 1);
}

TEST_F(Run, StatementThatNobodyWaitsForTakesEffectInItsPlace) {
  must(run(connection, {}, [&](Transaction& tx) -> Result<void> {
    tx.send("UPDATE public.numbers SET n = 1");
    tx.send("UPDATE public.numbers SET n = n + $1", {2});
    EXPECT_EQ(tx.exec("SELECT sum(n) FROM public.numbers")[0].int64(0), 6);
    tx.send("UPDATE public.numbers SET n = n + $1", {4});
    return {};
  }));
  EXPECT_EQ(database.value("SELECT sum(n)::text FROM public.numbers"), "14");
}

TEST_F(Run, AnswersThatAreReadLaterAreThoseOfTheirPlace) {
  for (int round = 0; round < 2; ++round) {  // prepared on the first, in one round trip on the second
    must(run(connection, {}, [&](Transaction& tx) -> Result<void> {
      tx.send("UPDATE public.numbers SET n = 1");
      auto ones = tx.ask("SELECT sum(n) FROM public.numbers");
      tx.send("UPDATE public.numbers SET n = n + $1", {2});
      [[maybe_unused]] auto unread = tx.ask("SELECT sum(n) + 100 FROM public.numbers");
      auto threes = tx.ask("SELECT sum(n) FROM public.numbers");
      EXPECT_EQ(tx.exec("SELECT 'now'")[0].text(0), "now");
      EXPECT_EQ(std::move(threes).rows()[0].int64(0), 6);
      EXPECT_EQ(std::move(ones).rows()[0].int64(0), 2);
      auto last = tx.ask("SELECT sum(n) + $1 FROM public.numbers", {1});
      EXPECT_EQ(std::move(last).rows()[0].int64(0), 7);
      return {};
    }));
  }
}

TEST_F(Run, FailureAmongWhatIsAskedComesWithTheFirstThatIsRead) {
  for (int round = 0; round < 2; ++round) {  // prepared on the first
    try {
      (void)run(connection, {}, [&](Transaction& tx) -> Result<void> {
        [[maybe_unused]] auto before = tx.ask("SELECT 1");
        [[maybe_unused]] auto duplicate = tx.ask("INSERT INTO public.numbers VALUES (1, 1) RETURNING id");
        auto after = tx.ask("SELECT 2");
        (void)std::move(after).rows();
        ADD_FAILURE() << "read behind what failed";
        return {};
      });
      FAIL() << "a duplicate was accepted";
    } catch (const StatementError& error) {
      EXPECT_EQ(error.constraint, "numbers_pkey");
    }
    must(run(connection, {}, [&](Transaction& tx) -> Result<void> {
      EXPECT_EQ(tx.exec("SELECT count(*) FROM public.numbers")[0].int64(0), 2);
      return {};
    }));
  }
}

TEST_F(Run, AStatementThatTheServerDidNotTakeIsOfferedAgain) {
  const auto look = [&](Transaction& tx) -> Result<void> {
    tx.exec("SELECT n FROM public.late");
    return {};
  };
  for (int round = 0; round < 2; ++round) EXPECT_THROW((void)run(connection, {}, look), StatementError);
  // Behind one that fails nothing is taken either.
  EXPECT_THROW((void)run(connection, {},
                         [&](Transaction& tx) -> Result<void> {
                           tx.send("INSERT INTO public.numbers VALUES (1, 1)");
                           tx.send("UPDATE public.numbers SET n = 77");
                           return {};
                         }),
               StatementError);
  database.exec("owner", "CREATE TABLE public.late (n int)");
  must(run(connection, {}, look));
  must(run(connection, {}, [&](Transaction& tx) -> Result<void> {
    tx.exec("UPDATE public.numbers SET n = 77");
    return {};
  }));
  EXPECT_EQ(database.value("SELECT sum(n)::text FROM public.numbers"), "154");
}

// Another holds what the first statement locks and writes what the second reads.
TEST_F(Run, WhatIsAskedBehindALockSeesWhatItsHolderWrote) {
  Connection other(database.url("owner"), "holder");
  const auto sum_behind_lock = [&](const Transaction::Meanwhile& meanwhile) {
    Transaction tx(connection);
    auto lock = tx.ask("SELECT pg_advisory_xact_lock(7)");
    auto sum = tx.ask("SELECT sum(n) FROM public.numbers");
    (void)tx.exec("SELECT 1", {}, meanwhile);
    (void)std::move(lock).rows();
    return std::move(sum).rows()[0].int64(0);
  };
  EXPECT_EQ(sum_behind_lock({}), 0);  // prepares, which waits for each
  Transaction holder(other);
  holder.exec("SELECT pg_advisory_xact_lock(7)");
  holder.exec("UPDATE public.numbers SET n = 21");
  EXPECT_EQ(sum_behind_lock([&] {
              holder.exec(
                  "DO $$ BEGIN FOR i IN 1..10000 LOOP EXIT WHEN EXISTS "
                  "(SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted); "
                  "PERFORM pg_sleep(0.001), pg_stat_clear_snapshot(); ASSERT i < 10000, 'nobody waits'; END LOOP; "
                  "END $$");
              holder.commit();
            }),
            42);
}

class Unawaited : public Run, public ::testing::WithParamInterface<const char*> {};

TEST_P(Unawaited, FailureComesWithWhatIsNextAndNothingIsKept) {
  for (int round = 0; round < 2; ++round) {  // prepared on the first, in the pipeline at once on the second
    try {
      (void)run(connection, {}, [&](Transaction& tx) -> Result<void> {
        tx.send("UPDATE public.numbers SET n = 9");
        tx.send("INSERT INTO public.numbers VALUES (1, 1)");
        tx.send("UPDATE public.numbers SET n = 10");
        if (*GetParam() != '\0') tx.exec(GetParam());
        return {};
      });
      FAIL() << "a duplicate was accepted";
    } catch (const StatementError& error) {
      EXPECT_EQ(error.constraint, "numbers_pkey");
    }
    EXPECT_EQ(database.value("SELECT sum(n)::text FROM public.numbers"), "0");
  }
}

INSTANTIATE_TEST_SUITE_P(, Unawaited, ::testing::Values("", "SELECT 1"),
                         [](const auto& row) { return *row.param == '\0' ? "AtTheCommit" : "AtTheNextStatement"; });

TEST_F(Run, ConflictOfAStatementThatNobodyWaitsForIsRerun) {
  must(run(connection, {}, [&](Transaction& tx) -> Result<void> {
    tx.send(++tries == 1 ? "DO $$ BEGIN RAISE 'again' USING ERRCODE = 'serialization_failure'; END $$"
                         : "UPDATE public.numbers SET n = 3");
    return {};
  }));
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(database.value("SELECT sum(n)::text FROM public.numbers"), "6");
}

// The statement waits for a lock that the work gives up, which waits for the statement.
TEST_F(Run, WorkIsDoneWhileTheServerWorks) {
  Connection other(database.url("owner"), "holder");
  for (int round = 0; round < 2; ++round) {  // prepared on the first
    for (const bool once : {false, true}) {
      std::optional<Transaction> holder(std::in_place, other);
      holder->exec("SELECT pg_advisory_xact_lock(7)");
      const auto release = [&] {
        holder->exec(
            "DO $$ BEGIN FOR i IN 1..10000 LOOP "
            "EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted); "
            "PERFORM pg_sleep(0.001), pg_stat_clear_snapshot(); ASSERT i < 10000, 'nobody waits'; END LOOP; END $$");
        holder.reset();
      };
      Transaction tx(connection);
      tx.send("SELECT set_config('lock_timeout', '10s', true)");
      constexpr const char* statement = "SELECT 'mine' FROM pg_advisory_xact_lock(7)";
      EXPECT_EQ((once ? tx.exec_once(statement, {}, release) : tx.exec(statement, {}, release))[0].text(0), "mine");
      EXPECT_FALSE(holder);
    }
  }
}

TEST_F(Run, WhatIsNotDoneInTimeIsCancelledAndTheTransactionGoesOn) {
  Transaction tx(connection);
  tx.exec("SAVEPOINT here");
  EXPECT_THROW(tx.exec_within(Milliseconds{50}, "SELECT pg_sleep(60)", {}), TimedOut);
  tx.send("ROLLBACK TO SAVEPOINT here");
  EXPECT_EQ(tx.exec("SELECT 'on'")[0].text(0), "on");
  EXPECT_EQ(tx.exec_within(Milliseconds{60'000}, "SELECT 'in time'", {})[0].text(0), "in time");
}

// Goal: a statement that ends just as its time does is the only one that is told so, and no answer is another's.
// The sleep homes in on where one turns into the other, wherever this machine has that.
TEST_F(Run, WhatEndsJustInTimeOrJustNotLeavesEachItsOwnAnswer) {
  Transaction tx(connection);
  int done = 0, cancelled = 0;
  double seconds = 0.005;
  for (int i = 0; i < 300; ++i) {
    tx.exec("SAVEPOINT here");
    try {
      const Param slowly[] = {std::to_string(seconds)};
      tx.exec_within(Milliseconds{5}, "SELECT pg_sleep($1), 'slow'", slowly);
      ++done;
      seconds *= 1.1;
    } catch (const TimedOut&) {
      tx.send("ROLLBACK TO SAVEPOINT here");
      ++cancelled;
      seconds /= 1.1;
    }
    ASSERT_EQ(tx.exec("SELECT $1::text", {std::to_string(i)})[0].text(0), std::to_string(i));
  }
  EXPECT_EQ(done + cancelled, 300);
  EXPECT_GT(done, 0);
  EXPECT_GT(cancelled, 0);
}

TEST_F(Run, ErrorWhileTheServerWorksRollsBackAndLeavesTheConnection) {
  const auto before = connection_pid();
  const auto fails = [] { throw std::runtime_error("ours"); };
  try {
    (void)run(connection, {}, [&](Transaction& tx) -> Result<void> {
      tx.exec("UPDATE public.numbers SET n = 5", {}, fails);
      return {};
    });
    FAIL() << "the error was lost";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "ours");
  }
  EXPECT_EQ(database.value("SELECT sum(n)::text FROM public.numbers"), "0");
  EXPECT_EQ(connection_pid(), before);
}

TEST_F(Run, ErrorOfTheWorkRollsBack) {
  const auto done = run(connection, {}, [&](Transaction& tx) -> Result<void> {
    tx.exec("UPDATE public.numbers SET n = 5");
    return Error{.code = Errc::conflict, .reason = "ours"};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ours");
  EXPECT_EQ(database.value("SELECT sum(n)::text FROM public.numbers"), "0");
}

TEST_F(Run, BackendTerminatedMidTransactionIsRerun) {
  must(run(connection, {}, [&](Transaction& tx) -> Result<void> {
    tx.exec("UPDATE public.numbers SET n = n + 1 WHERE id = 1");
    if (++tries == 1) terminate(pid(tx));
    tx.exec("UPDATE public.numbers SET n = n + 1 WHERE id = 2");
    return {};
  }));
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(database.value("SELECT string_agg(n::text, ' ') FROM public.numbers"), "1 1");
}

TEST_F(Run, BackendTerminatedWhileIdleIsReplacedWithItsSettings) {
  database.exec("superuser", "ALTER DATABASE " + database.name() + " SET timezone = 'Asia/Kolkata'");
  Connection fresh(database.url("owner"), "test");
  std::string idle;
  const auto read = [&] {
    Timestamp at;
    must(run(fresh, {}, [&](Transaction& tx) -> Result<void> {
      idle = pid(tx);
      at = tx.exec("SELECT timestamptz '2026-11-21 09:04:34.123456+00'")[0].timestamp(0);
      return {};
    }));
    return at;
  };
  const auto first = read();
  terminate(idle);
  EXPECT_EQ(read(), first);
  EXPECT_EQ(to_rfc3339(first), "2026-11-21T09:04:34.123456Z");
}

// The server ends the backend inside COMMIT, before anything is durable: once, for the sequence outlives the rollback.
constexpr const char* dies_at_commit =
    "CREATE SEQUENCE public.tries;"
    "CREATE FUNCTION public.die_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF nextval('public.tries') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); END IF; "
    "RETURN NULL; END $$;"
    "CREATE CONSTRAINT TRIGGER die_once AFTER INSERT ON public.numbers DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION public.die_once();";

class InDoubt : public Run, public ::testing::WithParamInterface<InDoubtCommit> {
 protected:
  Result<void> insert(Connection& through) {
    return run(through, {.in_doubt = GetParam()}, [&](Transaction& tx) -> Result<void> {
      ++tries;
      tx.exec("INSERT INTO public.numbers VALUES (7, 7) ON CONFLICT DO NOTHING");
      return {};
    });
  }
};

TEST_P(InDoubt, AbortedCommitIsRunAgain) {
  database.exec("owner", dies_at_commit);
  must(insert(connection));
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM public.numbers WHERE id = 7"), "1");
}

TEST_P(InDoubt, CommitWhoseAnswerIsLostTakesEffectOnce) {
  const auto server = testing::endpoint_of(database.url("owner"));
  testing::Proxy proxy(server.host, server.port);
  Connection through(testing::with_endpoint(database.url("owner"), {"127.0.0.1", proxy.port()}), "test");
  proxy.swallow_answer_to("COMMIT");
  must(insert(through));
  EXPECT_TRUE(proxy.swallowed());
  // Looked up, the outcome is known; without a look the key of the work answers.
  EXPECT_EQ(tries, GetParam() == InDoubtCommit::lookup ? 1 : 2);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM public.numbers WHERE id = 7"), "1");
}

INSTANTIATE_TEST_SUITE_P(, InDoubt, ::testing::Values(InDoubtCommit::lookup, InDoubtCommit::rerun),
                         [](const auto& row) { return row.param == InDoubtCommit::lookup ? "Lookup" : "Rerun"; });

TEST_F(Run, DatabaseThatStaysAwayIsUnavailable) {
  database.allow_connections(false);
  database.terminate_backends();
  const auto done = run(connection, {.deadline = Milliseconds{100}}, [&](Transaction&) -> Result<void> { return {}; });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::unavailable);
  EXPECT_EQ(done.error().reason, "database_unavailable");
}

// ---- values ----------------------------------------------------------------------------------------------------

template <class Way>
class Values : public ::testing::Test {
 protected:
  Rows ask(std::string_view sql, std::initializer_list<Param> params) { return tx.exec(sql, params); }

  TestDatabase database{TestDatabase::Content::empty};
  typename Way::Connection connection{database.url("owner"), "test"};
  typename Way::Transaction tx{connection};
};

struct ByConnection {
  using Connection = db::Connection;
  using Transaction = db::Transaction;
};
struct BySession {
  using Connection = db::Session;
  using Transaction = db::Session::Transaction;
};
struct WayNames {
  template <class Way>
  static std::string GetName(int) {
    return std::is_same_v<Way, BySession> ? "BySession" : "ByConnection";
  }
};
using Ways = ::testing::Types<ByConnection, BySession>;
TYPED_TEST_SUITE(Values, Ways, WayNames);

TYPED_TEST(Values, TextsOfAnArrayTravelUnchanged) {
  const std::vector<std::string> texts = {"plain",
                                          "say \"hi\"",
                                          "back\\slash\\",
                                          "{a,b}",
                                          "",
                                          "NULL",
                                          " edge ",
                                          "line\nbreak\ttab",
                                          "d\xc3\xa9j\xc3\xa0 \xf0\x9f\x90\x98",
                                          "'; DROP"};
  EXPECT_EQ(this->ask("SELECT $1::text[]", {Param::array(texts)})[0].texts(0), texts);
  const auto rows =
      this->ask("SELECT t FROM unnest($1::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n", {Param::array(texts)});
  ASSERT_EQ(rows.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(rows[i].text(0), texts[i]);
}

TYPED_TEST(Values, EmptyArrayAndNullElements) {
  EXPECT_EQ(this->ask("SELECT cardinality($1::text[])", {Param::array(std::vector<std::string>{})})[0].int64(0), 0);
  const std::vector<std::optional<std::string>> some = {"a", std::nullopt, "NULL"};
  const auto rows = this->ask("SELECT t FROM unnest($1::text[]) AS t", {Param::array(some)});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_FALSE(rows[0].is_null(0));
  EXPECT_TRUE(rows[1].is_null(0));
  EXPECT_FALSE(rows[2].is_null(0));
}

TYPED_TEST(Values, EveryByteTravelsInBytea) {
  Bytes all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(this->ask("SELECT $1::bytea", {all})[0].bytes(0), all);
  EXPECT_EQ(this->ask("SELECT ''::bytea", {})[0].bytes(0), Bytes{});
  EXPECT_FALSE(this->ask("SELECT $1::bytea", {Bytes{}})[0].is_null(0));
  const std::vector<Bytes> many = {all, {}, {0x5c, 0x22, 0x00}};
  const auto rows =
      this->ask("SELECT b FROM unnest($1::bytea[]) WITH ORDINALITY AS u (b, n) ORDER BY n", {Param::array(many)});
  ASSERT_EQ(rows.size(), 3U);
  for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ(rows[i].bytes(0), many[i]);
}

TYPED_TEST(Values, TextWithNulIsRefusedAndNotCutShort) {
  const std::string text("acme\0evil", 9);
  EXPECT_THROW(this->ask("SELECT $1::text", {text}), StatementError);
  EXPECT_EQ(this->ask("SELECT 'not sent'", {})[0].text(0), "not sent");
  EXPECT_THROW(this->ask("SELECT $1::text[]", {Param::array(std::vector<std::string>{text})}), StatementError);
}

TYPED_TEST(Values, TextThatIsNotUtf8IsRefused) {
  EXPECT_THROW(this->ask("SELECT $1::text", {"\xff"}), StatementError);
}

TYPED_TEST(Values, NumbersTimesAndIdsReadBackEqual) {
  for (const auto number :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(this->ask("SELECT $1::bigint", {number})[0].int64(0), number);
  }
  for (const double number : {0.1, -1e300, 5e-324, 1e15 + 0.125}) {
    EXPECT_EQ(this->ask("SELECT $1::float8", {number})[0].real(0), number);
  }
  for (const bool value : {true, false}) EXPECT_EQ(this->ask("SELECT $1::boolean", {value})[0].boolean(0), value);
  for (const char* text : {"1970-01-01T00:00:00Z", "2026-11-21T09:04:34.1Z", "9999-12-31T23:59:59.999999Z"}) {
    const auto at = must(from_rfc3339(text));
    EXPECT_EQ(this->ask("SELECT $1::timestamptz", {at})[0].timestamp(0), at) << text;
  }
  const SystemClock clock;
  SystemIdGenerator ids(clock);
  const auto id = ids.next();
  EXPECT_EQ(this->ask("SELECT $1::uuid", {id})[0].uuid(0), id);
}

TYPED_TEST(Values, NullIsNullOfEveryType) {
  const auto rows = this->ask("SELECT $1::text, $2::timestamptz, $3::text[], $4::bigint",
                              {nullptr, std::optional<Timestamp>{}, nullptr, std::optional<std::int64_t>{}});
  EXPECT_TRUE(rows[0].is_null(0));
  EXPECT_EQ(rows[0].text(0), "");
  EXPECT_FALSE(rows[0].optional_timestamp(1));
  EXPECT_TRUE(rows[0].texts(2).empty());
  EXPECT_TRUE(rows[0].is_null(3));
}

TYPED_TEST(Values, AffectedRowsAreCounted) {
  this->tx.exec("CREATE TABLE public.things (n int)");
  EXPECT_EQ(this->ask("INSERT INTO public.things SELECT generate_series(1, 7)", {}).affected(), 7U);
  EXPECT_EQ(this->ask("DELETE FROM public.things WHERE n > $1", {5}).affected(), 2U);
}

// ---- migrations ------------------------------------------------------------------------------------------------

class Migrations : public ::testing::Test {
 protected:
  Result<int> apply(const std::vector<Migration>& these) {
    Session own(database.url("owner"), "test");
    return migrate(own, these, [](const Migration&) {});
  }
  static Migration file(int number, std::string sql) {
    return {number, "000" + std::to_string(number) + "_test.sql", sql, to_hex(crypto::sha256(as_bytes(sql)))};
  }

  TestDatabase database{TestDatabase::Content::empty};
  std::vector<Migration> files = {file(1, "CREATE TABLE public.one (n int)"),
                                  file(2, "CREATE TABLE public.two (n int)")};
};

TEST_F(Migrations, SecondRunAppliesNothing) {
  EXPECT_EQ(must(apply(files)), 2);
  EXPECT_EQ(must(apply(files)), 0);
  files.push_back(file(3, "ALTER TABLE public.one ADD COLUMN m int"));
  EXPECT_EQ(must(apply(files)), 1);
}

TEST_F(Migrations, EditedFileIsRefused) {
  must(apply(files));
  files[0] = file(1, "CREATE TABLE public.other (n int)");
  const auto again = apply(files);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, "migration_edited");
}

TEST_F(Migrations, DatabaseOfANewerBuildIsRefused) {
  must(apply(files));
  files.pop_back();
  const auto again = apply(files);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, "migration_unknown");
}

TEST_F(Migrations, BrokenFileLeavesNothingOfItself) {
  files.push_back(file(3, "CREATE TABLE public.three (n int); SELECT no_such_function()"));
  EXPECT_THROW((void)apply(files), StatementError);
  EXPECT_EQ(
      database.value("SELECT (to_regclass('public.three') IS NULL)::text || count(*) FROM public.schema_migrations"),
      "true2");
}

TEST_F(Migrations, TwoAtOnceApplyEachFileOnce) {
  const auto all = must(embedded_migrations());
  auto other = std::async(std::launch::async, [&] { return apply(all); });
  const auto mine = must(apply(all));
  EXPECT_EQ(mine + must(other.get()), static_cast<int>(all.size()));
}

TEST_F(Migrations, PlansAreLoadedOnce) {
  must(apply(must(embedded_migrations())));
  Session owner(database.url("owner"), "test");
  EXPECT_GT(must(tenancy::load_plans(owner)), 0);
  EXPECT_EQ(must(tenancy::load_plans(owner)), 0);
}

}  // namespace
}  // namespace tenantry::db::database_test
