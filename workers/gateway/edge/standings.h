// Standings: whether those who hold a long answer open may still do so.
//
// A request is checked when it comes; a live tail or an export goes on long after. While any
// is open, one question a second asks for all of them what the guard asks of a request: the
// session or key, the tenant's status, the membership, the role's permission. Who lost one of them is
// ended; so is a token that has expired. A change of a tenant or session is asked about at once.
//
// On the loop, but for what a lane is given.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/loop/loop.h"

namespace tenantry::gateway {

struct Call;
struct Services;
struct Standing;

class Standings {
 public:
  explicit Standings(Services& services);
  ~Standings();

  // Watches until the handle is gone, which may be on any thread. `end` is called once, on the loop. Super-admins hold
  // their token for as long as the process runs: nothing is asked about them.
  using Handle = std::shared_ptr<void>;
  Handle watch(std::shared_ptr<const Call> call, std::function<void()> end);

  void ask_now();

 private:
  struct Watch;
  void tick();
  void ask();
  void end_fallen(const std::vector<std::shared_ptr<Watch>>& asked, const std::vector<Standing>& standings);
  std::vector<std::shared_ptr<Watch>> live();

  Services& services_;
  loop::Timer timer_;
  std::vector<std::weak_ptr<Watch>> watches_;
  bool asking_ = false;
  bool again_ = false;  // something changed while it was asked
};

}  // namespace tenantry::gateway
