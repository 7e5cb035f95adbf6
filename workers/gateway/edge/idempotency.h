// Answers kept under an Idempotency-Key, so that the same request again gets the same answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/core/bytes.h"
#include "shared/core/time.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::gateway::store {

// How long a request with an Idempotency-Key is answered as the first time.
constexpr Days idempotency_kept{1};

struct StoredResponse {
  Bytes request_hash;
  int status = 0;
  std::string body;
};
// Waits for a twin at work, so that one of them executes and the others find its answer.
std::optional<StoredResponse> lock_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                                                   Timestamp keep_since);
void save_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                          const StoredResponse& response, Timestamp now);

}  // namespace tenantry::gateway::store
