#include "workers/cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <sstream>

namespace tenantry::cli {
namespace {

CLI::App& app_of(void* native) {
  return *static_cast<CLI::App*>(native);
}
CLI::Option& option_of(void* native) {
  return *static_cast<CLI::Option*>(native);
}

std::vector<std::string> names_below(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* const below : app.get_subcommands({})) names.push_back(below->get_name());
  return names;
}

// Levenshtein's distance.
std::size_t distance(const std::string& left, const std::string& right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const auto replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

// Where the words lead from `app`, and the first one that leads nowhere: null for none.
struct Walk {
  const CLI::App* app;
  const char* stray = nullptr;
};

Walk walk(const CLI::App& root, int argc, const char* const* argv) {
  Walk at{&root};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with('-')) continue;
    const auto below = at.app->get_subcommands({});
    if (below.empty()) return at;
    const auto found = std::ranges::find(below, word, &CLI::App::get_name);
    if (found == below.end()) {
      at.stray = argv[i];
      return at;
    }
    at.app = *found;
  }
  return at;
}

OptionOutline outline_of(const CLI::Option& option) {
  const bool positional = option.get_lnames().empty() && option.get_snames().empty();
  return {.name = positional ? option.get_name(true) : "--" + option.get_lnames().front(),
          .description = option.get_description(),
          .positional = positional,
          .takes_value = option.get_items_expected_max() > 0};
}

Outline outline_of(const CLI::App& app) {
  Outline out{.name = app.get_name(), .description = app.get_description()};
  for (const auto* const option : app.get_options()) {
    if (!option->get_lnames().empty() || option->get_positional()) out.options.push_back(outline_of(*option));
  }
  for (const auto* const below : app.get_subcommands({})) out.commands.push_back(outline_of(*below));
  return out;
}

std::string path_of(const CLI::App& app) {
  const auto* const parent = app.get_parent();
  return parent == nullptr ? "tenantry" : path_of(*parent) + " " + app.get_name();
}

// The lines below "Examples:" in what a command says of itself.
std::vector<std::string> examples_in(const std::string& description) {
  std::vector<std::string> out;
  std::istringstream lines(description.substr(std::min(description.find("\nExample"), description.size())));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  ")) out.push_back(line);
  }
  return out;
}

bool is_example_of(std::string line, const std::string& path) {
  if (const auto at = line.find("--json "); at != line.npos) line.erase(at, std::string_view("--json ").size());
  const auto at = line.find(path);
  return at != line.npos && (at + path.size() == line.size() || line[at + path.size()] == ' ');
}

// Examples stand with the command that others are below; each of those shows its own.
void share_examples(CLI::App& app, std::vector<std::string> known) {
  const auto own = examples_in(app.get_description());
  known.insert(known.end(), own.begin(), own.end());
  const auto below = app.get_subcommands({});
  for (auto* const each : below) share_examples(*each, known);
  if (!below.empty() || !own.empty()) return;
  std::erase_if(known, [&](const std::string& line) { return !is_example_of(line, path_of(app)); });
  if (!known.empty()) app.footer("Examples:\n" + joined(known, "\n"));
}

}  // namespace

struct Command::State {
  CLI::App app;
  std::vector<std::unique_ptr<Command>> commands;
  std::vector<std::unique_ptr<Option>> options;
};

Command::Command(std::string description) : root_(std::make_unique<State>()), state_(*root_), native_(&root_->app) {
  root_->app.description(std::move(description));
  root_->app.fallthrough();
}

Command::Command(State& state, void* native) : state_(state), native_(native) {}
Command::~Command() = default;

Command* Command::add_subcommand(const std::string& name, const std::string& description) {
  auto* const native = app_of(native_).add_subcommand(name, description);
  return state_.commands.emplace_back(new Command(state_, native)).get();
}

void Command::require_subcommand() {
  app_of(native_).require_subcommand(1);
}

void Command::callback(std::function<void()> run) {
  app_of(native_).callback(std::move(run));
}

bool Command::asked_for() const {
  return app_of(native_).parsed();
}

std::vector<std::string> Command::options_asked_for() const {
  const CLI::App* at = &app_of(native_);
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  std::vector<std::string> names;
  for (const auto& option : outline_of(*at).options) names.push_back(option.name);
  return names;
}

template <class T>
Option* Command::add(const std::string& name, T& value, const std::string& description) {
  return keep(app_of(native_).add_option(name, value, description));
}

Option* Command::keep(void* native) {
  return state_.options.emplace_back(new Option(native)).get();
}

Option* Command::add_option(const std::string& name, std::string& value, const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, std::optional<std::string>& value,
                            const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, std::vector<std::string>& values, const std::string& description) {
  return add(name, values, description);
}
Option* Command::add_option(const std::string& name, int& value, const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, std::int64_t& value, const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, std::optional<int>& value, const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, std::optional<std::int64_t>& value,
                            const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, double& value, const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, std::optional<double>& value, const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_option(const std::string& name, std::uint64_t& value, const std::string& description) {
  return add(name, value, description);
}
Option* Command::add_flag(const std::string& name, bool& value, const std::string& description) {
  return keep(app_of(native_).add_flag(name, value, description));
}

Outline Command::outline() const {
  return outline_of(app_of(native_));
}

void Command::add_version(const std::string& text) {
  app_of(native_).set_version_flag("--version", text, "Print the version and exit");
}

std::optional<int> Command::parse(int argc, const char* const* argv) {
  auto& app = app_of(native_);
  share_examples(app, {});
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help, or the version
    const auto reached = walk(app, argc, argv);
    if (reached.stray == nullptr) {
      app.exit(error);
      return 2;
    }
    const auto known = names_below(*reached.app);
    const auto meant = nearest(reached.stray, known);
    std::fprintf(stderr, "%s: there is no command \"%s\"%s\nThere are: %s\nRun with --help for more information.\n",
                 path_of(*reached.app).c_str(), reached.stray,
                 meant.empty() ? "" : ("; did you mean \"" + meant + "\"?").c_str(), joined(known, ", ").c_str());
    return 2;
  }
}

Option* Option::required() {
  option_of(native_).required();
  return this;
}

Option* Option::one_of(std::vector<std::string> words) {
  option_of(native_).check(CLI::IsMember(std::move(words)));
  return this;
}

Option* Option::one_per_use() {
  option_of(native_).allow_extra_args(false);
  return this;
}

Option* Option::separated_by(char delimiter) {
  option_of(native_).delimiter(delimiter);
  return this;
}

Option* Option::between(std::int64_t least, std::int64_t most) {
  option_of(native_).check(CLI::Range(least, most));
  return this;
}

bool Option::given() const {
  return option_of(native_).count() > 0;
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = 1 + std::max<std::size_t>(2, word.size() / 3);
  for (const auto& each : known) {
    const auto away = each.starts_with(word) ? 1 : distance(word, each);
    if (away < least) {
      least = away;
      best = each;
    }
  }
  return best;
}

}  // namespace tenantry::cli
