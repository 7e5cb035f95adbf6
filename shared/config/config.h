// Configuration: TENANTRY_* environment variables, and nothing else. Read whole at
// start; every error is listed, not only the first; a variable nobody knows is one.
//
// Secrets may come from a file named by <NAME>_FILE instead. They are never printed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"

namespace tenantry::config {

struct Variable {
  std::string_view name;
  std::string_view help;  // one line, with the default where there is one
  bool secret = false;
};

// Every variable there is: the manual, and what makes a misspelt one an error.
std::span<const Variable> variables();

using Environment = std::map<std::string, std::string, std::less<>>;
Environment process_environment();  // its TENANTRY_* part

class Reader {
 public:
  explicit Reader(Environment environment);

  std::string text(std::string_view name, std::string fallback);
  std::string required(std::string_view name);
  std::string required_secret(std::string_view name);
  std::optional<std::string> secret(std::string_view name);
  // 32 random bytes in base64, which must be there.
  std::string required_key(std::string_view name);
  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t least, std::int64_t most);
  bool boolean(std::string_view name, bool fallback);                                       // 1, 0, true, false
  std::vector<std::string> list(std::string_view name, std::vector<std::string> fallback);  // comma-separated

  // A rule the caller checked itself.
  void fail(std::string_view name, std::string rule);

  // Fails where `secret` is weak (secrets.h).
  void check_strength(std::string_view name, std::string_view secret, std::size_t length_min);

  // Errc::invalid with one FieldError per variable that is missing, wrong or unknown.
  Result<void> finish() const;

 private:
  const std::string* find(std::string_view name);
  Environment environment_;
  std::vector<FieldError> errors_;
};

// "TENANTRY_BILLING_DATABASE_URL" for "billing".
std::string service_database_variable(std::string_view service);
std::string service_amqp_variable(std::string_view service);

}  // namespace tenantry::config
