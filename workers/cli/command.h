// Command: one word of the command line with its options and the words below it.
//
// A face on CLI11, whose headers cost each source that includes them a quarter of a
// minute of compiling: command.cpp alone does. Commands live as long as the root.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workers/cli/outline.h"

namespace tenantry::cli {

class Option {
 public:
  Option* required();
  Option* one_of(std::vector<std::string> words);
  Option* one_per_use();                 // of a vector: what follows the first value is not one of its
  Option* separated_by(char delimiter);  // several values in one argument
  Option* between(std::int64_t least, std::int64_t most);
  bool given() const;

 private:
  friend class Command;
  explicit Option(void* native) : native_(native) {}
  void* native_;
};

class Command {
 public:
  explicit Command(std::string description);  // the root
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  Command* add_subcommand(const std::string& name, const std::string& description);
  void require_subcommand();  // one of those below
  void callback(std::function<void()> run);
  bool asked_for() const;                              // once parsed: the word was given
  std::vector<std::string> options_asked_for() const;  // names of those of the command that was given, below this one

  // `name`: "--dashed", or the name of what stands without one. The variable's value is the default and outlives the
  // parsing.
  Option* add_option(const std::string& name, std::string& value, const std::string& description);
  Option* add_option(const std::string& name, std::optional<std::string>& value, const std::string& description);
  Option* add_option(const std::string& name, std::vector<std::string>& values, const std::string& description);
  Option* add_option(const std::string& name, int& value, const std::string& description);
  Option* add_option(const std::string& name, std::int64_t& value, const std::string& description);
  Option* add_option(const std::string& name, std::optional<int>& value, const std::string& description);
  Option* add_option(const std::string& name, std::optional<std::int64_t>& value, const std::string& description);
  Option* add_option(const std::string& name, double& value, const std::string& description);
  Option* add_option(const std::string& name, std::optional<double>& value, const std::string& description);
  Option* add_option(const std::string& name, std::uint64_t& value, const std::string& description);
  Option* add_flag(const std::string& name, bool& value, const std::string& description);
  Outline outline() const;                    // of this command and those below it
  void add_version(const std::string& text);  // --version prints it

  // Of the root: runs the callbacks of what was asked for. Not empty: the process is to exit with it, after help or
  // a mistake was printed (2). Whatever a callback throws comes through.
  std::optional<int> parse(int argc, const char* const* argv);

 private:
  struct State;
  Command(State& state, void* native);
  template <class T>
  Option* add(const std::string& name, T& value, const std::string& description);
  Option* keep(void* native);

  std::unique_ptr<State> root_;  // of the root alone
  State& state_;
  void* native_;
};

std::string joined(const std::vector<std::string>& words, const std::string& between);

// The word of `known` that was probably meant by `word`; "" where none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace tenantry::cli
