#include "workers/cli/settings.h"

#include <vector>

#include "shared/config/manual.h"
#include "shared/service/service.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/gateway/config.h"
#include "workers/registry.h"
#include "workers/signer/config.h"

namespace tenantry::cli {
namespace {

// What `read` asks for where nothing is set.
template <class Read>
std::vector<std::string> asked_by(const Read& read) {
  config::Reader reader(config::Environment{});
  read(reader);
  return {reader.asked().begin(), reader.asked().end()};
}

}  // namespace

std::map<std::string, std::string, std::less<>> setting_readers() {
  std::map<std::string, std::string, std::less<>> readers;
  const auto everybody = asked_by(
      [](config::Reader& reader) { service::read_process_config(reader, config::service_amqp_variable("workers")); });
  const auto add = [&](const std::string& who, const std::vector<std::string>& names) {
    for (const auto& name : names) {
      auto& text = readers[name];
      if (text != "every process") text += (text.empty() ? "" : ", ") + who;
    }
  };
  add("every process", everybody);
  readers[config::service_amqp_variable("workers")] = "`tenantry run`";
  const auto add_service = [&](const std::string& name, std::vector<std::string> asked) {
    asked.push_back(config::service_amqp_variable(name));
    add(name, asked);
  };
  for (const auto& worker : workers::all()) {
    add_service(worker.name, asked_by([&](config::Reader& reader) { worker.read(reader); }));
  }
  add_service("gateway", asked_by([](config::Reader& reader) { gateway::read_gateway_config(reader); }));
  add("signer", asked_by([](config::Reader& reader) { signer::read_signer_config(reader); }));
  return readers;
}

void add_settings(Command& app, Session& session) {
  auto* command = app.add_subcommand("settings",
                                     "List every setting there is\n\nExamples:\n"
                                     "  tenantry settings\n"
                                     "  tenantry settings --markdown > docs/settings.md");
  static bool markdown = false;
  command->add_flag("--markdown", markdown, "As docs/settings.md has them");
  command->callback([&session] {
    const auto readers = setting_readers();
    if (markdown) return void(std::fputs(config::manual(readers).c_str(), stdout));
    std::vector<std::vector<std::string>> rows;
    for (const auto& variable : config::variables()) {
      const auto reader = readers.find(variable.name);
      const std::string read_by = reader == readers.end() ? "" : reader->second;
      if (session.json) {
        print_json({{"name", variable.name},
                    {"help", variable.help},
                    {"may_be", config::kind_of(variable)},
                    {"default", variable.fallback},
                    {"read_by", read_by},
                    {"secret", variable.kind == config::Kind::secret}});
      }
      rows.push_back({std::string(variable.name), std::string(variable.help), config::kind_of(variable),
                      std::string(variable.fallback)});
    }
    if (!session.json) print_table({"SETTING", "WHAT IT IS", "MAY BE", "BY DEFAULT"}, rows);
  });
}

}  // namespace tenantry::cli
