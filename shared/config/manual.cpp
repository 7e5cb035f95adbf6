#include "shared/config/manual.h"

#include <algorithm>

namespace tenantry::config {
namespace {

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '<' ? "&lt;" : std::string(1, c);
  }
  return out;
}

}  // namespace

std::string kind_of(const Variable& variable) {
  switch (variable.kind) {
    case Kind::text:
      return "text";
    case Kind::secret:
      return "a secret";
    case Kind::integer:
      return "a whole number " + range_of(variable);
    case Kind::flag:
      return "1 or 0";
    case Kind::list:
      return "a list, with commas between";
    case Kind::word: {
      std::string words{variable.words};
      for (auto at = words.find(' '); at != words.npos; at = words.find(' ', at + 2)) words.replace(at, 1, ", ");
      if (const auto last = words.rfind(", "); last != words.npos) words.replace(last, 2, " or ");
      return words;
    }
  }
  TENANTRY_ASSERT(false && "Kind is exhaustive");
}

std::string manual(const std::map<std::string, std::string, std::less<>>& readers) {
  std::string out =
      "# Settings\n\n"
      "Every setting is a variable of the environment, read whole when a process starts: what is missing, out of its\n"
      "range or misspelt keeps it from starting and is named. A secret may stand in a file instead, named by the\n"
      "variable with `_FILE` behind it. `tenantry config` shows which are set. This page is printed by\n"
      "`tenantry settings --markdown`.\n\n"
      "| variable | what it is | may be | by default | read by |\n|---|---|---|---|---|\n";
  for (const auto& variable : variables()) {
    const auto reader = readers.find(variable.name);
    out += "| `" + std::string(variable.name) + "` | " + cell(variable.help) + " | " + kind_of(variable) + " | " +
           (variable.fallback.empty() ? "" : "`" + std::string(variable.fallback) + "`") + " | " +
           (reader == readers.end() ? "the command line" : reader->second) + " |\n";
  }
  return out;
}

}  // namespace tenantry::config
