#include "shared/db/run.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "shared/core/rare.h"

namespace tenantry::db {
namespace {

using Monotonic = std::chrono::steady_clock;

// Full jitter over an exponentially growing span, so that two that collided part ways.
void back_off(int attempt) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const int ceiling_ms = std::min(5 << std::min(attempt, 8), 500);
  std::this_thread::sleep_for(Milliseconds{std::uniform_int_distribution{1, ceiling_ms}(random)});
}

enum class Outcome { committed, aborted, unknown };

Outcome look_up(Connection& connection, const std::string& transaction_id) {
  const rare::Suspended suspended;
  Transaction question(connection);
  const auto rows = question.exec("SELECT pg_xact_status($1::xid8)", {transaction_id});
  const auto status = rows[0].text(0);
  if (status == "committed") return Outcome::committed;
  if (status == "aborted") return Outcome::aborted;
  return Outcome::unknown;  // still in progress, or too old to tell
}

}  // namespace

Result<void> run(Connection& connection, const RunOptions& options,
                 const std::function<Result<void>(Transaction&)>& work) {
  const auto give_up_at = Monotonic::now() + options.deadline;
  const auto unavailable = [](const std::string& why) {
    return Error{.code = Errc::unavailable, .reason = "database_unavailable", .message = "database: " + why};
  };
  const auto too_late = [&] { return !rare::in_a_world() && Monotonic::now() >= give_up_at; };
  std::string in_doubt_id;  // of a transaction whose outcome is still to be looked up
  int reruns = 0;
  for (int attempt = 0;; ++attempt) {
    std::string transaction_id;
    try {
      if (!in_doubt_id.empty()) {
        const Outcome outcome = look_up(connection, in_doubt_id);
        if (outcome == Outcome::committed) return {};
        if (outcome == Outcome::unknown) throw Unavailable("the outcome of a commit is not known yet");
        in_doubt_id.clear();
      }
      Transaction transaction(connection);
      if (auto done = work(transaction); !done) return done.error();
      if (options.in_doubt == InDoubtCommit::lookup) transaction_id = transaction.transaction_id();
      transaction.commit();
      return {};
    } catch (const StatementError& error) {
      if (!error.retryable) throw;
      if (++reruns > options.reruns_max) {
        return Error{.code = Errc::unavailable, .reason = "database_busy", .message = error.what()};
      }
    } catch (const InDoubt& error) {
      connection.disconnect();
      in_doubt_id = transaction_id;
      if (too_late()) return unavailable(error.what());
    } catch (const Unavailable& error) {
      connection.disconnect();
      if (too_late()) return unavailable(error.what());
    }
    back_off(attempt);
  }
}

}  // namespace tenantry::db
