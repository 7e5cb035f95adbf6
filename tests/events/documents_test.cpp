#include "events/documents.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "events/catalogue.h"
#include "events/topology.h"
#include "tests/support/source_path.h"

namespace tenantry::events::documents_test {
namespace {

using nlohmann::json;

std::string text_of(const std::string& file) {
  std::ifstream in(source_path("docs/") + file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(EventDocuments, AreWhatTheSchemasSay) {
  EXPECT_EQ(text_of("asyncapi.json"), make_asyncapi().dump(2) + "\n")
      << "build/bin/tenantry asyncapi > docs/asyncapi.json";
  EXPECT_EQ(text_of("events.md"), make_event_page()) << "build/bin/tenantry events types --markdown > docs/events.md";
}

// Goal: no type that nobody publishes, none that nobody hears, and every reference leads somewhere.
TEST(EventDocuments, EveryTypeIsPublishedAndHeard) {
  const auto document = make_asyncapi();
  for (const auto& entry : Catalogue::instance().entries()) {
    int sends = 0, receives = 0;
    for (const auto& [name, operation] : document["operations"].items()) {
      if (operation["channel"]["$ref"] != "#/channels/" + entry.type) continue;
      (operation["action"] == "send" ? sends : receives) += 1;
    }
    EXPECT_GE(sends, 1) << entry.type << ": name who publishes it in events/topology.cpp";
    EXPECT_GE(receives, 1) << entry.type;
    EXPECT_EQ(document["channels"].contains(entry.type + ".app"), entry.open) << entry.type;
  }
}

TEST(EventDocuments, ReferencesLeadSomewhere) {
  const auto document = make_asyncapi();
  int followed = 0;
  const std::function<void(const json&)> follow = [&](const json& node) {
    if (node.is_object() && node.contains("$ref")) {
      ++followed;
      EXPECT_TRUE(document.contains(json::json_pointer(node["$ref"].get<std::string>().substr(1)))) << node;
    }
    if (node.is_structured()) {
      for (const auto& child : node) follow(child);
    }
  };
  follow(document);
  EXPECT_GT(followed, 300);
}

// What the platform's own events say is what their fields take: required ones are there, no other is.
TEST(EventDocuments, ExamplesKeepTheirSchema) {
  const auto document = make_asyncapi();
  for (const auto& [type, message] : document["components"]["messages"].items()) {
    const auto& payload = message["examples"][0]["payload"];
    for (const auto& name : message["payload"].value("required", json::array())) {
      EXPECT_TRUE(payload.contains(name.get<std::string>())) << type << " " << name;
    }
    for (const auto& [name, value] : payload.items()) {
      EXPECT_TRUE(message["payload"]["properties"].contains(name)) << type << " " << name;
    }
  }
}

}  // namespace
}  // namespace tenantry::events::documents_test
