#include "shared/core/csv.h"

namespace tenantry {
namespace {

bool starts_formula(std::string_view text) {
  if (text.empty()) return false;
  switch (text.front()) {
    case '=':
    case '+':
    case '-':
    case '@':
    case '\t':
    case '\r':
    case '\n':
      return true;
    default:
      break;
  }
  // Full-width forms of = + - @, which some spreadsheets fold.
  return text.starts_with("\xEF\xBC\x9D") || text.starts_with("\xEF\xBC\x8B") || text.starts_with("\xEF\xBC\x8D") ||
         text.starts_with("\xEF\xBC\xA0");
}

}  // namespace

void append_csv_field(std::string& out, std::string_view text) {
  const bool formula = starts_formula(text);
  if (!formula && text.find_first_of(",\"\r\n") == text.npos) {
    out += text;
    return;
  }
  out += '"';
  if (formula) out += '\'';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace tenantry
