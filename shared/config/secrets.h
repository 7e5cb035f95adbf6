// Secrets: which are too weak to start with, and tokens that have names.
//
// Pure. Strength cannot be measured from a text; these are the ones that people leave in
// place: short, of few letters, a word or a row of letters repeated, an example's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenantry::config {

// The rule that the secret breaks ("must have at least 32 characters", ...); nullopt where it breaks none.
std::optional<std::string> weakness_of(std::string_view secret, std::size_t length_min);

// The same of 32 random bytes in base64.
std::optional<std::string> weakness_of_key(std::string_view base64);

// The same of the password in a server's URL ("postgresql://user:password@host/database", "amqp://...", and libpq's
// "host=... password=..."). nullopt also for one that shows none, and for a server of this machine's own.
std::optional<std::string> weakness_of_login(std::string_view url);
constexpr std::size_t server_password_min = 16;

// Whose token it is, as the audit log names them.
struct NamedToken {
  std::string name;
  std::string token;
};
// "anna:<token>,ben:<token>", or one token without a name, which is "super-admin"'s. nullopt where a name is none
// (letters, digits, ".", "_", "-" and "@"), or is given twice.
std::optional<std::vector<NamedToken>> named_tokens(std::string_view text);

}  // namespace tenantry::config
