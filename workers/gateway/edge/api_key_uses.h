// ApiKeyUses: when keys were last used, gathered, so that no request writes it.
//
// Pure; on the loop only. A key's first use is due at once, each further one a minute after the last writing. At most
// `keys_max` at a time: what is over them is not told.
#pragma once

#include <cstring>
#include <optional>
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
    auto found = uses_.find(key.secret_hash);
    if (found == uses_.end()) {
      if (uses_.size() >= keys_max) return;
      found = uses_.try_emplace(key.secret_hash, Entry{{.key_id = key.key_id, .secret_hash = key.secret_hash}}).first;
    }
    auto& use = found->second.use;
    use.at = at;
    use.address = address;
    ++use.count;
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
      const auto found = uses_.find(use.secret_hash);
      if (found == uses_.end()) continue;
      found->second.use.count += use.count;
      found->second.written_at.reset();
    }
  }

 private:
  struct Entry {
    store::ApiKeyUse use{};
    std::optional<Milliseconds> written_at{};
  };
  // Nobody chooses what such a hash begins with: the secrets are ours.
  struct DigestHash {
    std::size_t operator()(const crypto::Digest& digest) const {
      std::size_t value = 0;
      std::memcpy(&value, digest.data(), sizeof value);
      return value;
    }
  };
  // By the secret, of which a key may have two: which of them is used says whether the new one has arrived.
  std::unordered_map<crypto::Digest, Entry, DigestHash> uses_;
};

}  // namespace tenantry::gateway
