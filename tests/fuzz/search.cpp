// The audit log's search language. Bytes: whose search, then the text.
#include "shared/audit_search/search.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::search {
namespace {

namespace search = audit_search;

void run(std::string_view bytes) {
  Parts parts(bytes);
  const auto scope = parts.byte() % 2 == 0 ? search::Scope::tenant : search::Scope::platform;
  const auto text = parts.rest();
  const auto now = from_unix_seconds(1'700'000'000);
  const auto found = search::parse_search(text, scope, now);
  if (!found) {
    TENANTRY_ASSERT(!found.error().fields.empty() && found.error().fields[0].pointer == "/q");
    TENANTRY_ASSERT(is_utf8(found.error().fields[0].detail));
    return;
  }
  TENANTRY_ASSERT(text.size() <= search::search_size_max && found->terms.size() <= search::terms_max);
  for (const auto& term : found->terms) {
    TENANTRY_ASSERT(is_utf8(term.value) && is_utf8(term.second));
    TENANTRY_ASSERT(term.value.find('\0') == std::string::npos);
    TENANTRY_ASSERT(scope == search::Scope::platform || term.field != search::Field::tenant);
  }
  TENANTRY_ASSERT(search::parse_search(text, scope, now).value() == *found);
}

const Registered target{{"search", run}};

}  // namespace
}  // namespace tenantry::fuzz::search
