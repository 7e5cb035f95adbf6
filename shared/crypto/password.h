// Passwords: Argon2id hashes in PHC form, and what a new password must be.
//
// A password is what its reader sees, however it was typed: both functions take it in one form
// (RFC 8265 OpaqueString). Hashes made before that are of the bytes, and verify as such.
//
// Hashing takes about 19 MiB and 20 ms of CPU: never on the loop, and only so many
// at once as there are cores; the bound is the caller's pool. Any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::crypto {

// "$argon2id$v=19$m=19456,t=2,p=1$..." Errc::unavailable when there is no memory.
Result<std::string> hash_password(std::string_view password);

// False also for a hash that is not one of ours.
bool verify_password(const std::string& hash, std::string_view password);

// Whether the hash was made with other costs than hash_password uses now.
bool needs_rehash(const std::string& hash);

// The hash of a random password nobody knows, made once: verified where the user
// is unknown, so that the answer takes as long as for a wrong password (L1).
const std::string& dummy_password_hash();

// 8 to 128 code points of UTF-8 in at most 1,024 bytes, not among the most common
// passwords, and none of `context` (company, e-mail, name), letter case and a few
// digits or marks around it aside.
// A refusal names `pointer`. Of case and width nothing is folded.
Result<void> check_password_strength(std::string_view password, std::span<const std::string> context,
                                     std::string_view pointer);

}  // namespace tenantry::crypto
