// ApiKeyUses: when keys were last used, gathered, so that no request writes it.
//
// Pure; on the loop only. A key's first use is due at once, each further one a minute after the last writing. At most
// `keys_max` at a time: what is over them is not told.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "shared/core/time.h"
#include "workers/gateway/edge/store.h"

namespace tenantry::gateway {

class ApiKeyUses {
 public:
  static constexpr Milliseconds written_every{60'000};
  static constexpr std::size_t keys_max = 20'000;

  void note(const ApiKeyEntry& key, const std::string& address, Timestamp at) {
    const auto name = name_of(key.key_id, key.secret_hash);
    if (uses_.size() >= keys_max && !uses_.contains(name)) return;
    auto& use = uses_[name].use;
    use = {key.key_id, key.secret_hash, at, address, use.count + 1};
  }

  // What is due; it is forgotten a minute after its last use.
  std::vector<store::ApiKeyUse> take(Milliseconds now) {
    std::vector<store::ApiKeyUse> out;
    for (auto at = uses_.begin(); at != uses_.end();) {
      auto& [use, written_at] = at->second;
      if (written_at && now - *written_at < written_every) {
        ++at;
      } else if (use.count == 0) {
        at = uses_.erase(at);
      } else {
        out.push_back(use);
        use.count = 0;
        written_at = now;
        ++at;
      }
    }
    return out;
  }

  // What could not be written is due at once again.
  void give_back(const std::vector<store::ApiKeyUse>& uses) {
    for (const auto& use : uses) {
      const auto found = uses_.find(name_of(use.key_id, use.secret_hash));
      if (found == uses_.end()) continue;
      found->second.use.count += use.count;
      found->second.written_at.reset();
    }
  }

 private:
  // Each secret of a key by itself: which of the two is used says whether the new one has arrived.
  static std::string name_of(const std::string& key_id, const crypto::Digest& secret_hash) {
    return key_id + "/" + std::string(as_text(secret_hash));
  }
  struct Entry {
    store::ApiKeyUse use{};
    std::optional<Milliseconds> written_at{};
  };
  std::unordered_map<std::string, Entry> uses_;
};

}  // namespace tenantry::gateway
