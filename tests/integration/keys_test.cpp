// Goal: changing the master key changes wraps alone, wherever it is cut; data and signing keys change under way.
// Method: a database with something of each kind sealed under a first master key.
#include "workers/cli/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/crypto/hash.h"
#include "shared/crypto/jwt.h"
#include "shared/crypto/totp.h"
#include "tests/support/services.h"
#include "workers/gateway/api/auth/second_factor.h"
#include "workers/gateway/edge/store.h"

namespace tenantry::cli::keys_test {
namespace {

using testing::must;
using testing::TestDatabase;

std::string new_key() {
  return to_base64(crypto::random_bytes(32));
}

class KeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* tenant : {"acme", "bakery", "cafe"}) {
      database.add_tenant(tenant);
      const auto key = crypto::DataKey::generate(1);
      data_keys.push_back(Bytes(key.key().bytes().begin(), key.key().bytes().end()));
      database.exec("signup", "INSERT INTO platform.tenant_keys VALUES ($1, 1, $2, $3)",
                    {tenant, key.wrap(masters(old_key).current(), tenant), now});
      database.exec("owner", "INSERT INTO audit.keys (key_id, tenant_id, wrapped_key) VALUES ($1, $1, $2)",
                    {tenant, key.wrap(masters(old_key).current(), tenant)});
    }
    person = ids.next();
    database.exec("owner",
                  "INSERT INTO platform.users (user_id, email, first_name, last_name, created_at) "
                  "VALUES ($1, 'a@acme.test', 'A', 'B', $2)",
                  {person, now});
    as_gateway([&](db::Transaction& tx) {
      EXPECT_TRUE(gateway::store::begin_totp(tx, factor_keys(masters(old_key)), person.to_string(), seed, now));
    });
    kid = signing_kid(masters(old_key), now - Days{1});
  }

  static crypto::MasterKeys masters(const std::string& current, std::vector<std::string> former = {}) {
    return must(crypto::MasterKeys::from_base64(current, former));
  }
  static crypto::SealingKeys factor_keys(const crypto::MasterKeys& keys) {
    return keys.derived("tenantry/second factors");
  }
  void as_gateway(const std::function<void(db::Transaction&)>& work) {
    db::Connection connection(database.url("gateway"), "test");
    db::Transaction tx(connection);
    work(tx);
    tx.commit();
  }
  // Which key would sign for a gateway that reads the keys now.
  std::string signing_kid(const crypto::MasterKeys& keys, Timestamp at) {
    std::string found;
    as_gateway(
        [&](db::Transaction& tx) { found = must(gateway::store::load_reference(tx, keys, at)).keys->current().kid(); });
    return found;
  }
  std::string published() {
    std::string found;
    as_gateway(
        [&](db::Transaction& tx) { found = must(gateway::store::load_reference(tx, masters(old_key), now)).jwks; });
    return found;
  }
  std::vector<Sealed> look(const crypto::MasterKeys& keys, bool move) {
    db::Connection connection(database.url("owner"), "test");
    return look_at_sealed(connection, keys, move, now, [](std::uint64_t) {});
  }
  static std::string told(const std::vector<Sealed>& found) {
    std::string out;
    for (const auto& each : found) {
      out += each.table + " " + std::to_string(each.current) + " " + std::to_string(each.former) + " " +
             std::to_string(each.unreadable) + "; ";
    }
    return out;
  }

  TestDatabase database;
  const Timestamp now = from_unix_seconds(1'800'000'000);
  ManualClock clock{now};
  SystemIdGenerator ids{clock};
  const std::string old_key = new_key();
  const Bytes seed = crypto::random_bytes(20);
  std::vector<Bytes> data_keys;
  Uuid person;
  std::string kid;
};

constexpr const char* all_current =
    "platform.tenant_keys 3 0 0; audit.keys 3 0 0; platform.signing_keys 1 0 0; platform.totp_factors 1 0 0; ";
constexpr const char* all_former =
    "platform.tenant_keys 0 3 0; audit.keys 0 3 0; platform.signing_keys 0 1 0; platform.totp_factors 0 1 0; ";
constexpr const char* all_unreadable =
    "platform.tenant_keys 0 0 3; audit.keys 0 0 3; platform.signing_keys 0 0 1; platform.totp_factors 0 0 1; ";

TEST_F(KeysTest, AnotherMasterKeyChangesWrapsAlone) {
  const auto key = new_key();
  EXPECT_EQ(told(look(masters(old_key), false)), all_current);
  EXPECT_EQ(told(look(masters(key), false)), all_unreadable);
  const auto both = masters(key, {old_key});
  EXPECT_EQ(told(look(both, false)), all_former);

  // Before anything is moved, whoever has both works on.
  EXPECT_EQ(signing_kid(both, now), kid);

  EXPECT_EQ(told(look(both, true)), all_former);  // how many were moved
  EXPECT_EQ(told(look(masters(key), false)), all_current);
  EXPECT_EQ(told(look(masters(old_key), false)), all_unreadable);

  for (std::size_t i = 0; i < data_keys.size(); ++i) {
    const std::string tenant = std::array{"acme", "bakery", "cafe"}[i];
    for (const char* table : {"platform.tenant_keys", "audit.keys"}) {
      const auto rows = database.exec(
          "superuser", std::string("SELECT wrapped_key FROM ") + table + " WHERE tenant_id = $1", {tenant});
      const auto opened = must(crypto::DataKey::unwrap(masters(key), tenant, 1, rows[0].bytes(0)));
      EXPECT_TRUE(std::ranges::equal(opened.key().bytes(), data_keys[i])) << table;
    }
  }
  EXPECT_EQ(signing_kid(masters(key), now), kid);
  as_gateway([&](db::Transaction& tx) {
    const auto code = crypto::totp_code(seed, crypto::totp_step(now));
    EXPECT_TRUE(gateway::store::confirm_totp(tx, factor_keys(masters(key)), person.to_string(), code, now));
  });
  EXPECT_EQ(database.value("SELECT count(*) FROM messaging.outbox WHERE type = 'platform.keys_changed'"), "1");
}

TEST_F(KeysTest, AMoveThatIsCutGoesOnWhereItWas) {
  const auto key = new_key();
  const auto both = masters(key, {old_key});
  database.exec("superuser",
                "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$");
  database.exec(
      "superuser",
      "CREATE TRIGGER fail BEFORE UPDATE ON platform.signing_keys FOR EACH ROW EXECUTE FUNCTION public.fail()");
  EXPECT_ANY_THROW(look(both, true));
  EXPECT_EQ(told(look(both, false)),
            "platform.tenant_keys 3 0 0; audit.keys 3 0 0; platform.signing_keys 0 1 0; platform.totp_factors 0 1 0; ");
  EXPECT_EQ(signing_kid(both, now), kid);
  database.exec("superuser", "DROP TRIGGER fail ON platform.signing_keys");
  look(both, true);
  EXPECT_EQ(told(look(masters(key), false)), all_current);
}

TEST_F(KeysTest, WhatNobodyCanReadStaysAsItIs) {
  const auto before = database.value("SELECT string_agg(wrapped_key::text, ' ' ORDER BY tenant_id) FROM audit.keys");
  EXPECT_EQ(told(look(masters(new_key(), {new_key()}), true)), all_unreadable);
  EXPECT_EQ(database.value("SELECT string_agg(wrapped_key::text, ' ' ORDER BY tenant_id) FROM audit.keys"), before);
  EXPECT_EQ(database.value("SELECT count(*) FROM messaging.outbox WHERE type = 'platform.keys_changed'"), "0");
}

TEST_F(KeysTest, WhatEachHasSealedIsCounted) {
  database.exec(
      "superuser",
      "INSERT INTO audit.heads (tenant_id, size, frontier, updated_at) VALUES ('acme', 7, '', now()), ('cafe', 900, "
      "'', now()), ('bakery', 8, '', now())");
  database.exec("superuser",
                "INSERT INTO provisioning.backups VALUES ('acme', 3, 1, 12, now(), now() + interval '1 year')");
  database.exec("superuser", "UPDATE audit.keys SET wrapped_key = NULL, destroyed_at = now() WHERE key_id = 'bakery'");
  db::Connection connection(database.url("owner"), "test");
  std::vector<std::string> found;
  for (const auto& use : count_uses(connection, 2))
    found.push_back(use.kind + " " + use.key + " " + std::to_string(use.seals));
  const auto sealed = std::stoll(database.value(
      "SELECT ((SELECT count(*) FROM platform.tenant_keys) + (SELECT count(*) FROM audit.keys) + (SELECT count(*) FROM "
      "platform.signing_keys) + (SELECT count(*) FROM platform.totp_factors))::text"));
  EXPECT_THAT(found, ::testing::UnorderedElementsAre("an audit log cafe 900", "an audit log acme 7",
                                                     "a tenant's data acme/3 12",
                                                     "the platform TENANTRY_MASTER_KEY " + std::to_string(sealed)));
}

TEST_F(KeysTest, ANewDataKeyLeavesTheOldReadable) {
  db::Connection connection(database.url("owner"), "test");
  const auto keys = masters(old_key);
  EXPECT_EQ(rotate_data_keys(connection, keys, "acme", now), 1);
  EXPECT_EQ(rotate_data_keys(connection, keys, "", now), 3);
  EXPECT_EQ(rotate_data_keys(connection, keys, "nobody", now), 0);
  const auto rows = database.exec("superuser",
                                  "SELECT key_version, wrapped_key FROM platform.tenant_keys WHERE tenant_id = 'acme' "
                                  "ORDER BY 1");
  ASSERT_EQ(rows.size(), 3u);
  for (const auto row : rows) {
    EXPECT_TRUE(crypto::DataKey::unwrap(keys, "acme", static_cast<std::uint32_t>(row.int64(0)), row.bytes(1)));
  }
}

TEST_F(KeysTest, ANewSigningKeySignsOnceEveryGatewayKnowsIt) {
  db::Connection connection(database.url("owner"), "test");
  const auto keys = masters(old_key);
  const auto first = rotate_signing_key(connection, keys, false, now);
  EXPECT_TRUE(first.retired.empty());
  EXPECT_NE(published().find(first.kid), std::string::npos) << "it is published before it signs";
  EXPECT_EQ(signing_kid(keys, now + Seconds{29}), kid);
  EXPECT_EQ(signing_kid(keys, now + Seconds{30}), first.kid);

  // What the first has signed is good for an hour: only a call long after retires it.
  const auto soon = rotate_signing_key(connection, keys, false, now + Seconds{3600});
  EXPECT_TRUE(soon.retired.empty());
  const auto later = rotate_signing_key(connection, keys, false, now + Seconds{3 * 3600});
  EXPECT_THAT(later.retired, ::testing::UnorderedElementsAre(kid, first.kid)) << "and not the one that signs";
}

TEST_F(KeysTest, OneThatSomebodyElseMayHaveEndsAtOnce) {
  db::Connection connection(database.url("owner"), "test");
  const auto keys = masters(old_key);
  const auto done = rotate_signing_key(connection, keys, true, now);
  EXPECT_EQ(done.retired, std::vector<std::string>{kid});
  EXPECT_EQ(signing_kid(keys, now), done.kid);
  EXPECT_EQ(published().find(kid), std::string::npos);
}

}  // namespace
}  // namespace tenantry::cli::keys_test
