#include "workers/gateway/edge/access.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::access_test {
namespace {

using tenancy::Status;

const Timestamp now = from_unix_seconds(1'800'000'000);

// Goal: spec.md section 3's table of access, its exact words, and which statuses leave the billing routes open.
// Method: one row per status; the trial of "TrialOver" ended a second ago.
TEST(Access, EveryStatus) {
  struct Row {
    Status status;
    Timestamp trial_ends_at;
    const char* code;  // "": allowed
    Errc errc;
    const char* french;
    const char* english;
    bool billing_open;
  };
  const Row rows[] = {
      {Status::pending, now, "tenant_pending", Errc::forbidden, "Espace en cours de création",
       "Workspace being created", false},
      {Status::trial, now + Seconds{1}, "", Errc::internal, "", "", true},
      {Status::trial, now, "trial_expired", Errc::payment_required, "Essai terminé, souscrivez",
       "Trial over, please subscribe", true},
      {Status::active, now, "", Errc::internal, "", "", true},
      {Status::suspended, now, "payment_required", Errc::payment_required, "Paiement requis", "Payment required", true},
      {Status::cancelled, now, "account_cancelled", Errc::forbidden, "Compte annulé", "Account cancelled", true},
      {Status::deleted, now, "tenant_not_found", Errc::not_found, "Espace introuvable", "No such workspace", false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(tenancy::to_string(row.status)) + " " + row.code);
    const tenancy::LifecycleState state{.status = row.status, .trial_ends_at = row.trial_ends_at};
    EXPECT_EQ(check_access(state, Openness::billing, now, Language::french).has_value(), row.billing_open);
    const auto french = check_access(state, Openness::live, now, Language::french);
    ASSERT_EQ(french.has_value(), std::string_view(row.code).empty());
    if (french) continue;
    EXPECT_EQ(french.error().code, row.errc);
    EXPECT_EQ(french.error().reason, row.code);
    EXPECT_EQ(french.error().message, row.french);
    EXPECT_EQ(check_access(state, Openness::live, now, Language::english).error().message, row.english);
  }
}

TEST(Language, FrenchUnlessEnglishIsPreferred) {
  EXPECT_EQ(language_of(""), Language::french);
  EXPECT_EQ(language_of("en"), Language::english);
  EXPECT_EQ(language_of("EN-gb"), Language::english);
  EXPECT_EQ(language_of("fr;q=0.8, en;q=0.9"), Language::english);
  EXPECT_EQ(language_of("en;q=0.5, fr"), Language::french);
  EXPECT_EQ(language_of("en;q=0"), Language::french);
  EXPECT_EQ(language_of("de, *"), Language::french);
  EXPECT_EQ(language_of("enx, ;;q=,"), Language::french);
}

TEST(Language, IsReadAsPeopleMeanIt) {
  EXPECT_EQ(language_of("en_US"), Language::english);
  EXPECT_EQ(language_of("en_US.UTF-8"), Language::english);
  EXPECT_EQ(language_of("fr;Q=0.3, en;Q=0.7"), Language::english);
  EXPECT_EQ(language_of("fr;q=0"), Language::english);
  EXPECT_EQ(language_of("fr;q=0, *"), Language::english);
  EXPECT_EQ(language_of("*, fr;q=0.2"), Language::english);
  EXPECT_EQ(language_of("*"), Language::french);
  EXPECT_EQ(language_of("en;q=0, *;q=0.1"), Language::french);
  EXPECT_EQ(language_of("fr;q=0, en;q=0"), Language::french);
  EXPECT_EQ(language_of("en; q=1.0, fr; q=0.9"), Language::english);
}

// A person's own language decides where the request names neither of the two.
TEST(Access, ARequestNamesALanguageOrDoesNot) {
  for (const auto* named : {"en", "fr", "fr-CA", "de, en;q=0.1", "en;q=0", "*, fr;q=0.2"}) {
    EXPECT_TRUE(names_language(named)) << named;
  }
  for (const auto* neither : {"", "*", "de", "de, *;q=0.5", "enx"}) EXPECT_FALSE(names_language(neither)) << neither;
  EXPECT_EQ(language_from("en"), Language::english);
  EXPECT_EQ(language_from("fr"), Language::french);
  EXPECT_EQ(language_from(""), Language::french);
}

}  // namespace
}  // namespace tenantry::gateway::access_test
