// Goal: the layers that docs/ARCHITECTURE.md promises, kept by reading the tree.
// Method: every #include "..." of every source is checked against one table.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/source_path.h"

namespace {

namespace fs = std::filesystem;
const fs::path root = tenantry::source_path();

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
        if (text.find("#include") == text.npos || !std::regex_search(text, match, line)) continue;
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
      // Workers meet only in events/; the registry lists them all, the command line hosts them, a replay runs them.
      EXPECT_TRUE(from == "workers/cli" || from == "workers/replay" || from.starts_with("workers/registry.")) << where;
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

// "api/clients" of "workers/gateway/api/clients/clients.cpp", "api/admin/tenants" one deeper; "" outside the gateway.
std::string part_of_gateway(const std::string& path) {
  static const std::regex part(R"(^workers/gateway/(edge|stripe|api/admin/[a-z_]+|api/[a-z_]+)/)");
  std::smatch match;
  if (std::regex_search(path, match, part)) return match[1];
  return path.starts_with("workers/gateway/api/") ? "api" : "";
}

// Every request goes through the edge, which knows no resource; a resource knows the edge and no other one. What
// Stripe has sent is kept by stripe/, and settled by a resource.
TEST(Layers, ResourcesStandSideBySide) {
  for (const auto& include : includes_under({"workers/gateway"})) {
    const auto from = part_of_gateway(include.file);
    const auto to = part_of_gateway(include.target);
    if (from.empty() || include.system || to.empty() || from == to || to == "edge" || to == "stripe") continue;
    const bool of_the_list = from == "api" || include.target == "workers/gateway/api/openapi.h" ||
                             include.target == "workers/gateway/api/resources.h";
    EXPECT_TRUE(of_the_list && from != "edge") << include.file << " includes " << include.target;
  }
}

// A folder of shared/ includes what lies lower, nothing beside it and nothing above.
TEST(Layers, SharedIsAStack) {
  const std::vector<std::set<std::string>> stack = {
      {"shared/core"},
      {"shared/config", "shared/dns", "shared/gzip", "shared/json", "shared/loop", "shared/telemetry", "shared/text"},
      {"shared/amqp", "shared/crypto", "shared/http"},
      {"events", "shared/db"},
      {"shared/audit_search", "shared/audit_tree", "shared/broker_admin", "shared/messaging", "shared/sim"},
      {"shared/service", "shared/tenancy"}};
  const auto height_of = [&](const std::string& layer) {
    return std::ranges::find_if(stack, [&](const auto& layers) { return layers.contains(layer); }) - stack.begin();
  };
  for (const auto& entry : fs::directory_iterator(root / "shared")) {
    const auto layer = "shared/" + entry.path().filename().string();
    EXPECT_TRUE(!entry.is_directory() || height_of(layer) < std::ssize(stack)) << layer << " has no place in the stack";
  }
  for (const auto& include : includes_under({"shared", "events"})) {
    if (include.system) continue;
    const auto from = layer_of(include.file);
    const auto to = layer_of(include.target);
    if (from == to || to == "tenantry") continue;  // what is made of schemas/
    EXPECT_LT(height_of(to), height_of(from)) << include.file << " includes " << include.target;
  }
}

std::string files_called(const std::string& name) {
  std::string out;
  for (const char* folder : {"shared", "events", "workers", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().filename() == name) out += " " + fs::relative(entry.path(), root).string();
    }
  }
  return out.empty() ? " nowhere" : out;
}

// Who remembers the old house is told where a thing lives now: by this list what changed its name or was taken apart,
// and by its name whatever else is not there.
TEST(Layers, NothingLivesWhereItUsedTo) {
  const std::map<std::string, std::string> moved = {
      {"tests/simulation/broker.h", "shared/sim/broker.h"},
      {"workers/audit/tree.h", "shared/audit_tree/tree.h"},
      {"workers/gateway/admin.h", "workers/gateway/edge/verbs.h"},
      {"workers/gateway/audit_query.h", "workers/gateway/api/audit/query.h"},
      {"workers/gateway/audit_tail.h", "workers/gateway/api/audit/tail.h"},
      {"workers/gateway/commands.h", "workers/gateway/api/signup/sign_up.h and stripe/inbox.h"},
      {"workers/gateway/lanes.h", "workers/gateway/edge/lanes.h and bounded_pool.h"},
      {"workers/gateway/openapi.h", "workers/gateway/api/openapi.h"},
      {"workers/gateway/route_table.h", "workers/gateway/edge/route.h and api/resources.h"},
      {"workers/gateway/routes.h", "a resource's own file in workers/gateway/api/"},
      {"workers/gateway/store.h", "workers/gateway/edge/store.h, or the resource's own SQL"},
      {"workers/gateway/stripe_event.h", "workers/gateway/stripe/event.h"},
      {"workers/gateway/validate.h", "workers/gateway/edge/fields.h and the resource's requests.h"},
      {"workers/provisioning/steps.h", "workers/provisioning/steps/step.h and registry.h"}};
  for (const auto& include : includes_under({"shared", "events", "workers", "tests"})) {
    const bool made = include.target.ends_with(".pb.h") || fs::exists(root / (include.target + ".in"));
    if (include.system || made || fs::exists(root / include.target)) continue;
    const auto known = moved.find(include.target);
    const auto name = fs::path(include.target).filename().string();
    ADD_FAILURE() << include.file << ": " << include.target << " is now "
                  << (known != moved.end() ? known->second : files_called(name));
  }
  for (const auto& [old, now] : moved) {
    EXPECT_FALSE(fs::exists(root / old)) << old;
    EXPECT_TRUE(now.find(' ') != now.npos || fs::exists(root / now)) << old << " is now " << now;
  }
}

// The first column of a table of docs/ARCHITECTURE.md.
std::set<std::string> named_in(const std::string& heading) {
  static const std::regex row(R"(^\| `([^`]+)` \|)");
  std::ifstream in(root / "docs" / "ARCHITECTURE.md");
  std::set<std::string> out;
  bool here = false;
  for (std::string text; std::getline(in, text);) {
    if (text.starts_with("## ")) here = text == "## " + heading;
    std::smatch match;
    if (here && std::regex_search(text, match, row)) out.insert(match[1]);
  }
  return out;
}

// Each folder that git keeps at the root, in shared/ and in workers/ has a row in the code map, and each row a folder.
TEST(Layers, CodeMapIsTheTree) {
  const auto map = named_in("Code map");
  std::set<std::string> tree;
  for (const char* parent : {"", "shared", "workers"}) {
    for (const auto& entry : fs::directory_iterator(root / parent)) {
      const auto path = fs::relative(entry.path(), root).string();
      const bool holds_others = path == "shared" || path == "workers";
      if (entry.is_directory() && !holds_others && path != "build" && !path.starts_with('.')) tree.insert(path);
    }
  }
  for (const auto& path : tree) EXPECT_TRUE(map.contains(path)) << path << " has no row in docs/ARCHITECTURE.md";
  for (const auto& path : map) EXPECT_TRUE(fs::exists(root / path)) << path << " is in docs/ARCHITECTURE.md alone";
}

TEST(Sources, AreOfALengthThatIsRead) {
  constexpr int lines_max = 700;
  for (const char* folder : {"shared", "events", "workers"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
      std::ifstream in(entry.path());
      int lines = 0;
      for (std::string text; std::getline(in, text);) ++lines;
      EXPECT_LE(lines, lines_max) << entry.path();
    }
  }
}

TEST(Layers, EachLibraryIsIncludedInOneFolder) {
  const std::pair<const char*, const char*> owners[] = {
      {"libpq-fe", "shared/db"},          {"pqxx/", "shared/db"},     {"amqp.h", "shared/amqp"},
      {"amqp_", "shared/amqp"},           {"boost/", "shared/http"},  {"curl/", "shared/http"},
      {"sodium", "shared/crypto"},        {"cjose", "shared/crypto"}, {"unicode/", "shared/text"},
      {"prometheus/", "shared/telemetry"}};
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

// What is thrown in the gateway ends in one place (contained()). Beside it a statement's deadline becomes an error, and
// a constraint the answer that it stands for.
TEST(Sources, CatchInOnePlaceOfTheGateway) {
  const std::vector<std::string> may = {"workers/gateway/edge/contained.h", "workers/gateway/edge/services.cpp",
                                        "workers/gateway/api/signup/signup.cpp"};
  static const std::regex handler(R"(\bcatch\s*\()");
  for (const auto& entry : fs::recursive_directory_iterator(root / "workers" / "gateway")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
    const auto file = fs::relative(entry.path(), root).string();
    if (std::ranges::find(may, file) != may.end()) continue;
    std::ifstream in(entry.path());
    int number = 0;
    for (std::string text; std::getline(in, text);) {
      ++number;
      EXPECT_FALSE(std::regex_search(text, handler))
          << file << ":" << number << ": contained() catches (edge/contained.h)";
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
