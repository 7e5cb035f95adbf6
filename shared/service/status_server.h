// Status server: what a process without a gateway tells about itself over HTTP: GET
// /livez, /readyz and /metrics, as the gateway's, and nothing else.
//
// On the loop. Names no tenant and takes no body; whoever scrapes may reach it, nobody else need.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "shared/config/config.h"
#include "shared/http/server.h"
#include "shared/messaging/host.h"

namespace tenantry::service {

// Pure, but for the metrics of this process.
http::Response status_of(http::Method method, std::string_view path, const messaging::HostHealth& health,
                         std::string_view accept = {});

struct StatusAddress {
  std::string address;
  std::uint16_t port = 0;  // 0: nothing is told
};
StatusAddress read_status_address(config::Reader& reader);

class StatusServer {
 public:
  StatusServer(loop::Loop& loop, const StatusAddress& where, std::function<messaging::HostHealth()> health);

  Result<void> listen() { return server_.listen(); }
  std::uint16_t port() const { return server_.port(); }

 private:
  http::Server server_;
};

}  // namespace tenantry::service
