// The templates as data: Mustache texts whose first line is "Subject: ...", then an
// empty line, then the body. Generated from templates/ at build time.
#pragma once

#include <span>
#include <string_view>

namespace tenantry::notification {

struct Template {
  std::string_view name;  // "welcome.fr"
  std::string_view text;
};
std::span<const Template> templates();

}  // namespace tenantry::notification
