#include "workers/gateway/edge/words.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace tenantry::gateway {
namespace {

struct Words {
  std::string_view code;
  std::string_view french;
};

constexpr Words problems[] = {
    {"address_not_allowed", "La clé ne s'emploie pas depuis cette adresse"},
    {"admin_login_required", "Des super-administrateurs se connectent par leur adresse : le jeton ne suffit plus"},
    {"admin_required", "Un jeton d'entreprise n'ouvre pas l'administration de la plateforme"},
    {"already_invited", "Cette adresse est déjà invitée ; renvoyez l'invitation"},
    {"already_member", "Cette personne est déjà membre"},
    {"already_verified", "L'adresse est déjà confirmée"},
    {"ambiguous_tenant", "La requête nomme deux entreprises, ou aucune"},
    {"api_key_limit_reached", "L'entreprise a autant de clés qu'elle peut en avoir"},
    {"api_key_not_found", "Cette clé n'existe pas"},
    {"api_key_over", "La clé est révoquée ou expirée ; faites-en une autre"},
    {"broker_unavailable", "Le courtier ne répond pas ; réessayez"},
    {"cross_site", "La requête vient d'une autre page que celles de la console"},
    {"database_slow", "La réponse prend trop de temps ; réessayez"},
    {"database_unavailable", "Le service est momentanément indisponible ; réessayez"},
    {"email_not_verified", "Confirmez d'abord votre adresse : demandez le lien dans « Mon compte »"},
    {"email_taken", "Cette adresse a un compte à elle"},
    {"factor_exists", "Il y en a déjà un : retirez-le d'abord"},
    {"invalid_credentials", "L'adresse ou le mot de passe est faux"},
    {"invitation_declined", "L'invitation a été déclinée"},
    {"invitation_expired", "L'invitation a expiré ; demandez-en une autre"},
    {"invitation_not_found", "Cette invitation n'existe pas, ou une autre a été envoyée depuis"},
    {"invitation_revoked", "L'invitation a été retirée"},
    {"invitation_used", "L'invitation a déjà servi ; connectez-vous"},
    {"key_above_own", "La clé peut plus que vous"},
    {"key_not_grantable", "On ne donne pas à une clé plus qu'on n'a"},
    {"last_owner", "Une entreprise garde au moins un propriétaire actif"},
    {"limit_reached", "Votre forfait n'en permet pas davantage"},
    {"link_not_found", "Le lien est inconnu, déjà utilisé ou trop ancien : demandez-en un autre"},
    {"login_required", "Cette adresse a un compte : connectez-vous"},
    {"malformed_json", "Le corps de la requête n'est pas un objet JSON"},
    {"malformed_request", "La requête est mal formée"},
    {"module_not_in_plan", "Votre forfait ne comprend pas ce module"},
    {"no_domain", "L'entreprise n'a pas de domaine à elle"},
    {"no_factor", "Il n'y a pas de second facteur"},
    {"no_plan_change", "Aucun changement de forfait n'est prévu"},
    {"not_a_member", "Vous n'êtes plus membre de cette entreprise"},
    {"not_an_admin", "Seul un administrateur devient propriétaire ; changez d'abord son rôle"},
    {"not_for_admins", "Ceci est réservé aux membres de l'entreprise"},
    {"not_found", "Il n'y a rien ici"},
    {"overloaded", "Trop de demandes à la fois ; réessayez"},
    {"own_membership", "On ne se fait pas cela à soi-même"},
    {"owner_required", "Seul un propriétaire le peut"},
    {"password_changed", "Le mot de passe vient d'être changé"},
    {"password_wrong", "Le mot de passe est faux"},
    {"permission_denied", "Votre rôle ne le permet pas"},
    {"person_required", "Ceci est réservé aux personnes"},
    {"plan_not_changeable", "Le forfait ne peut pas être changé maintenant"},
    {"platform_full", "Il n'y a plus de place pour un nouvel espace ; réessayez plus tard"},
    {"queue_ending", "La file est en cours de suppression"},
    {"queue_exists", "Une file porte déjà ce nom"},
    {"queues_not_watched", "Cette installation n'a pas d'accès qui voit les files du courtier"},
    {"read_only", "Cette visite regarde et ne change rien"},
    {"reauthentication_required", "Identifiez-vous de nouveau : ceci demande une connexion de moins de dix minutes"},
    {"refresh_token_invalid", "La session est terminée ; connectez-vous"},
    {"role_above_own", "Ce rôle peut plus que le vôtre"},
    {"role_built_in", "Les rôles fournis ne changent pas"},
    {"role_exists", "Un rôle porte déjà ce nom"},
    {"role_in_use", "Ce rôle est porté ; donnez-en un autre à la place"},
    {"role_limit_reached", "L'entreprise a autant de rôles qu'elle peut en avoir"},
    {"role_not_found", "Ce rôle n'existe pas"},
    {"role_not_grantable", "On ne donne pas plus qu'on n'a"},
    {"rotation_underway", "Un renouvellement est en cours"},
    {"second_factor_needed", "Le second facteur est demandé avec le mot de passe"},
    {"second_factor_required", "Un second facteur est exigé : installez-en un d'abord"},
    {"second_factor_wrong", "Le code est faux, ou a déjà servi"},
    {"session_ended", "La session est terminée ; reconnectez-vous"},
    {"session_not_found", "Cette session n'existe pas"},
    {"tenant_mismatch", "La requête nomme une autre entreprise que votre session"},
    {"token_expired", "La session a expiré ; connectez-vous"},
    {"token_invalid", "Le jeton n'est pas valable"},
    {"token_revoked", "La session est terminée ; connectez-vous"},
    {"too_many_attempts", "Trop d'essais ; attendez avant le prochain"},
    {"too_many_passkeys", "Dix clés d'accès au plus"},
    {"unauthenticated", "Connectez-vous"},
    {"user_not_found", "Cette personne n'est pas membre"},
    {"validation_failed", "Des champs sont à corriger"},
    {"visit_ended", "La visite est terminée"},
    {"wrong_account", "L'invitation est pour une autre adresse que la vôtre"},
    {"wrong_member_state", "L'état de ce membre ne le permet pas"},
};

constexpr Words rule_words[] = {
    {"accepted", "doit être accepté"},
    {"base64url", "doit être en base64url"},
    {"characters", "contient des caractères qui ne vont pas"},
    {"choice", "n'est pas une des valeurs connues"},
    {"code", "doit être de six chiffres"},
    {"colour", "doit être une couleur comme #1a2b3c"},
    {"currency", "doit être le code d'une monnaie (ISO 4217), comme EUR"},
    {"email", "doit être une adresse électronique"},
    {"integer", "doit être un nombre entier"},
    {"invisible", "contient des caractères invisibles"},
    {"no_owner", "n'atteint rien : ces choses n'appartiennent à personne, retirez « :own »"},
    {"one_of", "est donné avec un autre : un seul des deux"},
    {"passkey", "la clé d'accès n'a pas été acceptée"},
    {"required", "est obligatoire"},
    {"rfc3339", "doit être une date et une heure (RFC 3339)"},
    {"timezone", "doit être un fuseau horaire, comme Europe/Paris"},
    {"type", "n'est pas du bon type"},
    {"unchanged", "est l'adresse actuelle"},
    {"unknown", "n'existe pas"},
    {"unknown_permission", "n'accorde rien : voyez la liste des permissions"},
    {"unknown_plan", "n'est pas un forfait"},
    {"unknown_role", "n'est pas un rôle"},
    {"url", "doit être une adresse https://"},
};

static_assert(std::ranges::is_sorted(problems, {}, &Words::code));
static_assert(std::ranges::is_sorted(rule_words, {}, &Words::code));

std::string_view find(std::span<const Words> words, std::string_view code) {
  const auto at = std::ranges::lower_bound(words, code, {}, &Words::code);
  return at != words.end() && at->code == code ? at->french : std::string_view{};
}

}  // namespace

std::string_view french_words(std::string_view code) {
  return find(problems, code);
}

std::string_view french_rule(std::string_view rule) {
  return find(rule_words, rule);
}

}  // namespace tenantry::gateway
