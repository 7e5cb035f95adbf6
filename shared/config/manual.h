// The manual of all settings, as docs/settings.md has it. Pure.
#pragma once

#include <map>
#include <string>

#include "shared/config/config.h"

namespace tenantry::config {

// In Markdown. `readers`: by setting, who reads it, in words.
std::string manual(const std::map<std::string, std::string, std::less<>>& readers);

// What a variable may be, as a person reads it: "a whole number from 1 to 365", "live or test".
std::string kind_of(const Variable& variable);

}  // namespace tenantry::config
