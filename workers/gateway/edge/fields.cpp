#include "workers/gateway/edge/fields.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/json/json.h"
#include "shared/text/text.h"
#include "workers/gateway/edge/content.h"

namespace tenantry::gateway {

using nlohmann::json;

namespace {

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

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

std::optional<std::string> folded_email(std::string_view text) {
  text = trimmed(text);
  const auto at = text.rfind('@');
  if (at == text.npos || at == 0 || at > 64) return std::nullopt;
  const auto local = text.substr(0, at);
  constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~.";
  const bool local_ok = std::ranges::all_of(
      local, [&](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || marks.find(c) != marks.npos; });
  if (!local_ok || local.front() == '.' || local.back() == '.' || local.find("..") != local.npos) return std::nullopt;
  const auto domain = text::ascii_domain(text.substr(at + 1));
  if (!domain || domain->find('.') == domain->npos || domain->ends_with('.')) return std::nullopt;
  auto folded = ascii_lower(local) + "@" + *domain;
  if (folded.size() > 254) return std::nullopt;
  return folded;
}

std::string Fields::raw(const char* name, bool required, std::size_t length_max) {
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

std::string Fields::text(const char* name, std::size_t length_max) {
  auto text = raw(name, false, length_max);
  if (text.find('\0') == text.npos) return text;
  fail(name, "characters", "must not hold a NUL character");
  return {};
}

std::string Fields::line(const char* name, bool required, std::size_t length_max) {
  const auto text = raw(name, required, length_max);
  const auto inner = trimmed(text);
  if (has_control(inner)) {
    fail(name, "characters", "must be one line without control characters");
    return {};
  }
  if (!inner.empty() && text::has_invisible(inner)) {
    fail(name, "invisible", "must not hold characters that cannot be seen or turn the direction of others");
    return {};
  }
  if (required && !text.empty() && text::is_blank(inner)) fail(name, "required", "must not be blank");
  return std::string(inner);
}

std::string Fields::name(const char* name, std::size_t length_max) {
  return text::to_nfc(line(name, true, length_max));
}

std::string Fields::email(const char* name, bool required) {
  constexpr std::size_t length_max = 254;  // RFC 5321: 256 with the angle brackets
  const auto text = raw(name, required, length_max);
  if (text.empty()) return {};
  auto folded = folded_email(text);
  if (!folded) fail(name, "email", "must be an e-mail address");
  return folded.value_or("");
}

std::string Fields::written_email(const char* name, bool required) {
  if (email(name, required).empty()) return {};
  return text::to_nfc(trimmed(object_.at(name).get_ref<const std::string&>()));
}

void Fields::accepted(const char* name) {
  const auto* value = find(name, true);
  if (value == nullptr) return;
  if (!value->is_boolean()) {
    fail(name, "type", "must be true or false");
  } else if (!value->get<bool>()) {
    fail(name, "accepted", "must be true");
  }
}

bool Fields::flag(const char* name) {
  const auto* value = find(name, false);
  if (value == nullptr) return false;
  if (!value->is_boolean()) fail(name, "type", "must be true or false");
  return value->is_boolean() && value->get<bool>();
}

int Fields::number(const char* name, int fallback, int least, int most) {
  const auto* value = find(name, false);
  if (value == nullptr) return fallback;
  const bool fits = value->is_number_integer() && *value >= least && *value <= most;
  if (!fits)
    fail(name, "range", "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return fits ? value->get<int>() : fallback;
}

std::optional<Timestamp> Fields::instant(const char* name) {
  const auto text = raw(name, false, 64);
  if (text.empty()) return std::nullopt;
  const auto at = from_rfc3339(text);
  if (!at) fail(name, "rfc3339", "must be an RFC 3339 time");
  return at ? std::optional<Timestamp>(*at) : std::nullopt;
}

std::vector<std::string> Fields::ids(const char* name, std::size_t count_max) {
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

std::vector<std::string> Fields::texts(const char* name, std::size_t count_max,
                                       const std::function<std::optional<Broken>(std::string_view)>& rule) {
  std::vector<std::string> out;
  const auto* value = find(name, false);
  if (value == nullptr) return out;
  if (!value->is_array() || value->size() > count_max) {
    fail(name, "list", "must be a list of at most " + std::to_string(count_max));
    return out;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const auto& item = (*value)[i];
    const auto broken =
        item.is_string() ? rule(item.get_ref<const std::string&>()) : Broken{"type", "must be a string"};
    if (broken) {
      fail((std::string(name) + "/" + std::to_string(i)).c_str(), broken->rule, broken->detail);
    } else {
      out.push_back(item.get<std::string>());
    }
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string Fields::choice(const char* name, std::initializer_list<std::string_view> known) {
  auto text = raw(name, false, 64);
  if (text.empty() || std::ranges::find(known, text) != known.end()) return text;
  fail(name, "choice", "is not one of the known values");
  return {};
}

void Fields::fail(const char* name, std::string rule, std::string detail) {
  errors_.push_back({"/" + std::string(name), std::move(rule), std::move(detail)});
}
bool Fields::has(const char* name) const {
  return object_.contains(name);
}

void Fields::nothing_but(std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object_.items()) {
    if (std::ranges::find(known, name) == known.end()) fail(name.c_str(), "unknown", "is no field of this request");
  }
}

Error Fields::broken() const {
  return {.code = Errc::invalid,
          .reason = "validation_failed",
          .message = "the request breaks the rules of " + std::to_string(errors_.size()) + " field(s)",
          .fields = errors_};
}

const json* Fields::find(const char* name, bool required) {
  const auto at = object_.find(name);
  if (at != object_.end() && !at->is_null()) return &*at;
  if (required) fail(name, "required", "must be given");
  return nullptr;
}

}  // namespace tenantry::gateway
