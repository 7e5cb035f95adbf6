#include "workers/gateway/validate.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/crypto/password.h"
#include "shared/json/json.h"
#include "shared/tenancy/slug.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr std::size_t company_name_max = 200;
constexpr std::size_t person_name_max = 100;
constexpr std::size_t password_bytes_max = 1024;
constexpr std::size_t token_size_max = 256;
constexpr std::size_t note_max = 1000;
constexpr std::size_t idempotency_key_max = 255;
constexpr int dead_letters_max = 100;  // in one request: each may hold 256 KiB, and all are in memory at once

std::string_view trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Reads an object's fields one by one and keeps every rule that was broken.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  // As it is; "" (and an error where required) when absent.
  std::string raw(const char* name, bool required, std::size_t length_max) {
    const auto* value = find(name, required);
    if (value == nullptr) return {};
    if (!value->is_string()) {
      fail(name, "type", "must be a string");
      return {};
    }
    auto text = value->get<std::string>();
    if (text.empty() && required) fail(name, "required", "must not be empty");
    if (code_points(text) > length_max) {
      fail(name, "length", "must have at most " + std::to_string(length_max) + " characters");
      return {};
    }
    return text;
  }

  // Lines of text; "" when absent. PostgreSQL stores no NUL.
  std::string text(const char* name, std::size_t length_max) {
    auto text = raw(name, false, length_max);
    if (text.find('\0') == text.npos) return text;
    fail(name, "characters", "must not hold a NUL character");
    return {};
  }

  // A line of text: trimmed, no control characters.
  std::string line(const char* name, bool required, std::size_t length_max) {
    const auto text = raw(name, required, length_max);
    const auto trimmed = trim(text);
    if (has_control(trimmed)) {
      fail(name, "characters", "must be one line without control characters");
      return {};
    }
    if (required && trimmed.empty() && !text.empty()) fail(name, "required", "must not be blank");
    return std::string(trimmed);
  }

  std::string email(const char* name, bool required) {
    constexpr std::size_t length_max = 254;  // RFC 5321: 256 with the angle brackets
    const auto text = raw(name, required, length_max);
    if (text.empty()) return {};
    auto folded = folded_email(text);
    if (!folded) fail(name, "email", "must be an e-mail address");
    return folded.value_or("");
  }

  void accepted(const char* name) {
    const auto* value = find(name, true);
    if (value == nullptr) return;
    if (!value->is_boolean()) {
      fail(name, "type", "must be true or false");
    } else if (!value->get<bool>()) {
      fail(name, "accepted", "must be true");
    }
  }

  bool flag(const char* name) {
    const auto* value = find(name, false);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail(name, "type", "must be true or false");
    return value->is_boolean() && value->get<bool>();
  }

  int number(const char* name, int fallback, int least, int most) {
    const auto* value = find(name, false);
    if (value == nullptr) return fallback;
    const bool fits = value->is_number_integer() && *value >= least && *value <= most;
    if (!fits)
      fail(name, "range", "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return fits ? value->get<int>() : fallback;
  }

  std::optional<Timestamp> instant(const char* name) {
    const auto text = raw(name, false, 64);
    if (text.empty()) return std::nullopt;
    const auto at = from_rfc3339(text);
    if (!at) fail(name, "rfc3339", "must be an RFC 3339 time");
    return at ? std::optional<Timestamp>(*at) : std::nullopt;
  }

  std::vector<std::string> ids(const char* name, std::size_t count_max) {
    std::vector<std::string> out;
    const auto* value = find(name, false);
    if (value == nullptr) return out;
    const auto is_id = [](const json& id) { return id.is_string() && Uuid::parse(id.get_ref<const std::string&>()); };
    if (!value->is_array() || value->empty() || value->size() > count_max || !std::ranges::all_of(*value, is_id)) {
      fail(name, "ids", "must be a list of 1 to " + std::to_string(count_max) + " ids");
      return out;
    }
    return value->get<std::vector<std::string>>();
  }

  // One of `known`, or "" where absent.
  std::string choice(const char* name, std::initializer_list<std::string_view> known) {
    auto text = raw(name, false, 64);
    if (text.empty() || std::ranges::find(known, text) != known.end()) return text;
    fail(name, "choice", "is not one of the known values");
    return {};
  }

  void fail(const char* name, std::string rule, std::string detail) {
    errors_.push_back({"/" + std::string(name), std::move(rule), std::move(detail)});
  }
  void add(const Error& error) { errors_.insert(errors_.end(), error.fields.begin(), error.fields.end()); }

  template <class T>
  Result<T> finish(T value) const {
    if (errors_.empty()) return value;
    return Error{.code = Errc::invalid,
                 .reason = "validation_failed",
                 .message = "the request breaks the rules of " + std::to_string(errors_.size()) + " field(s)",
                 .fields = errors_};
  }

 private:
  const json* find(const char* name, bool required) {
    const auto at = object_.find(name);
    if (at != object_.end() && !at->is_null()) return &*at;
    if (required) fail(name, "required", "must be given");
    return nullptr;
  }

  const json& object_;
  std::vector<FieldError> errors_;
};

Result<json> parse_object(std::string_view body) {
  auto value = parse_json(body);
  if (!value) return value;
  if (!value->is_object()) {
    return Error{.code = Errc::invalid,
                 .reason = "malformed_json",
                 .message = "the body must be a JSON object",
                 .fields = {{"", "type", "must be an object"}}};
  }
  return value;
}

// What a password must not be: the company, its words, the slug, the person's names and address.
std::vector<std::string> password_context(const SignupRequest& request) {
  std::vector<std::string> context{
      request.company_name,     tenancy::slug_of(request.company_name),
      request.admin_email,      request.admin_email.substr(0, request.admin_email.find('@')),
      request.admin_first_name, request.admin_last_name};
  std::string word;
  for (const char c : request.company_name + " ") {
    if (c != ' ') {
      word += c;
      continue;
    }
    context.push_back(word);
    word.clear();
  }
  std::erase_if(context, [](const std::string& text) { return text.size() < 4; });
  return context;
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text[0] >= 'a' && text[0] <= 'z' &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_domain_label(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  return std::ranges::all_of(label,
                             [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; });
}

}  // namespace

std::optional<std::string> folded_email(std::string_view text) {
  text = trim(text);
  const auto at = text.rfind('@');
  if (at == text.npos || at == 0 || at > 64 || text.size() > 254) return std::nullopt;
  const auto local = text.substr(0, at);
  constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~.";
  const bool local_ok = std::ranges::all_of(
      local, [&](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || marks.find(c) != marks.npos; });
  if (!local_ok || local.front() == '.' || local.back() == '.' || local.find("..") != local.npos) return std::nullopt;
  std::string_view domain = text.substr(at + 1);
  if (domain.find('.') == domain.npos) return std::nullopt;
  for (;;) {
    const auto label = domain.substr(0, domain.find('.'));
    if (!is_domain_label(label)) return std::nullopt;
    if (label.size() == domain.size()) break;
    domain.remove_prefix(label.size() + 1);
  }
  std::string folded{text};
  std::ranges::transform(folded, folded.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return folded;
}

Result<SignupRequest> parse_signup(std::string_view body, const std::set<std::string>& plans, SignupForm form) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  SignupRequest request;
  request.company_name = fields.line("company_name", true, company_name_max);
  request.company_email = fields.email("company_email", true);
  request.admin_email = fields.email("admin_email", true);
  request.admin_first_name = fields.line("admin_first_name", true, person_name_max);
  request.admin_last_name = fields.line("admin_last_name", true, person_name_max);
  if (form == SignupForm::person) {
    request.admin_password = fields.raw("admin_password", true, password_bytes_max);
    if (!request.admin_password.empty()) {
      const auto strong =
          crypto::check_password_strength(request.admin_password, password_context(request), "/admin_password");
      if (!strong) fields.add(strong.error());
    }
  }
  request.plan = fields.line("plan", true, 32);
  std::ranges::transform(request.plan, request.plan.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (!request.plan.empty() && !plans.contains(request.plan)) {
    fields.fail("plan", "unknown_plan", "must be one of the plans of /signup/plans");
  }
  if (form == SignupForm::person) {
    fields.accepted("accept_terms");
    fields.accepted("accept_privacy");
  }
  return fields.finish(std::move(request));
}

Result<LoginRequest> parse_login(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  LoginRequest request;
  request.email = fields.email("email", true);
  request.password = fields.raw("password", true, password_bytes_max);
  return fields.finish(std::move(request));
}

Result<std::string> parse_refresh(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto token = fields.raw("refresh_token", true, token_size_max);
  return fields.finish(std::move(token));
}

Result<std::optional<std::string>> parse_logout(std::string_view body) {
  if (body.empty()) return std::optional<std::string>{};
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto token = fields.raw("refresh_token", false, token_size_max);
  return fields.finish(token.empty() ? std::optional<std::string>{} : std::optional{std::move(token)});
}

Result<ClientRequest> parse_client(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  ClientRequest request;
  request.name = fields.line("name", true, 200);
  request.email = fields.email("email", false);
  return fields.finish(std::move(request));
}

Result<AdminAction> parse_admin_action(std::string_view body, std::string_view fallback) {
  if (body.empty() && !fallback.empty()) return AdminAction{std::string(fallback), ""};
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  AdminAction action;
  action.reason = fields.line("reason", fallback.empty(), 64);
  if (!action.reason.empty() && !is_word(action.reason)) {
    fields.fail("reason", "word", "must be a word of a-z, 0-9 and _ that starts with a letter");
  }
  if (action.reason.empty()) action.reason = fallback;
  action.note = fields.text("note", note_max);
  return fields.finish(std::move(action));
}

namespace {

void parse_held(Fields& fields, HoldRequest& request) {
  const auto hold = fields.line("hold", true, 64);
  if (!hold.empty() && hold != "no_suspend" && hold != "legal") {
    fields.fail("hold", "choice", "must be no_suspend or legal");
  }
  request.hold = hold;
  request.reason = fields.line("reason", true, note_max);
}

}  // namespace

Result<HoldRequest> parse_hold(std::string_view body, Timestamp now) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  HoldRequest request;
  parse_held(fields, request);
  const auto text = fields.line("ends_at", true, 64);
  const auto ends_at = from_rfc3339(text);
  if (ends_at && *ends_at <= now) fields.fail("ends_at", "future", "must lie ahead");
  if (!ends_at && !text.empty()) fields.fail("ends_at", "rfc3339", "must be an RFC 3339 time");
  if (ends_at) request.ends_at = *ends_at;
  return fields.finish(std::move(request));
}

Result<HoldRequest> parse_hold_release(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  HoldRequest request;
  parse_held(fields, request);
  return fields.finish(std::move(request));
}

Result<DeadLetterAction> parse_dead_letter_action(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  DeadLetterAction action;
  action.ids = fields.ids("ids", dead_letters_max);
  action.tenant_id = fields.line("tenant_id", false, 64);
  action.worker = fields.line("worker", false, 64);
  action.type = fields.line("type", false, 128);
  action.reason = fields.choice("reason", {"invalid", "exhausted", "timeout", "crash", "refused"});
  action.state = fields.choice("state", {"waiting", "dropped"});
  action.error_shape = fields.text("error_shape", 200);
  action.since = fields.instant("since");
  action.until = fields.instant("until");
  action.all = fields.flag("all");
  action.dry_run = fields.flag("dry_run");
  action.letters_max = fields.number("max", dead_letters_max, 1, dead_letters_max);
  action.per_second = fields.number("rate", 0, 0, 1'000);
  action.note = fields.text("note", note_max);
  const bool says_which = !action.ids.empty() || !action.tenant_id.empty() || !action.worker.empty() ||
                          !action.type.empty() || !action.reason.empty() || !action.error_shape.empty() ||
                          action.since || action.until;
  if (!says_which && !action.all)
    fields.fail("all", "required", "must be true where neither ids nor a filter is given");
  return fields.finish(std::move(action));
}

Result<std::string> parse_note(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  auto note = fields.text("note", note_max);
  return fields.finish(std::move(note));
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const auto character = text.substr(0, length);
    const bool whole = character.size() == length && is_utf8(character) && !has_control(character);
    const auto shown = whole ? character : std::string_view{"?"};
    if (out.size() + shown.size() > bytes_max) break;
    out += shown;
    text.remove_prefix(whole ? length : 1);
  }
  return out;
}

bool acceptable_content(const http::Request& request, BodyKind kind) {
  if (request.headers.count("Content-Encoding") > 0) return false;
  const auto type = request.headers.get("Content-Type");
  if (!type) return request.body.empty();
  const auto media = trim(type->substr(0, type->find(';')));
  if (http::equal_without_case(media, "application/json")) return true;
  return kind == BodyKind::event && http::equal_without_case(media, "application/cloudevents+json");
}

bool takes_json(const http::Request& request) {
  const auto accept = request.headers.get("Accept");
  if (!accept || trim(*accept).empty()) return true;
  const auto names = [&](std::string_view range) { return accept->find(range) != accept->npos; };
  return names("*/*") || names("application/*") || names("application/json") || names("+json");
}

Result<std::optional<std::string>> idempotency_key(const http::Request& request) {
  const auto count = request.headers.count("Idempotency-Key");
  if (count == 0) return std::optional<std::string>{};
  auto key = trim(*request.headers.get("Idempotency-Key"));
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  if (count > 1 || key.empty() || key.size() > idempotency_key_max || !is_utf8(key)) {
    return Error{.code = Errc::invalid,
                 .reason = "malformed_request",
                 .message = "Idempotency-Key must be sent once, with 1 to 255 characters"};
  }
  return std::optional<std::string>{key};
}

Result<std::optional<Timestamp>> query_time(const http::Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  if (!text) return std::optional<Timestamp>{};
  const auto at = from_rfc3339(*text);
  if (!at) return Error::invalid("/" + std::string(name), "rfc3339", "must be an RFC 3339 time");
  return std::optional<Timestamp>{*at};
}

}  // namespace tenantry::gateway
