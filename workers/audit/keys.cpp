#include "workers/audit/keys.h"

#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/audit/leaf.h"

namespace tenantry::audit {
namespace {

// One per key id: a tenant would have to write 2^32 records for the nonces of one key to run out.
constexpr std::uint32_t key_version = 1;

}  // namespace

void Keys::prepare(db::Transaction& tx, const Heads& heads) {
  keys_.clear();
  std::vector<NewKey> added;
  for (const auto& [tenant_id, head] : heads) {
    if (head.key_known) {
      keys_.emplace(tenant_id, open(tenant_id, head.wrapped_key));
      continue;
    }
    auto key = crypto::DataKey::generate(key_version);
    added.push_back({tenant_id, tenant_id, key.wrap(masters_.current(), tenant_id)});
    keys_.emplace(tenant_id, std::move(key));
  }
  add_keys(tx, added);
}

const crypto::DataKey* Keys::key_of(db::Transaction& tx, const AuditRecord& record) {
  const auto key_id = key_id_of(record);
  auto at = keys_.find(key_id);
  if (at == keys_.end()) {
    const auto found = find_keys(tx, {key_id});
    at = keys_.emplace(key_id, found.empty() ? make(tx, key_id, record.tenant_id) : open(key_id, found.begin()->second))
             .first;
  }
  return at->second ? &*at->second : nullptr;
}

Keys::Entry Keys::open(const std::string& key_id, ByteView wrapped) const {
  if (wrapped.empty()) return std::nullopt;
  auto key = crypto::DataKey::unwrap(masters_, key_id, key_version, wrapped);
  if (!key) throw db::Unavailable("the audit key of " + key_id + " does not open with this TENANTRY_MASTER_KEY");
  return std::move(*key);
}

Keys::Entry Keys::make(db::Transaction& tx, const std::string& key_id, const std::string& tenant_id) {
  auto key = crypto::DataKey::generate(key_version);
  add_keys(tx, {{key_id, tenant_id, key.wrap(masters_.current(), key_id)}});
  return key;
}

Result<nlohmann::json> LeafKeys::open(db::Transaction& tx, const nlohmann::json& leaf) {
  const auto key_id = leaf.at("key").get<std::string>();
  auto at = keys_.find(key_id);
  if (at == keys_.end()) {
    const auto found = find_keys(tx, {key_id});
    std::optional<crypto::DataKey> key;
    if (!found.empty() && !found.begin()->second.empty()) {
      auto opened = crypto::DataKey::unwrap(masters_, key_id, key_version, found.begin()->second);
      if (!opened) return opened.error();
      key.emplace(std::move(*opened));
    }
    at = keys_.emplace(key_id, std::move(key)).first;
  }
  if (!at->second) {
    return Error{.code = Errc::not_found, .reason = "erased", .message = "the key of this record is destroyed"};
  }
  return open_leaf(leaf, *at->second);
}

}  // namespace tenantry::audit
