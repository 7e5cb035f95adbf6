#include "shared/db/server.h"

namespace tenantry::db {
namespace {

// 40001 serialization failure, 40P01 deadlock, 55P03 lock not available.
bool is_retryable(std::string_view sqlstate) {
  return sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03";
}

}  // namespace

std::string with_deadlines(std::string url) {
  const char* defaults[] = {"connect_timeout=3", "tcp_user_timeout=10000", "keepalives_idle=10",
                            "keepalives_interval=5", "keepalives_count=3"};
  for (const std::string setting : defaults) {
    if (url.find(setting.substr(0, setting.find('=') + 1)) != url.npos) continue;
    url += (url.find('?') == url.npos ? "?" : "&") + setting;
  }
  return url;
}

std::string first_line(std::string_view message) {
  return std::string(message.substr(0, message.find('\n')));
}

void refuse_nul(std::span<const Param> params) {
  for (const auto& param : params) {
    if (param.value() && !param.is_binary() && param.value()->find('\0') != std::string::npos) {
      throw StatementError("a text with a NUL cannot be stored", "22021", {}, false);
    }
  }
}

// 57014 a statement took too long. A transaction left idle for too long costs the connection, and libpq says no more.
bool is_timeout(std::string_view sqlstate) {
  return sqlstate == "57014";
}

// 08 connection, 57P01..3 shutdown or starting, 53300 too many connections, 25006 read-only (a standby),
// 53100 disk full, 53200 out of memory, 58030 I/O error: nothing was accepted, try again later.
bool is_unavailable(std::string_view sqlstate) {
  return sqlstate.starts_with("08") || sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03" ||
         sqlstate.starts_with("53") || sqlstate == "25006" || sqlstate == "58030";
}

void throw_refused(std::string message, std::string sqlstate, std::string constraint) {
  if (is_timeout(sqlstate)) throw TimedOut(std::move(message), std::move(sqlstate));
  if (is_unavailable(sqlstate)) throw Unavailable(message);
  const bool retryable = is_retryable(sqlstate);
  throw StatementError(std::move(message), std::move(sqlstate), std::move(constraint), retryable);
}

}  // namespace tenantry::db
