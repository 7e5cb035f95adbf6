// Goal: nobody's mailbox is filled by what others ask for, and what one must hear of always goes.
// Method: the worker on a lane, a mail server that only counts, a clock that is moved.
#include <gtest/gtest.h>

#include "shared/crypto/hash.h"
#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tests/integration/lane_harness.h"
#include "workers/notification/rules.h"
#include "workers/notification/worker.h"

namespace tenantry::notification::notification_test {
namespace {

namespace v1 = events::v1;
using testing::TestDatabase;

class NotificationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database.add_tenant("acme");
    config = {.database_url = database.url("notification"),
              .master_keys = {.current = to_base64(crypto::random_bytes(32))},
              .mail_from = "no-reply@example.org",
              .public_url = "http://example.org"};
    lane = std::make_unique<messaging::Lane>(
        worker_spec(config,
                    [this](const std::string&, const std::string& to, const std::string& message) {
                      const std::lock_guard lock(mutex);
                      ++mails[to];
                      last = message;
                      return Result<void>{};
                    }),
        0, clock, ids, recorder.hooks());
    lane->start();
  }

  template <class M>
  void handle(const M& message, const std::string& tenant = "acme") {
    lane->push({testing::arrival_of(testing::event_of(tenant, message, ids, clock.now()))});
    ++pushed;
    ASSERT_EQ(recorder.await_settled(pushed), pushed);
  }
  void forget_password(const std::string& email) {
    v1::PasswordResetRequested message;
    message.set_user_id(ids.next().to_string());
    message.set_email(email);
    message.set_reset_id(ids.next().to_string());
    handle(message);
  }
  int mails_to(const std::string& address) {
    const std::lock_guard lock(mutex);
    return mails[address];
  }

  TestDatabase database;
  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  testing::Recorder recorder;
  NotificationConfig config;
  std::mutex mutex;
  std::map<std::string, int> mails;
  std::string last;
  std::size_t pushed = 0;
  std::unique_ptr<messaging::Lane> lane;
};

TEST_F(NotificationTest, AnAddressGetsSoManyLinksWithinADay) {
  for (int i = 0; i < asked_for_a_day + 5; ++i) forget_password("zoe@acme.test");
  EXPECT_EQ(mails_to("zoe@acme.test"), asked_for_a_day);
  EXPECT_EQ(database.value("SELECT count(*) FROM messaging.outbox WHERE type = 'notification.failed'"), "5");
  forget_password("ann@acme.test");
  EXPECT_EQ(mails_to("ann@acme.test"), 1) << "another's mailbox has its own";

  // What happened to her account she hears, full or not.
  v1::PasswordChanged changed;
  changed.set_user_id(ids.next().to_string());
  changed.set_email("zoe@acme.test");
  handle(changed);
  EXPECT_EQ(mails_to("zoe@acme.test"), asked_for_a_day + 1);

  clock.advance(Days{1} + Seconds{1});
  forget_password("zoe@acme.test");
  EXPECT_EQ(mails_to("zoe@acme.test"), asked_for_a_day + 2);
}

TEST_F(NotificationTest, ATenantIsNoWayToMailStrangers) {
  database.exec(
      "superuser",
      "INSERT INTO notification.deliveries (notification_id, tenant_id, event_id, template, channel, recipient, "
      "locale, state, at) SELECT gen_random_uuid(), 'acme', gen_random_uuid(), 'invitation', 'email', "
      "'p' || n || '@x.test', 'fr', 'sent', $1 FROM generate_series(1, $2::int) n",
      {clock.now() - Seconds{60}, std::int64_t{asked_for_by_tenant_a_day}});
  forget_password("zoe@acme.test");
  EXPECT_EQ(mails_to("zoe@acme.test"), 0);
  database.add_tenant("bakery");
  v1::PasswordResetRequested message;
  message.set_user_id(ids.next().to_string());
  message.set_email("zoe@acme.test");
  message.set_reset_id(ids.next().to_string());
  handle(message, "bakery");
  EXPECT_EQ(mails_to("zoe@acme.test"), 1);
}

// The address may be somebody else's.
TEST_F(NotificationTest, WhatWasTypedIsToldToWhomTheAddressIs) {
  const auto id = ids.next().to_string();
  database.exec("superuser",
                "INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, locale, created_at) "
                "VALUES ($1, 'owner@acme.test', 'Zorro', 'Martin', '$argon2id$', 'en', now())",
                {id});
  database.exec("superuser",
                "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) "
                "VALUES ('acme', $1, 'owner', now(), now())",
                {id});
  database.exec("superuser", "UPDATE platform.tenants SET company_name = 'Quux Industries'");
  database.exec("superuser", "INSERT INTO platform.settings VALUES ('acme', 'sender/name', 'Quux accounts')");
  const auto mail = [&] {
    v1::TenantSuspended suspended;
    suspended.set_reason("payment_failed");
    handle(suspended);
    const std::lock_guard lock(mutex);
    return last;
  };
  const auto before = mail();
  for (const char* typed : {"Zorro", "Quux", "via"}) EXPECT_EQ(before.find(typed), before.npos) << before;
  EXPECT_NE(before.find("Hello,\r\n"), before.npos) << before;
  EXPECT_NE(before.find("account of acme is suspended"), before.npos) << before;
  database.exec("superuser", "UPDATE platform.users SET email_verified_at = now()");
  const auto after = mail();
  for (const char* typed : {"Hello Zorro,", "Quux Industries", "\"Quux accounts via Tenantry\""}) {
    EXPECT_NE(after.find(typed), after.npos) << after;
  }
}

TEST_F(NotificationTest, MailsBearTheNameThatTheirTenantSet) {
  const auto headers = [&](const std::string& tenant) {
    v1::PasswordResetRequested message;
    message.set_user_id(ids.next().to_string());
    message.set_email("zoe@acme.test");
    message.set_reset_id(ids.next().to_string());
    handle(message, tenant);
    const std::lock_guard lock(mutex);
    return last.substr(0, last.find("\r\nSubject: "));
  };
  const auto set = [&](const char* name, const char* value) {
    database.exec("superuser", "INSERT INTO platform.settings VALUES ('acme', $1, $2)", {name, value});
  };
  const std::string ours = "From: Tenantry <no-reply@example.org>\r\nTo: <zoe@acme.test>";
  EXPECT_EQ(headers("acme"), ours);
  set("branding/name", "Acme");
  EXPECT_EQ(headers("acme"), "From: \"Acme via Tenantry\"\r\n <no-reply@example.org>\r\nTo: <zoe@acme.test>");
  set("sender/name", "Acme accounts");
  set("sender/reply_to", "accounts@acme.test");
  set("contacts/security", "hidden@acme.test");
  EXPECT_EQ(headers("acme"),
            "From: \"Acme accounts via Tenantry\"\r\n <no-reply@example.org>\r\nReply-To: <accounts@acme.test>\r\n"
            "To: <zoe@acme.test>");
  database.add_tenant("bakery");
  EXPECT_EQ(headers("bakery"), ours);
  EXPECT_EQ(headers("platform"), ours) << "what concerns a person in all tenants";
  EXPECT_EQ(database.exec("notification", "SELECT FROM platform.settings").size(), 3U);
}

}  // namespace
}  // namespace tenantry::notification::notification_test
