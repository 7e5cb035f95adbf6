#include "shared/audit_tree/evidence.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "shared/core/counted.h"
#include "shared/json/json.h"

namespace tenantry::audit {
namespace {

using nlohmann::json;

constexpr std::size_t keys_max = 10'000;

Error at(const std::string& pointer, const char* rule, std::string detail) {
  return Error::invalid(pointer, rule, std::move(detail));
}

Result<std::string> text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return at(std::string("/") + name, "text", "must be text");
  return found->get<std::string>();
}

Result<std::uint64_t> number_of(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > size_max) {
    return at(std::string("/") + name, "number", "must be a whole number from 0 to 2^63 - 1");
  }
  return found->get<std::uint64_t>();
}

Result<Proof> hashes_of(const json& object, const char* name) {
  const std::string pointer = std::string("/") + name;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array() || found->size() > proof_hashes_max) {
    return at(pointer, "hashes", "must be at most 64 hashes");
  }
  std::vector<std::string> texts;
  for (const auto& each : *found) {
    if (!each.is_string()) return at(pointer, "hashes", "must be texts");
    texts.push_back(each.get<std::string>());
  }
  return parse_hashes(texts, pointer);
}

Result<json> object_of(std::string_view text, std::string_view format) {
  auto parsed = parse_json(text, {.size = evidence_line_max});
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return at("", "object", "must be a JSON object");
  if (format.empty()) return parsed;
  const auto given = text_of(*parsed, "format");
  if (!given || *given != format) return at("/format", "format", "must be " + std::string(format));
  return parsed;
}

}  // namespace

// ---- keys --------------------------------------------------------------------------------------------------------

Result<void> KeyRing::add(std::string_view text) {
  if (vkeys_.size() + bare_.size() == keys_max) return at("/key", "max_items", "must be at most 10,000 keys");
  // Base64 may hold "+", too; but only a vkey holds the id of its own name and key.
  if (auto vkey = NoteKey::from_vkey(text)) {
    vkeys_.push_back(*std::move(vkey));
    return {};
  }
  const auto key = parse_public_key(text);
  if (!key)
    return at("/key", "key",
              "must be a vkey (<name>+<id>+<base64>) or a public key in base64: " + std::string(text.substr(0, 80)));
  bare_.push_back(*key);
  return {};
}

Result<KeyRing> KeyRing::parse(std::string_view text) {
  KeyRing ring;
  if (const auto start = text.find_first_not_of(" \t\r\n"); start != text.npos && text[start] == '{') {
    const auto document = parse_json(text);
    if (!document) return document.error();
    const auto keys = document->find("keys");
    if (keys == document->end() || !keys->is_array()) return at("/keys", "array", "must be a list of keys");
    for (const auto& each : *keys) {
      const auto key = each.is_object() ? text_of(each, "public_key") : at("/keys", "object", "must hold objects");
      if (!key) return key.error();
      if (const auto added = ring.add(*key); !added) return added.error();
    }
  } else {
    std::istringstream in{std::string(text)};
    for (std::string word; in >> word;) {
      if (const auto added = ring.add(word); !added) return added.error();
    }
  }
  if (ring.vkeys_.empty() && ring.bare_.empty()) return at("/key", "required", "must hold at least one key");
  return ring;
}

std::vector<NoteKey> KeyRing::keys_for(const std::string& origin) const {
  std::vector<NoteKey> out;
  if (!is_key_name(origin)) return out;
  for (const auto& key : vkeys_) {
    if (key.name() == origin) out.push_back(key);
  }
  for (const auto& key : bare_) out.emplace_back(origin, key);
  return out;
}

Result<Checkpoint> verified_checkpoint(std::string_view text, const KeyRing& keys) {
  const auto note = parse_note(text);
  if (!note) return note.error();
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return checkpoint.error();
  if (const auto good = verify_note(*note, keys.keys_for(checkpoint->origin)); !good) return good.error();
  return checkpoint;
}

std::string tenant_of_origin(const std::string& origin) {
  const auto at = origin.find("/audit/");
  return origin.starts_with("tenantry.") && at != origin.npos ? origin.substr(at + 7) : origin;
}

std::string log_name(const std::string& tenant_id) {
  return tenant_id == "platform" ? "the platform" : "tenant " + tenant_id;
}

// ---- evidence ----------------------------------------------------------------------------------------------------

std::string evidence_line(const EvidenceHead& head) {
  const nlohmann::ordered_json line = {
      {"format", evidence_format}, {"checkpoint", head.note},           {"first", head.first},
      {"count", head.count},       {"before", hash_texts(head.before)}, {"after", hash_texts(head.after)}};
  return line.dump() + "\n";
}

void append_evidence_line(std::string& out, std::uint64_t sequence, std::string_view leaf) {
  out += R"({"sequence":)" + std::to_string(sequence) + R"(,"leaf":)";
  append_json_string(out, leaf);
  out += "}\n";
}

Result<EvidenceCheck> EvidenceCheck::begin(std::string_view head_line, const KeyRing& keys) {
  const auto head = object_of(head_line, evidence_format);
  if (!head) return head.error();
  const auto note = text_of(*head, "checkpoint");
  if (!note) return note.error();
  EvidenceCheck check;
  auto checkpoint = verified_checkpoint(*note, keys);
  if (!checkpoint) return checkpoint.error();
  check.checkpoint_ = *std::move(checkpoint);
  const auto first = number_of(*head, "first");
  if (!first) return first.error();
  const auto count = number_of(*head, "count");
  if (!count) return count.error();
  if (*first > check.checkpoint_.size || *count > check.checkpoint_.size - *first) {
    return at("/count", "maximum", "must not reach beyond the checkpoint's size");
  }
  check.first_ = *first;
  check.count_ = *count;
  const auto before = hashes_of(*head, "before");
  if (!before) return before.error();
  auto after = hashes_of(*head, "after");
  if (!after) return after.error();
  check.after_ = *std::move(after);
  auto frontier = with_range({}, *before, *first);
  if (!frontier) return frontier.error();
  check.frontier_ = *std::move(frontier);
  return check;
}

Error EvidenceCheck::wrong(std::uint64_t sequence, const std::string& why) const {
  return {
      .code = Errc::refused,
      .reason = "evidence_fails",
      .message = log_name(tenant_of_origin(checkpoint_.origin)) + ", record " + std::to_string(sequence) + ": " + why};
}

Result<void> EvidenceCheck::add(std::string_view line) {
  const auto next = frontier_.size();
  if (next == first_ + count_) return wrong(next, "there are more records than the first line says");
  const auto parsed = object_of(line, "");
  if (!parsed) return wrong(next, parsed.error().describe());
  const auto sequence = number_of(*parsed, "sequence");
  const auto leaf = text_of(*parsed, "leaf");
  if (!sequence || !leaf) return wrong(next, "the line must hold sequence and leaf");
  if (*sequence != next) return wrong(next, "the line holds record " + std::to_string(*sequence) + " in its place");
  const auto object = object_of(*leaf, "");
  if (!object) return wrong(next, "its leaf is no JSON object");
  const auto own_sequence = number_of(*object, "sequence");
  const auto own_tenant = text_of(*object, "tenant_id");
  if (!own_sequence || *own_sequence != next) return wrong(next, "its leaf is that of another sequence");
  if (!own_tenant || *own_tenant != tenant_of_origin(checkpoint_.origin))
    return wrong(next, "its leaf is another tenant's");
  last_leaf_ = leaf_hash(as_bytes(*leaf));
  frontier_.append(last_leaf_);
  return {};
}

Result<void> EvidenceCheck::finish() const {
  if (frontier_.size() != first_ + count_) return wrong(frontier_.size(), "it is missing");
  const auto whole = with_range(frontier_, after_, checkpoint_.size);
  if (!whole) return whole.error();
  if (whole->root() == checkpoint_.root) return {};
  return Error{.code = Errc::refused,
               .reason = "evidence_fails",
               .message = log_name(tenant_of_origin(checkpoint_.origin)) + ", records " + std::to_string(first_) +
                          " to " + std::to_string(first_ + count_ - (count_ == 0 ? 0 : 1)) +
                          ": they do not lead to the signed root: a leaf or a hash beside them was changed"};
}

// ---- proofs ------------------------------------------------------------------------------------------------------

json inclusion_document(const std::string& note, std::uint64_t sequence, std::string_view leaf, const Proof& proof) {
  return {{"format", proof_format}, {"type", "inclusion"}, {"checkpoint", note},
          {"sequence", sequence},   {"leaf", leaf},        {"proof", hash_texts(proof)}};
}

json archived_inclusion_document(const std::string& note, std::uint64_t sequence, const Hash& leaf_hash,
                                 const std::string& month, const Proof& proof) {
  return {{"format", proof_format},
          {"type", "inclusion"},
          {"checkpoint", note},
          {"sequence", sequence},
          {"leaf_hash", to_base64(leaf_hash)},
          {"archived", month},
          {"proof", hash_texts(proof)}};
}

json consistency_document(const std::string& old_note, const std::string& new_note, const Proof& proof) {
  return {{"format", proof_format},
          {"type", "consistency"},
          {"old_checkpoint", old_note},
          {"checkpoint", new_note},
          {"proof", hash_texts(proof)}};
}

namespace {

// Of the leaf itself, or as it is given where the record is archived.
Result<Hash> hash_of_leaf(const json& document) {
  if (!document.contains("leaf_hash")) {
    const auto leaf = text_of(document, "leaf");
    if (!leaf) return leaf.error();
    return leaf_hash(as_bytes(*leaf));
  }
  if (document.contains("leaf")) return at("/leaf_hash", "one_of", "must not be given beside leaf");
  const auto text = text_of(document, "leaf_hash");
  if (!text) return text.error();
  const auto hashes = parse_hashes({*text}, "/leaf_hash");
  if (!hashes) return hashes.error();
  return hashes->front();
}

}  // namespace

Result<std::string> verify_proof_document(std::string_view text, const KeyRing& keys) {
  const auto document = object_of(text, proof_format);
  if (!document) return document.error();
  const auto type = text_of(*document, "type");
  const auto note = text_of(*document, "checkpoint");
  const auto proof = hashes_of(*document, "proof");
  if (!type) return type.error();
  if (!note) return note.error();
  if (!proof) return proof.error();
  const auto checkpoint = verified_checkpoint(*note, keys);
  if (!checkpoint) return checkpoint.error();
  const auto tenant = log_name(tenant_of_origin(checkpoint->origin));
  const auto naming = [](Error error, const std::string& what) {
    error.message = what + ": " + error.message;
    return error;
  };
  if (*type == "inclusion") {
    const auto sequence = number_of(*document, "sequence");
    if (!sequence) return sequence.error();
    const auto leaf = hash_of_leaf(*document);
    if (!leaf) return leaf.error();
    const auto what = tenant + ", record " + std::to_string(*sequence);
    const auto good = verify_inclusion(*sequence, checkpoint->size, *leaf, *proof, checkpoint->root);
    if (!good) return naming(good.error(), what);
    return what + " is in the log of " + counted(checkpoint->size, "record");
  }
  if (*type != "consistency") return at("/type", "type", "must be inclusion or consistency");
  const auto old_note = text_of(*document, "old_checkpoint");
  if (!old_note) return old_note.error();
  const auto old = verified_checkpoint(*old_note, keys);
  if (!old) return old.error();
  if (old->origin != checkpoint->origin) return at("/old_checkpoint", "origin", "must be of the same log");
  const auto what = tenant + ", records 0 to " + std::to_string(old->size - (old->size == 0 ? 0 : 1));
  const auto good = verify_consistency(old->size, checkpoint->size, old->root, checkpoint->root, *proof);
  if (!good) return naming(good.error(), what);
  return tenant + ": the log of " + counted(old->size, "record") + " is the start of that of " +
         std::to_string(checkpoint->size);
}

}  // namespace tenantry::audit
