// The manual of all settings, as docs/settings.md has it. Pure.
#pragma once

#include <string>

namespace tenantry::config {

std::string manual();  // in Markdown

}  // namespace tenantry::config
