// Goal: the layers that docs/ARCHITECTURE.md promises, kept by reading the tree.
// Method: every #include "..." of every source is checked against one table.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path root = TENANTRY_SOURCE_DIR;

struct Include {
  std::string file;    // relative to the root
  std::string target;  // as written
  bool system = false;
};

std::vector<Include> includes_under(const std::vector<std::string>& folders) {
  static const std::regex line(R"(^\s*#include\s+(["<])([^">]+)[">])");
  std::vector<Include> out;
  for (const auto& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
      std::ifstream in(entry.path());
      for (std::string text; std::getline(in, text);) {
        std::smatch match;
        if (!std::regex_search(text, match, line)) continue;
        out.push_back({fs::relative(entry.path(), root).string(), match[2], match[1] == "<"});
      }
    }
  }
  return out;
}

// "shared/amqp" of "shared/amqp/codec.h"; "events" of "events/codec.h".
std::string layer_of(const std::string& path) {
  const auto first = path.find('/');
  if (first == path.npos) return "";
  const auto top = path.substr(0, first);
  if (top != "shared" && top != "workers") return top;
  return path.substr(0, path.find('/', first + 1));
}

TEST(Layers, PointOneWay) {
  for (const auto& include : includes_under({"shared", "events", "workers"})) {
    if (include.system) continue;
    const auto from = layer_of(include.file);
    const auto to = layer_of(include.target);
    const auto where = include.file + " includes " + include.target;
    if (to.starts_with("workers/") && from != to) {
      // Workers meet only in events/; the command line and its `run` host them all, a replay runs them all.
      EXPECT_TRUE(from == "workers/cli" || from == "workers/replay") << where;
    }
    if (from == "events") {
      EXPECT_TRUE(to == "events" || to == "shared/core" || to == "shared/crypto" || to == "shared/json" ||
                  to == "tenantry")
          << where;
    }
    if (from == "shared/core") {
      EXPECT_EQ(to, "shared/core") << where;
    }
    if (from.starts_with("shared/") && to == "events") {
      // Only what carries events knows them (docs/adr/0002).
      EXPECT_TRUE(from == "shared/messaging" || from == "shared/tenancy" || from == "shared/broker_admin" ||
                  from == "shared/service")
          << where;
    }
  }
}

TEST(Layers, EachLibraryIsIncludedInOneFolder) {
  const std::pair<const char*, const char*> owners[] = {
      {"libpq-fe", "shared/db"},  {"amqp.h", "shared/amqp"},      {"amqp_", "shared/amqp"},
      {"boost/", "shared/http"},  {"curl/", "shared/http"},       {"sodium", "shared/crypto"},
      {"cjose", "shared/crypto"}, {"unicode/", "shared/tenancy"}, {"prometheus/", "shared/telemetry"}};
  for (const auto& include : includes_under({"shared", "events", "workers"})) {
    if (!include.system) continue;
    for (const auto& [prefix, owner] : owners) {
      if (include.target.starts_with(prefix)) {
        EXPECT_EQ(layer_of(include.file), owner) << include.file << " includes " << include.target;
      }
    }
  }
}

TEST(Sources, BuildNoSqlFromValues) {
  // A statement is a literal; values are bound. Concatenation is allowed only of constants of the same file.
  static const std::regex suspicious(R"((SELECT|INSERT|UPDATE|DELETE)[^"]*"\s*\+\s*(tenant|request|event|body|input))");
  for (const auto& entry : fs::recursive_directory_iterator(root / "workers")) {
    if (entry.path().extension() != ".cpp") continue;
    std::ifstream in(entry.path());
    int number = 0;
    for (std::string text; std::getline(in, text);) {
      ++number;
      EXPECT_FALSE(std::regex_search(text, suspicious)) << entry.path() << ":" << number << " " << text;
    }
  }
}

TEST(Headers, OpenWithWhatTheyAreFor) {
  for (const char* folder : {"shared", "events", "workers"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".h") continue;
      std::ifstream in(entry.path());
      std::string first;
      std::getline(in, first);
      EXPECT_TRUE(first.starts_with("// ")) << entry.path();
    }
  }
}

}  // namespace
