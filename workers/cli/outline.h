// Outline: what commands there are, with their options, for those who write about them: completions of shells and
// the manual page. Pure.
#pragma once

#include <string>
#include <vector>

namespace tenantry::cli {

struct OptionOutline {
  std::string name;  // "--status"; of what stands without one, its name
  std::string description;
  bool positional = false;
  bool takes_value = false;
};

struct Outline {
  std::string name;
  std::string description;  // with its examples
  std::vector<OptionOutline> options{};
  std::vector<Outline> commands{};
};

// Scripts that complete commands and options; `source` them, or put them where the shell looks.
std::string bash_completion(const Outline& root);
std::string zsh_completion(const Outline& root);
std::string fish_completion(const Outline& root);

// In roff, section 1, every command in it.
std::string manual_page(const Outline& root, const std::string& version);

}  // namespace tenantry::cli
