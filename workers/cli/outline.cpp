#include "workers/cli/outline.h"

#include <functional>

#include "workers/cli/command.h"

namespace tenantry::cli {
namespace {

// Each command with its path, "" of the root, "/tenants/list".
using Visit = std::function<void(const std::string& path, const Outline& command)>;
void visit(const Outline& command, const std::string& path, const Visit& with) {
  with(path, command);
  for (const auto& below : command.commands) visit(below, path + "/" + below.name, with);
}

std::vector<std::string> paths_of(const Outline& root) {
  std::vector<std::string> out;
  visit(root, "", [&](const std::string& path, const Outline&) {
    if (!path.empty()) out.push_back(path);
  });
  return out;
}

// Its first line, without what a shell would read in it.
std::string brief(const std::string& description) {
  std::string out;
  for (const char c : description.substr(0, description.find('\n'))) {
    if (c != '\'' && c != '"' && c != '`' && c != '$' && c != '\\' && c != ':') out += c;
  }
  return out;
}

std::vector<std::string> words_of(const Outline& command) {
  std::vector<std::string> out;
  for (const auto& below : command.commands) out.push_back(below.name);
  for (const auto& option : command.options) {
    if (!option.positional) out.push_back(option.name);
  }
  return out;
}

// In roff a backslash, and a point or quote at a line's beginning, mean something.
std::string roff(const std::string& text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    begins = c == '\n';
  }
  return out;
}

std::string spaced(std::string path) {
  for (auto& c : path) c = c == '/' ? ' ' : c;
  return path;
}

}  // namespace

std::string bash_completion(const Outline& root) {
  std::string out =
      "# Completion of tenantry for bash: source <(tenantry completion bash)\n"
      "_tenantry() {\n"
      "  local at= word words=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$at/$word\" in\n      " +
      joined(paths_of(root), " | ") +
      ") at=\"$at/$word\" ;;\n    esac\n  done\n"
      "  case \"$at\" in\n";
  visit(root, "", [&](const std::string& path, const Outline& command) {
    out += "    '" + path + "') words='" + joined(words_of(command), " ") + "' ;;\n";
  });
  return out +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\n"
         "complete -F _tenantry tenantry\n";
}

std::string zsh_completion(const Outline& root) {
  std::string out =
      "#compdef tenantry\n"
      "# Completion of tenantry for zsh: source <(tenantry completion zsh), after compinit\n"
      "_tenantry() {\n"
      "  local at= word\n"
      "  local -a choices\n"
      "  for word in ${words[2,CURRENT-1]}; do\n"
      "    case \"$at/$word\" in\n      " +
      joined(paths_of(root), " | ") +
      ") at=\"$at/$word\" ;;\n    esac\n  done\n"
      "  case \"$at\" in\n";
  visit(root, "", [&](const std::string& path, const Outline& command) {
    out += "    '" + path + "') choices=(";
    for (const auto& below : command.commands) out += "'" + below.name + ":" + brief(below.description) + "' ";
    for (const auto& option : command.options) {
      if (!option.positional) out += "'" + option.name + ":" + brief(option.description) + "' ";
    }
    out += ") ;;\n";
  });
  return out +
         "  esac\n"
         "  _describe tenantry choices\n"
         "}\n"
         "compdef _tenantry tenantry\n";
}

std::string fish_completion(const Outline& root) {
  std::string out =
      "# Completion of tenantry for fish: tenantry completion fish | source\n"
      "function __tenantry_at\n"
      "  set -l at ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    if contains -- \"$at/$word\" " +
      joined(paths_of(root), " ") +
      "\n      set at \"$at/$word\"\n    end\n  end\n"
      "  test \"$at\" = \"$argv[1]\"\n"
      "end\n"
      "complete -c tenantry -f\n";
  visit(root, "", [&](const std::string& path, const Outline& command) {
    const auto here = "complete -c tenantry -n '__tenantry_at \"" + path + "\"' ";
    for (const auto& below : command.commands)
      out += here + "-a " + below.name + " -d '" + brief(below.description) + "'\n";
    for (const auto& option : command.options) {
      if (option.positional || !option.name.starts_with("--")) continue;
      out += here + "-l " + option.name.substr(2) + (option.takes_value ? " -r" : "") + " -d '" +
             brief(option.description) + "'\n";
    }
  });
  return out;
}

std::string manual_page(const Outline& root, const std::string& version) {
  std::string out = ".TH TENANTRY 1 \"\" \"" + roff(version) + "\" \"Tenantry\"\n.SH NAME\ntenantry \\- " +
                    roff(brief(root.description)) + "\n.SH SYNOPSIS\n.B tenantry\n.RI [ options ] \" command \" ...\n";
  visit(root, "", [&](const std::string& path, const Outline& command) {
    out += path.empty() ? ".SH DESCRIPTION\n" : ".SH \"tenantry" + roff(spaced(path)) + "\"\n";
    out += ".nf\n" + roff(command.description) + "\n.fi\n";
    for (const auto& option : command.options) {
      out += ".TP\n.B " + roff(option.name) + (option.takes_value && !option.positional ? " \\fIvalue\\fR" : "") +
             "\n" + roff(option.description) + "\n";
    }
  });
  return out +
         ".SH SETTINGS\nEnvironment variables; \\fBtenantry config\\fR lists them.\n"
         ".SH EXIT STATUS\n0 done, 1 failed, 2 used wrongly.\n";
}

}  // namespace tenantry::cli
