// What goes wrong between us and PostgreSQL, as both ways in (connection.h, session.h) throw it.
#pragma once

#include <stdexcept>
#include <string>

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

}  // namespace tenantry::db
