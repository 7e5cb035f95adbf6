// Settings: what a tenant's people may set, and what each may be. Pure.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

// Values by name, "branding/name"; what is absent is as it comes.
using Settings = std::map<std::string, std::string>;

// Whether the tenant lets its people in with a second factor only.
constexpr const char* second_factor_setting = "security/second_factor";
bool demands_second_factor(const Settings& set);

// A merge patch (RFC 7396), flat: null puts a setting back. Names every broken rule; what is no setting is one.
using SettingsPatch = std::map<std::string, std::optional<std::string>, std::less<>>;
Result<SettingsPatch> parse_settings_patch(std::string_view body);

// The whole document, with what comes of itself: `locale` is the tenant's.
nlohmann::json settings_document(const Settings& set, std::string_view locale);

}  // namespace tenantry::gateway
