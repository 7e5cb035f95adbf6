#include "workers/gateway/edge/idempotency.h"

#include "shared/db/connection.h"

namespace tenantry::gateway::store {

std::optional<StoredResponse> lock_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                                                   Timestamp keep_since) {
  tx.send("SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))", {scope, key});
  tx.send("DELETE FROM platform.idempotency_keys WHERE scope = $1 AND key = $2 AND created_at < $3",
          {scope, key, keep_since});
  const auto rows =
      tx.exec("SELECT request_hash, status, response FROM platform.idempotency_keys WHERE scope = $1 AND key = $2",
              {scope, key});
  if (rows.empty()) return std::nullopt;
  return StoredResponse{rows[0].bytes(0), static_cast<int>(rows[0].int64(1)), std::string(rows[0].text(2))};
}

void save_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                          const StoredResponse& response, Timestamp now) {
  tx.send(
      "INSERT INTO platform.idempotency_keys (scope, key, request_hash, status, response, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {scope, key, response.request_hash, response.status, response.body, now});
}

}  // namespace tenantry::gateway::store
