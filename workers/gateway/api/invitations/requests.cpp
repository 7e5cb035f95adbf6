#include "workers/gateway/api/invitations/requests.h"

#include <nlohmann/json.hpp>

#include "shared/crypto/password.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
Result<NewPersonRequest> parse_new_person(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  NewPersonRequest request;
  request.first_name = fields.name("first_name", person_name_max);
  request.last_name = fields.name("last_name", person_name_max);
  request.password = fields.raw("password", true, password_bytes_max);
  if (!request.password.empty()) {
    const std::string context[] = {request.first_name, request.last_name, request.first_name + request.last_name,
                                   request.first_name + " " + request.last_name};
    const auto strong = crypto::check_password_strength(request.password, context, "/password");
    if (!strong) fields.add(strong.error());
  }
  request.locale = fields.choice("locale", {"fr", "en"});
  fields.accepted("accept_terms");
  return fields.finish(std::move(request));
}

}  // namespace tenantry::gateway
