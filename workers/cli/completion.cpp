#include <cstdio>

#include "shared/service/process.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/outline.h"

namespace tenantry::cli {

void add_completion(Command& app, Session& session) {
  static std::string shell;
  auto* command = app.add_subcommand("completion",
                                     "Print what makes a shell complete tenantry's commands and options\n\nExamples:\n"
                                     "  source <(tenantry completion bash)\n"
                                     "  tenantry completion zsh > ~/.zfunc/_tenantry\n"
                                     "  tenantry completion fish | source");
  command->add_option("shell", shell, "bash, zsh or fish")->required()->one_of({"bash", "zsh", "fish"});
  command->callback([&app, &session] {
    const auto outline = app.outline();
    const auto script = shell == "bash"  ? bash_completion(outline)
                        : shell == "zsh" ? zsh_completion(outline)
                                         : fish_completion(outline);
    std::fputs(script.c_str(), stdout);
    session.exit_code = 0;
  });
  app.add_subcommand("man",
                     "Print the manual page, in roff\n\nExamples:\n"
                     "  tenantry man | man -l -")
      ->callback([&app, &session] {
        const auto version = service::version_text("tenantry");
        std::fputs(manual_page(app.outline(), version.substr(0, version.find('\n'))).c_str(), stdout);
        session.exit_code = 0;
      });
}

}  // namespace tenantry::cli
