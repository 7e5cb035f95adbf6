// Sessions and their refresh tokens, and where a person may go.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/core/time.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::gateway::store {

struct RefreshToken {
  std::string user_id;
  std::string tenant_id;
  std::string family;  // the session's id
  Timestamp expires_at{};
  std::optional<Timestamp> used_at{};
};
void add_refresh_token(db::Transaction& tx, ByteView hash, const RefreshToken& token, Timestamp now);
// One at a time for the whole family, until the transaction ends.
std::optional<RefreshToken> lock_refresh_token(db::Transaction& tx, ByteView hash);
void use_refresh_token(db::Transaction& tx, ByteView hash, Timestamp now);

// Sessions. What follows from one that has ended or expired is good for nothing.
struct NewSession {
  std::string session_id;
  std::string user_id;
  std::string tenant_id;
  std::string user_agent;
  std::string address;          // or its network
  std::string second_factor{};  // that was shown; "": none
  Timestamp authenticated_at{};
  Timestamp expires_at{};
  std::optional<std::string> acting_reason{};  // of a super-admin, no member
  bool acting_writes = false;
  ByteView cookie_hash{};  // empty: tokens show it
};
void add_session(db::Transaction& tx, const NewSession& session, Timestamp now);
// Whether the person has logged in before, but neither from there nor with that; as long as sessions are kept.
bool is_new_place(db::Transaction& tx, std::string_view user_id, std::string_view address, std::string_view user_agent);
struct LiveSession {
  Timestamp authenticated_at{};
  Timestamp expires_at{};
  std::string second_factor{};
};
std::optional<LiveSession> see_session(db::Transaction& tx, std::string_view session_id, Timestamp now);
// The session that goes on and that the cookie shows; nullopt: none.
struct ShownSession {
  std::string session_id;
  std::string user_id;
  std::string tenant_id;
  Timestamp authenticated_at{};
  std::string second_factor{};
};
std::optional<ShownSession> session_of_cookie(db::Transaction& tx, ByteView cookie_hash, Timestamp now);
struct SessionFilter {
  std::string user_id;
  std::string tenant_id{};   // "": of any
  std::string session_id{};  // "": all
  std::string but{};         // stays
};
struct EndedSession {
  std::string session_id;
  std::string tenant_id;
};
std::vector<EndedSession> end_sessions(db::Transaction& tx, const SessionFilter& which, Timestamp now);
nlohmann::json list_sessions(db::Transaction& tx, std::string_view user_id, Timestamp now);

// Passwords.
bool password_changed_after(db::Transaction& tx, std::string_view user_id, Timestamp at);
// True: the person whose this is has it now.
bool replace_password(db::Transaction& tx, std::string_view user_id, std::string_view old_hash,
                      std::string_view new_hash, Timestamp now);
struct Account {
  std::string user_id;
  std::string email;
  std::string first_name;
  std::string last_name;
  std::string locale;
  std::string password_hash;
  bool email_verified = false;
};
std::optional<Account> find_account(db::Transaction& tx, std::string_view email);
std::optional<Account> read_account(db::Transaction& tx, std::string_view user_id);
// Whose link it is, which is used up; nullopt: nobody's, or too old.
std::optional<Account> take_reset(db::Transaction& tx, ByteView token_hash, Timestamp now);
// The link sent before is dead. False: so many were sent within a day.
bool put_reset(db::Transaction& tx, std::string_view user_id, ByteView token_hash, Timestamp now, Timestamp expires_at,
               int a_day);

// Mailed links about the person's address.
struct EmailLink {
  Uuid link_id{};
  std::string user_id;
  std::string purpose;  // "verify", "change", "undo"
  std::string email;    // what the address is once it was opened
  Timestamp sent_at{};
};
// Takes a lock on the person, so that requests made at once are counted one by one.
bool may_send_email_link(db::Transaction& tx, std::string_view user_id, Timestamp since, int sendings_max);
// But for undoing, the link sent before for the same is dead.
void put_email_link(db::Transaction& tx, const EmailLink& link, ByteView token_hash, Timestamp now,
                    Timestamp expires_at);
// Which is used up; nullopt: there is none that is good.
std::optional<EmailLink> take_email_link(db::Transaction& tx, ByteView token_hash,
                                         const std::vector<std::string_view>& purposes, Timestamp now);
// Confirmed. False: another person has the address.
bool set_email(db::Transaction& tx, std::string_view user_id, std::string_view email, Timestamp now);
void drop_mailed_links(db::Transaction& tx, std::string_view user_id);  // for a password, for an address
void drop_undo_links(db::Transaction& tx, std::string_view user_id, Timestamp since);

// Where the person may go: active, in tenants that are there.
struct Membership {
  std::string tenant_id;
  std::string company_name;
  std::string role;
};
std::vector<Membership> memberships_of(db::Transaction& tx, std::string_view user_id);

}  // namespace tenantry::gateway::store
