#include "workers/gateway/edge/standings.h"

#include <algorithm>

#include "shared/db/connection.h"
#include "shared/telemetry/log.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {
namespace {

constexpr Milliseconds asked_every{1'000};

}  // namespace

struct Standings::Watch {
  std::shared_ptr<const Call> call;
  std::function<void()> end;
  bool ended = false;
};

Standings::Standings(Services& services) : services_(services), timer_(services.loop) {}
Standings::~Standings() = default;

Standings::Handle Standings::watch(std::shared_ptr<const Call> call, std::function<void()> end) {
  if (!call->of_tenant()) return {};
  auto watch = std::make_shared<Watch>(Watch{std::move(call), std::move(end)});
  watches_.push_back(watch);
  if (!timer_.active()) timer_.repeat(asked_every, [this] { tick(); });
  return watch;
}

void Standings::ask_now() {
  if (watches_.empty()) return;
  if (asking_) again_ = true;
  ask();
}

std::vector<std::shared_ptr<Standings::Watch>> Standings::live() {
  std::vector<std::shared_ptr<Watch>> out;
  std::erase_if(watches_, [&](const std::weak_ptr<Watch>& weak) {
    auto watch = weak.lock();
    if (watch == nullptr || watch->ended) return true;
    out.push_back(std::move(watch));
    return false;
  });
  return out;
}

void Standings::tick() {
  ask();
  if (watches_.empty()) timer_.stop();
}

void Standings::ask() {
  auto asked = live();
  if (asking_ || asked.empty()) return;
  std::vector<store::Bearer> bearers;
  for (const auto& watch : asked) {
    const auto& call = *watch->call;
    bearers.push_back(call.key ? store::Bearer{.tenant_id = call.key->tenant_id, .key_id = call.key->key_id}
                               : store::Bearer{call.claims->sid, call.claims->tenant_id, call.claims->sub});
  }
  asking_ = services_.in_background("standings", [this, asked, bearers](db::Connection& lane) {
    std::vector<Standing> standings;
    const auto done = contained("standings", [&] {
      return services_.read(lane, [&](db::Transaction& tx) -> Result<void> {
        standings = store::standings(tx, bearers, services_.clock.now());
        return {};
      });
    });
    services_.loop.post([this, asked, standings, ok = done.has_value()] {
      asking_ = false;
      if (ok) end_fallen(asked, standings);
      if (std::exchange(again_, false)) ask();
    });
    return done;
  });
}

void Standings::end_fallen(const std::vector<std::shared_ptr<Watch>>& asked, const std::vector<Standing>& standings) {
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto& watch = *asked[i];
    if (watch.ended) continue;
    const auto admitted = check_bearer(services_, *watch.call, standings.at(i));
    auto stands = admitted ? Result<void>{} : admitted.error();
    const auto& claims = watch.call->claims;
    if (stands && claims) stands = crypto::check_lifetime(*claims, services_.clock.now());
    if (stands) continue;
    watch.ended = true;
    log::info("an open answer was ended", {{"operation", watch.call->route->operation},
                                           {"request_id", watch.call->request_id},
                                           {"why", stands.error().reason}});
    watch.end();
  }
}

}  // namespace tenantry::gateway
