// Requests and responses as values: what a handler reads and what it returns.
// Pure data; a Request is not changed once the server has handed it out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/core/result.h"

namespace tenantry::http {

enum class Method { get, head, post, put, patch, delete_, options, other };

std::string_view to_string(Method method);

// Fields in the order they came; names compare without case, as RFC 9110 has it.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);  // instead of any of that name

  // The first of that name. Where a second one would matter, ask count() too.
  std::optional<std::string_view> get(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  // All of that name as the one list they are (RFC 9110 section 5.3); "" where there is none.
  std::string list(std::string_view name) const;

  std::size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

using QueryParameter = std::pair<std::string, std::string>;

struct Request {
  Method method = Method::get;
  std::string target{};  // as sent
  std::string path{};    // decoded; see parse_target
  std::vector<QueryParameter> query{};
  Headers headers{};
  std::string body{};
  std::string peer_address{};  // the connection's, without port; proxies are the caller's question
  bool keep_alive = true;
  int version = 11;  // 10 or 11

  std::optional<std::string_view> query_value(std::string_view name) const;  // the first
};

struct Response {
  int status = 200;
  Headers headers{};
  std::string body{};
  bool close = false;  // ends the connection after this response

  static Response json(int status, std::string text);
};

// Splits and decodes an origin-form target. Refused, so that no later reader sees
// another path than the router did: malformed escapes, encoded "/", "\" and
// controls, dot segments, a NUL in the query, and what does not decode to UTF-8. "+" is
// a space in the query only.
struct Target {
  std::string path;
  std::vector<QueryParameter> query;
};
Result<Target> parse_target(std::string_view target);

bool equal_without_case(std::string_view left, std::string_view right);  // ASCII

std::string_view reason_phrase(int status);

}  // namespace tenantry::http
