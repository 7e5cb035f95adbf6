#include "workers/gateway/api/admin/accounts/requests.h"

#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

Result<DunningRequest> parse_dunning_request(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  DunningRequest request{.terms = {}, .reason = fields.line("reason", true, note_max)};
  if (const auto terms = tenancy::parse_dunning_terms(body)) {
    request.terms = *terms;
    if (request.terms == tenancy::DunningTerms{}) {
      fields.fail("suspend_day", "required", "must be given, or remind_days, notice_days or grace_days");
    }
  } else {
    fields.add(terms.error());
  }
  return fields.finish(std::move(request));
}

Result<std::string> parse_account_reason(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  return fields.finish(fields.line("reason", true, note_max));
}

}  // namespace tenantry::gateway
