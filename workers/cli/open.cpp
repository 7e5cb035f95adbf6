// `open`: the web console's address, handed to a browser where there is a screen for one.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

extern char** environ;  // NOLINT: POSIX names it

namespace tenantry::cli {
namespace {

// Where nobody sits at a screen, the address alone is what was asked for.
bool has_screen() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  return isatty(STDOUT_FILENO) == 1 && (set("DISPLAY") || set("WAYLAND_DISPLAY"));
}

bool browse(const std::string& url) {
  std::string program = "xdg-open", address = url;
  char* const arguments[] = {program.data(), address.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) return false;
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

void open(Session& session, const std::string& tenant_id) {
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return session.fail(url.error());
  // A browser takes the console's cookie over plain HTTP from localhost alone, by this name.
  auto address = *url;
  constexpr std::string_view loopback = "http://127.0.0.1";
  if (address.starts_with(loopback)) address.replace(0, loopback.size(), "http://localhost");
  while (address.ends_with('/')) address.pop_back();
  const auto page = tenant_id.empty() ? std::string("/console") : "/console/tenants/" + percent_encoded(tenant_id);
  address += "/login?as=admin&next=" + percent_encoded(page);
  if (session.json) return print_json({{"url", address}});
  std::printf("%s\n", address.c_str());
  if (has_screen() && !browse(address)) {
    std::fprintf(stderr, "no browser could be opened; the address is above\n");
  }
}

}  // namespace

void add_open(Command& app, Session& session) {
  auto* command =
      app.add_subcommand("open",
                         "The web console's address, at a tenant where one is named; opened where there is a "
                         "screen\n\nExamples:\n"
                         "  tenantry open\n"
                         "  tenantry open acme");
  static std::string tenant_id;
  command->add_option("tenant", tenant_id, "The tenant's id; without one, the overview");
  command->callback([&session] { open(session, tenant_id); });
}

}  // namespace tenantry::cli
