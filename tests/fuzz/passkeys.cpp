// Passkeys as browsers send them: CBOR of authenticators, and whole answers for a challenge and a site of ours.
#include "shared/core/bytes.h"
#include "shared/crypto/cbor.h"
#include "shared/crypto/webauthn.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::passkeys {
namespace {

// What is read lies within what was given, and no deeper than was promised.
void look(const crypto::Cbor& item, std::string_view bytes, int depth) {
  TENANTRY_ASSERT(depth <= 4);
  TENANTRY_ASSERT(item.bytes.empty() ||
                  (item.bytes.data() >= as_bytes(bytes).data() &&
                   item.bytes.data() + item.bytes.size() <= as_bytes(bytes).data() + bytes.size()));
  TENANTRY_ASSERT(item.kind != crypto::Cbor::Kind::map || item.items.size() % 2 == 0);
  for (const auto& below : item.items) look(below, bytes, depth + 1);
}

const Registered target{
    {"passkeys", [](std::string_view bytes) {
       if (const auto read = crypto::read_cbor(as_bytes(bytes))) {
         TENANTRY_ASSERT(read->size > 0 && read->size <= bytes.size());
         look(read->item, bytes, 0);
         // The same again of exactly what it took.
         const auto again = crypto::read_cbor(as_bytes(bytes).first(read->size));
         TENANTRY_ASSERT(again && again->size == read->size);
       }
       const crypto::PasskeyExpectation expected{Bytes(32, 0), "example.org", {"https://example.org"}};
       Parts parts(bytes);
       const auto client_data = parts.text();
       (void)crypto::verify_new_passkey(as_bytes(client_data), as_bytes(parts.rest()), expected);
       constexpr std::string_view created =
           R"({"type":"webauthn.create","challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","origin":"https://example.org"})";
       if (const auto passkey = crypto::verify_new_passkey(as_bytes(created), as_bytes(bytes), expected)) {
         TENANTRY_ASSERT(!passkey->credential_id.empty() && passkey->credential_id.size() <= 1023);
         const bool p256 = passkey->key.algorithm == crypto::PasskeyKey::Algorithm::es256;
         TENANTRY_ASSERT(passkey->key.public_key.size() == (p256 ? 64U : 32U));
       }
       // Nobody signs for this key.
       const crypto::PasskeyKey key{crypto::PasskeyKey::Algorithm::es256, Bytes(64, 1)};
       TENANTRY_ASSERT(!crypto::verify_passkey_use({as_bytes(client_data), as_bytes(bytes), as_bytes(parts.rest())},
                                                   key, 0, expected));
     }}};

}  // namespace
}  // namespace tenantry::fuzz::passkeys
