// Rules: which event a person hears of, with which template and which values.
//
// Pure. Who the person is, and how the message travels, is worker.h's business.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "events/envelope.h"
#include "shared/crypto/link_token.h"

namespace tenantry::notification {

constexpr std::string_view locale_default = "fr";

// "en" for English of any country, else the default.
std::string_view supported_locale(std::string_view locale);

struct Reader {
  std::string email;
  std::string first_name{};
  std::string locale{};   // "fr" or "en"
  bool confirmed = true;  // who has shown that the address is theirs; nobody else is told what others typed
};

// A page of the console with a token behind it. The token is made when the mail is: no event holds it.
struct Link {
  crypto::LinkPurpose purpose;
  Uuid id;
  int sending;
  std::string page;
};

struct Notice {
  std::string template_name;
  std::map<std::string, std::string> values{};  // written as the locale writes dates and amounts
  std::map<std::string, bool> sections{};
  std::string only_to{};                       // the one address it is for; "": every owner of the tenant
  std::map<std::string, std::string> names{};  // typed by people: nothing of them becomes a link
  std::optional<Link> link{};                  // shown as {{link}}
};

// Empty: nobody needs to hear of it.
std::optional<Notice> notice_for(const events::Event& event, std::string_view locale);

// Whether what the event announces has come meanwhile: then nobody needs to hear that it will.
bool has_passed(const events::Event& event, Timestamp now);

// Who it is for where that is one person, of the tenant or not; empty: its owners.
std::optional<Reader> addressee_of(const events::Event& event);

// Mails that anybody who knows an address, or any tenant, may ask for: invitations, links for a password or an address.
// What tells people of their money and their access is never among them.
std::span<const std::string_view> templates_asked_for();
constexpr int asked_for_a_day = 20;             // that an address gets within a day, whoever asks
constexpr int asked_for_by_tenant_a_day = 500;  // that a tenant causes, to whomever

// The types that have a rule: what the worker consumes.
std::span<const std::string_view> notified_types();

}  // namespace tenantry::notification
