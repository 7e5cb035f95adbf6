// Configuration: TENANTRY_* environment variables, and nothing else. Read whole at
// start; every error is listed, not only the first; a variable nobody knows is one.
//
// Secrets may come from a file named by <NAME>_FILE instead. They are never printed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"

namespace tenantry::config {

enum class Kind { text, word, integer, flag, list, secret };

struct Variable {
  std::string_view name;
  std::string_view help;  // one line
  Kind kind = Kind::text;
  std::string_view fallback{};  // as one would set it; empty: none
  std::int64_t least = 0;       // of an integer
  std::int64_t most = 0;
  std::string_view words{};  // of a word: those it may be, with spaces between
};

// Every variable there is: what makes a misspelt one an error, what each may be, and the manual. Who asks for a setting
// says no more of it than its name.
std::span<const Variable> variables();
std::string range_of(const Variable& variable);  // "from 1 to 365", of an integer

using Environment = std::map<std::string, std::string, std::less<>>;
Environment process_environment();  // its TENANTRY_* part

struct MasterKeyTexts {
  std::string current;
  std::vector<std::string> former;
};

class Reader {
 public:
  explicit Reader(Environment environment);

  // What is set, or the variable's default.
  std::string text(std::string_view name);
  std::string word(std::string_view name);
  std::int64_t integer(std::string_view name);
  bool flag(std::string_view name);                      // 1, 0, true, false
  std::vector<std::string> list(std::string_view name);  // comma-separated

  std::string required(std::string_view name);
  std::string required_secret(std::string_view name);
  std::optional<std::string> secret(std::string_view name);
  // TENANTRY_MASTER_KEY, 32 random bytes in base64, which must be there; and TENANTRY_FORMER_MASTER_KEYS.
  MasterKeyTexts master_keys();

  // A rule the caller checked itself.
  void fail(std::string_view name, std::string rule);

  // Fails where `secret` is weak (secrets.h).
  void check_strength(std::string_view name, std::string_view secret, std::size_t length_min);

  // Errc::invalid with one FieldError per variable that is missing, wrong or unknown.
  Result<void> finish() const;

  // What was asked for so far: the settings of whoever asked.
  const std::set<std::string, std::less<>>& asked() const { return asked_; }

 private:
  // Of a server elsewhere, unless time is a test's.
  void check_login(std::string_view name, std::string_view url);
  const Variable& ask(std::string_view name, Kind kind);
  const std::string* find(std::string_view name) const;

  Environment environment_;
  std::set<std::string, std::less<>> asked_;
  std::vector<FieldError> errors_;
};

// "TENANTRY_BILLING_DATABASE_URL" for "billing".
std::string service_database_variable(std::string_view service);
std::string service_amqp_variable(std::string_view service);

}  // namespace tenantry::config
