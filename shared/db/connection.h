// Connection and Transaction: PostgreSQL for one thread at a time.
//
// Statements are prepared on first use and kept per connection, so the same
// literal costs one parse. What goes wrong in the environment is thrown as one of
// the types below; the transaction runner (run.h) and the delivery boundary are
// the only places that catch them. Rows come in text; `Row` reads them typed and
// asserts on a type the query cannot give, which is a bug of ours.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "shared/db/params.h"

namespace tenantry::db {

// The connection is gone or refused; the transaction did not commit.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The connection died after COMMIT was sent: the transaction may have committed.
struct InDoubt : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The server refused a statement. `retryable`: rerunning the whole transaction may succeed.
struct StatementError : std::runtime_error {
  StatementError(std::string what, std::string state, std::string constraint_name, bool may_retry)
      : std::runtime_error(std::move(what)),
        sqlstate(std::move(state)),
        constraint(std::move(constraint_name)),
        retryable(may_retry) {}
  std::string sqlstate;
  std::string constraint;  // of a unique, foreign-key or check violation
  bool retryable;
  bool is_unique_violation() const { return sqlstate == "23505"; }
};

// The server ended a statement that took longer than the role may. Not `retryable`: it would only take as long again.
struct TimedOut : StatementError {
  TimedOut(std::string what, std::string state) : StatementError(std::move(what), std::move(state), {}, false) {}
};

class Rows;

// A view into Rows, valid as long as they are.
class Row {
 public:
  bool is_null(int column) const;
  std::string_view text(int column) const;  // "" for NULL
  std::int64_t int64(int column) const;
  double real(int column) const;
  bool boolean(int column) const;
  Timestamp timestamp(int column) const;
  std::optional<Timestamp> optional_timestamp(int column) const;
  Uuid uuid(int column) const;
  Bytes bytes(int column) const;
  std::vector<std::string> texts(int column) const;  // text[]

 private:
  friend class Rows;
  Row(const Rows& rows, std::size_t index) : rows_(&rows), index_(index) {}
  const Rows* rows_;
  std::size_t index_;
};

class Rows {
 public:
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) noexcept;
  ~Rows();

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  std::size_t affected() const;  // rows inserted, updated or deleted
  Row operator[](std::size_t index) const;

  class Iterator {
   public:
    Iterator(const Rows& rows, std::size_t index) : rows_(&rows), index_(index) {}
    Row operator*() const { return (*rows_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const Rows* rows_;
    std::size_t index_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  friend class Row;
  friend class Connection;
  friend class Transaction;
  struct State;
  explicit Rows(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Connection;

// Rolls back unless committed. One at a time per connection.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Rows exec(std::string_view sql, std::initializer_list<Param> params = {}) {
    return exec(sql, std::span<const Param>(params.begin(), params.size()));
  }
  // `meanwhile`, where there is one, runs on this thread while the server works, before the answer is waited for.
  using Meanwhile = std::function<void()>;
  Rows exec(std::string_view sql, std::span<const Param> params, const Meanwhile& meanwhile = {});

  // Planned for these values and forgotten: for statements of so many texts that keeping each would fill the memory
  // of both ends.
  Rows exec_once(std::string_view sql, std::span<const Param> params, const Meanwhile& meanwhile = {});

  // The same, cancelled where it is not done in time, with what was sent before it: TimedOut. PostgreSQL's own
  // statement_timeout is not for a time that statements do reach: where one ends just as its time does, the next may be
  // told of it.
  Rows exec_within(Milliseconds patience, std::string_view sql, std::span<const Param> params,
                   const Meanwhile& meanwhile = {});

  // For its effect alone: nobody waits for the answer, so it shares the round trip of what comes next, at the latest
  // the commit, which throws in its place where it fails.
  void send(std::string_view sql, std::initializer_list<Param> params = {}) {
    send(sql, std::span<const Param>(params.begin(), params.size()));
  }
  void send(std::string_view sql, std::span<const Param> params);

  // A script of several statements, without parameters. For migrations.
  void exec_script(std::string_view sql);

  // Row-level security for the rest of the transaction: only this tenant's rows.
  void set_tenant(std::string_view tenant_id);

  // What the server would be asked after an in-doubt commit.
  std::string transaction_id();

  void commit();  // throws InDoubt

 private:
  struct State;
  Rows answer(const Meanwhile& meanwhile);

  std::unique_ptr<State> state_;
};

// How the server plans prepared statements. `generic`: once per connection, whatever the parameters; for statements by
// key and by arrays, which are never planned better for knowing their values. `automatic`: as the server sees fit.
enum class Plans { automatic, generic };

class Connection {
 public:
  // `url`: postgresql://user:password@host:port/database. Connects on first use.
  Connection(std::string url, std::string application_name, Plans plans = Plans::automatic);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void disconnect();
  bool connected() const;

  // What PostgreSQL takes outside transactions only, e.g. CREATE DATABASE.
  Rows exec_alone(std::string_view sql);

  // Waits for a NOTIFY on `channel` for at most `timeout`; true when one came. Listens from the first call on.
  bool wait_notification(std::string_view channel, Milliseconds timeout);

 private:
  friend class Transaction;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::db
