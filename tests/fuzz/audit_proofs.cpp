// Proofs and evidence: none holds for anything but what was hashed. Bytes: numbers of a proof, then hashes; and the
// same bytes as documents of a verifier.
#include <cstring>

#include "shared/audit_tree/evidence.h"
#include "shared/audit_tree/proofs.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::audit_proofs {
namespace {

std::uint64_t number(Parts& parts) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | parts.byte();
  return value >> (parts.byte() % 64);
}

const Registered target{
    {"audit_proofs", [](std::string_view bytes) {
       static const auto known = audit::KeyRing::parse("AX2YVt8m5Wz0mSEm8A2ZcS5BUTkvA3ooJh8tCsgKXcDI").value();
       TENANTRY_ASSERT(!audit::verify_proof_document(bytes, known));
       TENANTRY_ASSERT(!audit::EvidenceCheck::begin(bytes, known));
       Parts parts(bytes);
       const auto first = number(parts), second = number(parts);
       audit::Proof proof;
       for (auto rest = parts.rest(); rest.size() >= 32 && proof.size() < 70; rest.remove_prefix(32)) {
         std::memcpy(proof.emplace_back().data(), rest.data(), 32);
       }
       const auto texts = audit::hash_texts(proof);
       const auto back = audit::parse_hashes(texts, "/proof");
       TENANTRY_ASSERT(static_cast<bool>(back) == (proof.size() <= audit::proof_hashes_max) &&
                       (!back || *back == proof));
       const audit::Hash leaf = audit::leaf_hash(as_bytes("leaf")), root = audit::leaf_hash(as_bytes("root"));
       TENANTRY_ASSERT(!audit::verify_inclusion(first, second, leaf, proof, root));
       TENANTRY_ASSERT(!audit::verify_consistency(first, second, leaf, root, proof));
       // The root of a single leaf is that leaf, and nothing else is in such a log.
       if (first == 0 && second == 1 && proof.empty()) TENANTRY_ASSERT(audit::verify_inclusion(0, 1, leaf, {}, leaf));
       if (const auto frontier = audit::Frontier::from_bytes(first, as_bytes(parts.rest()))) {
         TENANTRY_ASSERT(frontier->size() == first && as_text(frontier->to_bytes()) == parts.rest());
         const auto whole = audit::with_range(*frontier, proof, second);
         if (whole) TENANTRY_ASSERT(whole->size() == second);
       }
     }}};

}  // namespace
}  // namespace tenantry::fuzz::audit_proofs
