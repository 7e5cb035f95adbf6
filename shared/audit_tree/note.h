// Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint): how a log's
// head travels, as text that anyone can check with the public key alone.
//
// A note is foreign until verified: it is parsed under limits, and what it says counts
// only after verify_note(). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/audit_tree/tree.h"
#include "shared/crypto/ed25519.h"

namespace tenantry::audit {

// What a signature is made with, in the byte before the public key. C2SP has more; we write this one.
constexpr std::uint8_t signature_type_ed25519 = 0x01;

constexpr std::size_t note_size_max = 64UL * 1024;
constexpr std::size_t note_signatures_max = 64;

// Who may sign: a public key under a name. Key names hold no white space and no "+".
class NoteKey {
 public:
  NoteKey(std::string name, const crypto::Ed25519PublicKey& key);  // asserts that the name is one

  // "<name>+<key id, 8 hex digits>+<base64 of type and key>". Errc::invalid, also where the id is not that of the key.
  static Result<NoteKey> from_vkey(std::string_view vkey);
  std::string vkey() const;

  const std::string& name() const { return name_; }
  std::uint32_t id() const { return id_; }
  const crypto::Ed25519PublicKey& key() const { return key_; }

 private:
  std::string name_;
  crypto::Ed25519PublicKey key_;
  std::uint32_t id_;
};

// The public half alone, of any name: base64 of type and key, the last part of a vkey.
std::string public_key_text(const crypto::Ed25519PublicKey& key);
Result<crypto::Ed25519PublicKey> parse_public_key(std::string_view text);

bool is_key_name(std::string_view name);

struct NoteSignature {
  std::string name;
  std::uint32_t id = 0;
  Bytes bytes;
};

struct Note {
  std::string text;  // ends with a newline; what is signed
  std::vector<NoteSignature> signatures{};

  std::string to_string() const;
};

// Errc::invalid names the rule. The last blank line parts text and signatures.
Result<Note> parse_note(std::string_view text);

void sign_note(Note& note, const std::string& name, const crypto::Ed25519Key& key);

// Refused (reason "note_unverified") unless a known key's signature is there, and where one of a known key is wrong.
// Signatures of keys nobody told us of are ignored.
Result<void> verify_note(const Note& note, std::span<const NoteKey> known);

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Hash root{};

  std::string to_text() const;
};

// Of a note's text. Lines after the third are extensions: tolerated, never written.
Result<Checkpoint> parse_checkpoint(std::string_view text);

// "tenantry.<deployment>/audit/<tenant_id>": the origin of a tenant's log and the name of the key that signs it.
std::string checkpoint_origin(std::string_view deployment, std::string_view tenant_id);

}  // namespace tenantry::audit
