// The parts of a JSON text as they were written: what is to be kept byte for byte must not pass through numbers, which
// are doubles to most readers. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenantry {

struct RawPart {
  std::string name{};       // of an object's member, unescaped; "" of an array's element
  std::string_view text{};  // its value, without white space around it
};

// The members or elements of an object or array, views into `text`, which parse_json has taken; of a scalar, none.
std::vector<RawPart> raw_parts(std::string_view text);

// The same value on one line: without the white space around its parts.
std::string without_white_space(std::string_view text);

}  // namespace tenantry
