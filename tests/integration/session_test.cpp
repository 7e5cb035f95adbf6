// Goal: Session against a real server: it tells what went wrong as Connection does, knows a lost connection and a
// commit in doubt, keeps nothing of a transaction that failed, and hears notifications. What values become on their
// way: database_test.cpp, for both. Method: a database per test; the same statement through both ways in, where they
// must say the same; connections are ended by the server itself or by a proxy that throws the answer to COMMIT away.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>

#include "shared/db/connection.h"
#include "shared/db/session.h"
#include "tests/support/services.h"

namespace tenantry::db::session_test {
namespace {

using testing::must;
using testing::TestDatabase;

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database.exec("owner",
                  "CREATE TABLE public.things (id int PRIMARY KEY, name text UNIQUE, n int NOT NULL CHECK (n < 9));"
                  "INSERT INTO public.things VALUES (1, 'one', 1)");
  }

  std::string pid(Session& of) {
    Session::Transaction tx(of);
    return std::string(tx.exec("SELECT pg_backend_pid()::text")[0].text(0));
  }
  void terminate(const std::string& which) {
    database.exec("superuser", "SELECT pg_terminate_backend($1::int, 10000)", {which});
  }
  std::string count() { return database.value("SELECT count(*)::text FROM public.things"); }

  TestDatabase database{TestDatabase::Content::empty};
  Session session{database.url("owner"), "test"};
};

// ---- errors ----------------------------------------------------------------------------------------------------

struct Told {
  std::string type, what, sqlstate, constraint;
  bool retryable = false;
  bool operator==(const Told&) const = default;
};
void PrintTo(const Told& told, std::ostream* out) {
  *out << told.type << " " << told.sqlstate << " (" << told.constraint << ")" << (told.retryable ? " again: " : ": ")
       << told.what;
}

template <class F>
Told told_by(const F& work) {
  try {
    work();
  } catch (const TimedOut& error) {
    return {"TimedOut", error.what(), error.sqlstate, error.constraint, error.retryable};
  } catch (const StatementError& error) {
    return {"StatementError", error.what(), error.sqlstate, error.constraint, error.retryable};
  } catch (const InDoubt& error) {
    return {"InDoubt", error.what(), {}, {}};
  } catch (const Unavailable& error) {
    return {"Unavailable", error.what(), {}, {}};
  }
  return {"nothing", {}, {}, {}};
}

struct Refused {
  const char* name;
  const char* sql;
  const char* type;
  const char* sqlstate;
  const char* constraint;
};

class SessionErrors : public SessionTest, public ::testing::WithParamInterface<Refused> {};

TEST_P(SessionErrors, AreThoseOfConnection) {
  const auto& row = GetParam();
  const auto ours = told_by([&] { Session::Transaction(session).exec(row.sql); });
  Connection connection(database.url("owner"), "test");
  const auto theirs = told_by([&] { Transaction(connection).exec(row.sql); });
  EXPECT_EQ(ours, theirs);
  EXPECT_EQ(ours.type, row.type);
  EXPECT_EQ(ours.sqlstate, row.sqlstate);
  EXPECT_EQ(ours.constraint, row.constraint);
}

#define RAISED(condition) "DO $$ BEGIN RAISE 'again' USING ERRCODE = '" condition "'; END $$"
INSTANTIATE_TEST_SUITE_P(
    , SessionErrors,
    ::testing::Values(
        Refused{"Unique", "INSERT INTO public.things VALUES (1, 'two', 2)", "StatementError", "23505", "things_pkey"},
        Refused{"Check", "INSERT INTO public.things VALUES (2, 'two', 9)", "StatementError", "23514", "things_n_check"},
        Refused{"NotNull", "INSERT INTO public.things VALUES (2, 'two', NULL)", "StatementError", "23502", ""},
        // A value that looks like a field of the message is none.
        Refused{"ForgedInAValue",
                R"(INSERT INTO public.things SELECT i, E'x\nCONSTRAINT NAME:  forged\nLOCATION:  here', 1 )"
                "FROM generate_series(2, 3) AS i",
                "StatementError", "23505", "things_name_key"},
        Refused{"ForgedInADetail", R"(DO $$ BEGIN RAISE 'no' USING DETAIL = E'\nCONSTRAINT NAME:  forged'; END $$)",
                "StatementError", "P0001", ""},
        Refused{
            "ForgedInTheMessage",
            R"(SELECT v::uuid FROM (SELECT E'x\nCONSTRAINT NAME:  forged' || i FROM generate_series(1, 2) AS i) AS t (v))",
            "StatementError", "22P02", ""},
        Refused{"Syntax", "SELEC 1", "StatementError", "42601", ""},
        Refused{"UnknownTable", "SELECT FROM public.nothing", "StatementError", "42P01", ""},
        Refused{"SerializationFailure", RAISED("serialization_failure"), "StatementError", "40001", ""},
        Refused{"Deadlock", RAISED("deadlock_detected"), "StatementError", "40P01", ""},
        Refused{"LockNotAvailable", RAISED("lock_not_available"), "StatementError", "55P03", ""},
        Refused{"TookTooLong", RAISED("query_canceled"), "TimedOut", "57014", ""},
        Refused{"DiskFull", RAISED("disk_full"), "Unavailable", "", ""},
        Refused{"ShuttingDown", RAISED("admin_shutdown"), "Unavailable", "", ""},
        Refused{"Standby", RAISED("read_only_sql_transaction"), "Unavailable", "", ""}),
    [](const auto& row) { return row.param.name; });

TEST_F(SessionTest, DeferredConstraintIsToldAtTheCommit) {
  database.exec("owner",
                "ALTER TABLE public.things ADD COLUMN of int REFERENCES public.things DEFERRABLE INITIALLY DEFERRED");
  Session::Transaction tx(session);
  tx.exec("UPDATE public.things SET of = 7");
  const auto told = told_by([&] { tx.commit(); });
  EXPECT_EQ(told.sqlstate, "23503");
  EXPECT_EQ(told.constraint, "things_of_fkey");
}

TEST_F(SessionTest, NulIsRefusedBeforeItIsSent) {
  Session::Transaction tx(session);
  const auto told = told_by([&] { tx.exec("SELECT $1::text", {std::string("acme\0evil", 9)}); });
  EXPECT_EQ(told.sqlstate, "22021");
  tx.exec("INSERT INTO public.things VALUES (2, $1, 2)", {"two"});
  tx.commit();
  EXPECT_EQ(count(), "2");
}

// ---- the connection --------------------------------------------------------------------------------------------

TEST_F(SessionTest, ServerThatCannotBeReachedIsUnavailable) {
  database.allow_connections(false);
  EXPECT_THROW(Session::Transaction{session}, Unavailable);
  database.allow_connections(true);
  EXPECT_NE(pid(session), "");
}

TEST_F(SessionTest, ConnectionLostInATransactionIsToldAndTheNextOneHasItsSettings) {
  database.exec("superuser", "ALTER DATABASE " + database.name() + " SET timezone = 'Asia/Kolkata'");
  {
    Session::Transaction tx(session);
    tx.exec("INSERT INTO public.things VALUES (2, 'two', 2)");
    terminate(std::string(tx.exec("SELECT pg_backend_pid()::text")[0].text(0)));
    EXPECT_THROW(tx.exec("INSERT INTO public.things VALUES (3, 'three', 3)"), Unavailable);
    EXPECT_THROW(tx.exec("INSERT INTO public.things VALUES (4, 'four', 4)"), Unavailable);  // not on another connection
    EXPECT_THROW(tx.commit(), StatementError);
  }
  Session::Transaction tx(session);
  EXPECT_EQ(tx.exec("SELECT count(*) FROM public.things")[0].int64(0), 1);
  EXPECT_EQ(tx.exec("SHOW timezone")[0].text(0), "UTC");
  EXPECT_EQ(tx.exec("SHOW application_name")[0].text(0), "test");
}

// What a session holds is gone with its connection: nobody must go on without having been told.
TEST_F(SessionTest, ConnectionLostWhileIdleIsToldOnceAndNotReplacedSilently) {
  session.exec_alone("SELECT pg_advisory_lock(7)");
  terminate(pid(session));
  EXPECT_THROW(session.exec_alone("SELECT 1"), Unavailable);
  EXPECT_EQ(session.exec_alone("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")[0].int64(0), 0);
  terminate(pid(session));
  EXPECT_THROW(Session::Transaction{session}, Unavailable);
  EXPECT_NE(pid(session), "");
}

TEST_F(SessionTest, CommitWhoseAnswerIsLostIsInDoubt) {
  const auto server = testing::endpoint_of(database.url("owner"));
  testing::Proxy proxy(server.host, server.port);
  Session through(testing::with_endpoint(database.url("owner"), {"127.0.0.1", proxy.port()}), "test");
  {
    Session::Transaction tx(through);
    tx.exec("INSERT INTO public.things VALUES (2, 'two', 2)");
    proxy.swallow_answer_to("COMMIT");
    EXPECT_THROW(tx.commit(), InDoubt);
  }
  EXPECT_TRUE(proxy.swallowed());
  EXPECT_EQ(count(), "2");
  EXPECT_NE(pid(through), "");
}

// ---- transactions ----------------------------------------------------------------------------------------------

TEST_F(SessionTest, NothingIsKeptOfATransactionThatFailed) {
  {
    Session::Transaction tx(session);
    tx.exec("INSERT INTO public.things VALUES (2, $1, 2)", {"two"});
    EXPECT_THROW(tx.exec("INSERT INTO public.things VALUES (1, $1, 1)", {"again"}), StatementError);
    EXPECT_EQ(told_by([&] { tx.exec("SELECT 1"); }).sqlstate, "25P02");
    EXPECT_EQ(told_by([&] { tx.commit(); }).sqlstate, "25P02");
  }
  EXPECT_EQ(count(), "1");
  Session::Transaction next(session);
  EXPECT_EQ(next.exec("SELECT count(*) FROM pg_prepared_statements")[0].int64(0), 0);
  next.exec("INSERT INTO public.things VALUES (2, $1, 2)", {"two"});
  next.commit();
  EXPECT_EQ(count(), "2");
}

TEST_F(SessionTest, WhatIsNotCommittedIsRolledBackOnTheSameConnection) {
  const auto before = pid(session);
  { Session::Transaction(session).exec("DELETE FROM public.things"); }
  EXPECT_EQ(count(), "1");
  EXPECT_EQ(pid(session), before);
}

TEST_F(SessionTest, ScriptGivesTheRowsOfItsLastStatement) {
  Session::Transaction tx(session);
  const auto rows = tx.exec("UPDATE public.things SET n = 5; SELECT n FROM public.things");
  EXPECT_EQ(rows[0].int64(0), 5);
}

TEST_F(SessionTest, RunsAloneWhatNoTransactionTakes) {
  EXPECT_EQ(told_by([&] { Session::Transaction(session).exec("VACUUM public.things"); }).sqlstate, "25001");
  session.exec_alone("VACUUM public.things");
}

TEST_F(SessionTest, NoticesDisturbNobody) {
  ::testing::internal::CaptureStderr();
  Session::Transaction tx(session);
  tx.exec("DO $$ BEGIN RAISE WARNING 'look'; RAISE NOTICE 'here'; END $$");
  tx.exec("CREATE TABLE IF NOT EXISTS public.things ()");
  tx.commit();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

// An array's bytes name the type of their elements, which only the binary form does: the server compares it.
TEST_F(SessionTest, ArraysTravelInBinaryFormAsTheTypeThatTheStatementGives) {
  const SystemClock clock;
  SystemIdGenerator ids(clock);
  const std::vector<Uuid> two = {ids.next(), ids.next()};
  const std::vector<Bytes> bytes = {{0x00, 0x5c, 0x27}, {}};
  const auto read = Session::Transaction(session).exec(
      "SELECT i, b FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS u (i, b, n) ORDER BY n",
      {Param::array(two), Param::array(bytes)});
  ASSERT_EQ(read.size(), 2U);
  for (std::size_t i = 0; i < two.size(); ++i) {
    EXPECT_EQ(read[i].uuid(0), two[i]);
    EXPECT_EQ(read[i].bytes(1), bytes[i]);
  }
  const auto told = told_by([&] { Session::Transaction(session).exec("SELECT $1::text[]", {Param::array(two)}); });
  EXPECT_EQ(told.sqlstate, "42804");
}

// ---- LISTEN ----------------------------------------------------------------------------------------------------

TEST_F(SessionTest, NotificationWakesWhoWaits) {
  EXPECT_FALSE(session.wait_notification("of \"things\"", Milliseconds{0}));  // listens from here on
  auto heard =
      std::async(std::launch::async, [&] { return session.wait_notification("of \"things\"", testing::patience); });
  database.exec("owner", "NOTIFY \"of \"\"things\"\"\"");
  EXPECT_TRUE(heard.get());
  EXPECT_FALSE(session.wait_notification("of \"things\"", Milliseconds{1}));  // once each
}

TEST_F(SessionTest, NotificationOfAnotherChannelIsNone) {
  EXPECT_FALSE(session.wait_notification("first", Milliseconds{0}));
  EXPECT_FALSE(session.wait_notification("second", Milliseconds{0}));
  database.exec("owner", "NOTIFY first");
  session.exec_alone("SELECT 1");  // whose answer has behind it what the server had to tell
  EXPECT_FALSE(session.wait_notification("second", Milliseconds{0}));
}

TEST_F(SessionTest, ConnectionLostWhileListeningIsTold) {
  EXPECT_FALSE(session.wait_notification("things", Milliseconds{0}));
  const auto listener = pid(session);
  auto heard = std::async(std::launch::async, [&] { return session.wait_notification("things", testing::patience); });
  terminate(listener);
  EXPECT_THROW(heard.get(), Unavailable);
  EXPECT_FALSE(session.wait_notification("things", Milliseconds{0}));  // on a new one
}

}  // namespace
}  // namespace tenantry::db::session_test
