// Leaf: the bytes of an audit record that are hashed into its tenant's tree.
//
// A canonical JSON object (members by name, no white space) that says tenant, sequence,
// times, type and kind of what happened in the open, and seals the rest (who, about
// what, the values, the event's own bytes) with AES-256-GCM under a key of the tenant's,
// bound to tenant and sequence. The hash covers the sealed bytes: with the key destroyed
// the log still verifies. docs/audit-records.md lists the members. Pure but for nonces.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "shared/crypto/envelope.h"
#include "workers/audit/record.h"

namespace tenantry::audit {

// Under which key a record is sealed: the tenant's, or a signup's own while it has no tenant.
std::string key_id_of(const AuditRecord& record);

// Without a key (it is destroyed) what would be sealed is left out.
std::string leaf_of(const AuditRecord& record, const events::Event& event, const crypto::DataKey* key);

// The members in the open. Errors name the member and its rule.
Result<nlohmann::json> parse_leaf(std::string_view leaf);

// The sealed members of a parsed leaf: actor {id, ip, user_agent}, resource_id, payload_base64 and, where there are
// any, changes. Errc::refused where key and leaf do not belong together.
Result<nlohmann::json> open_leaf(const nlohmann::json& leaf, const crypto::DataKey& key);

}  // namespace tenantry::audit
