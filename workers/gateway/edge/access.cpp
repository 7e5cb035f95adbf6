#include "workers/gateway/edge/access.h"

#include <algorithm>

#include "shared/core/media_type.h"

namespace tenantry::gateway {
namespace {

// Of a language, by the ranges that name it or a region of it ("en", "en-GB", and "en_US" as many a program writes it),
// else by "*"; nothing where neither is there.
std::optional<int> weight_of_language(const std::vector<Preference>& preferences, std::string_view language) {
  std::optional<int> named;
  std::optional<int> any;
  for (const auto& preference : preferences) {
    const std::string_view range = preference.range;
    const bool names = range.substr(0, 2) == language && (range.size() == 2 || range[2] == '-' || range[2] == '_');
    if (names) named = std::max(named.value_or(0), preference.weight);
    if (range == "*") any = std::max(any.value_or(0), preference.weight);
  }
  return named ? named : any;
}

Error unauthenticated(const char* reason, const char* message) {
  return {.code = Errc::unauthenticated, .reason = reason, .message = message};
}
Error forbidden(const char* reason, std::string message) {
  return {.code = Errc::forbidden, .reason = reason, .message = std::move(message)};
}

Errc code_of(int http_status) {
  switch (http_status) {
    case 402:
      return Errc::payment_required;
    case 404:
      return Errc::not_found;
    default:
      return Errc::forbidden;
  }
}

}  // namespace

Language language_of(std::string_view accept_language) {
  const auto preferences = parse_preferences(accept_language);
  // A language that is refused stands behind one that nobody speaks of.
  const auto rank = [&](std::string_view language) {
    const auto weight = weight_of_language(preferences, language);
    return !weight ? 0 : *weight == 0 ? -1 : *weight;
  };
  return rank("en") > rank("fr") ? Language::english : Language::french;
}

bool names_language(std::string_view accept_language) {
  auto preferences = parse_preferences(accept_language);
  std::erase_if(preferences, [](const Preference& preference) { return preference.range == "*"; });
  return weight_of_language(preferences, "en") || weight_of_language(preferences, "fr");
}

Language language_from(std::string_view locale) {
  return locale.substr(0, 2) == "en" ? Language::english : Language::french;
}

std::string_view to_string(Language language) {
  return language == Language::english ? "en" : "fr";
}

std::string_view access_message(std::string_view code, Language language) {
  struct Message {
    std::string_view code, french, english;
  };
  static constexpr Message messages[] = {
      {"tenant_pending", "Espace en cours de création", "Workspace being created"},
      {"trial_expired", "Essai terminé, souscrivez", "Trial over, please subscribe"},
      {"payment_required", "Paiement requis", "Payment required"},
      {"account_cancelled", "Compte annulé", "Account cancelled"},
      {"tenant_not_found", "Espace introuvable", "No such workspace"},
  };
  for (const auto& message : messages) {
    if (message.code == code) return language == Language::english ? message.english : message.french;
  }
  return {};
}

Result<void> check_access(const tenancy::LifecycleState& state, Openness openness, Timestamp now, Language language) {
  const auto access = tenancy::access_of(state, now);
  if (access.allowed) return {};
  const bool stays_open = state.status == tenancy::Status::trial || state.status == tenancy::Status::suspended ||
                          state.status == tenancy::Status::cancelled;
  if (openness == Openness::billing && stays_open) return {};
  return Error{.code = code_of(access.http_status),
               .reason = std::string(access.code),
               .message = std::string(access_message(access.code, language))};
}

namespace {

// Looks, and changes things where that was said on the way in; never what deals with people, rights, keys or money.
Result<tenancy::Reach> admit_acting(const Route& route, const Standing& standing) {
  const auto permission = route.terms.permission;
  if (permission.empty() && route.terms.acting) return tenancy::Reach::all;
  const bool looks = route.method == Method::get;
  if (permission.empty() || (!looks && tenancy::is_for_people(permission))) {
    return forbidden("not_for_admins", "this is for the company's own people");
  }
  if (looks || standing.writes) return tenancy::Reach::all;
  return forbidden("read_only", "this visit looks and changes nothing");
}

}  // namespace

Result<tenancy::Reach> admit(const Route& route, const Standing& standing, const RolePermissions& built_in,
                             Timestamp now, Language language) {
  if (standing.revoked) return unauthenticated("token_revoked", "the token was revoked");
  if (!standing.tenant) {
    return Error{.code = Errc::not_found,
                 .reason = "tenant_not_found",
                 .message = std::string(access_message("tenant_not_found", language))};
  }
  // A super-admin comes, too, where the company is locked out.
  const auto openness = route.guard == Guard::billing || standing.acting ? Openness::billing : Openness::live;
  if (auto ok = check_access(*standing.tenant, openness, now, language); !ok) return ok.error();
  if (standing.acting) return admit_acting(route, standing);
  if (!standing.machine && standing.role.empty()) {
    return unauthenticated("not_a_member", "the user is no longer a member");
  }
  if (standing.factor_demanded && !standing.machine && !standing.factor_shown && !route.terms.before_factor) {
    return forbidden("second_factor_required", "this company demands a second factor: set one up first");
  }
  const auto permission = route.terms.permission;
  if (standing.machine && (permission.empty() || tenancy::is_for_people(permission))) {
    return forbidden("person_required", "this is for people: a key does not open it");
  }
  if (permission.empty()) return tenancy::Reach::all;
  const auto role = standing.machine ? built_in.end() : built_in.find(standing.role);
  const auto reach = tenancy::reach_of(role == built_in.end() ? standing.permissions : role->second, permission);
  if (reach == tenancy::Reach::all || (reach == tenancy::Reach::own && route.terms.owned)) return reach;
  return forbidden("permission_denied",
                   (standing.machine ? "the key" : "the role " + standing.role) + " lacks " + std::string(permission));
}

namespace {

bool has_module(const std::vector<std::string>& modules, std::string_view wanted) {
  return std::ranges::any_of(modules, [&](std::string_view module) {
    return module.starts_with(wanted) && (module.size() == wanted.size() || module.substr(wanted.size()) == "_basic");
  });
}

}  // namespace

Result<void> check_login(const Route& route, const Login& login, Timestamp now) {
  if (route.terms.confirmed && !login.confirmed) {
    return forbidden("email_not_verified", "confirm your e-mail address first: ask for the link");
  }
  if (route.terms.recent && now - login.authenticated_at > recent_login) {
    return forbidden("reauthentication_required", "this needs a login of the last ten minutes");
  }
  return {};
}

Result<void> check_module(const Route& route, const std::vector<std::string>& modules, const PlanModules& plans) {
  const auto wanted = route.terms.module;
  if (wanted.empty() || has_module(modules, wanted)) return {};
  Error error = forbidden("module_not_in_plan", "the plan does not have the module " + std::string(wanted));
  for (const auto& [plan, has] : plans) {
    if (has_module(has, wanted)) error.fields.push_back({"", "plan", plan});
  }
  return error;
}

Result<void> admit_admin(const Route& route, std::string_view role, bool factor_shown) {
  if (route.terms.before_factor) return {};
  if (!factor_shown) return forbidden("second_factor_required", "super-admins have a second factor: set one up first");
  if (role == super_admin_role) return {};
  const bool may = !route.terms.super_admin && (role == "support" || route.method == Method::get || route.terms.own);
  if (may) return {};
  return forbidden("permission_denied", "the role " + std::string(role) + " may not do this");
}

}  // namespace tenantry::gateway
