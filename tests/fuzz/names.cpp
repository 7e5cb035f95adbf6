// Names as people type them: of companies and persons, addresses, domains, passwords.
#include "shared/core/bytes.h"
#include "shared/tenancy/slug.h"
#include "shared/text/text.h"
#include "tests/fuzz/target.h"
#include "workers/gateway/api/signup/requests.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::fuzz::names {
namespace {

const Registered target{
    {"names", [](std::string_view bytes) {
       const auto slug = tenancy::slug_of(bytes);
       TENANTRY_ASSERT(slug.size() <= tenancy::slug_length_max && (slug.empty() || tenancy::is_slug(slug)));
       TENANTRY_ASSERT(tenancy::slug_of(slug) == slug);
       for (const int n : {1, 2, 99, 1000}) {
         if (!slug.empty()) TENANTRY_ASSERT(tenancy::is_slug(tenancy::slug_candidate(slug, n)));
       }
       const auto composed = text::to_nfc(bytes);
       TENANTRY_ASSERT(text::to_nfc(composed) == composed);
       const auto opaque = text::opaque_string(bytes);
       TENANTRY_ASSERT(text::opaque_string(opaque) == opaque);
       (void)text::has_invisible(bytes);
       (void)text::is_blank(bytes);
       if (const auto domain = text::ascii_domain(bytes)) {
         TENANTRY_ASSERT(text::ascii_domain(*domain) == domain);
         TENANTRY_ASSERT(is_utf8(text::shown_domain(*domain)));
       }
       const auto email = text::compared_email(bytes);
       TENANTRY_ASSERT(text::compared_email(email) == email);
       if (const auto folded = gateway::folded_email(bytes)) {
         TENANTRY_ASSERT(gateway::folded_email(*folded) == folded && is_utf8(*folded));
       }
       const auto printable = gateway::printable(bytes, 100);
       TENANTRY_ASSERT(printable.size() <= 100 && is_utf8(printable) && printable.find('\0') == printable.npos);
     }}};

}  // namespace
}  // namespace tenantry::fuzz::names
