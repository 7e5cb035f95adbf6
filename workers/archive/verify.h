// Archives and evidence judged from their files alone, with public keys.
//
// Files are foreign: read in pieces at a constant memory, limits first, and nothing counts
// before the checkpoint's signature does. One thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "shared/audit_tree/evidence.h"
#include "workers/archive/manifest.h"

namespace tenantry::archive {

struct EvidenceFile {
  audit::Checkpoint checkpoint;
  std::uint64_t first = 0, count = 0;
  std::uint64_t bytes = 0;
  crypto::Digest sha256{};         // of the file as it lies there
  crypto::Digest leaves_sha256{};  // of the records' leaf hashes side by side
};

using ReadRecords = std::function<void(std::uint64_t records)>;  // hears of each record that was read

// Evidence, compressed or not. Errors: not_found where the file cannot be read, invalid or refused where it does not
// hold.
Result<EvidenceFile> verify_evidence_file(const std::filesystem::path& path, const audit::KeyRing& keys,
                                          const ReadRecords& progress);

struct ArchivedMonth {
  Manifest manifest;
  bool is_signed = false;             // by an operator; each log's checkpoint is signed anyway
  crypto::Digest sha256{};            // of the manifest
  std::vector<EvidenceFile> files{};  // of each of its logs
};

// The manifest at `path`, its signature where there is one beside it, and every file that it names.
Result<ArchivedMonth> verify_month(const std::filesystem::path& path, const audit::KeyRing& keys,
                                   const ReadRecords& progress);

Result<std::string> read_file(const std::filesystem::path& path, std::size_t size_max);

}  // namespace tenantry::archive
