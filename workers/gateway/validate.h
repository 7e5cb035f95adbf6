// Validation: request bodies become structs, or the list of everything that is wrong.
//
// Pure. Every broken rule is reported at once, with its field's pointer; fields that
// nobody asked for are ignored and never applied (security.md S3). 400 for what is not
// JSON, 415 for another content type, 422 for broken rules.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/http/message.h"

namespace tenantry::gateway {

struct SignupRequest {
  std::string company_name;
  std::string company_email;
  std::string admin_email;
  std::string admin_password;
  std::string admin_first_name;
  std::string admin_last_name;
  std::string plan;
};

// Who asks decides what is asked: a person sets a password and accepts terms, an admin does neither.
enum class SignupForm { person, admin };
Result<SignupRequest> parse_signup(std::string_view body, const std::set<std::string>& plans, SignupForm form);

struct LoginRequest {
  std::string email;
  std::string password;
};
Result<LoginRequest> parse_login(std::string_view body);

Result<std::string> parse_refresh(std::string_view body);                // the refresh token
Result<std::optional<std::string>> parse_logout(std::string_view body);  // "" is a body, too

struct ClientRequest {
  std::string name;
  std::string email;
};
Result<ClientRequest> parse_client(std::string_view body);

struct AdminAction {
  std::string reason;
  std::string note;
};
// The reason is one word such as "abuse"; `fallback` where it may be left out.
Result<AdminAction> parse_admin_action(std::string_view body, std::string_view fallback);

// A hold to place, or to release: then without an end.
struct HoldRequest {
  std::string hold;  // no_suspend or legal
  std::string reason;
  Timestamp ends_at{};
};
Result<HoldRequest> parse_hold(std::string_view body, Timestamp now);  // the end must lie ahead
Result<HoldRequest> parse_hold_release(std::string_view body);

// What a super-admin wants done with dead letters: the ids, or all that match, up to a number.
struct DeadLetterAction {
  std::vector<std::string> ids;
  std::string tenant_id, worker, type, reason, state, error_shape;
  std::optional<Timestamp> since, until;
  bool all = false;  // said by who names neither ids nor a filter
  bool dry_run = false;
  int letters_max = 100;
  int per_second = 0;  // 0: at once
  std::string note;
};
// Errc::invalid where neither ids, a filter nor `all` says which.
Result<DeadLetterAction> parse_dead_letter_action(std::string_view body);
Result<std::string> parse_note(std::string_view body);  // "" is a body, too

// Trimmed and in lower case; nullopt where it is no address mail could be sent to.
std::optional<std::string> folded_email(std::string_view text);

// A caller's text for events and logs: the whole characters that fit in `bytes_max`; what is
// no UTF-8 or a control character is '?'. Nobody who consumes an event takes other text.
std::string printable(std::string_view text, std::size_t bytes_max);

enum class BodyKind { json, event };

// Whether a body has a content type the route takes, and no content coding; an empty body has nothing to say.
bool acceptable_content(const http::Request& request, BodyKind kind);

// Whether the caller takes JSON (Accept).
bool takes_json(const http::Request& request);

// The Idempotency-Key, unquoted; nullopt without one. Errc::invalid "malformed_request" (400) for one that
// is empty, over 255 characters or sent twice.
Result<std::optional<std::string>> idempotency_key(const http::Request& request);

// An RFC 3339 instant of the query; nullopt where absent.
Result<std::optional<Timestamp>> query_time(const http::Request& request, std::string_view name);

}  // namespace tenantry::gateway
