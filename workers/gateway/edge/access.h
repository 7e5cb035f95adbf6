// Access: what a caller may do, and how a refusal reads in the caller's language.
//
// Pure. The lifecycle table says which statuses close the API; this page says which
// routes stay open in them, which permission covers which, and the exact words.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/tenancy/lifecycle.h"
#include "shared/tenancy/permissions.h"
#include "workers/gateway/edge/route.h"

namespace tenantry::gateway {

enum class Language { french, english };

// The better of the two by Accept-Language; French where it names neither.
Language language_of(std::string_view accept_language);
// Whether it names either: else a person's own decides.
bool names_language(std::string_view accept_language);
Language language_from(std::string_view locale);  // French for what is no "en"
std::string_view to_string(Language language);    // "fr", "en"

// The words of spec.md section 3; "" for a code without any.
std::string_view access_message(std::string_view code, Language language);

enum class Openness {
  live,     // TRIAL that runs, ACTIVE
  billing,  // also while something is to be paid or resumed: SUSPENDED, TRIAL past its end, CANCELLED
};

// The lifecycle's answer, with the billing routes' exception. The error's code, status and words are spec section 3's.
Result<void> check_access(const tenancy::LifecycleState& state, Openness openness, Timestamp now, Language language);

// What the guard asks of who calls, apart from the token itself.
struct Standing {
  std::optional<tenancy::LifecycleState> tenant{};  // nullopt: no such tenant
  std::string role{};                               // of a person; "": no longer a member
  std::vector<std::string> permissions{};           // of a role of the tenant's own, or of a key
  bool revoked = false;
  bool machine = false;          // by a key of the tenant
  bool factor_demanded = false;  // the tenant demands a second factor of its people
  bool factor_shown = false;     // the session has one
  bool acting = false;           // a super-admin inside the tenant, no member
  bool writes = false;           // who said so on the way in
};

using RolePermissions = std::map<std::string, std::vector<std::string>, std::less<>>;  // of built-in roles

// Whether who stands so may use the route, and how far that reaches. Errors are the answers to give: what `:own`
// reaches is nothing where the route knows no owners; what deals with people, rights and money is for people.
Result<tenancy::Reach> admit(const Route& route, const Standing& standing, const RolePermissions& built_in,
                             Timestamp now, Language language);

// What a route asks of a person's login besides (Terms::confirmed, recent). Errc::forbidden "email_not_verified",
// "reauthentication_required".
constexpr Seconds recent_login{600};
struct Login {
  bool confirmed = false;  // the address
  Timestamp authenticated_at{};
};
Result<void> check_login(const Route& route, const Login& login, Timestamp now);

constexpr std::string_view super_admin_role = "super-admin";

// Whether a plan with these modules has the route's. Errc::forbidden "module_not_in_plan" names the plans that do.
using PlanModules = std::map<std::string, std::vector<std::string>>;
Result<void> check_module(const Route& route, const std::vector<std::string>& modules, const PlanModules& plans);

// Whether a super-admin of the role may use a route of theirs: an analyst looks and keeps what is the own, support acts
// in tenants, a super-admin does everything; without a second factor nobody does more than set one up.
Result<void> admit_admin(const Route& route, std::string_view role, bool factor_shown);

}  // namespace tenantry::gateway
