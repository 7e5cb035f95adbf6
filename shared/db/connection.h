// Connection and Transaction: PostgreSQL where events flow, on libpq's pipeline. One thread at a time.
//
// Statements are prepared on first use and kept per connection, so the same
// literal costs one parse. What goes wrong in the environment is thrown as one of
// the types of errors.h; the transaction runner (run.h), the delivery boundary and the
// gateway's contained() catch them. Where a person or a start-up waits it is Session (session.h).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/db/errors.h"
#include "shared/db/params.h"
#include "shared/db/rows.h"

namespace tenantry::db {

class Connection;
class Transaction;

// An answer that was asked for and not waited for. It is there until the transaction ends.
class Asked {
 public:
  // Once. Waits, with the first that is read, for all that was sent until then; throws what exec() would have thrown,
  // for whichever of them failed first.
  Rows rows() &&;

 private:
  friend class Transaction;
  Asked(Transaction& tx, std::uint64_t number) : tx_(&tx), number_(number) {}

  Transaction* tx_;
  std::uint64_t number_;
};

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

  // For an answer that is read later: what is asked together costs one round trip. The server works in the order of
  // asking, and each statement sees what was committed when its turn came, as with exec().
  [[nodiscard]] Asked ask(std::string_view sql, std::initializer_list<Param> params = {});

  // Row-level security for the rest of the transaction: only this tenant's rows.
  void set_tenant(std::string_view tenant_id);

  // What the server would be asked after an in-doubt commit.
  std::string transaction_id();

  void commit();  // throws InDoubt

 private:
  friend class Asked;
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

 private:
  friend class Transaction;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::db
