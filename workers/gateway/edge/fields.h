// Fields: a JSON object read field by field into a struct, or the list of everything that is wrong.
//
// Pure. Every broken rule is kept with its field's pointer, and finish() tells them at once; fields that nobody asked
// for are never applied (security.md S3), and ignored unless nothing_but() refuses them. 400 for what is no JSON
// object, 422 for broken rules.
#pragma once

#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

constexpr std::size_t password_bytes_max = 1024;
constexpr std::size_t note_max = 1000;
constexpr std::size_t person_name_max = 100;
constexpr std::size_t role_name_max = 40;
constexpr std::size_t permissions_max = 200;  // of a role or a key

// Errc::invalid "malformed_json" for what is no JSON object.
Result<nlohmann::json> parse_object(std::string_view body);

// As addresses are compared and mail is sent: trimmed, in lower case, the domain in its ASCII form; nullopt where it is
// no address mail could be sent to.
std::optional<std::string> folded_email(std::string_view text);

class Fields {
 public:
  explicit Fields(const nlohmann::json& object) : object_(object) {}  // which outlives it

  // As it is; "" (and an error where required) when absent.
  std::string raw(const char* name, bool required, std::size_t length_max);

  // Lines of text; "" when absent. PostgreSQL stores no NUL.
  std::string text(const char* name, std::size_t length_max);

  // A line of text that is what it looks like: trimmed, no control characters, none that cannot be seen.
  std::string line(const char* name, bool required, std::size_t length_max);

  // What a person or a company is called: a line, composed.
  std::string name(const char* name, std::size_t length_max);

  std::string email(const char* name, bool required);
  std::string written_email(const char* name, bool required);  // the same as it was written

  void accepted(const char* name);  // must be true
  bool flag(const char* name);      // false when absent
  int number(const char* name, int fallback, int least, int most);
  std::optional<Timestamp> instant(const char* name);

  std::vector<std::string> ids(const char* name, std::size_t count_max);  // UUIDs

  // Sorted, each once. `rule`: what an item breaks, or nothing.
  struct Broken {
    const char* rule;
    const char* detail;
  };
  std::vector<std::string> texts(const char* name, std::size_t count_max,
                                 const std::function<std::optional<Broken>(std::string_view)>& rule);

  // One of `known`, or "" where absent.
  std::string choice(const char* name, std::initializer_list<std::string_view> known);

  bool has(const char* name) const;

  // For who asks a machine for something once: a misspelt field would be missed in silence.
  void nothing_but(std::initializer_list<std::string_view> known);

  void fail(const char* name, std::string rule, std::string detail);
  void add(const Error& error) { errors_.insert(errors_.end(), error.fields.begin(), error.fields.end()); }

  template <class T>
  Result<T> finish(T value) const {
    if (errors_.empty()) return value;
    return broken();
  }

 private:
  const nlohmann::json* find(const char* name, bool required);
  Error broken() const;

  const nlohmann::json& object_;
  std::vector<FieldError> errors_;
};

}  // namespace tenantry::gateway
