// Error: what went wrong, for a caller to decide on and a person to read.
//
// An Error is expected: bad input, a refusal, a dependency that is away. It names
// the field and the rule where input broke one. Bugs are TENANTRY_ASSERT.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenantry {

enum class Errc {
  invalid,           // input breaks a rule of its own form: never right, however often repeated
  unauthenticated,   // no proof of identity, or a bad one
  payment_required,  // the tenant's status asks for a payment first
  forbidden,         // identity known, right missing
  not_found,
  conflict,  // input collides with what is stored
  too_large,
  rate_limited,
  limit_exceeded,  // a limit of the plan is used up
  refused,         // a security rule: wrong tenant, forged type
  exhausted,       // attempts are spent
  crash,           // handling it stopped the process too often
  unavailable,     // a dependency is away: try again later
  timeout,
  internal,  // a bug seen as an error; kept, never hidden
};

std::string_view to_string(Errc code);

// Whether the same input may succeed later without anybody changing it.
bool is_transient(Errc code);

struct FieldError {
  std::string pointer;  // RFC 6901 pointer into the input, e.g. "/admin_email"
  std::string code;     // the rule, machine-readable, e.g. "required"
  std::string detail;   // the rule, for a person
};

struct Error {
  Errc code = Errc::internal;
  std::string reason;  // stable, machine-readable, e.g. "email_taken"; empty: the code says it
  std::string message;
  std::vector<FieldError> fields{};

  static Error invalid(std::string pointer, std::string rule, std::string detail);
  static Error conflict(std::string reason, std::string message);

  // One line: code, message, then each field with its rule.
  std::string describe() const;
};

}  // namespace tenantry
