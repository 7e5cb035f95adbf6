#include "workers/provisioning/backup.h"

#include <nlohmann/json.hpp>

#include "shared/crypto/envelope.h"
#include "shared/db/connection.h"
#include "shared/gzip/gzip.h"
#include "workers/provisioning/store.h"

namespace tenantry::provisioning {
namespace {

constexpr std::size_t part_bytes = 1024UL * 1024;
constexpr const char* format_name = "tenantry-backup/1";

std::string part_id(std::int64_t part) {
  return "final/" + std::to_string(part);
}

crypto::FieldPlace place_of(const std::string& tenant_id, const std::string& id) {
  return {tenant_id, "provisioning.backup_parts", id, "sealed"};
}

// Lines into sealed parts.
class BackupWriter {
 public:
  BackupWriter(db::Transaction& tx, const crypto::DataKey& key, const std::string& tenant_id)
      : tx_(tx), key_(key), tenant_id_(tenant_id) {}

  void line(std::string_view text) {
    pending_ += gzip_.compress(text);
    pending_ += gzip_.compress("\n");
    while (pending_.size() >= part_bytes) {
      put(std::string_view(pending_).substr(0, part_bytes));
      pending_.erase(0, part_bytes);
    }
  }
  std::int64_t finish() {
    pending_ += gzip_.finish();
    put(pending_);
    return parts_;
  }

 private:
  void put(std::string_view bytes) {
    const auto id = part_id(parts_);
    insert_backup_part(tx_, tenant_id_, parts_++, crypto::seal_field(key_, place_of(tenant_id_, id), as_bytes(bytes)));
  }

  db::Transaction& tx_;
  const crypto::DataKey& key_;
  const std::string& tenant_id_;
  Gzip gzip_;
  std::string pending_;
  std::int64_t parts_ = 0;
};

Error changed(std::string what) {
  return {.code = Errc::refused, .reason = "backup_changed", .message = std::move(what)};
}

Result<crypto::DataKey> unwrap(const crypto::MasterKeys& masters, const std::string& tenant_id,
                               const WrappedKey& wrapped) {
  return crypto::DataKey::unwrap(masters, tenant_id, static_cast<std::uint32_t>(wrapped.version), wrapped.wrapped);
}

// Bytes of the stream into lines, and whether they are all.
class BackupReader {
 public:
  explicit BackupReader(const TakeLine& take) : take_(take) {}

  Result<void> expand(std::string_view bytes) {
    return gunzip_.expand(bytes, [this](std::string_view piece) { return split(piece); });
  }
  // The last line says how many rows there are.
  bool whole() const {
    if (!gunzip_.finished() || !rest_.empty() || lines_ < 2) return false;
    const auto end = nlohmann::json::parse(last_, nullptr, false);
    return end.is_object() && end.value("rows", std::int64_t{-1}) == lines_ - 2;
  }

 private:
  Result<void> split(std::string_view piece) {
    rest_ += piece;
    std::size_t from = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', from)) {
      last_.assign(rest_, from, end - from);
      if (const auto taken = take_(last_); !taken) return taken;
      ++lines_;
      from = end + 1;
    }
    rest_.erase(0, from);
    return {};
  }

  const TakeLine& take_;
  Gunzip gunzip_;
  std::string rest_, last_;
  std::int64_t lines_ = 0;
};

}  // namespace

Result<void> make_final_backup(db::Transaction& tx, const crypto::MasterKeys& masters, const std::string& tenant_id,
                               Timestamp now, int keep_years) {
  drop_backups_past_their_end(tx, now);
  if (find_backup(tx, tenant_id)) return {};
  const auto wrapped = find_tenant_key(tx, tenant_id);
  if (!wrapped) return {};  // erased between its deletion and this step: there is nothing that may be kept
  const auto key = unwrap(masters, tenant_id, *wrapped);
  if (!key) return key.error();
  BackupWriter writer(tx, *key, tenant_id);
  writer.line(
      nlohmann::ordered_json{{"format", format_name}, {"tenant_id", tenant_id}, {"made_at", to_rfc3339(now)}}.dump());
  std::int64_t rows = 0;
  each_row_of_tenant(tx, tenant_id, [&](std::string_view row) {
    writer.line(row);
    ++rows;
  });
  writer.line(nlohmann::json{{"rows", rows}}.dump());
  const auto parts = writer.finish();
  insert_backup(tx, tenant_id, {.key_version = wrapped->version, .rows = rows, .parts = parts, .made_at = now},
                keep_years);
  return {};
}

Result<void> read_final_backup(db::Transaction& tx, const crypto::MasterKeys& masters, const std::string& tenant_id,
                               const TakeLine& take) {
  const auto backup = find_backup(tx, tenant_id);
  if (!backup) {
    return Error{.code = Errc::not_found, .reason = "no_backup", .message = "there is no backup of " + tenant_id};
  }
  const auto wrapped = find_tenant_key(tx, tenant_id, backup->key_version);
  if (!wrapped) {
    return Error{.code = Errc::not_found,
                 .reason = "erased",
                 .message = tenant_id + " is erased: the key of its backup is destroyed"};
  }
  const auto key = unwrap(masters, tenant_id, *wrapped);
  if (!key) return key.error();
  BackupReader reader(take);
  for (std::int64_t part = 0; part < backup->parts; ++part) {
    const auto sealed = find_backup_part(tx, tenant_id, part);
    const auto id = part_id(part);
    const auto bytes = sealed ? crypto::open_field(*key, place_of(tenant_id, id), *sealed) : changed("");
    if (!bytes) return changed("part " + std::to_string(part) + " of the backup of " + tenant_id + " does not open");
    if (const auto taken = reader.expand(as_text(*bytes)); !taken) return taken;
  }
  return reader.whole() ? Result<void>{} : changed("the backup of " + tenant_id + " is not whole");
}

}  // namespace tenantry::provisioning
