#include "workers/gateway/edge/settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "shared/text/codes.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr std::size_t brand_name_max = 100;
constexpr std::size_t url_max = 2000;

bool is_colour(std::string_view text) {
  return text.size() == 7 && text[0] == '#' && std::ranges::all_of(text.substr(1), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

bool is_secure_url(std::string_view text) {
  constexpr std::string_view scheme = "https://";
  const auto rest = text.starts_with(scheme) ? text.substr(scheme.size()) : std::string_view{};
  const auto host = rest.substr(0, rest.find_first_of("/?#"));
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '<'; });
  return plain && host.find('.') != host.npos && host.find('@') == host.npos;
}

std::string checked(Fields& fields, const char* name, bool (*holds)(std::string_view), const char* rule,
                    const char* detail) {
  auto text = fields.line(name, true, url_max);
  if (!text.empty() && !holds(text)) fields.fail(name, rule, detail);
  return text;
}

std::string choice(Fields& fields, const char* name, std::initializer_list<std::string_view> known) {
  if (fields.raw(name, true, 64).empty()) return {};
  return fields.choice(name, known);
}

std::string timezone(Fields& fields, const char* name) {
  return checked(fields, name, text::is_timezone, "timezone", "must be a time zone's name, as Europe/Paris");
}
std::string locale(Fields& fields, const char* name) {
  return choice(fields, name, {"fr", "en"});
}
std::string currency(Fields& fields, const char* name) {
  return checked(fields, name, text::is_currency, "currency", "must be a currency's code of ISO 4217, as EUR");
}
std::string date_format(Fields& fields, const char* name) {
  return choice(fields, name, {"dd/MM/yyyy", "yyyy-MM-dd", "MM/dd/yyyy", "dd.MM.yyyy", "d MMM yyyy"});
}
std::string day(Fields& fields, const char* name) {
  return choice(fields, name, {"monday", "saturday", "sunday"});
}
std::string called(Fields& fields, const char* name) {
  return fields.name(name, brand_name_max);
}
std::string colour(Fields& fields, const char* name) {
  return checked(fields, name, is_colour, "colour", "must be a colour as #1a2b3c");
}
std::string url(Fields& fields, const char* name) {
  return checked(fields, name, is_secure_url, "url", "must be an https:// address");
}
std::string email(Fields& fields, const char* name) {
  return fields.email(name, true);
}

std::string demand(Fields& fields, const char* name) {
  return choice(fields, name, {"optional", "required"});
}

struct Setting {
  const char* name;
  std::string (*read)(Fields&, const char*);
  const char* french;  // as it comes
  const char* english;
};
constexpr Setting settings[] = {
    {"timezone", timezone, "Europe/Paris", "UTC"},
    {"locale", locale, "fr", "en"},
    {"currency", currency, "EUR", "EUR"},
    {"date_format", date_format, "dd/MM/yyyy", "yyyy-MM-dd"},
    {"first_day_of_week", day, "monday", "monday"},
    {"branding/name", called, "", ""},
    {"branding/primary_color", colour, "#1f4e79", "#1f4e79"},
    {"branding/accent_color", colour, "#e07a1f", "#e07a1f"},
    {"branding/logo_url", url, "", ""},
    {"sender/name", called, "", ""},
    {"sender/reply_to", email, "", ""},
    {"contacts/billing", email, "", ""},
    {"contacts/technical", email, "", ""},
    {"contacts/security", email, "", ""},
    {second_factor_setting, demand, "optional", "optional"},
};

// As in a JSON pointer (RFC 6901): a name with a slash is none of ours.
std::string escaped(const std::string& name) {
  std::string out;
  for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

// {"branding": {"name": 1}} as {"branding/name": 1}.
json flat(const json& object) {
  json out = json::object();
  for (const auto& [name, value] : object.items()) {
    if (!value.is_object()) {
      out[escaped(name)] = value;
      continue;
    }
    for (const auto& [inner, leaf] : value.items()) out[escaped(name) + "/" + escaped(inner)] = leaf;
  }
  return out;
}

}  // namespace

bool demands_second_factor(const Settings& set) {
  const auto at = set.find(second_factor_setting);
  return at != set.end() && at->second == "required";
}

Result<SettingsPatch> parse_settings_patch(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  const auto wanted = flat(*object);
  Fields fields(wanted);
  SettingsPatch patch;
  for (const auto& [name, value] : wanted.items()) {
    const auto known = std::ranges::find(settings, std::string_view(name), &Setting::name);
    if (known == std::end(settings)) {
      fields.fail(name.c_str(), "unknown", "is no setting");
    } else if (value.is_null()) {
      patch[name] = std::nullopt;
    } else {
      patch[name] = known->read(fields, known->name);
    }
  }
  return fields.finish(std::move(patch));
}

json settings_document(const Settings& set, std::string_view locale) {
  json out = json::object();
  for (const auto& setting : settings) {
    const auto at = set.find(setting.name);
    std::string value{at != set.end() ? at->second : locale == "en" ? setting.english : setting.french};
    out[json::json_pointer("/" + std::string(setting.name))] = std::move(value);
  }
  out["locale"] = locale;
  return out;
}

}  // namespace tenantry::gateway
