#include "workers/signer/store.h"

#include "shared/db/connection.h"

namespace tenantry::signer {
StoredHeads read_heads(db::Transaction& tx) {
  StoredHeads out;
  for (const auto row : tx.exec("SELECT tenant_id, size, frontier FROM audit.heads WHERE size > 0")) {
    out.emplace(row.text(0), audit::StoredHead{static_cast<std::uint64_t>(row.int64(1)), row.bytes(2)});
  }
  return out;
}

std::vector<audit::StoredCheckpoint> read_latest(db::Transaction& tx) {
  std::vector<audit::StoredCheckpoint> out;
  for (const auto row :
       tx.exec("SELECT c.tenant_id, c.size, c.root, c.note FROM audit.heads h CROSS JOIN LATERAL (SELECT * FROM "
               "audit.checkpoints k WHERE k.tenant_id = h.tenant_id ORDER BY k.size DESC LIMIT 1) AS c")) {
    out.push_back(
        {std::string(row.text(0)), static_cast<std::uint64_t>(row.int64(1)), row.bytes(2), std::string(row.text(3))});
  }
  return out;
}

void publish(db::Transaction& tx, const std::vector<audit::StoredCheckpoint>& checkpoints, Timestamp signed_at) {
  std::vector<std::string_view> tenants, notes;
  std::vector<std::int64_t> sizes;
  std::vector<ByteView> roots;
  for (const auto& each : checkpoints) {
    tenants.push_back(each.tenant_id);
    sizes.push_back(static_cast<std::int64_t>(each.size));
    roots.emplace_back(each.root);
    notes.push_back(each.note);
  }
  tx.send(
      "INSERT INTO audit.checkpoints (tenant_id, size, root, note, signed_at) SELECT c.*, $5 FROM "
      "unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[]) AS c ON CONFLICT DO NOTHING",
      {db::Param::array(tenants), db::Param::array(sizes), db::Param::array(roots), db::Param::array(notes),
       signed_at});
}

}  // namespace tenantry::signer
