// Signed notes, checkpoints and keys, as a verifier is given them.
#include "shared/audit_tree/evidence.h"
#include "shared/audit_tree/note.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::audit_notes {
namespace {

const Registered target{
    {"audit_notes", [](std::string_view bytes) {
       if (const auto note = audit::parse_note(bytes)) {
         TENANTRY_ASSERT(note->signatures.size() <= audit::note_signatures_max);
         TENANTRY_ASSERT(note->to_string() == bytes);
       }
       if (const auto checkpoint = audit::parse_checkpoint(bytes)) {
         TENANTRY_ASSERT(bytes.starts_with(checkpoint->to_text()));
         const auto again = audit::parse_checkpoint(checkpoint->to_text());
         TENANTRY_ASSERT(again && again->size == checkpoint->size && again->root == checkpoint->root);
       }
       if (const auto key = audit::NoteKey::from_vkey(bytes)) TENANTRY_ASSERT(key->vkey() == bytes);
       if (const auto key = audit::parse_public_key(bytes)) TENANTRY_ASSERT(audit::public_key_text(*key) == bytes);
       const auto ring = audit::KeyRing::parse(bytes);
       static const auto known = audit::KeyRing::parse("AX2YVt8m5Wz0mSEm8A2ZcS5BUTkvA3ooJh8tCsgKXcDI").value();
       TENANTRY_ASSERT(!audit::verified_checkpoint(bytes, known));  // nobody has that key
     }}};

}  // namespace
}  // namespace tenantry::fuzz::audit_notes
