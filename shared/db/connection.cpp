#include "shared/db/connection.h"

#include <charconv>
#include <cstring>
#include <functional>
#include <pqxx/except>
#include <pqxx/pqxx>
#include <set>
#include <unordered_map>

namespace tenantry::db {
namespace {

// 40001 serialization failure, 40P01 deadlock, 55P03 lock not available, 57014 statement timeout.
bool retryable_state(std::string_view state) {
  return state == "40001" || state == "40P01" || state == "55P03" || state == "57014";
}

// 08 connection, 57P01..3 shutdown or starting, 53300 too many connections, 25006 read-only (a standby),
// 53100 disk full, 53200 out of memory, 58030 I/O error: nothing was accepted, try again later.
bool unavailable_state(std::string_view state) {
  return state.starts_with("08") || state == "57P01" || state == "57P02" || state == "57P03" ||
         state.starts_with("53") || state == "25006" || state == "58030";
}

std::string constraint_in(std::string_view message) {
  const auto at = message.find("constraint \"");
  if (at == message.npos) return {};
  const auto start = at + 12;
  return std::string(message.substr(start, message.find('"', start) - start));
}

// The first line of the server's message: later lines repeat the statement and its values.
std::string first_line(std::string_view message) {
  return std::string(message.substr(0, message.find('\n')));
}

// libpqxx 6.4 drops the state of the classes it names itself.
std::string state_of(const pqxx::sql_error& error) {
  if (!error.sqlstate().empty()) return error.sqlstate();
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr) return "42501";
  if (dynamic_cast<const pqxx::disk_full*>(&error) != nullptr) return "53100";
  if (dynamic_cast<const pqxx::out_of_memory*>(&error) != nullptr) return "53200";
  if (dynamic_cast<const pqxx::insufficient_resources*>(&error) != nullptr) return "53000";
  if (dynamic_cast<const pqxx::undefined_table*>(&error) != nullptr) return "42P01";
  if (dynamic_cast<const pqxx::undefined_column*>(&error) != nullptr) return "42703";
  if (dynamic_cast<const pqxx::undefined_function*>(&error) != nullptr) return "42883";
  if (dynamic_cast<const pqxx::syntax_error*>(&error) != nullptr) return "42601";
  return {};
}

template <class F>
auto translated(F&& act) -> decltype(act()) {
  try {
    return act();
  } catch (const pqxx::in_doubt_error& error) {
    throw InDoubt(first_line(error.what()));
  } catch (const pqxx::broken_connection& error) {
    throw Unavailable(first_line(error.what()));
  } catch (const pqxx::statement_completion_unknown& error) {
    throw InDoubt(first_line(error.what()));
  } catch (const pqxx::deadlock_detected& error) {
    throw StatementError(first_line(error.what()), "40P01", {}, true);
  } catch (const pqxx::transaction_rollback& error) {  // no sql_error in libpqxx 6.4: serialization failures
    throw StatementError(first_line(error.what()), "40001", {}, true);
  } catch (const pqxx::sql_error& error) {
    const std::string state = state_of(error);
    if (unavailable_state(state)) throw Unavailable(first_line(error.what()));
    throw StatementError(first_line(error.what()), state, constraint_in(error.what()), retryable_state(state));
  } catch (const pqxx::failure& error) {
    throw Unavailable(first_line(error.what()));
  }
}

}  // namespace

struct Rows::State {
  pqxx::result result;
};

Rows::Rows(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rows::Rows(Rows&&) noexcept = default;
Rows& Rows::operator=(Rows&&) noexcept = default;
Rows::~Rows() = default;
std::size_t Rows::size() const {
  return state_->result.size();
}
std::size_t Rows::affected() const {
  return state_->result.affected_rows();
}
Row Rows::operator[](std::size_t index) const {
  TENANTRY_ASSERT(index < size());
  return {*this, index};
}

bool Row::is_null(int column) const {
  return rows_->state_->result[static_cast<pqxx::result::size_type>(index_)][column].is_null();
}
std::string_view Row::text(int column) const {
  const auto field = rows_->state_->result[static_cast<pqxx::result::size_type>(index_)][column];
  if (field.is_null()) return {};
  return {field.c_str(), field.size()};
}
std::int64_t Row::int64(int column) const {
  const auto value = text(column);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  TENANTRY_ASSERT(error == std::errc{} && end == value.data() + value.size());
  return number;
}
double Row::real(int column) const {
  const auto value = text(column);
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  TENANTRY_ASSERT(error == std::errc{} && end == value.data() + value.size());
  return number;
}
bool Row::boolean(int column) const {
  return text(column) == "t";
}
Timestamp Row::timestamp(int column) const {
  // "2026-11-21 09:04:34.123456+00": the session runs in UTC, so the offset is always "+00".
  std::string value{text(column)};
  TENANTRY_ASSERT(value.ends_with("+00"));
  value.replace(value.size() - 3, 3, "Z");
  const auto at = from_rfc3339(value);
  TENANTRY_ASSERT(at);
  return *at;
}
std::optional<Timestamp> Row::optional_timestamp(int column) const {
  if (is_null(column)) return std::nullopt;
  return timestamp(column);
}
Uuid Row::uuid(int column) const {
  const auto id = Uuid::parse(text(column));
  TENANTRY_ASSERT(id);
  return *id;
}
Bytes Row::bytes(int column) const {
  auto value = text(column);
  if (value.empty()) return {};
  TENANTRY_ASSERT(value.starts_with("\\x"));
  value.remove_prefix(2);
  auto bytes = from_hex(value);
  TENANTRY_ASSERT(bytes);
  return *std::move(bytes);
}
std::vector<std::string> Row::texts(int column) const {
  std::vector<std::string> out;
  if (is_null(column)) return out;
  const auto field = rows_->state_->result[static_cast<pqxx::result::size_type>(index_)][column];
  auto parser = field.as_array();
  for (auto item = parser.get_next(); item.first != pqxx::array_parser::done; item = parser.get_next()) {
    if (item.first == pqxx::array_parser::string_value) out.push_back(item.second);
  }
  return out;
}

namespace {
class Notified : public pqxx::notification_receiver {
 public:
  using pqxx::notification_receiver::notification_receiver;
  void operator()(const std::string&, int) override { seen = true; }
  bool seen = false;
};
}  // namespace

struct Connection::State {
  std::string url;
  std::string application_name;
  std::unique_ptr<pqxx::connection> connection;
  std::unique_ptr<Notified> receiver;  // refers to connection: goes first
  // Statement text -> its name on this connection.
  std::unordered_map<std::string, std::string> prepared;
  bool in_transaction = false;

  pqxx::connection& open() {
    if (connection && !connection->is_open()) close();
    if (!connection) {
      translated([&] {
        connection = std::make_unique<pqxx::connection>(url);
        pqxx::nontransaction setup(*connection);
        setup.exec("SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'");
        setup.exec_params("SELECT set_config('application_name', $1, false)", application_name);
      });
    }
    return *connection;
  }

  void close() {
    receiver.reset();
    prepared.clear();
    connection.reset();
  }

  const std::string& prepare(std::string_view sql) {
    std::string text{sql};
    const auto known = prepared.find(text);
    if (known != prepared.end()) return known->second;
    std::string name = "s" + std::to_string(prepared.size());
    connection->prepare(name, text);
    return prepared.emplace(std::move(text), std::move(name)).first->second;
  }
};

Connection::Connection(std::string url, std::string application_name) : state_(std::make_unique<State>()) {
  // Without these a frozen server is noticed after hours; each is given only where the URL does not say otherwise.
  const char* defaults[] = {"connect_timeout=3", "tcp_user_timeout=10000", "keepalives_idle=10",
                            "keepalives_interval=5", "keepalives_count=3"};
  for (const std::string setting : defaults) {
    if (url.find(setting.substr(0, setting.find('=') + 1)) != url.npos) continue;
    url += (url.find('?') == url.npos ? "?" : "&") + setting;
  }
  state_->url = std::move(url);
  state_->application_name = std::move(application_name);
}

Connection::~Connection() {
  state_->close();
}

void Connection::disconnect() {
  state_->close();
}

bool Connection::connected() const {
  return state_->connection && state_->connection->is_open();
}

bool Connection::wait_notification(std::string_view channel, Milliseconds timeout) {
  return translated([&] {
    auto& connection = state_->open();
    if (!state_->receiver) state_->receiver = std::make_unique<Notified>(connection, std::string(channel));
    state_->receiver->seen = false;
    connection.await_notification(timeout.count() / 1000, (timeout.count() % 1000) * 1000);
    return state_->receiver->seen;
  });
}

struct Transaction::State {
  Connection::State& connection;
  std::unique_ptr<pqxx::work> work;
};

Transaction::Transaction(Connection& connection) : state_(std::make_unique<State>(State{*connection.state_, nullptr})) {
  TENANTRY_ASSERT(!connection.state_->in_transaction);
  translated([&] { state_->work = std::make_unique<pqxx::work>(connection.state_->open()); });
  connection.state_->in_transaction = true;
}

Transaction::~Transaction() {
  state_->connection.in_transaction = false;
  try {
    state_->work.reset();
  } catch (const std::exception&) {
    state_->connection.close();  // a rollback that fails leaves a connection nobody should use again
  }
}

Rows Transaction::exec(std::string_view sql, std::span<const Param> params) {
  return translated([&] {
    const std::string& name = state_->connection.prepare(sql);
    std::vector<std::optional<std::string>> values;
    values.reserve(params.size());
    for (const auto& param : params) {
      // libpq takes C strings: the server would get what stands before the NUL, and no error.
      if (param.text() && param.text()->find('\0') != std::string::npos) {
        throw StatementError("a text with a NUL cannot be stored", "22021", {}, false);
      }
      values.push_back(param.text());
    }
    auto rows = std::make_unique<Rows::State>();
    rows->result = state_->work->exec_prepared(name, pqxx::prepare::make_dynamic_params(values));
    return Rows(std::move(rows));
  });
}

void Transaction::exec_script(std::string_view sql) {
  translated([&] { state_->work->exec(std::string(sql)); });
}

void Transaction::set_tenant(std::string_view tenant_id) {
  exec("SELECT set_config('app.tenant_id', $1, true)", {tenant_id});
}

std::string Transaction::transaction_id() {
  return std::string(exec("SELECT pg_current_xact_id()::text")[0].text(0));
}

void Transaction::commit() {
  translated([&] { state_->work->commit(); });
}

}  // namespace tenantry::db
