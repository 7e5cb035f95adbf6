// Goal: of a database that the code of before has written, exactly those tenants are named whom the rules of today
// would move; they move when told to, on record, and the others never. Method: the schema of before the rules
// (migration 39), with the rows that its code left, given there by hand; then every migration since. Instants are days
// of one month.
#include <gtest/gtest.h>

#include <map>

#include "events/proto_time.h"
#include "shared/db/migrate.h"
#include "shared/db/session.h"
#include "shared/tenancy/plans.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tests/integration/lane_harness.h"
#include "workers/audit/keys.h"
#include "workers/billing/review.h"
#include "workers/billing/worker.h"
#include "workers/replay/platform.h"
#include "workers/replay/verify.h"

namespace tenantry::billing::review_test {
namespace {

using testing::must;
using testing::TestDatabase;

constexpr std::size_t migrations_before =
    39;  // 40: "Owed, paid and ended are facts of an invoice and of a subscription"

class OldDatabase : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto all = must(db::embedded_migrations());
    db::Session owner(database.url("owner"), "test");
    must(db::migrate(owner, {all.begin(), all.begin() + migrations_before}, [](const db::Migration&) {}));
    database.exec("superuser",
                  "INSERT INTO platform.plans (plan, version, users_max, storage_bytes_max, api_calls_max, "
                  "requests_per_minute, price_minor, currency, modules, resource_tier, position, checksum, "
                  "audit_retention_months) VALUES ('STARTER', 1, 5, 1, 1, 100, 4900, 'EUR', '{crm}', '{}', 1, '', 12)");
    write_whom_they_move();
    write_whom_they_leave();
    must(db::migrate(owner, all, [](const db::Migration&) {}));
    must(tenancy::load_plans(owner));
  }

  // ---- as the code of before wrote ---------------------------------------------------------------------------------

  Timestamp day(int count) const { return start + Days{count}; }

  void tenant(const std::string& id, const std::string& status, const std::string& reason, int since) {
    database.exec(
        "superuser",
        "INSERT INTO platform.tenants (tenant_id, company_name, company_email, status, status_reason, "
        "status_since, plan, plan_version, trial_ends_at, created_at, updated_at) VALUES ($1, $1, '', $2, $3, "
        "$4, 'STARTER', 1, $5, $5, $4)",
        {id, status, reason, day(since), day(status == "trial" ? 40 : 0)});
  }
  struct Judged {
    std::string state;
    std::optional<Timestamp> paid_at{};
    std::optional<Timestamp> failed_at{};  // the newest, paid since or not
    std::optional<Timestamp> past_due_since{};
    std::optional<Timestamp> ended_at{};
  };
  void account(const std::string& id, const Judged& judged) {
    database.exec(
        "superuser",
        "INSERT INTO billing.accounts (tenant_id, state, paid_at, failed_at, past_due_since, ended_at, "
        "failures, updated_at) VALUES ($1, $2, $3, $4, $5, $6, array_remove(ARRAY[$5::timestamptz], NULL), $7)",
        {id, judged.state, judged.paid_at, judged.failed_at, judged.past_due_since, judged.ended_at, day(30)});
  }
  void subscription(const std::string& id, const std::string& which, const std::string& status, Timestamp stated,
                    bool ends = false) {
    database.exec("superuser",
                  "INSERT INTO billing.stripe_subscriptions (stripe_subscription_id, tenant_id, status, price_id, "
                  "quantity, cancel_at_period_end, stated_at, stripe_event_id) VALUES ('sub_' || $1 || $2, $1, $3, "
                  "'price_starter', 1, $5, $4, 'evt_' || $1 || $2)",
                  {id, which, status, stated, ends});
  }
  void payment(const std::string& id, const std::string& object, const std::string& state, Timestamp stated,
               const std::string& of = "", int amount = 4900) {
    database.exec("superuser",
                  "INSERT INTO billing.payments (stripe_object_id, tenant_id, state, stripe_subscription_id, "
                  "amount_minor, currency, stated_at) VALUES ($2 || '_' || $1, $1, $3, CASE $5 WHEN '' THEN '' ELSE "
                  "'sub_' || $1 || $5 END, $6, 'EUR', $4)",
                  {id, object, state, stated, of, std::int64_t{amount}});
  }

  void write_whom_they_move() {
    // An invoice that failed was made void, of which there was no rule; that the subscription, about to end, was active
    // again was no payment. It was suspended for the rest of what it had paid for.
    tenant("voided", "suspended", "payment_failed", 24);
    subscription("voided", "1", "active", day(12), true);
    payment("voided", "in_1", "succeeded", day(1), "1");
    payment("voided", "in_2", "failed", day(10), "1");
    account("voided", {"past_due", day(1), day(10), day(10)});

    // A purchase of 5 € ended the lapse of a renewal that nobody has paid.
    tenant("purchase", "active", "payment", 1);
    subscription("purchase", "1", "past_due", day(10) + Seconds{1});
    payment("purchase", "in_1", "succeeded", day(1), "1");
    payment("purchase", "in_2", "failed", day(10), "1");
    payment("purchase", "cs_1", "succeeded", day(12), "", 500);
    account("purchase", {"current", day(12), day(10) + Seconds{1}});

    // The end of a second subscription cancelled it, while the first, given up, still waits for its money.
    tenant("second-end", "cancelled", "stripe", 15);
    subscription("second-end", "1", "unpaid", day(10));
    subscription("second-end", "2", "canceled", day(15));
    payment("second-end", "in_1", "failed", day(10), "1");
    account("second-end", {"ended", day(1), day(10), std::nullopt, day(15)});

    // The first payment of a second subscription failed: nothing began, and it was suspended.
    tenant("second-start", "suspended", "payment_failed", 24);
    subscription("second-start", "1", "active", day(1));
    subscription("second-start", "2", "incomplete", day(10));
    payment("second-start", "in_1", "succeeded", day(1), "1");
    payment("second-start", "in_2", "failed", day(10), "2");
    account("second-start", {"past_due", day(1), day(10), day(10)});
  }

  void write_whom_they_leave() {
    tenant("fine", "active", "payment", 1);
    subscription("fine", "1", "active", day(1));
    payment("fine", "in_1", "succeeded", day(1), "1");
    account("fine", {"current", day(1)});

    tenant("paid-late", "active", "payment", 12);
    subscription("paid-late", "1", "active", day(12));
    payment("paid-late", "in_1", "succeeded", day(12), "1");
    account("paid-late", {"current", day(12), day(10)});

    tenant("owes", "active", "payment", 1);
    subscription("owes", "1", "past_due", day(25));
    payment("owes", "in_1", "failed", day(25), "1");
    account("owes", {"past_due", day(1), day(25), day(25)});

    tenant("unpaid", "suspended", "payment_failed", 24);
    subscription("unpaid", "1", "unpaid", day(24));
    payment("unpaid", "in_1", "failed", day(10), "1");
    account("unpaid", {"past_due", day(1), day(24), day(10)});

    tenant("left", "cancelled", "stripe", 20);
    subscription("left", "1", "canceled", day(20));
    payment("left", "in_1", "succeeded", day(1), "1");
    account("left", {"ended", day(1), std::nullopt, std::nullopt, day(20)});

    // Cancelled by its own people, while what it has paid for runs on.
    tenant("own-wish", "cancelled", "requested_by_tenant", 20);
    subscription("own-wish", "1", "active", day(1));
    payment("own-wish", "in_1", "succeeded", day(1), "1");
    account("own-wish", {"current", day(1)});

    tenant("buyer", "active", "payment", 5);
    payment("buyer", "cs_1", "succeeded", day(5));
    account("buyer", {"current", day(5)});

    tenant("tries", "trial", "", 0);
    subscription("tries", "1", "trialing", day(0));
    account("tries", {"none"});

    tenant("no-card", "suspended", "trial_expired", 14);
    subscription("no-card", "1", "paused", day(14));
    account("no-card", {"none"});

    tenant("silent", "trial", "", 0);  // of whom Stripe has said nothing
  }

  // ---- as the code of today reads it -------------------------------------------------------------------------------

  using Moved = std::map<std::string, std::string>;  // tenant → what it would become

  Moved moved() {
    db::Connection connection(database.url("owner"), "test");
    db::Transaction tx(connection);
    Moved out;
    for (const auto& each : find_moved(tx, "", clock.now(), {})) {
      const auto why = each.today.substr(each.today.find(": ") + 2);
      out[each.tenant_id] = each.becomes + "|" + why.substr(0, why.find(' '));
    }
    return out;
  }
  std::map<std::string, std::string> statuses() {
    std::map<std::string, std::string> out;
    for (const auto row : database.exec("superuser", "SELECT tenant_id, status FROM platform.tenants")) {
      out[std::string(row.text(0))] = row.text(1);
    }
    return out;
  }

  const Timestamp start = from_unix_seconds(1'800'000'000);
  ManualClock clock{start + Days{30}};
  SystemIdGenerator ids{clock};
  TestDatabase database{TestDatabase::Content::empty};
};

const std::map<std::string, std::string> whom_they_move = {
    {"voided", "ACTIVE|subscription_active"},
    {"purchase", "|subscription_owes"},
    {"second-end", "SUSPENDED (payment_failed)|subscription_given_up"},
    {"second-start", "ACTIVE|subscription_active"}};

TEST_F(OldDatabase, ReviewNamesExactlyWhomTheRulesMove) {
  const auto before = statuses();
  EXPECT_EQ(moved(), whom_they_move);
  EXPECT_EQ(statuses(), before) << "looking moves nobody";
}

TEST_F(OldDatabase, ReplayVerifyNamesTheSame) {
  db::Connection connection(database.url("owner"), "test");
  auto keys = replay::Platform::audit_keys();
  const auto verified = must(replay::verify(connection, keys, "", clock.now(), [](std::int64_t, std::int64_t) {}));
  std::map<std::string, std::string> named;
  for (const auto& difference : verified.differences) {
    if (difference.what.starts_with("account")) named[difference.tenant_id] = difference.what;
  }
  EXPECT_EQ(named, (std::map<std::string, std::string>{{"voided", "account, would be ACTIVE"},
                                                       {"purchase", "account"},
                                                       {"second-end", "account, would be SUSPENDED (payment_failed)"},
                                                       {"second-start", "account, would be ACTIVE"}}));
}

TEST_F(OldDatabase, TheyMoveWhenToldToAndOnRecord) {
  testing::Recorder recorder;
  BillingConfig config{.database_url = database.url("billing")};
  messaging::Lane lane{worker_spec(config), 0, clock, ids, recorder.hooks()};
  lane.start();
  const auto before = statuses();
  std::size_t sent = 0;
  // The others as well: who is judged again by the rules that judged it stays as it is.
  for (const auto& [id, status] : before) {
    events::v1::AccountReviewRequested review;
    review.set_requested_by("ada");
    review.set_reason("ADR 20");
    lane.push({testing::arrival_of(testing::event_of(id, review, ids, clock.now()), ++sent)});
    ASSERT_EQ(recorder.await_settled(sent), sent);
  }
  lane.stop();
  EXPECT_EQ(moved(), Moved{}) << "judged once";
  auto expected = before;
  expected["second-end"] = "suspended";
  expected["voided"] = "active";
  expected["second-start"] = "active";
  EXPECT_EQ(statuses(), expected);
  std::map<std::string, std::string> told;
  for (const auto& row : recorder.published()) {
    if (row.type == "tenant.activated" || row.type == "tenant.suspended" || row.type == "tenant.cancelled") {
      auto& types = told[row.tenant_id];
      types += (types.empty() ? "" : " ") + row.type;
    }
  }
  EXPECT_EQ(told, (std::map<std::string, std::string>{{"voided", "tenant.activated"},
                                                      {"second-end", "tenant.activated tenant.suspended"},
                                                      {"second-start", "tenant.activated"}}));
  EXPECT_EQ(database.value("SELECT string_agg(tenant_id, ' ' ORDER BY tenant_id) FROM messaging.outbox WHERE timer_key "
                           "LIKE '%/dunning'"),
            "purchase")
      << "who owes after all is reminded first";
}

}  // namespace
}  // namespace tenantry::billing::review_test
