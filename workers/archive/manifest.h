// Manifest: what one archived month consists of, a file for each log, and the operator's
// signature of it.
//
// A manifest that is read is foreign: limits first, and file names stay in its folder. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/audit_tree/evidence.h"
#include "shared/crypto/ed25519.h"
#include "shared/crypto/hash.h"

namespace tenantry::archive {

constexpr std::string_view manifest_format = "tenantry-audit-archive/1";
constexpr std::string_view manifest_name = "manifest.json";
constexpr std::string_view signature_name = "manifest.sig";
constexpr std::size_t manifest_size_max = 64UL * 1024 * 1024;

struct ManifestLog {
  std::string tenant_id;
  std::uint64_t first = 0, count = 0;
  std::uint64_t checkpoint_size = 0;  // of the signed head in its file
  std::string file;                   // beside the manifest
  std::uint64_t bytes = 0;
  crypto::Digest sha256{};
};

struct Manifest {
  std::string deployment;
  std::string month;  // YYYY-MM
  std::vector<ManifestLog> logs{};

  std::string to_text() const;  // one line of JSON, with its newline
};
Result<Manifest> parse_manifest(std::string_view text);

bool is_month(std::string_view text);  // YYYY-MM
std::string file_name_of(const std::string& tenant_id);

// A signed note under the name "tenantry.<deployment>/archive" over month and SHA-256 of the manifest's text.
std::string signature_of(const Manifest& manifest, std::string_view text, const crypto::Ed25519Key& key);
Result<void> verify_signature(const Manifest& manifest, std::string_view text, std::string_view note,
                              const audit::KeyRing& keys);

}  // namespace tenantry::archive
