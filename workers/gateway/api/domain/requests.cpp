#include "workers/gateway/api/domain/requests.h"

#include <nlohmann/json.hpp>

#include "shared/text/text.h"
#include "workers/gateway/edge/fields.h"
#include "workers/gateway/edge/resolve.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t domain_max = 240;  // the record's name has a label more, and names end at 253

}  // namespace

Result<std::string> parse_domain(std::string_view body, const OwnDomains& ours) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto written = fields.line("domain", true, domain_max);
  while (written.ends_with('.')) written.pop_back();
  const auto domain = written.empty() ? std::nullopt : text::ascii_domain(written);
  if (!written.empty() && (!domain || domain->size() > domain_max)) {
    fields.fail("domain", "domain", "must be the name of a host, like crm.acme.fr");
  } else if (domain && !may_be_custom_domain(*domain, ours.base_domain, ours.public_url)) {
    fields.fail("domain", "own", "must be a domain of yours: neither an address nor a name of this platform's");
  }
  return fields.finish(domain.value_or(""));
}

}  // namespace tenantry::gateway
