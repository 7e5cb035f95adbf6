#include "shared/db/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "shared/core/rare.h"
#include "shared/db/server.h"

namespace tenantry::db {
namespace {

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

std::string field_of(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

// Whether the server, or the way to it, has gone while answering.
bool is_lost(const PGconn* connection, const PGresult* result) {
  if (result == nullptr || PQstatus(connection) == CONNECTION_BAD) return true;
  return is_unavailable(field_of(result, PG_DIAG_SQLSTATE)) && PQresultStatus(result) == PGRES_FATAL_ERROR &&
         field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "FATAL";
}

bool is_good(const PGresult* result) {
  const auto status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

// The result, or what was wrong as one of our exceptions.
ResultPtr checked(const PGconn* connection, ResultPtr result) {
  if (result && is_good(result.get())) return result;
  auto state = result ? field_of(result.get(), PG_DIAG_SQLSTATE) : "";
  if (is_lost(connection, result.get()) && !is_timeout(state))
    throw Unavailable(first_line(PQerrorMessage(connection)));
  throw_refused(first_line(PQresultErrorMessage(result.get())), std::move(state),
                field_of(result.get(), PG_DIAG_CONSTRAINT_NAME));
}

// Parameters as libpq takes them: views of `params`.
struct Values {
  explicit Values(std::span<const Param> params) {
    refuse_nul(params);
    for (const auto& param : params) {
      const auto& value = param.value();
      values.push_back(value ? value->data() : nullptr);
      lengths.push_back(value ? static_cast<int>(value->size()) : 0);
      formats.push_back(param.is_binary() ? 1 : 0);
    }
  }
  int size() const { return static_cast<int>(values.size()); }

  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
};

class ResultCells : public Cells {
 public:
  explicit ResultCells(ResultPtr result) : result_(std::move(result)) {}

  int rows() const override { return PQntuples(result_.get()); }
  std::size_t affected() const override {
    const std::string_view count = PQcmdTuples(result_.get());
    std::size_t number = 0;
    std::from_chars(count.data(), count.data() + count.size(), number);
    return number;
  }
  bool is_null(int row, int column) const override { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string_view text(int row, int column) const override {
    TENANTRY_ASSERT(column < PQnfields(result_.get()));
    return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }

 private:
  ResultPtr result_;
};

}  // namespace

struct Connection::State {
  std::string url;
  std::string application_name;
  Plans plans = Plans::automatic;
  std::unique_ptr<PGconn, CloseConnection> connection;
  // Statement text -> its name on this connection.
  std::unordered_map<std::string, std::string> prepared;
  bool in_transaction = false;
  std::uint64_t sent_total = 0;  // a statement's number is how many went before it
  // Of `prepared`, what the server has not answered yet, by its number.
  std::map<std::uint64_t, std::string> preparing;
  std::map<std::uint64_t, ResultPtr> asked;  // what somebody will read, by its number; null until it is there
  int unanswered = 0;    // statements sent whose results are still to come: the connection is in pipeline mode
  bool flushed = false;  // and the server has all of them: nothing more is sent before their results have come
  std::optional<std::chrono::steady_clock::time_point> cancel_at;  // what the server works on then

  PGconn* open() {
    if (connection && PQstatus(connection.get()) == CONNECTION_BAD) close();
    if (!connection) {
      connection.reset(PQconnectdb(url.c_str()));
      if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
        const std::string why = connection ? first_line(PQerrorMessage(connection.get())) : "out of memory";
        close();
        throw Unavailable(why);
      }
      PQsetNoticeProcessor(
          connection.get(), [](void*, const char*) {}, nullptr);
      exec(session_settings);
      if (plans == Plans::generic) exec("SET plan_cache_mode = force_generic_plan");
      const char* values[] = {application_name.c_str()};
      checked(connection.get(),
              ResultPtr(PQexecParams(connection.get(), "SELECT set_config('application_name', $1, false)", 1, nullptr,
                                     values, nullptr, nullptr, 0)));
    }
    return connection.get();
  }

  void close() {
    prepared.clear();
    preparing.clear();
    asked.clear();
    unanswered = 0;
    flushed = false;
    connection.reset();
  }

  ResultPtr exec(const std::string& sql) {
    settle();
    return checked(connection.get(), ResultPtr(PQexec(connection.get(), sql.c_str())));
  }

  // On first use, in the round trip of the statement itself. The server forgets none that it took, whatever becomes of
  // the transaction; what it did not take, settle() forgets here, too.
  const std::string& prepare(std::string_view sql, std::span<const Param> params) {
    const auto [known, is_new] = prepared.try_emplace(std::string(sql));
    if (!is_new) return known->second;
    std::vector<Oid> types;
    for (const auto& param : params) types.push_back(param.type());
    known->second = "s" + std::to_string(sent_total);
    preparing.emplace(sent_total, known->first);
    sent(PQsendPrepare(connection.get(), known->second.c_str(), known->first.c_str(), static_cast<int>(types.size()),
                       types.data()));
    return known->second;
  }

  // Sends a statement behind those that were sent and not answered yet.
  void send(std::string_view sql, std::span<const Param> params) {
    const Values values(params);
    enter_pipeline();
    const std::string& name = prepare(sql, params);
    sent(PQsendQueryPrepared(connection.get(), name.c_str(), values.size(), values.values.data(), values.lengths.data(),
                             values.formats.data(), 0));
  }

  void send_once(std::string_view sql, std::span<const Param> params) {
    const Values values(params);
    std::vector<Oid> types;
    for (const auto& param : params) types.push_back(param.type());
    enter_pipeline();
    sent(PQsendQueryParams(connection.get(), std::string(sql).c_str(), values.size(), types.data(),
                           values.values.data(), values.lengths.data(), values.formats.data(), 0));
  }

  // BEGIN and COMMIT.
  void send_command(const char* sql) {
    enter_pipeline();
    sent(PQsendQueryParams(connection.get(), sql, 0, nullptr, nullptr, nullptr, nullptr, 0));
  }

  // The server begins to work on what was sent.
  void flush() {
    if (unanswered == 0 || flushed) return;
    if (PQpipelineSync(connection.get()) == 0) throw_lost();
    flushed = true;
  }

  // Waits for everything sent: the last one's result unless somebody reads that later, or the error of the first that
  // failed.
  ResultPtr settle() {
    if (unanswered == 0) return {};
    flush();
    auto* const pg = connection.get();
    ResultPtr last, failed;
    for (; unanswered > 0; --unanswered) {
      last = next_result();
      if (is_lost(pg, last.get())) throw_lost();
      if (!failed && !is_good(last.get())) failed = std::move(last);
      while (const auto rest = next_result()) {
        if (is_lost(pg, rest.get())) throw_lost();
      }
      const auto number = sent_total - static_cast<std::uint64_t>(unanswered);
      if (const auto statement = preparing.extract(number); statement && failed) prepared.erase(statement.mapped());
      const auto reader = asked.find(number);
      if (reader != asked.end() && !failed) reader->second = std::move(last);
    }
    flushed = false;
    const auto sync = next_result();
    if (!sync || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(pg) == 0) throw_lost();
    if (failed) return checked(pg, std::move(failed));
    return last;
  }

  // Waits for everything sent, unless this has come already.
  ResultPtr settle(std::uint64_t number) {
    if (!asked.at(number)) settle();
    auto result = std::move(asked.at(number));
    asked.erase(number);
    if (!result) throw StatementError("the transaction had failed before this was read", "25P02", {}, false);
    return result;
  }

  // A rollback that fails leaves a connection nobody should use again: it is closed.
  void roll_back() {
    try {
      settle();
    } catch (const StatementError&) {
      // Nobody waited for it, and it is rolled back with the others.
    } catch (const Unavailable&) {
      return;  // and closed
    }
    const ResultPtr result(PQexec(connection.get(), "ROLLBACK"));
    if (!result || !is_good(result.get())) close();
  }

  void cancel() {
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> request(PQgetCancel(connection.get()), PQfreeCancel);
    char why[256];
    // When it returns the server has the signal: it ends what runs, or finds nothing that does. Where it cannot be
    // asked, statement_timeout is left.
    if (request) PQcancel(request.get(), why, sizeof(why));
  }

 private:
  ResultPtr next_result() {
    auto* const pg = connection.get();
    while (cancel_at && PQisBusy(pg) != 0) {
      const auto left =
          std::chrono::duration_cast<Milliseconds>(*cancel_at - std::chrono::steady_clock::now()) + Milliseconds{1};
      pollfd socket{.fd = PQsocket(pg), .events = POLLIN, .revents = 0};
      if (left <= Milliseconds{0} || poll(&socket, 1, static_cast<int>(left.count())) == 0) {
        cancel_at.reset();
        cancel();
      } else if (PQconsumeInput(pg) == 0) {
        throw_lost();
      }
    }
    return ResultPtr(PQgetResult(pg));
  }

  void enter_pipeline() {
    TENANTRY_ASSERT(!flushed);
    if (unanswered == 0 && PQenterPipelineMode(connection.get()) == 0) throw_lost();
  }

  void sent(int ok) {
    if (ok == 0) throw_lost();
    ++unanswered;
    ++sent_total;
  }

  [[noreturn]] void throw_lost() {
    const auto why = first_line(PQerrorMessage(connection.get()));
    close();
    throw Unavailable(why);
  }
};

Connection::Connection(std::string url, std::string application_name, Plans plans) : state_(std::make_unique<State>()) {
  state_->url = with_deadlines(std::move(url));
  state_->application_name = std::move(application_name);
  state_->plans = plans;
}

Connection::~Connection() = default;

void Connection::disconnect() {
  state_->close();
}

bool Connection::connected() const {
  return state_->connection && PQstatus(state_->connection.get()) == CONNECTION_OK;
}

struct Transaction::State {
  Connection::State& connection;
  bool over = false;
};

Transaction::Transaction(Connection& connection) : state_(std::make_unique<State>(State{*connection.state_})) {
  TENANTRY_ASSERT(!connection.state_->in_transaction);
  connection.state_->open();
  connection.state_->send_command("BEGIN");
  connection.state_->in_transaction = true;
}

Transaction::~Transaction() {
  auto& connection = state_->connection;
  connection.in_transaction = false;
  connection.asked.clear();
  if (!state_->over && connection.connection) connection.roll_back();
}

Rows Transaction::exec(std::string_view sql, std::span<const Param> params, const Meanwhile& meanwhile) {
  if (rare::takes(rare::Path::statement_conflicts)) throw StatementError("simulated conflict", "40001", {}, true);
  state_->connection.send(sql, params);
  return answer(meanwhile);
}

Rows Transaction::exec_once(std::string_view sql, std::span<const Param> params, const Meanwhile& meanwhile) {
  state_->connection.send_once(sql, params);
  return answer(meanwhile);
}

Rows Transaction::exec_within(Milliseconds patience, std::string_view sql, std::span<const Param> params,
                              const Meanwhile& meanwhile) {
  auto& cancel_at = state_->connection.cancel_at;
  const std::unique_ptr<void, std::function<void(void*)>> no_longer(&cancel_at, [&](void*) { cancel_at.reset(); });
  state_->connection.send_once(sql, params);
  cancel_at = std::chrono::steady_clock::now() + patience;
  return answer(meanwhile);
}

Rows Transaction::answer(const Meanwhile& meanwhile) {
  if (meanwhile) {
    state_->connection.flush();
    meanwhile();
  }
  return Rows(std::make_unique<ResultCells>(state_->connection.settle()));
}

void Transaction::send(std::string_view sql, std::span<const Param> params) {
  state_->connection.send(sql, params);
}

Asked Transaction::ask(std::string_view sql, std::initializer_list<Param> params) {
  auto& connection = state_->connection;
  if (rare::takes(rare::Path::statement_conflicts)) throw StatementError("simulated conflict", "40001", {}, true);
  connection.send(sql, std::span<const Param>(params.begin(), params.size()));
  const auto number = connection.sent_total - 1;
  connection.asked.emplace(number, nullptr);
  return {*this, number};
}

Rows Asked::rows() && {
  return Rows(std::make_unique<ResultCells>(tx_->state_->connection.settle(number_)));
}

void Transaction::set_tenant(std::string_view tenant_id) {
  send("SELECT set_config('app.tenant_id', $1, true)", {tenant_id});
}

std::string Transaction::transaction_id() {
  return std::string(exec("SELECT pg_current_xact_id()::text")[0].text(0));
}

void Transaction::commit() {
  auto& connection = state_->connection;
  if (rare::takes(rare::Path::commit_lost_before)) {
    connection.roll_back();  // waited for: a session that ends in its own time holds its locks until then
    connection.close();
    throw InDoubt("simulated loss before the commit");
  }
  ResultPtr result;
  try {
    connection.send_command("COMMIT");
    result = connection.settle();
  } catch (const Unavailable& error) {
    // A server that refuses says so on a connection that stands; where it does not, COMMIT may have reached it.
    if (connection.connection) throw;
    throw InDoubt(error.what());
  }
  state_->over = true;
  // An error that was swallowed before: the server answers ROLLBACK and no error.
  if (std::string_view(PQcmdStatus(result.get())) != "COMMIT") {
    throw StatementError("the transaction had failed before its commit", "25P02", {}, false);
  }
  if (rare::takes(rare::Path::commit_lost_after)) {
    connection.close();
    throw InDoubt("simulated loss after the commit");
  }
}

}  // namespace tenantry::db
