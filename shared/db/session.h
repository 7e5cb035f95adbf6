// Session: PostgreSQL where a person or a start-up waits, on libpqxx: migrations, plans, the clock, the commands of the
// command line, what runs outside transactions, LISTEN, what tests look up. One thread at a time.
//
// One statement at a time, each answered before the next, none kept prepared. Where events flow it is Connection
// (connection.h), on libpq's pipeline; docs/adr/0007 says what that is worth. Parameters, rows and errors are the same.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "shared/core/time.h"
#include "shared/db/errors.h"
#include "shared/db/params.h"
#include "shared/db/rows.h"

namespace tenantry::db {

class Session {
 public:
  // `url`: postgresql://user:password@host:port/database. Connects on first use, and again after Unavailable or
  // InDoubt.
  Session(std::string url, std::string application_name);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Rolls back unless committed. One at a time per session, which outlives it.
  class Transaction {
   public:
    explicit Transaction(Session& session);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    // Without parameters also a script of several statements: the last one's rows. Arrays (Param::array) have no type
    // of their own here: the statement gives it, as in $1::uuid[].
    Rows exec(std::string_view sql, std::initializer_list<Param> params = {});

    // Throws InDoubt where the connection died meanwhile, StatementError (25P02) where a statement had failed before.
    void commit();

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

  // What PostgreSQL takes outside transactions only, e.g. CREATE DATABASE. Not while a Transaction lives.
  Rows exec_alone(std::string_view sql);

  // Waits for a NOTIFY on `channel` for at most `timeout`; true when one came. Listens from the first call on, to one
  // channel at a time. Not while a Transaction lives.
  bool wait_notification(std::string_view channel, Milliseconds timeout);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::db
