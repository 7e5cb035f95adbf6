#include "workers/notification/rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/core/money.h"
#include "shared/tenancy/lifecycle.h"
#include "tenantry/events/v1/access.pb.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::notification {
namespace {

namespace v1 = tenantry::events::v1;
using events::Event;
using Found = std::optional<Notice>;

constexpr std::array<std::string_view, 12> months_fr = {"janvier",   "février", "mars",     "avril",
                                                        "mai",       "juin",    "juillet",  "août",
                                                        "septembre", "octobre", "novembre", "décembre"};
constexpr std::array<std::string_view, 12> months_en = {"January",   "February", "March",    "April",
                                                        "May",       "June",     "July",     "August",
                                                        "September", "October",  "November", "December"};

// "21 novembre 2026", of the UTC day.
std::string date(const google::protobuf::Timestamp& at, std::string_view locale) {
  const std::chrono::year_month_day day{std::chrono::floor<Days>(events::from_proto(at))};
  const auto month = static_cast<unsigned>(day.month()) - 1;
  const auto number = static_cast<unsigned>(day.day());
  const std::string shown = locale == "fr" && number == 1 ? "1er" : std::to_string(number);
  return shown + " " + std::string(locale == "fr" ? months_fr[month] : months_en[month]) + " " +
         std::to_string(static_cast<int>(day.year()));
}

// A number with a point for its decimals, as the locale writes it: "1,234.50" and "1 234,50" (narrow no-break space).
std::string number(std::string text, std::string_view locale) {
  const bool french = locale == "fr";
  auto at = text.find_first_not_of("-0123456789");
  if (at == text.npos) at = text.size();
  if (french && at < text.size() && text[at] == '.') text[at] = ',';
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  while (at > first + 3) {
    at -= 3;
    text.insert(at, french ? "\u202F" : ",");
  }
  return text;
}

std::string amount(std::int64_t minor, const std::string& currency, std::string_view locale) {
  return number(Money{minor, currency}.to_string(), locale);
}

std::string quantity(double value, std::string_view locale) {
  std::array<char, 400> text{};  // a double in fixed notation has at most 309 digits before the point
  const bool whole = std::floor(value) == value;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, whole ? 0 : 2);
  return number({text.data(), end.ptr}, locale);
}

// What was used of a metric, of how much and since when; what is never reset counts from the beginning of time.
template <class M>
Notice usage_notice(const std::string& template_name, const M& message, std::string_view locale) {
  const bool resets = events::from_proto(message.period_start()) != Timestamp{};
  return {template_name,
          {{"metric", message.metric()},
           {"quantity", quantity(message.quantity(), locale)},
           {"limit", quantity(message.limit(), locale)},
           {"period_start_on", resets ? date(message.period_start(), locale) : ""}},
          {{"resets", resets}}};
}

Found trial_started(const Event& event, std::string_view locale) {
  return Notice{
      "welcome",
      {{"tenant", event.tenant_id}, {"trial_ends_on", date(event.as<v1::TrialStarted>().trial_ends_at(), locale)}}};
}

Found address_known(const Event& event, std::string_view) {
  return Notice{"address_known", {{"tenant", event.tenant_id}}, {}, event.as<v1::SignupAddressKnown>().email()};
}

Found trial_ending(const Event& event, std::string_view locale) {
  return Notice{"trial_ending", {{"trial_ends_on", date(event.as<v1::TrialEnding>().trial_ends_at(), locale)}}};
}

Found suspended(const Event& event, std::string_view) {
  const auto& reason = event.as<v1::TenantSuspended>().reason();
  if (reason == "trial_expired") return Notice{"trial_ended"};
  return Notice{"suspended", {}, {{"payment_failed", reason == "payment_failed"}}};
}

Found activated(const Event& event, std::string_view) {
  return Notice{
      "reactivated",
      {},
      {{"first_time", tenancy::status_from(event.as<v1::TenantActivated>().from_status()) == tenancy::Status::trial}}};
}

Found cancelled(const Event& event, std::string_view locale) {
  return Notice{"cancelled", {{"deletion_on", date(event.as<v1::TenantCancelled>().deletion_due_at(), locale)}}};
}

Found payment_overdue(const Event& event, std::string_view locale) {
  const auto& overdue = event.as<v1::PaymentOverdue>();
  return Notice{
      "payment_overdue",
      {{"day", std::to_string(overdue.day())},
       {"past_due_on", date(overdue.past_due_since(), locale)},
       {"suspend_on", date(overdue.suspend_at(), locale)},
       {"next_attempt_on", date(overdue.next_attempt_at(), locale)}},
      {{"first", overdue.day() == 0}, {"many", overdue.day() > 1}, {"retries", overdue.has_next_attempt_at()}}};
}

Found payment_method_expiring(const Event& event, std::string_view locale) {
  const auto& expiring = event.as<v1::PaymentMethodExpiring>();
  const auto last_day = events::from_proto(expiring.expires_at()) - Days{1};
  return Notice{"payment_method_expiring",
                {{"brand", expiring.brand()},
                 {"last4", expiring.last4()},
                 {"good_through", date(events::to_proto(last_day), locale)}},
                {{"known", !expiring.last4().empty()}}};
}

Found threshold_reached(const Event& event, std::string_view locale) {
  const auto& reached = event.as<v1::UsageThresholdReached>();
  if (reached.percent() != 80 && reached.percent() != 100) return std::nullopt;
  return usage_notice("limit_" + std::to_string(reached.percent()), reached, locale);
}

Found limit_exceeded(const Event& event, std::string_view locale) {
  return usage_notice("limit_exceeded", event.as<v1::UsageLimitExceeded>(), locale);
}

Found invoice_issued(const Event& event, std::string_view locale) {
  const auto& invoice = event.as<v1::InvoiceIssued>();
  return Notice{"invoice_issued",
                {{"number", invoice.number().empty() ? invoice.stripe_invoice_id() : invoice.number()},
                 {"amount", amount(invoice.amount_minor(), invoice.currency(), locale)},
                 {"invoice_url", invoice.url()}}};
}

// A role of a tenant's own is called what the tenant calls it.
std::string role_name(const std::string& role, std::string_view locale) {
  struct Name {
    std::string_view role, french, english;
  };
  constexpr Name names[] = {{"owner", "propriétaire", "owner"},
                            {"admin", "administrateur", "administrator"},
                            {"manager", "responsable", "manager"},
                            {"employee", "employé", "employee"},
                            {"viewer", "lecteur", "viewer"}};
  const auto name = std::ranges::find(names, role, &Name::role);
  if (name == std::end(names)) return role;
  return std::string(locale == "fr" ? name->french : name->english);
}

Found user_invited(const Event& event, std::string_view locale) {
  const auto& invited = event.as<v1::UserInvited>();
  const auto id = Uuid::parse(invited.invitation_id());
  if (!id) return std::nullopt;
  return Notice{.template_name = "invitation",
                .values = {{"expires_on", date(invited.expires_at(), locale)}},
                .names = {{"inviter", invited.inviter_name()}, {"role", role_name(invited.role(), locale)}},
                .link = Link{crypto::LinkPurpose::invitation, *id, invited.sending(), "/invitation"}};
}

Found password_reset(const Event& event, std::string_view) {
  const auto id = Uuid::parse(event.as<v1::PasswordResetRequested>().reset_id());
  if (!id) return std::nullopt;
  return Notice{.template_name = "password_reset",
                .link = Link{crypto::LinkPurpose::password_reset, *id, 1, "/reset-password"}};
}

Found password_changed(const Event&, std::string_view) {
  return Notice{"password_changed"};
}

// Of the mails whose link is about an address.
template <class M>
Found address_link(const Event& event, const char* template_name, crypto::LinkPurpose purpose, const char* page) {
  const auto id = Uuid::parse(event.as<M>().link_id());
  if (!id) return std::nullopt;
  return Notice{.template_name = template_name, .link = Link{purpose, *id, 1, page}};
}

Found email_verification(const Event& event, std::string_view) {
  return address_link<v1::EmailVerificationRequested>(event, "email_verification",
                                                      crypto::LinkPurpose::email_verification, "/confirm-email");
}

Found email_change(const Event& event, std::string_view) {
  return address_link<v1::EmailChangeRequested>(event, "email_change", crypto::LinkPurpose::email_change,
                                                "/confirm-email");
}

Found email_changed(const Event& event, std::string_view) {
  return address_link<v1::EmailChanged>(event, "email_changed", crypto::LinkPurpose::email_undo, "/undo-email");
}

// "totp", "passkey" or "all" in the reader's words.
std::string factor_name(const std::string& factor, std::string_view locale) {
  if (factor == "totp") return locale == "fr" ? "une application d'authentification" : "an authenticator app";
  if (factor == "passkey") return locale == "fr" ? "une clé d'accès" : "a passkey";
  return locale == "fr" ? "tous" : "all of them";
}

Found factor_added(const Event& event, std::string_view locale) {
  return Notice{"factor_added", {{"factor", factor_name(event.as<v1::FactorAdded>().factor(), locale)}}};
}

Found factor_removed(const Event& event, std::string_view locale) {
  const auto& removed = event.as<v1::FactorRemoved>();
  return Notice{
      "factor_removed", {{"factor", factor_name(removed.factor(), locale)}}, {{"by_reset", removed.by_reset()}}};
}

Found factor_reset(const Event& event, std::string_view locale) {
  const auto& asked = event.as<v1::FactorResetRequested>();
  return Notice{.template_name = "factor_reset",
                .values = {{"effective_on", date(asked.effective_at(), locale)}},
                .sections = {{"of_company", event.tenant_id != events::platform_tenant}},
                .names = {{"reason", asked.reason()}}};
}

Found recovery_codes(const Event&, std::string_view) {
  return Notice{"recovery_codes"};
}

Found recovery_code_used(const Event& event, std::string_view) {
  const auto left = event.as<v1::RecoveryCodeUsed>().left();
  return Notice{"recovery_code_used", {{"left", std::to_string(left)}}, {{"few", left < 3}}};
}

Found new_login(const Event& event, std::string_view locale) {
  const auto& login = event.as<v1::LoginFromNewPlace>();
  return Notice{.template_name = "new_login",
                .values = {{"on", date(login.at(), locale)}},
                .names = {{"address", login.address()}, {"user_agent", login.user_agent()}}};
}

Found api_key_expiring(const Event& event, std::string_view locale) {
  const auto& expiring = event.as<v1::ApiKeyExpiring>();
  return Notice{
      .template_name = "api_key_expiring",
      .values = {{"expires_on", date(expiring.expires_at(), locale)}, {"days", std::to_string(expiring.days())}},
      .names = {{"name", expiring.name()}}};
}

Found owner_appointed(const Event& event, std::string_view) {
  const auto& appointed = event.as<v1::OwnerAppointed>();
  return Notice{.template_name = "owner_appointed",
                .sections = {{"invited", appointed.user_id().empty()}},
                .names = {{"email", appointed.email()}, {"reason", appointed.reason()}}};
}

struct Rule {
  std::string_view type;
  Found (*notice)(const Event&, std::string_view locale);
};
constexpr Rule rules[] = {
    {"api_key.expiring", &api_key_expiring},
    {"membership.owner_appointed", &owner_appointed},
    {"signup.address_known", &address_known},
    {"trial.started", &trial_started},
    {"trial.ending", &trial_ending},
    {"tenant.suspended", &suspended},
    {"tenant.activated", &activated},
    {"tenant.cancelled", &cancelled},
    {"payment.overdue", &payment_overdue},
    {"payment_method.expiring", &payment_method_expiring},
    {"usage.threshold_reached", &threshold_reached},
    {"usage.limit_exceeded", &limit_exceeded},
    {"invoice.issued", &invoice_issued},
    {"user.email_change_requested", &email_change},
    {"user.email_changed", &email_changed},
    {"user.email_verification_requested", &email_verification},
    {"user.factor_added", &factor_added},
    {"user.factor_removed", &factor_removed},
    {"user.factor_reset_requested", &factor_reset},
    {"user.invited", &user_invited},
    {"user.login_from_new_place", &new_login},
    {"user.password_changed", &password_changed},
    {"user.password_reset_requested", &password_reset},
    {"user.recovery_code_used", &recovery_code_used},
    {"user.recovery_codes_created", &recovery_codes},
};

constexpr auto types = [] {
  std::array<std::string_view, std::size(rules)> out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = rules[i].type;
  return out;
}();

}  // namespace

std::string_view supported_locale(std::string_view locale) {
  return locale == "en" || locale.starts_with("en-") || locale.starts_with("en_") ? "en" : locale_default;
}

std::optional<Notice> notice_for(const Event& event, std::string_view locale) {
  const auto rule = std::ranges::find(rules, event.type, &Rule::type);
  if (rule == std::end(rules)) return std::nullopt;
  return rule->notice(event, locale);
}

bool has_passed(const Event& event, Timestamp now) {
  const auto over = [now](const google::protobuf::Timestamp& at) { return events::from_proto(at) <= now; };
  if (event.type == "api_key.expiring") return over(event.as<v1::ApiKeyExpiring>().expires_at());
  if (event.type == "trial.ending") return over(event.as<v1::TrialEnding>().trial_ends_at());
  if (event.type == "payment_method.expiring") return over(event.as<v1::PaymentMethodExpiring>().expires_at());
  if (event.type == "user.invited") return over(event.as<v1::UserInvited>().expires_at());
  if (event.type != "payment.overdue") return false;
  const auto& overdue = event.as<v1::PaymentOverdue>();
  return overdue.has_suspend_at() && over(overdue.suspend_at());
}

std::optional<Reader> addressee_of(const Event& event) {
  const auto reader = [](const auto& message) {
    return Reader{.email = message.email(), .locale = std::string(supported_locale(message.locale()))};
  };
  if (event.type == "user.invited") return reader(event.as<v1::UserInvited>());
  if (event.type == "user.password_reset_requested") return reader(event.as<v1::PasswordResetRequested>());
  if (event.type == "user.password_changed") return reader(event.as<v1::PasswordChanged>());
  if (event.type == "user.email_change_requested") return reader(event.as<v1::EmailChangeRequested>());
  if (event.type == "user.email_changed") return reader(event.as<v1::EmailChanged>());
  if (event.type == "user.email_verification_requested") return reader(event.as<v1::EmailVerificationRequested>());
  if (event.type == "user.factor_added") return reader(event.as<v1::FactorAdded>());
  if (event.type == "user.factor_removed") return reader(event.as<v1::FactorRemoved>());
  if (event.type == "user.factor_reset_requested") return reader(event.as<v1::FactorResetRequested>());
  if (event.type == "user.login_from_new_place") return reader(event.as<v1::LoginFromNewPlace>());
  if (event.type == "user.recovery_code_used") return reader(event.as<v1::RecoveryCodeUsed>());
  if (event.type == "user.recovery_codes_created") return reader(event.as<v1::RecoveryCodesCreated>());
  return std::nullopt;
}

std::span<const std::string_view> templates_asked_for() {
  static constexpr std::string_view names[] = {"address_known", "email_change", "email_verification",
                                               "factor_reset",  "invitation",   "password_reset"};
  return names;
}

std::span<const std::string_view> notified_types() {
  return types;
}

}  // namespace tenantry::notification
