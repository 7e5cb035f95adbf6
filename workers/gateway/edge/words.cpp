#include "workers/gateway/edge/words.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

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
    {"already_owner", "Ce membre est déjà propriétaire"},
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
    {"idempotency_key_reused", "Cette clé d'idempotence est venue avec un autre corps"},
    {"invalid_credentials", "L'adresse ou le mot de passe est faux"},
    {"invitation_declined", "L'invitation a été déclinée ; demandez-en une autre"},
    {"invitation_expired", "L'invitation a expiré ; demandez-en une autre"},
    {"invitation_not_found", "Cette invitation n'existe pas, ou une autre a été envoyée depuis"},
    {"invitation_revoked", "L'invitation a été retirée ; demandez-en une autre à qui vous a invité"},
    {"invitation_used", "L'invitation a déjà servi ; connectez-vous"},
    {"key_above_own", "La clé peut plus que vous"},
    {"key_not_grantable", "On ne donne pas à une clé plus qu'on n'a"},
    {"last_owner", "Une entreprise garde au moins un propriétaire actif : transférez d'abord la propriété"},
    {"limit_exceeded", "Les appels d'API que votre forfait comprend ce mois-ci sont épuisés"},
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
    {"not_cancellable", "Il n'y a plus d'abonnement à annuler"},
    {"not_cancelled", "L'abonnement n'est pas annulé"},
    {"not_for_admins", "Ceci est réservé aux membres de l'entreprise"},
    {"not_found", "Il n'y a rien ici"},
    {"overloaded", "Trop de demandes à la fois ; réessayez"},
    {"own_membership", "On ne se fait pas cela à soi-même"},
    {"owner_required", "Seul un propriétaire le peut"},
    {"password_changed", "Le mot de passe vient d'être changé"},
    {"password_wrong", "Le mot de passe est faux"},
    {"permission_denied", "Votre rôle ne le permet pas"},
    {"person_required", "Ceci est réservé aux personnes"},
    {"plan_exceeded", "Ce qui est utilisé ne tient pas dans ce forfait"},
    {"plan_not_changeable", "Le forfait ne peut pas être changé maintenant"},
    {"platform_full", "Il n'y a plus de place pour un nouvel espace ; réessayez plus tard"},
    {"precondition_failed", "Quelqu'un d'autre vient de le changer : relisez-le"},
    {"queue_ending", "La file est en cours de suppression"},
    {"queue_exists", "Une file porte déjà ce nom"},
    {"queues_max", "L'entreprise a autant de files qu'elle peut en avoir"},
    {"queues_not_watched", "Cette installation n'a pas d'accès qui voit les files du courtier"},
    {"rate_limited", "Trop de demandes à la fois ou de suite ; attendez un peu"},
    {"rate_limited", "Trop de demandes : {} par minute au plus"},
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
    {"subscription_needed", "Souscrivez d'abord ce forfait : il suit ce qui est payé"},
    {"tenant_ended", "Personne n'entre plus dans cet espace : il est annulé ou supprimé"},
    {"tenant_mismatch", "La requête nomme une autre entreprise que votre session"},
    {"token_expired", "La session a expiré ; connectez-vous"},
    {"token_invalid", "Le jeton n'est pas valable"},
    {"token_revoked", "La session est terminée ; connectez-vous"},
    {"too_large", "C'est trop grand"},
    {"too_large", "C'est trop grand : {} octets au plus"},
    {"too_many_attempts", "Trop d'essais ; attendez avant le prochain"},
    {"too_many_passkeys", "Dix clés d'accès au plus"},
    {"too_many_rows", "Il y en a trop pour un fichier : cherchez-en moins"},
    {"too_many_sendings", "Assez de courriels pour aujourd'hui : {} au plus"},
    {"unauthenticated", "Connectez-vous"},
    {"user_limit_reached", "Votre forfait permet {} personnes : retirez-en une, ou changez de forfait"},
    {"user_not_found", "Cette personne n'est pas membre"},
    {"validation_failed", "Des champs sont à corriger"},
    {"visit_ended", "La visite est terminée"},
    {"wrong_account", "L'invitation est pour une autre adresse : déconnectez-vous, puis continuez sous la sienne"},
    {"wrong_member_state", "L'état de ce membre ne le permet pas"},
};

constexpr Words rule_words[] = {
    {"accepted", "doit être accepté"},
    {"address", "doit être un chemin sous /console"},
    {"attribute_name", "n'est pas un nom d'attribut (lettres minuscules et chiffres)"},
    {"attribute_value", "n'est pas la valeur d'un attribut"},
    {"attributes", "ce sont trop d'attributs, ou de trop grands"},
    {"base64", "doit être en base64"},
    {"base64url", "doit être en base64url"},
    {"batch", "n'est pas un lot d'événements"},
    {"beyond_limit", "dépasse ce que votre forfait permet"},
    {"beyond_limit", "doit être au plus les {} de votre forfait"},
    {"characters", "contient des caractères qui ne vont pas"},
    {"charset", "doit être en UTF-8"},
    {"choice", "n'est pas une des valeurs connues"},
    {"code", "doit être de six chiffres"},
    {"colour", "doit être une couleur comme #1a2b3c"},
    {"content_encoding", "doit venir tel quel, sans compression"},
    {"content_type", "n'est pas un type de contenu"},
    {"contradiction", "contredit un autre champ"},
    {"count", "ce sont trop d'entrées"},
    {"count", "ce sont trop d'entrées : {} au plus"},
    {"csv", "n'est que pour du CSV"},
    {"currency", "doit être le code d'une monnaie (ISO 4217), comme EUR"},
    {"cursor", "n'est pas un curseur de cette liste"},
    {"domain", "doit être le nom d'un hôte, comme crm.acme.fr"},
    {"email", "doit être une adresse électronique"},
    {"envelope", "n'est pas un événement"},
    {"exclusive", "est donné avec un autre : un seul des deux"},
    {"future", "doit être à venir"},
    {"ids", "doit être une liste d'identifiants"},
    {"ids", "doit être une liste de {} à {} identifiants"},
    {"integer", "doit être un nombre entier"},
    {"invisible", "contient des caractères invisibles"},
    {"jwk", "n'est pas une clé publique"},
    {"length", "n'a pas la bonne longueur"},
    {"length", "doit avoir au plus {} caractères"},
    {"length", "doit avoir de {} à {} caractères"},
    {"list", "doit être une liste"},
    {"list", "doit être une liste d'au plus {} entrées"},
    {"maximum", "est trop grand"},
    {"metric", "n'est pas une mesure connue"},
    {"network", "doit être une adresse ou un réseau, comme 192.0.2.0/24"},
    {"no_owner", "n'atteint rien : ces choses n'appartiennent à personne, retirez « :own »"},
    {"not_for_keys", "ne se donne pas à une clé"},
    {"number", "doit être un nombre"},
    {"object", "doit être un objet JSON"},
    {"one_of", "est donné avec un autre : un seul des deux"},
    {"own", "doit être un domaine à vous : ni une adresse, ni un nom de cette plateforme"},
    {"passkey", "la clé d'accès n'a pas été acceptée"},
    {"pattern", "n'est pas un motif de types d'événements"},
    {"percent_encoding", "n'est pas bien codé (%XX)"},
    {"permission", "doit être ressource:action, ressource:* ou *, avec :own pour ce qui est à soi"},
    {"queue_name", "doit être fait de lettres minuscules, de chiffres et de tirets"},
    {"range", "est hors de ce qui est permis"},
    {"range", "doit être un nombre de {} à {}"},
    {"required", "est obligatoire"},
    {"reserved", "est réservé"},
    {"rfc3339", "doit être une date et une heure (RFC 3339)"},
    {"role_name", "doit être fait de lettres minuscules, de chiffres, de _ et de -, et commencer par une lettre"},
    {"size", "est trop grand"},
    {"span", "doit être hour, day, month ou total"},
    {"specversion", "doit être 1.0"},
    {"string", "doit être un texte"},
    {"tenant_id", "doit être le nom d'une entreprise"},
    {"time", "doit être une date et une heure (RFC 3339)"},
    {"timezone", "doit être un fuseau horaire, comme Europe/Paris"},
    {"too_common", "est un des mots de passe les plus courants"},
    {"too_long", "est trop long"},
    {"too_long", "est trop long : {} caractères au plus"},
    {"too_obvious", "se devine : ce n'est ni votre nom, ni votre entreprise, ni votre adresse"},
    {"too_short", "est trop court"},
    {"too_short", "est trop court : {} caractères au moins"},
    {"twice", "ne se donne qu'une fois"},
    {"type", "n'est pas du bon type"},
    {"unchanged", "est l'adresse actuelle"},
    {"unknown", "n'existe pas"},
    {"unknown_metric", "n'est pas une mesure connue"},
    {"unknown_permission", "n'accorde rien : voyez la liste des permissions"},
    {"unknown_plan", "n'est pas un forfait"},
    {"unknown_region", "n'est pas une région"},
    {"unknown_role", "n'est pas un rôle"},
    {"url", "doit être une adresse https://"},
    {"utf8", "doit être du texte en UTF-8"},
    {"word", "doit être un mot de a-z, 0-9 et _ qui commence par une lettre"},
};

static_assert(std::ranges::is_sorted(problems, {}, &Words::code));
static_assert(std::ranges::is_sorted(rule_words, {}, &Words::code));

// The numbers that a text says, in their order.
std::vector<std::string_view> numbers_in(std::string_view text) {
  constexpr std::string_view digits = "0123456789";
  std::vector<std::string_view> out;
  for (auto at = text.find_first_of(digits); at != text.npos; at = text.find_first_of(digits, at)) {
    const auto end = std::min(text.find_first_not_of(digits, at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

constexpr std::string_view number_here = "{}";

std::size_t places_in(std::string_view words) {
  std::size_t count = 0;
  for (auto at = words.find(number_here); at != words.npos; at = words.find(number_here, at + 1)) ++count;
  return count;
}

std::string filled(std::string_view words, const std::vector<std::string_view>& numbers) {
  std::string out(words);
  for (const auto number : numbers) out.replace(out.find(number_here), number_here.size(), number);
  return out;
}

// Those that say as many numbers as the English ones, or else those that say none.
std::string find(std::span<const Words> words, std::string_view code, std::string_view english) {
  const auto numbers = numbers_in(english);
  std::string out;
  for (const auto& each : std::ranges::equal_range(words, code, {}, &Words::code)) {
    const auto places = places_in(each.french);
    if (places == numbers.size()) return filled(each.french, numbers);
    if (places == 0) out = each.french;
  }
  return out;
}

}  // namespace

std::string french_words(std::string_view code, std::string_view english) {
  return find(problems, code, english);
}

std::string french_rule(std::string_view rule, std::string_view english) {
  return find(rule_words, rule, english);
}

}  // namespace tenantry::gateway
