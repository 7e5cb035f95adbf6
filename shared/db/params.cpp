#include "shared/db/params.h"

#include <array>
#include <charconv>

namespace tenantry::db {

Param::Param(double value) {
  std::array<char, 64> out{};
  const auto end =
      std::to_chars(out.data(), out.data() + out.size(), value).ptr;  // shortest text that reads back equal
  text_ = std::string(out.data(), end);
}

void Param::append_element(std::string& out, const Param& element) {
  if (!element.text_) {
    out += "NULL";
    return;
  }
  out += '"';
  for (const char c : *element.text_) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace tenantry::db
