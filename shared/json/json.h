// Strict JSON (RFC 8259) for text from outside: one text has one meaning, and
// reading it costs a bounded amount of memory.
//
// Refused beyond bad grammar: a name twice in one object, numbers that do not fit
// a double, ill-formed UTF-8, lone surrogates, a byte order mark, NUL, anything
// after the value, too deep, too large. Pure; any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry {

struct JsonLimits {
  std::size_t depth = 32;              // nested arrays and objects
  std::size_t size = 1024UL * 1024UL;  // bytes of text
};

// Errc::invalid with reason "malformed_json" and the place and rule in `fields`;
// Errc::too_large when the text is longer than `limits.size`.
Result<nlohmann::json> parse_json(std::string_view text, JsonLimits limits = {});

// Appends `text` as a JSON string, quotes included; ill-formed UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace tenantry
