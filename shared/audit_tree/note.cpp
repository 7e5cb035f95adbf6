#include "shared/audit_tree/note.h"

#include <algorithm>
#include <charconv>

#include "shared/core/assert.h"
#include "shared/crypto/hash.h"

namespace tenantry::audit {
namespace {

constexpr std::string_view dash = "\xE2\x80\x94 ";  // U+2014 and a space begin a signature line
constexpr std::size_t name_size_max = 512;
constexpr std::size_t id_size = 4;

Error malformed(const char* rule, std::string detail) {
  return Error::invalid("/note", rule, std::move(detail));
}

std::uint32_t read_id(ByteView bytes) {
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < id_size; ++i) id = id << 8 | bytes[i];
  return id;
}

Bytes id_bytes(std::uint32_t id) {
  return {static_cast<std::uint8_t>(id >> 24), static_cast<std::uint8_t>(id >> 16), static_cast<std::uint8_t>(id >> 8),
          static_cast<std::uint8_t>(id)};
}

Bytes typed(const crypto::Ed25519PublicKey& key) {
  Bytes out(1 + key.size(), signature_type_ed25519);
  std::ranges::copy(key, out.begin() + 1);
  return out;
}

std::uint32_t id_of(std::string_view name, const crypto::Ed25519PublicKey& key) {
  return read_id(crypto::Sha256().update(as_bytes(name)).update(as_bytes("\n")).update(typed(key)).finish());
}

// "<U+2014> <name> <base64 of id and signature>", without its newline.
Result<NoteSignature> parse_signature(std::string_view line) {
  if (!line.starts_with(dash)) return malformed("signature", "a signature line must begin with U+2014 and a space");
  line.remove_prefix(dash.size());
  const auto space = line.find(' ');
  if (space == line.npos || !is_key_name(line.substr(0, space))) {
    return malformed("signature", "a signature line must name its key");
  }
  const auto bytes = from_base64(line.substr(space + 1));
  if (!bytes || bytes->size() <= id_size) return malformed("signature", "a signature must be base64 of id and bytes");
  return NoteSignature{std::string(line.substr(0, space)), read_id(*bytes),
                       Bytes(bytes->begin() + id_size, bytes->end())};
}

// Decimal, without sign or leading zero: one number, one text.
Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  const bool plain = !text.empty() && end == text.data() + text.size() && (text == "0" || text[0] != '0');
  if (error != std::errc{} || !plain || size > size_max) {
    return malformed("size", "the second line must be a decimal size up to 2^63 - 1");
  }
  return size;
}

// The line at the front of `text`, which loses it with its newline.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

}  // namespace

bool is_key_name(std::string_view name) {
  const auto forbidden = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '+' || c == 0x7F; };
  return !name.empty() && name.size() <= name_size_max && is_utf8(name) && std::ranges::none_of(name, forbidden);
}

NoteKey::NoteKey(std::string name, const crypto::Ed25519PublicKey& key)
    : name_(std::move(name)), key_(key), id_(id_of(name_, key)) {
  TENANTRY_ASSERT(is_key_name(name_));
}

Result<NoteKey> NoteKey::from_vkey(std::string_view vkey) {
  const auto first = vkey.find('+');
  const auto second = first == vkey.npos ? first : vkey.find('+', first + 1);
  if (second == vkey.npos) return Error::invalid("/vkey", "form", "must be <name>+<key id>+<base64 key>");
  const auto name = vkey.substr(0, first);
  if (!is_key_name(name)) return Error::invalid("/vkey", "name", "must begin with a key's name");
  const auto key = parse_public_key(vkey.substr(second + 1));
  if (!key) return key.error();
  NoteKey out{std::string(name), *key};
  if (vkey.substr(first + 1, second - first - 1) != to_hex(id_bytes(out.id_))) {
    return Error::invalid("/vkey", "key_id", "must have the key id that name and key give");
  }
  return out;
}

std::string NoteKey::vkey() const {
  return name_ + "+" + to_hex(id_bytes(id_)) + "+" + public_key_text(key_);
}

std::string public_key_text(const crypto::Ed25519PublicKey& key) {
  return to_base64(typed(key));
}

Result<crypto::Ed25519PublicKey> parse_public_key(std::string_view text) {
  const auto bytes = from_base64(text);
  crypto::Ed25519PublicKey key;
  if (!bytes || bytes->size() != key.size() + 1 || bytes->front() != signature_type_ed25519) {
    return Error::invalid("/key", "ed25519", "must be base64 of 0x01 and 32 bytes of an Ed25519 key");
  }
  std::copy(bytes->begin() + 1, bytes->end(), key.begin());
  return key;
}

std::string Note::to_string() const {
  std::string out = text + "\n";
  for (const auto& signature : signatures) {
    auto bytes = id_bytes(signature.id);
    bytes.insert(bytes.end(), signature.bytes.begin(), signature.bytes.end());
    out += std::string(dash) + signature.name + " " + to_base64(bytes) + "\n";
  }
  return out;
}

Result<Note> parse_note(std::string_view text) {
  if (text.size() > note_size_max) return malformed("size", "a note must be at most 64 KiB");
  if (!is_utf8(text)) return malformed("utf8", "a note must be UTF-8");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; })) {
    return malformed("control", "a note must hold no control character but newline");
  }
  const auto blank = text.rfind("\n\n");
  if (blank == text.npos) return malformed("blank_line", "a blank line must part text and signatures");
  Note note{.text = std::string(text.substr(0, blank + 1))};
  auto rest = text.substr(blank + 2);
  if (rest.empty() || rest.back() != '\n') return malformed("signature", "signature lines must end with a newline");
  while (!rest.empty()) {
    if (note.signatures.size() == note_signatures_max) return malformed("signatures", "at most 64 signatures");
    auto signature = parse_signature(take_line(rest));
    if (!signature) return signature.error();
    note.signatures.push_back(*std::move(signature));
  }
  return note;
}

void sign_note(Note& note, const std::string& name, const crypto::Ed25519Key& key) {
  const NoteKey known(name, key.public_key());
  const auto signature = key.sign(as_bytes(note.text));
  note.signatures.push_back({name, known.id(), Bytes(signature.begin(), signature.end())});
}

Result<void> verify_note(const Note& note, std::span<const NoteKey> known) {
  bool verified = false;
  for (const auto& signature : note.signatures) {
    for (const auto& key : known) {
      if (key.name() != signature.name || key.id() != signature.id) continue;
      if (!crypto::verify_ed25519(key.key(), as_bytes(note.text), signature.bytes)) {
        return Error{.code = Errc::refused,
                     .reason = "note_unverified",
                     .message = "the signature of " + key.vkey() + " is not of this text"};
      }
      verified = true;
    }
  }
  if (verified) return {};
  return Error{.code = Errc::refused, .reason = "note_unverified", .message = "no known key has signed it"};
}

std::string Checkpoint::to_text() const {
  return origin + "\n" + std::to_string(size) + "\n" + to_base64(root) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  if (text.empty() || text.back() != '\n') return malformed("lines", "a checkpoint must end with a newline");
  Checkpoint out;
  out.origin = take_line(text);
  if (out.origin.empty()) return malformed("origin", "the first line must be the log's origin");
  const auto size = parse_size(take_line(text));
  if (!size) return size.error();
  out.size = *size;
  const auto root = from_base64(take_line(text));
  if (!root || root->size() != out.root.size()) {
    return malformed("root", "the third line must be 32 bytes of root hash in base64");
  }
  out.root = *to_hash(*root);
  while (!text.empty()) {
    if (take_line(text).empty()) return malformed("extension", "an extension line must not be empty");
  }
  return out;
}

std::string checkpoint_origin(std::string_view deployment, std::string_view tenant_id) {
  return "tenantry." + std::string(deployment) + "/audit/" + std::string(tenant_id);
}

}  // namespace tenantry::audit
