// The workers: the only list of them. `tenantry run`, replays, the simulation, the
// settings page, the build and `dev` read it; docs/adding-a-worker.md tells what one more
// takes.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/service/entry.h"
#include "workers/notification/worker.h"
#include "workers/provisioning/worker.h"

namespace tenantry::workers {

// What workers reach outside of the database and the broker's queues; empty: the real thing.
struct Ports {
  provisioning::ConnectBroker connect_broker{};
  notification::SendMail send_mail{};
};

std::vector<service::Entry> all(const Ports& ports = {});

// All of them over a database of their own and what `ports` is put in the world's place: for a simulation, a replay.
constexpr std::string_view sandbox_mail_from = "no-reply@sandbox.invalid";
std::vector<messaging::WorkerSpec> sandboxed(const std::function<std::string(std::string_view worker)>& database_url,
                                             const std::string& master_key, const Ports& ports,
                                             std::string_view mail_from = sandbox_mail_from);

}  // namespace tenantry::workers
