#include "shared/tenancy/dunning_terms.h"

#include <nlohmann/json.hpp>

#include "shared/json/json.h"

namespace tenantry::tenancy {
namespace {

using nlohmann::json;

class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  std::optional<Days> days(const char* name, int least, int most) {
    const auto at = object_.find(name);
    if (at == object_.end() || at->is_null()) return std::nullopt;
    const auto day = number(*at, least, most);
    if (!day) fail(name, "range", "must be a whole number of days from " + range(least, most));
    return day;
  }

  std::optional<std::vector<Days>> rising(const char* name) {
    const auto at = object_.find(name);
    if (at == object_.end() || at->is_null()) return std::nullopt;
    std::vector<Days> out;
    const bool list = at->is_array() && at->size() <= reminders_max;
    for (const auto& item : list ? *at : json::array()) {
      const auto day = number(item, out.empty() ? 0 : static_cast<int>(out.back().count()) + 1, dunning_days_max);
      if (!day) break;
      out.push_back(*day);
    }
    if (!list || out.size() != at->size()) {
      fail(name, "rising", "must be at most " + std::to_string(reminders_max) + " rising days, from 0 on");
    }
    return out;
  }

  void fail(const char* name, std::string rule, std::string detail) {
    errors_.push_back({"/" + std::string(name), std::move(rule), std::move(detail)});
  }
  const std::vector<FieldError>& errors() const { return errors_; }

 private:
  static std::string range(int least, int most) { return std::to_string(least) + " to " + std::to_string(most); }
  static std::optional<Days> number(const json& value, int least, int most) {
    if (!value.is_number_integer() || value < least || value > most) return std::nullopt;
    return Days{value.get<int>()};
  }

  const json& object_;
  std::vector<FieldError> errors_;
};

}  // namespace

Result<DunningTerms> parse_dunning_terms(std::string_view text) {
  const auto object = parse_json(text);
  if (!object) return object.error();
  if (!object->is_object()) return Error::invalid("", "type", "must be an object");
  Reader reader(*object);
  DunningTerms terms{.remind_on = reader.rising("remind_days"),
                     .suspend_on = reader.days("suspend_day", 1, dunning_days_max),
                     .notice = reader.days("notice_days", 0, dunning_days_max),
                     .grace = reader.days("grace_days", 0, grace_days_max)};
  if (reader.errors().empty()) return terms;
  auto error = Error::invalid(reader.errors().front().pointer, reader.errors().front().code, "");
  error.fields = reader.errors();
  return error;
}

Result<void> check_order(const DunningTerms& terms) {
  const bool late =
      terms.remind_on && terms.suspend_on && !terms.remind_on->empty() && terms.remind_on->back() >= *terms.suspend_on;
  if (!late) return {};
  return Error::invalid("/remind_days", "before_suspension",
                        "must lie before suspend_day, " + std::to_string(terms.suspend_on->count()));
}

std::string written(const DunningTerms& terms) {
  json out = json::object();
  const auto put = [&](const char* name, const std::optional<Days>& days) {
    if (days) out[name] = days->count();
  };
  if (terms.remind_on) {
    out["remind_days"] = json::array();
    for (const auto day : *terms.remind_on) out["remind_days"].push_back(day.count());
  }
  put("suspend_day", terms.suspend_on);
  put("notice_days", terms.notice);
  put("grace_days", terms.grace);
  return out.dump();
}

}  // namespace tenantry::tenancy
