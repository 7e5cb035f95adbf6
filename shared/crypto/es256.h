// ES256 over OpenSSL: ECDSA on the curve P-256 over SHA-256 (FIPS 186-5 section 6.4), as passkeys sign.
// (Tokens are signed by the same, through libcjose: jwt.h.)
#pragma once

#include "shared/core/bytes.h"

namespace tenantry::crypto {

// `public_key`, here and below: both coordinates of the point, 32 bytes each.
bool is_on_p256(ByteView public_key);

// `signature`: the two numbers in DER (RFC 3279 section 2.2.3). False also
// where the point is not on the curve, or the signature is no such thing. Any thread.
bool verify_es256(ByteView public_key, ByteView message, ByteView signature);

}  // namespace tenantry::crypto
