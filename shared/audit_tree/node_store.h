// PostgresNodes: one tenant's nodes as audit.records and audit.nodes hold them, and
// audit.archived_leaves where records have been archived.
//
// Reads within the transaction it is given, under that one's rights, so it sees one
// state of the log. One thread at a time; throws what shared/db throws.
#pragma once

#include <string>

#include "shared/audit_tree/proofs.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::audit {

class PostgresNodes final : public NodeReader {
 public:
  PostgresNodes(db::Transaction& tx, std::string tenant_id) : tx_(tx), tenant_id_(std::move(tenant_id)) {}
  std::vector<Hash> read(const NodeRange& range) override;

 private:
  db::Transaction& tx_;
  std::string tenant_id_;
};

}  // namespace tenantry::audit
