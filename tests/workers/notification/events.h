// One event of each type that notification has a rule for.
#pragma once

#include "events/catalogue.h"
#include "events/envelope.h"
#include "events/proto_time.h"
#include "tenantry/events/v1/access.pb.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::notification {

namespace v1 = tenantry::events::v1;

inline const Timestamp event_time = from_rfc3339("2026-11-21T09:04:34Z").value();
inline const Timestamp later = from_rfc3339("2026-12-01T10:00:00Z").value();

template <class M>
events::Event event_of(const M& message) {
  const auto id = Uuid::parse("019aa5d2-0000-7000-8000-000000000001").value();
  auto event = events::make_event("acme", message, {.source = "/tenantry/test", .time = event_time}, id);
  event.message = std::make_shared<M>(message);
  return event;
}

inline events::Event trial_started() {
  v1::TrialStarted message;
  *message.mutable_trial_ends_at() = events::to_proto(later);
  return event_of(message);
}

inline events::Event address_known() {
  v1::SignupAddressKnown message;
  message.set_user_id("u1");
  message.set_email("zoe@acme.example");
  return event_of(message);
}

inline events::Event user_invited(const std::string& inviter, int sending) {
  v1::UserInvited message;
  message.set_invitation_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d11");
  message.set_email("paul@durand.example");
  message.set_role("manager");
  message.set_inviter_name(inviter);
  message.set_locale("en-GB");
  *message.mutable_expires_at() = events::to_proto(later);
  message.set_sending(sending);
  return event_of(message);
}

template <class M>
events::Event about_a_person(M message) {
  message.set_user_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d12");
  message.set_email("zoe@acme.example");
  message.set_locale("en");
  return event_of(message);
}

inline events::Event factor_added(const std::string& factor = "totp") {
  v1::FactorAdded message;
  message.set_factor(factor);
  return about_a_person(message);
}

inline events::Event factor_removed(bool by_reset) {
  v1::FactorRemoved message;
  message.set_factor("totp");
  message.set_by_reset(by_reset);
  return about_a_person(message);
}

inline events::Event factor_reset(const std::string& tenant_id) {
  v1::FactorResetRequested message;
  message.set_reason("phone lost");
  *message.mutable_effective_at() = events::to_proto(later);
  auto event = about_a_person(message);
  event.tenant_id = tenant_id;
  return event;
}

inline events::Event recovery_code_used(int left) {
  v1::RecoveryCodeUsed message;
  message.set_left(left);
  return about_a_person(message);
}

inline events::Event email_verification() {
  v1::EmailVerificationRequested message;
  message.set_link_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d31");
  return about_a_person(message);
}

inline events::Event email_change() {
  v1::EmailChangeRequested message;
  message.set_link_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d31");
  return about_a_person(message);
}

inline events::Event email_changed() {
  v1::EmailChanged message;
  message.set_link_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d31");
  message.set_new_email("zoe@globex.example");
  return about_a_person(message);
}

inline events::Event payment_method_expiring(const std::string& last4) {
  v1::PaymentMethodExpiring message;
  message.set_stripe_payment_method_id("pm_1");
  message.set_brand("Visa");
  message.set_last4(last4);
  *message.mutable_expires_at() = events::to_proto(later);
  return event_of(message);
}

inline events::Event new_login(const std::string& user_agent) {
  v1::LoginFromNewPlace message;
  message.set_address("192.0.2.7");
  message.set_user_agent(user_agent);
  *message.mutable_at() = events::to_proto(later);
  return about_a_person(message);
}

inline events::Event api_key_expiring() {
  v1::ApiKeyExpiring message;
  message.set_key_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d51");
  message.set_name("Import");
  *message.mutable_expires_at() = events::to_proto(later);
  message.set_days(14);
  return event_of(message);
}

inline events::Event owner_appointed(const std::string& user_id) {
  v1::OwnerAppointed message;
  message.set_user_id(user_id);
  message.set_email("paul@durand.example");
  message.set_reason("the owner has left");
  return event_of(message);
}

inline events::Event recovery_codes() {
  return about_a_person(v1::RecoveryCodesCreated{});
}

inline events::Event password_reset() {
  v1::PasswordResetRequested message;
  message.set_user_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d12");
  message.set_email("zoe@acme.example");
  message.set_reset_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d21");
  message.set_locale("en");
  return event_of(message);
}

inline events::Event password_changed() {
  v1::PasswordChanged message;
  message.set_user_id("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d12");
  message.set_email("zoe@acme.example");
  return event_of(message);
}

inline events::Event trial_ending() {
  v1::TrialEnding message;
  *message.mutable_trial_ends_at() = events::to_proto(later);
  return event_of(message);
}

inline events::Event suspended(const std::string& reason) {
  v1::TenantSuspended message;
  message.set_reason(reason);
  message.set_from_status("ACTIVE");
  return event_of(message);
}

inline events::Event activated(const std::string& from) {
  v1::TenantActivated message;
  message.set_reason("payment");
  message.set_from_status(from);
  return event_of(message);
}

inline events::Event cancelled() {
  v1::TenantCancelled message;
  message.set_reason("stripe");
  message.set_from_status("ACTIVE");
  *message.mutable_deletion_due_at() = events::to_proto(later);
  return event_of(message);
}

inline events::Event payment_overdue(int day) {
  v1::PaymentOverdue message;
  *message.mutable_past_due_since() = events::to_proto(event_time);
  *message.mutable_suspend_at() = events::to_proto(later);
  message.set_day(day);
  return event_of(message);
}

inline events::Event threshold_reached(int percent, Timestamp period_start = later) {
  v1::UsageThresholdReached message;
  message.set_metric("api_calls");
  message.set_percent(percent);
  message.set_quantity(8000);
  message.set_limit(10'000);
  *message.mutable_period_start() = events::to_proto(period_start);
  return event_of(message);
}

inline events::Event limit_exceeded(Timestamp period_start = later, double quantity = 10.5) {
  v1::UsageLimitExceeded message;
  message.set_metric("storage");
  message.set_quantity(quantity);
  message.set_limit(10);
  *message.mutable_period_start() = events::to_proto(period_start);
  return event_of(message);
}

inline events::Event invoice_issued(const std::string& url = "https://invoice.stripe.com/i/1",
                                    std::int64_t amount_minor = 4900) {
  v1::InvoiceIssued message;
  message.set_stripe_invoice_id("in_1");
  message.set_number("F-0001");
  message.set_amount_minor(amount_minor);
  message.set_currency("EUR");
  message.set_url(url);
  return event_of(message);
}

}  // namespace tenantry::notification
