// The signup worker's SQL, and nothing else of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/core/ids.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::signup {

// A request as platform.signups remembers it: what the gateway reserved.
struct Reservation {
  std::string state;  // requested, registered, rejected
  std::string tenant_id;
  std::optional<Uuid> user_id;
};

struct Owner {
  Uuid user_id;
  std::string email;
  std::string first_name;
};

std::optional<Reservation> find_reservation(db::Transaction& tx, const Uuid& signup_id);
std::optional<Uuid> find_user(db::Transaction& tx, std::string_view email);
void insert_user(db::Transaction& tx, const Uuid& user_id, std::string_view email, std::string_view first_name,
                 std::string_view last_name, std::string_view locale, Timestamp now);
// `invited`: has chosen no password yet, and may do nothing until the invitation is accepted.
void insert_owner(db::Transaction& tx, std::string_view tenant_id, const Uuid& user_id, bool invited, Timestamp now);
void insert_tenant_key(db::Transaction& tx, std::string_view tenant_id, int version, ByteView wrapped, Timestamp now);
void save_signup(db::Transaction& tx, const Uuid& signup_id, std::string_view state, std::string_view tenant_id,
                 const std::optional<Uuid>& user_id, std::string_view reason, Timestamp now);
std::optional<Owner> find_owner(db::Transaction& tx, std::string_view tenant_id);

}  // namespace tenantry::signup
