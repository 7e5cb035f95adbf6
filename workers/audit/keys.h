// Keys under which what records say of persons is sealed: found, opened and made with a
// batch, in its transaction. One thread at a time.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "shared/crypto/envelope.h"
#include "workers/audit/store.h"

namespace tenantry::audit {

class Keys {
 public:
  explicit Keys(crypto::MasterKeys masters) : masters_(std::move(masters)) {}

  // The keys of the tenants of a batch whose heads are locked; those that are missing are made and stored. Throws
  // db::Unavailable where a key does not open: with another master key nothing may be written.
  void prepare(db::Transaction& tx, const Heads& heads);

  // Of a record: the tenant's, or the signup's own, which is found or made here. Null: it is destroyed.
  const crypto::DataKey* key_of(db::Transaction& tx, const AuditRecord& record);

 private:
  using Entry = std::optional<crypto::DataKey>;  // none: destroyed
  Entry open(const std::string& key_id, ByteView wrapped) const;
  Entry make(db::Transaction& tx, const std::string& key_id, const std::string& tenant_id);

  crypto::MasterKeys masters_;
  std::map<std::string, Entry, std::less<>> keys_;  // of the batch at hand
};

// For readers: opens the leaves of records. Keys come from audit.keys.
class LeafKeys {
 public:
  explicit LeafKeys(crypto::MasterKeys masters) : masters_(std::move(masters)) {}

  // What open_leaf gives. Errc::not_found, reason "erased", where the leaf's key is destroyed.
  Result<nlohmann::json> open(db::Transaction& tx, const nlohmann::json& leaf);

 private:
  crypto::MasterKeys masters_;
  std::map<std::string, std::optional<crypto::DataKey>, std::less<>> keys_;
};

}  // namespace tenantry::audit
