#include "shared/audit_tree/checkpoint_store.h"

#include "shared/db/connection.h"

namespace tenantry::audit {
namespace {

StoredCheckpoint checkpoint_of(const db::Row& row) {
  return {std::string(row.text(0)), static_cast<std::uint64_t>(row.int64(1)), row.bytes(2), std::string(row.text(3))};
}

}  // namespace

std::optional<StoredCheckpoint> read_latest_checkpoint(db::Transaction& tx, const std::string& tenant_id) {
  const auto rows = tx.exec(
      "SELECT tenant_id, size, root, note FROM audit.checkpoints WHERE tenant_id = $1 ORDER BY size DESC LIMIT 1",
      {tenant_id});
  if (rows.empty()) return {};
  return checkpoint_of(rows[0]);
}

std::vector<StoredCheckpoint> read_checkpoints(db::Transaction& tx, const std::string& tenant_id, std::uint64_t above,
                                               std::uint64_t through) {
  std::vector<StoredCheckpoint> out;
  for (const auto row :
       tx.exec("SELECT tenant_id, size, root, note FROM audit.checkpoints WHERE tenant_id = $1 AND size > $2 AND "
               "size <= $3 ORDER BY size",
               {tenant_id, static_cast<std::int64_t>(above), static_cast<std::int64_t>(through)})) {
    out.push_back(checkpoint_of(row));
  }
  return out;
}

Result<Checkpoint> verified(const StoredCheckpoint& stored, const std::string& origin, std::span<const NoteKey> keys) {
  const auto note = parse_note(stored.note);
  if (!note) return note.error();
  if (const auto good = verify_note(*note, keys); !good) return good.error();
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return checkpoint.error();
  const auto root = to_hash(stored.root);
  if (checkpoint->origin != origin || checkpoint->size != stored.size || !root || checkpoint->root != *root) {
    return Error{.code = Errc::refused,
                 .reason = "checkpoint_misplaced",
                 .message = "the note is of another log, size or root than its row"};
  }
  return checkpoint;
}

}  // namespace tenantry::audit
