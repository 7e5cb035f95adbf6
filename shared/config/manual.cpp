#include "shared/config/manual.h"

#include "shared/config/config.h"

namespace tenantry::config {

std::string manual() {
  std::string out =
      "# Settings\n\nEvery setting is a variable of the environment, read whole when a process starts: what is "
      "missing, out "
      "of its range or\nmisspelt keeps it from starting and is named. A secret may stand in a file instead, named by "
      "the "
      "variable with `_FILE` behind\nit. `tenantry doctor` shows which are set. This page is printed by `tenantry "
      "settings "
      "--markdown`.\n\n| variable | |\n|---|---|\n";
  for (const auto& variable : variables()) {
    out += "| `" + std::string(variable.name) + "` | ";
    for (const char c : variable.help) {
      if (c == '|') out += '\\';
      out += c == '<' ? "&lt;" : std::string(1, c);
    }
    out += variable.secret ? " (a secret) |\n" : " |\n";
  }
  return out;
}

}  // namespace tenantry::config
