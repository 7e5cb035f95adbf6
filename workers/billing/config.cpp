#include "workers/billing/config.h"

#include <charconv>

namespace tenantry::billing {
namespace {

constexpr std::string_view remind_days = "TENANTRY_DUNNING_REMIND_DAYS";

std::optional<Days> parse_day(const std::string& text) {
  int day = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), day);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Days{day};
}

std::vector<Days> read_remind_days(config::Reader& reader, Days suspend_on) {
  std::vector<Days> days;
  for (const auto& text : reader.list(remind_days)) {
    const auto day = parse_day(text);
    const Days least = days.empty() ? Days{0} : days.back() + Days{1};
    if (!day || *day < least || *day >= suspend_on) {
      reader.fail(remind_days, "must be rising days from 0 on, before TENANTRY_DUNNING_SUSPEND_DAY");
      return {};
    }
    days.push_back(*day);
  }
  return days;
}

}  // namespace

BillingConfig read_billing_config(config::Reader& reader) {
  BillingConfig config;
  config.database_url = reader.required_secret(config::service_database_variable("billing"));
  config.dunning.suspend_on = Days{reader.integer("TENANTRY_DUNNING_SUSPEND_DAY")};
  config.dunning.remind_on = read_remind_days(reader, config.dunning.suspend_on);
  config.lifecycle.grace = Days{reader.integer("TENANTRY_GRACE_DAYS")};
  return config;
}

}  // namespace tenantry::billing
