#include "workers/gateway/service.h"

#include "workers/gateway/gateway.h"

namespace tenantry::gateway {
namespace {

class GatewayExtension final : public service::Extension {
 public:
  GatewayExtension(const service::Context& context, GatewayConfig config)
      : gateway_(context.loop, std::move(config), context.clock, context.ids, {context.hand_over, context.health}) {}

  Result<void> start() override { return gateway_.start(); }
  void tenant_changed(const std::string& tenant_id) override { gateway_.tenant_changed(tenant_id); }
  void stop(Milliseconds deadline, std::function<void()> stopped) override {
    gateway_.stop(deadline, std::move(stopped));
  }

 private:
  Gateway gateway_;
};

}  // namespace

std::function<std::unique_ptr<service::Extension>(const service::Context&)> extension(GatewayConfig config) {
  return [config = std::move(config)](const service::Context& context) -> std::unique_ptr<service::Extension> {
    return std::make_unique<GatewayExtension>(context, config);
  };
}

}  // namespace tenantry::gateway
