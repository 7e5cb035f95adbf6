#include "shared/db/session.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <pqxx/binarystring>
#include <pqxx/connection>
#include <pqxx/except>
#include <pqxx/nontransaction>
#include <pqxx/notification>
#include <pqxx/result>
#include <pqxx/transaction>
#include <utility>

#include "shared/core/assert.h"
#include "shared/db/server.h"

namespace tenantry::db {
namespace {

class PqxxCells : public Cells {
 public:
  explicit PqxxCells(pqxx::result result) : result_(std::move(result)) {}

  int rows() const override { return static_cast<int>(result_.size()); }
  std::size_t affected() const override { return result_.affected_rows(); }
  bool is_null(int row, int column) const override { return field(row, column).is_null(); }
  std::string_view text(int row, int column) const override {
    const auto value = field(row, column);
    return {value.c_str(), value.size()};  // which lie in result_
  }

 private:
  pqxx::field field(int row, int column) const {
    const auto number = static_cast<pqxx::row_size_type>(column);
    TENANTRY_ASSERT(number < result_.columns());
    return result_[static_cast<pqxx::result_size_type>(row)][number];
  }

  pqxx::result result_;
};

// Of a message in libpq's verbose form, "ERROR:  23505: duplicate key value ...\nDETAIL:  ...\nCONSTRAINT NAME:
// a_pkey\n LOCATION:  ...": libpqxx keeps no field of an error but the state, and of some not that.
struct Refusal {
  std::string message;  // the first line, without the state
  std::string sqlstate;
  std::string constraint;  // of class 23, integrity
};

Refusal read_refusal(std::string_view verbose) {
  Refusal refusal{.message = first_line(verbose), .sqlstate = {}, .constraint = {}};
  constexpr std::size_t state_size = 5;
  const auto state_at = refusal.message.find(":  ") + 3;
  if (state_at >= 3 && refusal.message.find(": ", state_at) == state_at + state_size) {
    refusal.sqlstate = refusal.message.substr(state_at, state_size);
    refusal.message.erase(state_at, state_size + 2);
  }
  if (!refusal.sqlstate.starts_with("23")) return refusal;
  // The last but one line, or there is none: DETAIL quotes values, which may have such lines in them.
  while (verbose.ends_with('\n')) verbose.remove_suffix(1);
  constexpr std::string_view label = "\nCONSTRAINT NAME:  ";
  const auto location_at = verbose.rfind('\n');
  if (location_at == verbose.npos || !verbose.substr(location_at).starts_with("\nLOCATION:  ")) return refusal;
  const auto before = verbose.substr(0, location_at);
  const auto line_at = before.rfind('\n');
  if (line_at == before.npos || !before.substr(line_at).starts_with(label)) return refusal;
  refusal.constraint = before.substr(line_at + label.size());
  return refusal;
}

// What exec_params makes of its arguments, made by us: their number and which are binary is known only now, and
// libpqxx's own list of unknown length (dynamic_params) is of one kind.
pqxx::internal::params to_pqxx(std::initializer_list<Param> params) {
  pqxx::internal::params out;
  for (const auto& param : params) {
    const auto& value = param.value();
    out.lengths.push_back(value ? static_cast<int>(value->size()) : 0);
    out.nonnulls.push_back(value ? 1 : 0);
    out.binaries.push_back(param.is_binary() ? 1 : 0);
    if (value && param.is_binary()) out.bin_strings.emplace_back(*value);
    if (value && !param.is_binary()) out.strings.push_back(*value);
  }
  return out;
}

class Ear : public pqxx::notification_receiver {
 public:
  using pqxx::notification_receiver::notification_receiver;
  void operator()(const std::string&, int) override { heard_ = true; }
  bool take() { return std::exchange(heard_, false); }

 private:
  bool heard_ = false;
};

struct Open {
  explicit Open(const std::string& url) : pg(url) { pg.set_verbosity(pqxx::connection_base::verbose); }

  pqxx::connection pg;
  std::optional<Ear> ear;
};

}  // namespace

struct Session::State {
  std::string url;
  std::string application_name;
  std::unique_ptr<Open> open;
  bool in_transaction = false;
  bool lost = false;  // `open` is of no more use; replaced before libpqxx, which would connect again by itself, sees it

  // Calls `work`, with what libpqxx throws as one of ours.
  template <class Work>
  auto ask(const Work& work) {
    try {
      return work();
    } catch (const pqxx::failure& error) {
      auto refusal = read_refusal(error.what());
      const bool gone = !open || !open->pg.is_open() || dynamic_cast<const pqxx::broken_connection*>(&error) != nullptr;
      lost = lost || gone || is_unavailable(refusal.sqlstate);
      if (gone && !is_timeout(refusal.sqlstate)) throw Unavailable(refusal.message);
      throw_refused(std::move(refusal.message), std::move(refusal.sqlstate), std::move(refusal.constraint));
    }
  }

  pqxx::connection& connection() {
    TENANTRY_ASSERT(!in_transaction);
    if (open && (lost || !open->pg.is_open())) open.reset();
    lost = false;
    if (open) return open->pg;
    try {
      ask([&] {
        open = std::make_unique<Open>(url);
        pqxx::nontransaction alone(open->pg);
        alone.exec(session_settings);
        alone.exec_params("SELECT set_config('application_name', $1, false)", application_name);
      });
    } catch (...) {
      open.reset();
      throw;
    }
    return open->pg;
  }
};

Session::Session(std::string url, std::string application_name)
    : state_(std::make_unique<State>(
          State{.url = with_deadlines(std::move(url)), .application_name = std::move(application_name)})) {}
Session::~Session() = default;

Rows Session::exec_alone(std::string_view sql) {
  auto& pg = state_->connection();
  return Rows(state_->ask([&] {
    pqxx::nontransaction alone(pg);
    return std::make_unique<PqxxCells>(alone.exec(std::string(sql)));
  }));
}

bool Session::wait_notification(std::string_view channel, Milliseconds timeout) {
  auto& pg = state_->connection();
  return state_->ask([&] {
    auto& ear = state_->open->ear;
    if (!ear || ear->channel() != channel) ear.emplace(pg, std::string(channel));
    const auto until = std::chrono::steady_clock::now() + timeout;
    for (;;) {
      const auto left =
          std::max(Microseconds{0}, std::chrono::duration_cast<Microseconds>(until - std::chrono::steady_clock::now()));
      pg.await_notification(left / Seconds{1}, (left % Seconds{1}).count());
      if (ear->take()) return true;
      if (left == Microseconds{0}) return false;
    }
  });
}

struct Session::Transaction::State {
  explicit State(Session::State& its_session) : session(its_session) {}

  Session::State& session;
  std::optional<pqxx::work> work;
  bool failed = false;
};

Session::Transaction::Transaction(Session& session) : state_(std::make_unique<State>(*session.state_)) {
  auto& pg = state_->session.connection();
  state_->session.ask([&] { state_->work.emplace(pg); });
  state_->session.in_transaction = true;
}

Session::Transaction::~Transaction() {
  state_->work.reset();
  state_->session.in_transaction = false;
}

Rows Session::Transaction::exec(std::string_view sql, std::initializer_list<Param> params) {
  refuse_nul({params.begin(), params.size()});
  if (state_->session.lost) throw Unavailable("the connection was lost earlier in this transaction");
  try {
    return Rows(std::make_unique<PqxxCells>(state_->session.ask([&] {
      return params.size() == 0 ? state_->work->exec(std::string(sql))
                                : state_->work->exec_params(std::string(sql), to_pqxx(params));
    })));
  } catch (...) {
    state_->failed = true;
    throw;
  }
}

void Session::Transaction::commit() {
  // The server would answer ROLLBACK and no error, and libpqxx does not look.
  if (state_->failed) throw StatementError("the transaction had failed before its commit", "25P02", {}, false);
  state_->session.ask([&] {
    try {
      state_->work->commit();
    } catch (const pqxx::in_doubt_error& error) {
      state_->session.lost = true;
      throw InDoubt(first_line(error.what()));
    }
  });
}

}  // namespace tenantry::db
