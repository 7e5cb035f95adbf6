// Words: what refusals say in French. In English they say it themselves. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tenantry::gateway {

// Of a problem's code, with the numbers that the English words say; "" for one that is for operators.
std::string french_words(std::string_view code, std::string_view english);

// Of a broken rule of a field, likewise.
std::string french_rule(std::string_view rule, std::string_view english);

}  // namespace tenantry::gateway
