#include "workers/gateway/api/signup/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/crypto/password.h"
#include "shared/tenancy/slug.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

namespace {

constexpr std::size_t company_name_max = 200;
constexpr std::size_t region_max = 64;

// What a password must not be: the company, its words, the slug, the person's names and address.
std::vector<std::string> password_context(const SignupRequest& request) {
  std::vector<std::string> context{
      request.company_name,     tenancy::slug_of(request.company_name),
      request.admin_email,      request.admin_email.substr(0, request.admin_email.find('@')),
      request.admin_first_name, request.admin_last_name};
  std::string word;
  for (const char c : request.company_name + " ") {
    if (c != ' ') {
      word += c;
      continue;
    }
    context.push_back(word);
    word.clear();
  }
  std::erase_if(context, [](const std::string& text) { return text.size() < 4; });
  return context;
}

}  // namespace

Result<SignupRequest> parse_signup(std::string_view body, const std::set<std::string>& plans, SignupForm form) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  SignupRequest request;
  request.company_name = fields.name("company_name", company_name_max);
  request.company_email = fields.written_email("company_email", true);
  request.admin_email = fields.email("admin_email", true);
  request.admin_first_name = fields.name("admin_first_name", person_name_max);
  request.admin_last_name = fields.name("admin_last_name", person_name_max);
  if (form == SignupForm::person) {
    request.admin_password = fields.raw("admin_password", true, password_bytes_max);
    if (!request.admin_password.empty()) {
      const auto strong =
          crypto::check_password_strength(request.admin_password, password_context(request), "/admin_password");
      if (!strong) fields.add(strong.error());
    }
  }
  request.plan = fields.line("plan", true, 32);
  std::ranges::transform(request.plan, request.plan.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (!request.plan.empty() && !plans.contains(request.plan)) {
    fields.fail("plan", "unknown_plan", "must be one of the plans of /signup/plans");
  }
  if (form == SignupForm::person) {
    fields.accepted("accept_terms");
    fields.accepted("accept_privacy");
  } else {
    request.isolation_mode = fields.choice("isolation_mode", {"pool"});  // what provisioning makes
    request.region = fields.line("region", false, region_max);
    fields.nothing_but({"company_name", "company_email", "admin_email", "admin_first_name", "admin_last_name", "plan",
                        "isolation_mode", "region"});
  }
  return fields.finish(std::move(request));
}

}  // namespace tenantry::gateway
