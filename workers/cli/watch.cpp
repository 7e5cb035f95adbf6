#include "workers/cli/watch.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

namespace tenantry::cli {

void watch(Session& session, int seconds, const std::function<void()>& show) {
  if (seconds == 0) return show();
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const bool terminal = isatty(STDOUT_FILENO) != 0 && !session.json;
  for (;;) {
    if (terminal) std::fputs("\033[H\033[J", stdout);
    show();
    std::fflush(stdout);
    if (session.exit_code != 0) return;
    const timespec pause{.tv_sec = seconds, .tv_nsec = 0};
    if (sigtimedwait(&signals, nullptr, &pause) > 0) return;
  }
}

}  // namespace tenantry::cli
