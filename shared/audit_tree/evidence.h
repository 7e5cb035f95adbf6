// What leaves the platform to be verified elsewhere: evidence (a stretch of records with
// the two compact ranges that lead to a signed head), proofs, and the keys to judge them.
//
// Everything read here is foreign: limits first, and nothing counts before the note's
// signature does. Errors name the tenant and the record, or the field and its rule. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/audit_tree/note.h"
#include "shared/audit_tree/proofs.h"

namespace tenantry::audit {

constexpr std::string_view evidence_format = "tenantry-audit-evidence/1";
constexpr std::string_view proof_format = "tenantry-audit-proof/1";
constexpr std::size_t evidence_line_max =
    4096UL * 1024;  // an event of 256 KiB, sealed, in base64 and escaped, has 1 MiB

// Public keys that a verifier trusts: vkeys count for their own log, bare keys for any.
class KeyRing {
 public:
  // Vkeys and bare public keys between white space, or the document of /.well-known/tenantry/audit-keys.
  static Result<KeyRing> parse(std::string_view text);
  Result<void> add(std::string_view text);  // a vkey or a bare key
  std::vector<NoteKey> keys_for(const std::string& origin) const;

 private:
  std::vector<NoteKey> vkeys_;
  std::vector<crypto::Ed25519PublicKey> bare_;
};

// The checkpoint of a note that one of the ring's keys has signed under the checkpoint's own origin.
Result<Checkpoint> verified_checkpoint(std::string_view note, const KeyRing& keys);

// The tenant of "tenantry.<deployment>/audit/<tenant_id>"; the whole origin where it is another's.
std::string tenant_of_origin(const std::string& origin);

// Whose a log is, for people: "tenant acme", and of those the platform's own, which is no tenant's.
std::string log_name(const std::string& tenant_id);

// First line of evidence, and a line of it, each with its newline.
struct EvidenceHead {
  std::string note;
  std::uint64_t first = 0, count = 0;
  Proof before, after;  // compact ranges [0, first) and [first + count, size)
};
std::string evidence_line(const EvidenceHead& head);
void append_evidence_line(std::string& out, std::uint64_t sequence, std::string_view leaf);

class EvidenceCheck {
 public:
  static Result<EvidenceCheck> begin(std::string_view head_line, const KeyRing& keys);
  Result<void> add(std::string_view line);
  Result<void> finish() const;  // after the last line

  const Checkpoint& checkpoint() const { return checkpoint_; }
  std::uint64_t first() const { return first_; }
  std::uint64_t count() const { return count_; }
  const Hash& last_leaf() const { return last_leaf_; }  // hash of the leaf that was added last

 private:
  Error wrong(std::uint64_t sequence, const std::string& why) const;

  Checkpoint checkpoint_;
  std::uint64_t first_ = 0, count_ = 0;
  Frontier frontier_;
  Hash last_leaf_{};
  Proof after_;
};

// A proof as /v1/audit/proof gives it. Returns what it proves, in a sentence.
nlohmann::json inclusion_document(const std::string& note, std::uint64_t sequence, std::string_view leaf,
                                  const Proof& proof);
// Of a record that is archived: its leaf is in the archive's file, and here is its hash.
nlohmann::json archived_inclusion_document(const std::string& note, std::uint64_t sequence, const Hash& leaf_hash,
                                           const std::string& month, const Proof& proof);
nlohmann::json consistency_document(const std::string& old_note, const std::string& new_note, const Proof& proof);
Result<std::string> verify_proof_document(std::string_view text, const KeyRing& keys);

}  // namespace tenantry::audit
