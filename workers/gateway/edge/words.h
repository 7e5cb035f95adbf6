// Words: what refusals say in French. In English they say it themselves. Pure.
#pragma once

#include <string_view>

namespace tenantry::gateway {

// Of a problem's code; "" for one that is for operators, or that says a number.
std::string_view french_words(std::string_view code);

// Of a broken rule of a field; "" for one that says a number.
std::string_view french_rule(std::string_view rule);

}  // namespace tenantry::gateway
