// Second factors in rows: what a person has, what was shown, how many wrong ones in a row.
//
// In the caller's transaction. Who is about to look at a code takes a try first: it counts as wrong until it was found
// right, so that guesses made at once are no more than guesses made one by one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/time.h"

namespace tenantry::crypto {
class SealingKeys;
}
namespace tenantry::db {
class Transaction;
}

namespace tenantry::gateway::store {

constexpr int recovery_codes_count = 10;

struct Factors {
  std::optional<Timestamp> totp_since{};  // when it was confirmed
  int passkeys = 0;
  int recovery_codes_left = 0;

  bool any() const { return totp_since.has_value() || passkeys > 0; }
  std::vector<std::string> names() const;  // of what may be shown
};
Factors factors_of(db::Transaction& tx, std::string_view user_id);

// How long who has shown so many wrong codes in a row waits after the last.
Seconds wait_after(int failures);
// How long to wait still; nullopt: go on.
std::optional<Seconds> take_try(db::Transaction& tx, std::string_view user_id, Timestamp now);
void forget_tries(db::Transaction& tx, std::string_view user_id);

// A seed that is to be confirmed, in the place of one that was not. False: there is one that was.
bool begin_totp(db::Transaction& tx, const crypto::SealingKeys& keys, std::string_view user_id, ByteView seed,
                Timestamp now);
// Whether the code is right; then it is used up, and the seed confirmed.
bool confirm_totp(db::Transaction& tx, const crypto::SealingKeys& keys, std::string_view user_id, std::string_view code,
                  Timestamp now);
bool use_totp(db::Transaction& tx, const crypto::SealingKeys& keys, std::string_view user_id, std::string_view code,
              Timestamp now);
bool remove_totp(db::Transaction& tx, std::string_view user_id);

// Recovery codes stand for another factor, and go with the last. Whether there is one left.
bool drop_codes_without_factor(db::Transaction& tx, std::string_view user_id);

void replace_recovery_codes(db::Transaction& tx, std::string_view user_id, const std::vector<std::string>& hashes);
std::vector<std::string> unused_recovery_codes(db::Transaction& tx, std::string_view user_id);  // their hashes
// How many are left; nullopt: it was used meanwhile.
std::optional<int> use_recovery_code(db::Transaction& tx, std::string_view user_id, std::string_view hash,
                                     Timestamp now);

// What others asked for, where it is time: each of the person's companies, or a super-admin. True: the factors are
// gone.
bool reset_where_due(db::Transaction& tx, std::string_view user_id, Timestamp now);
void drop_resets(db::Transaction& tx, std::string_view user_id);
// All of them. False: there was none.
bool forget_factors(db::Transaction& tx, std::string_view user_id);

// What the session has shown, now.
void strengthen_session(db::Transaction& tx, std::string_view session_id, std::string_view factor, Timestamp now);

void strengthen_admin_session(db::Transaction& tx, std::string_view session_id, std::string_view factor, Timestamp now);
void weaken_admin_session(db::Transaction& tx, std::string_view session_id);
void weaken_session(db::Transaction& tx, std::string_view session_id);  // to the password alone

}  // namespace tenantry::gateway::store
