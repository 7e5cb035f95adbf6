// Goal: a code opens once, few are guessed, a seed is in no row, and what others say is lost goes when all of them have
// said so for a day.
// Method: the functions of the gateway's api/auth and of shared/tenancy/members in transactions of the gateway's role.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "shared/crypto/envelope.h"
#include "shared/crypto/totp.h"
#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/members.h"
#include "tests/integration/lane_harness.h"
#include "workers/gateway/api/auth/second_factor.h"

namespace tenantry::gateway::second_factor_test {
namespace {

using testing::must;
using testing::TestDatabase;

class SecondFactor : public ::testing::Test {
 protected:
  SecondFactor() {
    for (const auto* tenant : {"acme", "globex"}) database.add_tenant(tenant);
    owner = add_person("acme", "owner");
    user = add_person("acme", "manager");
  }

  std::string add_person(const std::string& tenant, const std::string& role) {
    const auto id = ids.next().to_string();
    database.exec("superuser",
                  "INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, created_at) "
                  "VALUES ($1, $2, 'Zoé', 'Martin', '$argon2id$', now())",
                  {id, id + "@acme.test"});
    add_membership(id, tenant, role);
    return id;
  }
  void add_membership(const std::string& id, const std::string& tenant, const std::string& role) {
    database.exec("superuser",
                  "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) "
                  "VALUES ($1, $2, $3, now(), now())",
                  {tenant, id, role});
  }

  template <class F>
  auto in(const F& work, db::Connection& through) {
    decltype(work(std::declval<db::Transaction&>())) out{};
    const auto done = db::run(through, {}, [&](db::Transaction& tx) -> Result<void> {
      out = work(tx);
      return {};
    });
    EXPECT_TRUE(done);
    return out;
  }
  template <class F>
  auto in(const F& work) {
    return in(work, connection);
  }

  Bytes set_up() {
    const auto seed = crypto::make_totp_seed();
    EXPECT_TRUE(in([&](auto& tx) { return store::begin_totp(tx, key, user, seed, now); }));
    EXPECT_TRUE(in([&](auto& tx) { return store::confirm_totp(tx, key, user, code(seed, -1), now); }));
    return seed;
  }
  std::string code(const Bytes& seed, int steps = 0) const {
    return crypto::totp_code(seed, crypto::totp_step(now) + steps);
  }
  bool use(const std::string& text) {
    return in([&](auto& tx) { return store::use_totp(tx, key, user, text, now); });
  }
  std::optional<Seconds> take(Timestamp at) {
    return in([&](auto& tx) { return store::take_try(tx, user, at); });
  }
  Result<Timestamp> say_lost(const std::string& tenant, const std::string& actor, const std::string& target) {
    Result<Timestamp> out = Error{};
    static_cast<void>(db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/gateway", {.kind = "user", .id = actor}, ids, now);
      out = tenancy::request_factor_reset(tx, outbox, {tenant, actor, target, "phone lost"});
      outbox.flush(tx);
      return {};
    }));
    return out;
  }
  bool reset_at(Timestamp at) {
    return in([&](auto& tx) { return store::reset_where_due(tx, user, at); });
  }
  bool has_factor() {
    return in([&](auto& tx) { return store::factors_of(tx, user).any(); });
  }

  TestDatabase database;
  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  const Timestamp now = clock.now();
  static crypto::SealingKeys one_key() {
    std::vector<crypto::SecretKey> keys;
    keys.push_back(crypto::SecretKey::generate());
    return crypto::SealingKeys(std::move(keys));
  }
  const crypto::SealingKeys key = one_key();
  db::Connection connection{database.url("gateway"), "test"};
  std::string owner, user;
};

TEST_F(SecondFactor, ACodeIsUsedOnceAndNotBeforeItsSeedWasConfirmed) {
  const auto seed = crypto::make_totp_seed();
  ASSERT_TRUE(in([&](auto& tx) { return store::begin_totp(tx, key, user, seed, now); }));
  EXPECT_FALSE(use(code(seed)));
  EXPECT_FALSE(has_factor());
  EXPECT_TRUE(in([&](auto& tx) { return store::confirm_totp(tx, key, user, code(seed, -1), now); }));
  EXPECT_FALSE(use(code(seed, -1)));  // it confirmed the seed
  EXPECT_TRUE(use(code(seed)));
  EXPECT_FALSE(use(code(seed)));
  EXPECT_FALSE(use(code(seed, -1)));  // older than one that was used
  EXPECT_TRUE(use(code(seed, 1)));
  EXPECT_FALSE(in([&](auto& tx) { return store::begin_totp(tx, key, user, crypto::make_totp_seed(), now); }));
}

TEST_F(SecondFactor, OfManyAtOnceOneUsesACode) {
  const auto seed = set_up();
  std::atomic<int> opened = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      db::Connection own(database.url("gateway"), "test");
      if (in([&](auto& tx) { return store::use_totp(tx, key, user, code(seed), now); }, own)) ++opened;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(opened, 1);
}

TEST_F(SecondFactor, ASeedIsSealedForItsPerson) {
  const auto seed = set_up();
  const auto stored = database.value("SELECT encode(sealed_seed, 'hex') FROM platform.totp_factors");
  EXPECT_EQ(stored.find(to_hex(seed)), std::string::npos);
  database.exec("superuser", "UPDATE platform.totp_factors SET user_id = $1", {owner});
  EXPECT_FALSE(in([&](auto& tx) { return store::use_totp(tx, key, owner, code(seed), now); }));
}

TEST_F(SecondFactor, WhoGuessesWaits) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(take(now), std::nullopt) << i;
  EXPECT_EQ(take(now), Seconds{30});
  EXPECT_EQ(take(now + Seconds{29}), Seconds{1});
  EXPECT_EQ(take(now + Seconds{30}), std::nullopt);
  EXPECT_EQ(take(now + Seconds{31}), Seconds{59});
  EXPECT_EQ(store::wait_after(40), Seconds{900});
  in([&](auto& tx) {
    store::forget_tries(tx, user);
    return true;
  });
  EXPECT_EQ(take(now), std::nullopt);
}

TEST_F(SecondFactor, GuessesMadeAtOnceAreNoMoreThanOneByOne) {
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      db::Connection own(database.url("gateway"), "test");
      if (!in([&](auto& tx) { return store::take_try(tx, user, now); }, own)) ++taken;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 5);
}

TEST_F(SecondFactor, ARecoveryCodeIsUsedOnce) {
  set_up();
  in([&](auto& tx) {
    store::replace_recovery_codes(tx, user, {"a", "b", "c"});
    return true;
  });
  const auto use_code = [&](const char* hash) {
    return in([&](auto& tx) { return store::use_recovery_code(tx, user, hash, now); });
  };
  EXPECT_EQ(use_code("b"), 2);
  EXPECT_EQ(use_code("b"), std::nullopt);
  EXPECT_EQ(use_code("d"), std::nullopt);
  const auto left = in([&](auto& tx) { return store::unused_recovery_codes(tx, user); });
  EXPECT_EQ(std::set(left.begin(), left.end()), (std::set<std::string>{"a", "c"}));
  in([&](auto& tx) {
    store::replace_recovery_codes(tx, user, {"e"});
    return true;
  });
  EXPECT_EQ(use_code("a"), std::nullopt);
  EXPECT_TRUE(in([&](auto& tx) { return store::remove_totp(tx, user); }));
  EXPECT_FALSE(in([&](auto& tx) { return store::drop_codes_without_factor(tx, user); }));
  EXPECT_EQ(use_code("e"), std::nullopt);
}

TEST_F(SecondFactor, WhatIsLostGoesADayAfterItsCompanySaidSo) {
  set_up();
  const auto at = must(say_lost("acme", owner, user));
  EXPECT_EQ(at, now + Days{1});
  EXPECT_FALSE(reset_at(at - Seconds{1}));
  EXPECT_TRUE(has_factor());
  EXPECT_TRUE(reset_at(at));
  EXPECT_FALSE(has_factor());
  EXPECT_EQ(database.value("SELECT count(*)::text FROM platform.factor_resets"), "0");
}

TEST_F(SecondFactor, EachCompanyOfThePersonHasToSaySo) {
  add_membership(user, "globex", "viewer");
  const auto other = add_person("globex", "owner");
  set_up();
  must(say_lost("acme", owner, user));
  EXPECT_FALSE(reset_at(now + Days{2}));
  must(say_lost("globex", other, user));
  EXPECT_TRUE(reset_at(now + Days{2}));
}

TEST_F(SecondFactor, ASuperAdminsWordIsEnough) {
  add_membership(user, "globex", "viewer");
  set_up();
  must(say_lost("platform", "", user));
  EXPECT_FALSE(reset_at(now));
  EXPECT_TRUE(reset_at(now + Days{1}));
}

TEST_F(SecondFactor, NobodySaysSoOfWhoIsAboveOrWhoHasNone) {
  set_up();
  const auto reason = [](const Result<Timestamp>& result) { return result ? "ok" : result.error().reason; };
  const auto admin = add_person("acme", "admin");
  const auto stranger = add_person("globex", "owner");
  EXPECT_EQ(reason(say_lost("acme", user, user)), "own_membership");
  EXPECT_EQ(reason(say_lost("acme", admin, owner)), "owner_required");
  EXPECT_EQ(reason(say_lost("acme", owner, admin)), "no_factor");
  EXPECT_EQ(reason(say_lost("globex", stranger, user)), "user_not_found");
  EXPECT_EQ(reason(say_lost("acme", admin, user)), "ok");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox WHERE type = 'user.factor_reset_requested'"),
            "1");
  EXPECT_EQ(must(say_lost("acme", owner, user)), now + Days{1});  // again: no mail, no other time
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox WHERE type = 'user.factor_reset_requested'"),
            "1");
}

}  // namespace
}  // namespace tenantry::gateway::second_factor_test
