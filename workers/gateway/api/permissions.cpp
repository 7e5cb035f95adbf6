#include <algorithm>
#include <map>

#include "shared/tenancy/permissions.h"
#include "workers/gateway/api/resources.h"

namespace tenantry::gateway {
namespace {

struct PermissionWords {
  std::string_view permission;
  std::string_view french;
  std::string_view english;
};
constexpr PermissionWords words[] = {
    {"api_keys:create", "Créer des clés d'API", "Make API keys"},
    {"api_keys:read", "Voir les clés d'API", "See the API keys"},
    {"api_keys:revoke", "Révoquer des clés d'API", "Revoke API keys"},
    {"api_keys:rotate", "Renouveler le secret des clés d'API", "Give API keys a new secret"},
    {"audit:read", "Consulter le journal d'audit", "Read the audit log"},
    {"broker:manage", "Gérer les files des applications", "Manage the applications' queues"},
    {"broker:read", "Voir l'accès des applications au courtier", "See the applications' access to the broker"},
    {"broker:rotate", "Renouveler le mot de passe du courtier", "Renew the broker's password"},
    {"clients:create", "Créer des clients", "Create clients"},
    {"clients:delete", "Supprimer des clients", "Delete clients"},
    {"clients:read", "Voir les clients", "See clients"},
    {"clients:update", "Modifier des clients", "Change clients"},
    {"events:publish", "Publier des événements", "Publish events"},
    {"roles:create", "Créer des rôles", "Make roles"},
    {"roles:delete", "Supprimer des rôles", "Delete roles"},
    {"roles:read", "Voir les rôles et les permissions", "See roles and permissions"},
    {"roles:update", "Modifier des rôles", "Change roles"},
    {"settings:read", "Voir les réglages", "See the settings"},
    {"settings:update", "Modifier les réglages", "Change the settings"},
    {"subscription:cancel", "Résilier l'abonnement", "Cancel the subscription"},
    {"subscription:change_plan", "Changer de forfait", "Choose another plan"},
    {"subscription:reactivate", "Réactiver l'abonnement", "Reactivate the subscription"},
    {"subscription:read", "Voir l'abonnement et les factures", "See the subscription and its invoices"},
    {"usage:read", "Voir la consommation et les limites", "See usage and limits"},
    {"users:invite", "Inviter des membres", "Invite members"},
    {"users:read", "Voir les membres", "See the members"},
    {"users:remove", "Retirer des membres", "Remove members"},
    {"users:transfer", "Transmettre la propriété de l'espace", "Transfer the ownership"},
    {"users:update",
     "Changer le rôle des membres, les désactiver, fermer leurs sessions, déclarer perdus leurs seconds facteurs",
     "Change members' roles, lock members out, end their sessions, say that their second factors are lost"},
};

std::vector<Permission> make_catalogue() {
  std::map<std::string_view, Permission> out;
  const auto add = [&](std::string_view name, const Route& route) {
    if (name.empty()) return;
    auto& permission = out[name];
    permission.name = name;
    permission.owned = permission.owned || route.terms.owned;
    permission.operations.push_back(route.operation);
    const auto* const said = std::ranges::find(words, name, &PermissionWords::permission);
    if (said == std::end(words)) return;
    permission.french = said->french;
    permission.english = said->english;
  };
  for (const auto& resource : resources()) {
    for (const auto& route : resource.routes) {
      add(route.terms.permission, route);
      add(route.terms.asked, route);
    }
  }
  std::vector<Permission> list;
  for (auto& [name, permission] : out) list.push_back(std::move(permission));
  return list;
}

}  // namespace

std::span<const Permission> permission_catalogue() {
  static const auto catalogue = make_catalogue();
  return catalogue;
}

bool grants_something(std::string_view grant) {
  const std::string held[] = {std::string(grant)};
  return std::ranges::any_of(permission_catalogue(), [&](const Permission& permission) {
    const auto reach = tenancy::reach_of(held, permission.name);
    return reach == tenancy::Reach::all || (reach == tenancy::Reach::own && permission.owned);
  });
}

}  // namespace tenantry::gateway
