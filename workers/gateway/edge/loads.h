// Loads: what is being read from the database, and the calls that wait for it. One reads
// for all who need the same.
//
// Pure; on the loop only. A load that began before what it reads was changed is outdated:
// its answer is neither kept nor given to those who wait, for whom it begins again.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tenantry::gateway {

template <class Waiter>
class Loads {
 public:
  // True: nobody reads `key`, so the caller must, and finish() it.
  bool begin(const std::string& key, const std::string& tenant_id) {
    return loads_.try_emplace(key, Load{tenant_id}).second;
  }
  void wait(const std::string& key, Waiter waiter) { loads_.at(key).waiting.push_back(std::move(waiter)); }

  void outdate(const std::string& key) {
    if (const auto at = loads_.find(key); at != loads_.end()) at->second.outdated = true;
  }
  void outdate_tenant(const std::string& tenant_id) {
    for (auto& [key, load] : loads_) load.outdated = load.outdated || load.tenant_id == tenant_id;
  }

  bool outdated(const std::string& key) const { return loads_.at(key).outdated; }
  bool awaited(const std::string& key) const { return !loads_.at(key).waiting.empty(); }
  void again(const std::string& key) { loads_.at(key).outdated = false; }

  std::vector<Waiter> finish(const std::string& key) { return std::move(loads_.extract(key).mapped().waiting); }

 private:
  struct Load {
    std::string tenant_id;
    bool outdated = false;
    std::vector<Waiter> waiting{};
  };
  std::unordered_map<std::string, Load> loads_;
};

}  // namespace tenantry::gateway
