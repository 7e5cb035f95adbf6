// Super-admins in rows: who is one, and their sessions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shared/core/bytes.h"
#include "shared/core/time.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::gateway::store {

// Of who is one and has a password; nullopt: nobody.
struct Admin {
  std::string user_id;
  std::string email;
  std::string locale;
  std::string role;
  std::string password_hash;
};
std::optional<Admin> find_admin(db::Transaction& tx, std::string_view email);
std::optional<Admin> read_admin(db::Transaction& tx, std::string_view user_id);

struct NewAdminSession {
  std::string session_id;
  std::string user_id;
  std::string second_factor;
  std::string user_agent;
  std::string address;
  Timestamp expires_at{};
};
// Shown by a token, or by the console's cookie.
enum class ShownBy { token, cookie };
void add_admin_session(db::Transaction& tx, ShownBy by, ByteView hash, const NewAdminSession& session, Timestamp now);
// Which tenant's session the cookie is good for besides.
void begin_visit(db::Transaction& tx, std::string_view session_id, std::string_view visit_id);
// The tenant that was visited; nullopt: none was.
std::optional<std::string> end_visit(db::Transaction& tx, std::string_view session_id, Timestamp now);
// With what they have open inside tenants. `only`, `but`: a session's id, or "". How many there were.
int end_admin_sessions(db::Transaction& tx, std::string_view user_id, std::string_view only, std::string_view but,
                       Timestamp now);
nlohmann::json list_admin_sessions(db::Transaction& tx, std::string_view user_id, Timestamp now);

}  // namespace tenantry::gateway::store
