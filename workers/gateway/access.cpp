#include "workers/gateway/access.h"

#include <algorithm>
#include <cctype>

namespace tenantry::gateway {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Thousandths: "0.8" is 800. Anything else than RFC 9110's grammar is 0.
int quality_of(std::string_view parameters) {
  const auto at = parameters.find("q=");
  if (at == parameters.npos) return 1000;
  const auto text = trim(parameters.substr(at + 2));
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
  int value = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (c < '0' || c > '9') break;
    value += (c - '0') * unit;
    unit /= 10;
  }
  return std::min(value, 1000);
}

bool names(std::string_view range, std::string_view language) {
  if (range.size() < 2 || (range.size() > 2 && range[2] != '-')) return false;
  return std::ranges::equal(range.substr(0, 2), language, [](char left, char right) {
    return std::tolower(static_cast<unsigned char>(left)) == right;
  });
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
  int french = 0;
  int english = 0;
  while (!accept_language.empty()) {
    const auto item = accept_language.substr(0, accept_language.find(','));
    accept_language.remove_prefix(std::min(item.size() + 1, accept_language.size()));
    const auto range = trim(item.substr(0, item.find(';')));
    const auto quality = quality_of(item.substr(std::min(item.find(';'), item.size())));
    if (names(range, "fr")) french = std::max(french, quality);
    if (names(range, "en")) english = std::max(english, quality);
  }
  return english > french ? Language::english : Language::french;
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

bool permits(std::span<const std::string> granted, std::string_view wanted) {
  const auto resource = wanted.substr(0, wanted.find(':'));
  return std::ranges::any_of(granted, [&](const std::string& permission) {
    return permission == "*" || permission == wanted || permission == std::string(resource) + ":*";
  });
}

}  // namespace tenantry::gateway
