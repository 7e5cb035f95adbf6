#include "shared/service/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdio>
#include <string_view>

#include "shared/service/versions.h"

namespace tenantry::service {

std::string version_number() {
  return version;
}

std::string version_text(const std::string& name) {
  return name + " " + version + "\nbuilt with " + built_with;
}

void harden() {
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_cur < descriptors.rlim_max) {
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
  }
}

std::optional<int> begin(int argc, const char* const* argv, const std::string& name, const std::string& purpose) {
  if (argc <= 1) {
    harden();
    return std::nullopt;
  }
  const std::string_view first = argv[1];
  if (argc == 2 && first == "--version") {
    std::puts(version_text(name).c_str());
    return 0;
  }
  const bool help = argc == 2 && (first == "--help" || first == "-h");
  const auto usage =
      purpose + "\n\nUsage: " + name + " [--help | --version]\n\n" +
      "Runs until SIGTERM or SIGINT, then finishes what is at hand. Its settings are TENANTRY_* variables;\n"
      "`tenantry config` lists them. Mistakes in them are told all at once, and end it with code 2.\n\n" +
      "Example:\n  . .dev/env && " + name + "\n";
  if (help) {
    std::fputs(usage.c_str(), stdout);
    return 0;
  }
  std::fprintf(stderr, "%s: it takes no argument \"%s\"\n\n%s", name.c_str(), argv[help ? 2 : 1], usage.c_str());
  return 2;
}

}  // namespace tenantry::service
