// Stripe's signature header. Bytes: the header, zero, the body.
#include "shared/crypto/stripe_signature.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::stripe_signature {
namespace {

const Registered target{
    {"stripe_signature", [](std::string_view bytes) {
       Parts parts(bytes);
       const auto header = parts.text();
       const auto body = parts.rest();
       const std::vector<std::string> secrets = {"whsec_of_these_tests_alone"}, others = {"whsec_of_somebody_else_now"};
       const auto now = from_unix_seconds(1'700'000'000);
       (void)crypto::verify_stripe_signature(header, body, secrets, now);
       const auto good = crypto::sign_stripe(secrets.front(), now, body);
       TENANTRY_ASSERT(crypto::verify_stripe_signature(good, body, secrets, now));
       TENANTRY_ASSERT(!crypto::verify_stripe_signature(good, body, others, now));
       TENANTRY_ASSERT(!crypto::verify_stripe_signature(good, body, secrets, now + Seconds{301}));
       // Whatever stands before a good one does not make another body good.
       TENANTRY_ASSERT(
           !crypto::verify_stripe_signature(std::string(header) + "," + good, std::string(body) + "x", secrets, now) ||
           crypto::verify_stripe_signature(header, std::string(body) + "x", secrets, now));
     }}};

}  // namespace
}  // namespace tenantry::fuzz::stripe_signature
