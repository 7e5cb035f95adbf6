// Archiver: moves whole months of the audit logs from the database into files.
//
// A month may go once no log with records in it is kept any longer, nobody holds one, and
// no earlier month is there. Its records are written, read back from the disk and verified
// with public keys alone; only then, in one transaction that checks everything again, the
// month leaves the database and its leaf hashes stay. Stopped anywhere, the month is there
// whole or archived whole, and archive() can be called again.
//
// For an operator with the owner's login: no service may let records go. One thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/core/ids.h"
#include "workers/archive/store.h"

namespace tenantry::archive {

constexpr int others_months_default = 84;  // of logs that no plan keeps: the platform's own

struct ArchiveConfig {
  std::string deployment;
  audit::KeyRing keys;       // the signer's public keys, and that of `key`
  std::filesystem::path to;  // gets a folder for each month; must exist
  int others_months = others_months_default;
  std::optional<crypto::Ed25519Key> key{};  // signs manifests
};

// Why a month stays.
struct Reason {
  std::string rule;       // legal_hold, retention, earlier_month
  std::string tenant_id;  // "" for earlier_month
  std::string detail;     // in words
};

struct Month {
  std::string month;  // YYYY-MM
  std::vector<LogOfMonth> logs;
  std::vector<Reason> kept{};  // none: it is due. Holds first, then who keeps it longest
};

// The months in the database, oldest first. Due months in front of a month do not keep it.
std::vector<Month> list_months(db::Transaction& tx, Timestamp at, int others_months);

struct Archived {
  std::string month;
  std::uint64_t logs = 0, records = 0, bytes = 0;
  crypto::Digest manifest_sha256{};
};

class Archiver {
 public:
  Archiver(const ArchiveConfig& config, db::Connection& connection, IdGenerator& ids, Timestamp now)
      : config_(config), connection_(connection), ids_(ids), now_(now) {}

  // Errors: not_found where the month is not in the database; conflict where it is kept ("month_kept",
  // "earlier_month"), not signed yet ("not_signed"), or the folder holds another deployment's; unavailable where
  // readers of the log do not leave it for a moment; refused where files or records do not hold.
  Result<Archived> archive(const std::string& month);

  ReadRecords progress = [](std::uint64_t) {};  // hears of records written, and of records verified
  std::function<void(const char* step)> before = [](const char*) {};  // where a test may stop it

 private:
  Result<std::vector<LogOfMonth>> look(const std::string& month);
  Result<void> check_folder(const std::filesystem::path& folder, const std::string& month) const;
  Result<ManifestLog> write_log(const std::filesystem::path& folder, const LogOfMonth& log);
  Result<void> write_manifest(const std::filesystem::path& folder, const Manifest& manifest) const;
  Result<void> let_go(const ArchivedMonth& month, const Archived& summary);

  const ArchiveConfig& config_;
  db::Connection& connection_;
  IdGenerator& ids_;
  const Timestamp now_;
};

}  // namespace tenantry::archive
