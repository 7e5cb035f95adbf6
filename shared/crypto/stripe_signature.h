// Stripe's webhook signature: "t=<unix seconds>,v1=<hex>[,v1=<hex>...]", where v1 is
// HMAC-SHA256(secret, t + "." + raw body). Verify the raw bytes before any parsing.
// Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/core/time.h"

namespace tenantry::crypto {

// Any v1 and any live secret may match; then t must be within `tolerance` of `now`,
// on both sides. Errc::invalid with reason "signature_invalid" or "signature_expired".
// Only the first 16 v1 entries are compared: a header is no way to buy our time.
Result<void> verify_stripe_signature(std::string_view header, std::string_view body,
                                     std::span<const std::string> secrets, Timestamp now,
                                     Seconds tolerance = Seconds{300});

// The header Stripe would send; for tests and the command line.
std::string sign_stripe(std::string_view secret, Timestamp at, std::string_view body);

}  // namespace tenantry::crypto
