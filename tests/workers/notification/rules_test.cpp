#include "workers/notification/rules.h"

#include <gtest/gtest.h>

#include <set>

#include "events/topology.h"
#include "tests/workers/notification/events.h"

namespace tenantry::notification::rules_test {
namespace {

struct Row {
  const char* name;
  events::Event event;
  std::string template_name;  // "": nobody is told
};
class Rules : public testing::TestWithParam<Row> {};

TEST_P(Rules, ChooseTheTemplate) {
  const auto notice = notice_for(GetParam().event, "fr");
  EXPECT_EQ(notice ? notice->template_name : "", GetParam().template_name);
}

INSTANTIATE_TEST_SUITE_P(
    , Rules,
    testing::Values(
        Row{"AddressKnown", address_known(), "address_known"}, Row{"Welcome", trial_started(), "welcome"},
        Row{"TrialEnding", trial_ending(), "trial_ending"},
        Row{"TrialExpired", suspended("trial_expired"), "trial_ended"},
        Row{"PaymentFailed", suspended("payment_failed"), "suspended"},
        Row{"ByAnAdmin", suspended("admin"), "suspended"}, Row{"Abuse", suspended("abuse"), "suspended"},
        Row{"FirstPayment", activated("TRIAL"), "reactivated"},
        Row{"Reactivated", activated("SUSPENDED"), "reactivated"}, Row{"Cancelled", cancelled(), "cancelled"},
        Row{"Overdue", payment_overdue(0), "payment_overdue"}, Row{"Limit80", threshold_reached(80), "limit_80"},
        Row{"Limit100", threshold_reached(100), "limit_100"}, Row{"OtherThreshold", threshold_reached(50), ""},
        Row{"LimitExceeded", limit_exceeded(), "limit_exceeded"}, Row{"Invoice", invoice_issued(), "invoice_issued"},
        Row{"Invited", user_invited("Marie", 1), "invitation"}, Row{"Forgotten", password_reset(), "password_reset"},
        Row{"PasswordChanged", password_changed(), "password_changed"},
        Row{"FactorAdded", factor_added(), "factor_added"},
        Row{"FactorRemoved", factor_removed(true), "factor_removed"}, Row{"NewLogin", new_login("x"), "new_login"},
        Row{"KeyExpiring", api_key_expiring(), "api_key_expiring"},
        Row{"OwnerAppointed", owner_appointed("u"), "owner_appointed"},
        Row{"EmailVerification", email_verification(), "email_verification"},
        Row{"EmailChange", email_change(), "email_change"}, Row{"EmailChanged", email_changed(), "email_changed"},
        Row{"FactorLost", factor_reset("acme"), "factor_reset"},
        Row{"RecoveryCodes", recovery_codes(), "recovery_codes"},
        Row{"RecoveryCodeUsed", recovery_code_used(2), "recovery_code_used"},
        Row{"NoRule", event_of(v1::PaymentFailed{}), ""}),
    [](const auto& tested) { return tested.param.name; });

TEST(RuleValues, WriteAsTheLocaleDoes) {
  EXPECT_EQ(notice_for(trial_started(), "fr")->values.at("trial_ends_on"), "1er décembre 2026");
  EXPECT_EQ(notice_for(trial_started(), "en")->values.at("trial_ends_on"), "1 December 2026");
  EXPECT_EQ(notice_for(invoice_issued(), "fr")->values.at("amount"), "49,00 EUR");
  EXPECT_EQ(notice_for(invoice_issued(), "en")->values.at("amount"), "49.00 EUR");
  EXPECT_EQ(notice_for(limit_exceeded(), "fr")->values.at("quantity"), "10,50");
}

TEST(RuleValues, GroupDigitsAsTheLocaleDoes) {
  const auto shown = [](double quantity, const char* locale) {
    return notice_for(limit_exceeded(later, quantity), locale)->values.at("quantity");
  };
  EXPECT_EQ(shown(999, "en"), "999");
  EXPECT_EQ(shown(1000, "en"), "1,000");
  EXPECT_EQ(shown(12'345'678.5, "en"), "12,345,678.50");
  EXPECT_EQ(shown(12'345'678.5, "fr"), "12\u202F345\u202F678,50");
  EXPECT_EQ(shown(-100, "en"), "-100");
  EXPECT_EQ(shown(-100'000, "en"), "-100,000");
  EXPECT_EQ(notice_for(threshold_reached(80), "en")->values.at("limit"), "10,000");
  EXPECT_EQ(notice_for(invoice_issued("", 1'234'567), "fr")->values.at("amount"), "12\u202F345,67 EUR");
}

TEST(RuleValues, ThatAnAddressIsKnownIsForItsOwnerAlone) {
  EXPECT_EQ(notice_for(address_known(), "fr")->only_to, "zoe@acme.example");
  EXPECT_EQ(notice_for(trial_started(), "fr")->only_to, "");
}

// A person's password is nothing that the tenant's owners hear of.
TEST(RuleValues, WhatConcernsOnePersonIsForThatPerson) {
  EXPECT_EQ(addressee_of(password_reset()).value().email, "zoe@acme.example");
  EXPECT_EQ(addressee_of(password_reset())->locale, "en");
  EXPECT_EQ(addressee_of(password_changed()).value().locale, "fr");
  EXPECT_EQ(addressee_of(user_invited("Marie", 1)).value().email, "paul@durand.example");
  EXPECT_FALSE(addressee_of(api_key_expiring()));  // its company's owners
  EXPECT_FALSE(addressee_of(owner_appointed("")));
  for (const auto& event : {trial_ending(), api_key_expiring(), payment_overdue(3), user_invited("Marie", 1),
                            payment_method_expiring("4242")}) {
    EXPECT_TRUE(has_passed(event, later)) << event.type;
    EXPECT_FALSE(has_passed(event, later - Seconds{1})) << event.type;
  }
  // The old address is told, not the new one: it is the one that may undo.
  EXPECT_EQ(notice_for(email_changed(), "fr")->link->purpose, crypto::LinkPurpose::email_undo);
  for (const auto& event : {email_verification(), email_change(), email_changed(), factor_added(),
                            factor_removed(false), factor_reset("acme"), recovery_codes(), recovery_code_used(1)}) {
    EXPECT_EQ(addressee_of(event).value().email, "zoe@acme.example") << event.type;
  }
  EXPECT_FALSE(addressee_of(trial_started()));
}

TEST(RuleValues, AreForWhatTheQueueHears) {
  std::set<std::string_view> heard;
  for (const auto& subscription : events::subscriptions()) {
    if (subscription.worker == "notification") heard.insert(subscription.pattern);
  }
  const auto types = notified_types();
  EXPECT_EQ(std::set(types.begin(), types.end()), heard);
}

TEST(Locale, IsEnglishOrFrench) {
  EXPECT_EQ(supported_locale("en"), "en");
  EXPECT_EQ(supported_locale("en-GB"), "en");
  EXPECT_EQ(supported_locale("fr"), "fr");
  EXPECT_EQ(supported_locale("eno"), "fr");
  EXPECT_EQ(supported_locale(""), "fr");
}

}  // namespace
}  // namespace tenantry::notification::rules_test
