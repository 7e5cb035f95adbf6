// Goal: a tenant's own roles and its keys as the rules say it: nobody gives what they do not hold, whoever has a role
// that goes gets another, a key is good for as long as it is and its former secret for its time.
// Method: the functions of shared/tenancy/roles, api_keys and of the gateway's edge in transactions of the gateway's
// role.
#include <gtest/gtest.h>

#include <thread>

#include "shared/crypto/api_key.h"
#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/api_keys.h"
#include "shared/tenancy/roles.h"
#include "tests/integration/lane_harness.h"
#include "workers/gateway/edge/store.h"

namespace tenantry::tenancy::rights_test {
namespace {

using testing::must;
using testing::TestDatabase;

constexpr const char* acme = "acme";
using Texts = std::vector<std::string>;
struct Done {};

class Rights : public ::testing::Test {
 protected:
  Rights() {
    database.add_tenant(acme);
    owner = add_member("owner");
  }

  std::string add_member(const std::string& role) {
    const auto id = ids.next().to_string();
    database.exec("superuser",
                  "INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, created_at) "
                  "VALUES ($1, $2, 'Zoé', 'Martin', '$argon2id$', now())",
                  {id, id + "@acme.test"});
    database.exec("superuser",
                  "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) "
                  "VALUES ($1, $2, $3, now(), now())",
                  {acme, id, role});
    return id;
  }

  // In one transaction with its outbox, as the gateway does it.
  template <class T, class F>
  Result<T> run(db::Connection& through, const F& work) {
    std::optional<T> out;
    const auto done = db::run(through, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/gateway", {.kind = "user", .id = owner}, ids, clock.now());
      auto result = work(tx, outbox);
      if (!result) return result.error();
      if constexpr (std::is_same_v<decltype(result), Result<void>>) {
        out.emplace();
      } else {
        out = *std::move(result);
      }
      outbox.flush(tx);
      return {};
    });
    if (!done) return done.error();
    return *std::move(out);
  }
  template <class T, class F>
  Result<T> run(const F& work) {
    return run<T>(connection, work);
  }

  Result<OwnRole> make_role(const std::string& actor, const std::string& name, const Texts& permissions) {
    return run<OwnRole>([&](auto& tx, auto& outbox) {
      return create_role(tx, outbox, {acme, actor}, {.name = name, .description = "", .permissions = permissions});
    });
  }
  Result<OwnRole> set_permissions(const std::string& actor, const std::string& name, const Texts& permissions) {
    return run<OwnRole>([&](auto& tx, auto& outbox) -> Result<OwnRole> {
      const auto before = lock_role(tx, acme, name);
      if (!before) return before.error();
      auto after = *before;
      after.permissions = permissions;
      return update_role(tx, outbox, {acme, actor}, *before, after);
    });
  }
  Result<Done> drop_role(const std::string& actor, const std::string& name, const std::string& replacement = {}) {
    return run<Done>([&](auto& tx, auto& outbox) -> Result<void> {
      const auto role = lock_role(tx, acme, name);
      if (!role) return role.error();
      return delete_role(tx, outbox, {acme, actor}, *role, replacement);
    });
  }

  Result<IssuedApiKey> make_key(const std::string& actor, const Texts& permissions,
                                std::optional<Timestamp> expires_at = std::nullopt) {
    return run<IssuedApiKey>([&](auto& tx, auto& outbox) {
      return create_api_key(tx, outbox, ids,
                            {.key_id = {},
                             .tenant_id = acme,
                             .public_id = {},
                             .name = "Import",
                             .permissions = permissions,
                             .networks = {},
                             .created_by = actor,
                             .expires_at = expires_at});
    });
  }
  Result<IssuedApiKey> rotate(const std::string& actor, const Uuid& key) {
    return run<IssuedApiKey>([&](auto& tx, auto& outbox) {
      return rotate_api_key(tx, outbox, {acme, key, actor}, clock.now() + Days{90});
    });
  }
  Result<Done> revoke(const std::string& actor, const Uuid& key) {
    return run<Done>([&](auto& tx, auto& outbox) { return revoke_api_key(tx, outbox, {acme, key, actor}); });
  }
  // What the edge would say of the key: "ok", or why not.
  std::string shown(const std::string& text) {
    const auto key = crypto::parse_api_key(text).value();
    db::Transaction tx(connection);
    const auto entry = gateway::store::load_api_key(tx, key.public_id, crypto::api_key_hash(key.secret), clock.now());
    if (entry == nullptr) return "unknown";
    return entry->refused.empty() ? "ok" : entry->refused;
  }
  void use(const IssuedApiKey& key) {
    db::Transaction tx(connection);
    const auto secret = crypto::parse_api_key(key.text).value().secret;
    gateway::store::store_uses(
        tx, {{key.key.key_id.to_string(), crypto::api_key_hash(secret), clock.now(), "192.0.2.1", 3}});
    tx.commit();
  }

  template <class T>
  static std::string reason(const Result<T>& result) {
    if (result) return "ok";
    return result.error().reason == "invalid_input" ? result.error().fields.front().code : result.error().reason;
  }
  std::string role_of(const std::string& user_id) {
    return database.value("SELECT role FROM platform.memberships WHERE user_id = $1", {user_id});
  }
  std::string events(const std::string& type) {
    return database.value("SELECT count(*)::text FROM messaging.outbox WHERE type = $1", {type});
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
  std::string owner;
};

TEST_F(Rights, RolesAreMadeByWhoHoldsWhatTheyGrant) {
  const auto admin = add_member("admin");
  const auto viewer = add_member("viewer");
  EXPECT_EQ(reason(make_role(admin, "desk", {"clients:*", "usage:read"})), "ok");
  EXPECT_EQ(reason(make_role(admin, "spy", {"broker:rotate"})), "role_not_grantable");
  EXPECT_EQ(reason(make_role(admin, "king", {"*"})), "role_not_grantable");
  EXPECT_EQ(reason(make_role(viewer, "desk2", {"usage:read"})), "permission_denied");
  EXPECT_EQ(reason(make_role("00000000-0000-7000-8000-000000000000", "desk2", {})), "not_a_member");
  EXPECT_EQ(reason(make_role(owner, "desk", {})), "role_exists");
  EXPECT_EQ(reason(make_role(owner, "manager", {})), "role_exists");
  EXPECT_EQ(reason(make_role(owner, "rotator", {"broker:rotate"})), "ok");
  // What is above oneself is not touched, not even to make it less.
  EXPECT_EQ(reason(set_permissions(admin, "rotator", {})), "role_above_own");
  EXPECT_EQ(reason(drop_role(admin, "rotator")), "role_above_own");
  EXPECT_EQ(reason(set_permissions(admin, "desk", {"clients:read", "broker:rotate"})), "role_not_grantable");
  EXPECT_EQ(reason(set_permissions(owner, "viewer", {"*"})), "role_built_in");
  EXPECT_EQ(reason(drop_role(owner, "viewer", "manager")), "role_built_in");
  EXPECT_EQ(reason(drop_role(owner, "nothing")), "role_not_found");
  EXPECT_EQ(events("role.created"), "2");
  EXPECT_EQ(events("role.updated"), "0");
}

TEST_F(Rights, AChangedRoleIsWhatItsMembersMay) {
  must(make_role(owner, "desk", {"clients:read"}));
  const auto member = add_member("desk");
  const auto held = [&] {
    db::Transaction tx(connection);
    return gateway::store::load_session(tx, {ids.next().to_string(), acme, member}, clock.now()).permissions;
  };
  EXPECT_EQ(held(), Texts{"clients:read"});
  EXPECT_EQ(reason(set_permissions(owner, "desk", {"clients:read"})), "ok");
  EXPECT_EQ(events("role.updated"), "0");  // as it was
  must(set_permissions(owner, "desk", {"usage:read"}));
  EXPECT_EQ(held(), Texts{"usage:read"});
  EXPECT_EQ(events("role.updated"), "1");
  EXPECT_EQ(events("platform.tenant_changed"), "1");  // every gateway forgets what it knew
}

TEST_F(Rights, ARoleThatSomebodyHasGoesOnlyForAnother) {
  must(make_role(owner, "desk", {"clients:read"}));
  const auto member = add_member("desk");
  const auto gone = add_member("desk");
  database.exec("superuser", "UPDATE platform.memberships SET state = 'removed' WHERE user_id = $1", {gone});
  const auto refused = drop_role(owner, "desk");
  ASSERT_EQ(reason(refused), "role_in_use");
  ASSERT_EQ(refused.error().fields.size(), 1U);
  EXPECT_EQ(refused.error().fields[0].detail, member);
  EXPECT_EQ(reason(drop_role(owner, "desk", "nothing")), "unknown_role");
  EXPECT_EQ(reason(drop_role(owner, "desk", "desk")), "unknown_role");
  EXPECT_EQ(reason(drop_role(add_member("admin"), "desk", "owner")), "owner_required");
  EXPECT_EQ(reason(drop_role(owner, "desk", "viewer")), "ok");
  EXPECT_EQ(role_of(member), "viewer");
  EXPECT_EQ(role_of(gone), "desk");  // as it was
  EXPECT_EQ(events("membership.role_changed"), "1");
  EXPECT_EQ(events("role.deleted"), "1");
  EXPECT_EQ(reason(drop_role(owner, "desk")), "role_not_found");
}

// Goal: twenty, however many are made at once.
TEST_F(Rights, ATenantHasSoManyRoles) {
  std::vector<std::thread> threads;
  std::atomic<int> made{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      db::Connection own(database.url("gateway"), "test");
      for (int j = 0; j < 8; ++j) {
        const auto name = "r" + std::to_string(i) + "-" + std::to_string(j);
        made +=
            run<OwnRole>(
                own,
                [&](auto& tx, auto& outbox) {
                  return create_role(tx, outbox, {acme, owner}, {.name = name, .description = "", .permissions = {}});
                }).has_value()
                ? 1
                : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made.load(), static_cast<int>(own_roles_max));
  EXPECT_EQ(reason(make_role(owner, "more", {})), "role_limit_reached");
}

TEST_F(Rights, KeysAreMadeByWhoHoldsWhatTheyMay) {
  const auto admin = add_member("admin");
  const auto viewer = add_member("viewer");
  EXPECT_EQ(reason(make_key(admin, {"clients:*"})), "ok");
  EXPECT_EQ(reason(make_key(admin, {"broker:rotate"})), "key_not_grantable");
  EXPECT_EQ(reason(make_key(viewer, {"clients:read"})), "permission_denied");
  const auto key = must(make_key(owner, {"broker:rotate"}));
  EXPECT_EQ(reason(rotate(admin, key.key.key_id)), "key_above_own");  // whoever rotates it is shown it
  EXPECT_EQ(shown(key.text), "ok");
  EXPECT_EQ(reason(revoke(admin, key.key.key_id)), "ok");
  EXPECT_EQ(shown(key.text), "api_key_revoked");
  EXPECT_EQ(reason(revoke(admin, key.key.key_id)), "api_key_over");
  EXPECT_EQ(reason(rotate(owner, key.key.key_id)), "api_key_over");
  EXPECT_EQ(reason(revoke(owner, ids.next())), "api_key_not_found");
  EXPECT_EQ(events("api_key.revoked"), "1");
}

TEST_F(Rights, AKeyIsFoundByItsSecretAlone) {
  const auto key = must(make_key(owner, {"clients:read"}));
  auto other = crypto::parse_api_key(key.text).value();
  other.secret = crypto::new_api_key_secret();
  EXPECT_EQ(shown(crypto::write_api_key(other)), "api_key_wrong");
  other.public_id = "00000000";
  EXPECT_EQ(shown(crypto::write_api_key(other)), "unknown");
  // No table and no event holds it.
  const auto secret = crypto::parse_api_key(key.text).value().secret;
  for (const char* table : {"platform.api_keys", "messaging.outbox"}) {
    EXPECT_EQ(database.value("SELECT count(*)::text FROM " + std::string(table) +
                                 " t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || "
                                 "encode(convert_to($1, 'UTF8'), 'hex') || '%'",
                             {secret}),
              "0")
        << table;
  }
}

// Goal: {own, another's, another tenant's, absent}: of a right to the own keys only the first is reached, and the
// others are as if they were not there. A key is whose who answers for it.
TEST_F(Rights, OwnKeysAreThoseOneAnswersFor) {
  must(make_role(owner, "dev", {"api_keys:*:own", "clients:read"}));
  const auto dev = add_member("dev");
  const auto mine = must(make_key(dev, {"clients:read"})).key.key_id;
  EXPECT_EQ(reason(make_key(dev, {"usage:read"})), "key_not_grantable");
  const auto others = must(make_key(owner, {"clients:read"})).key.key_id;
  database.add_tenant("beta");
  const auto elsewhere = ids.next();
  database.exec(
      "superuser",
      "INSERT INTO platform.api_keys (key_id, tenant_id, public_id, secret_hash, name, permissions, networks, "
      "created_by, created_at) VALUES ($1, 'beta', 'abcdefgh', sha256('x'), 'x', '{clients:read}', '{}', $2, "
      "now())",
      {elsewhere, dev});
  for (const auto& key : {others, elsewhere, ids.next()}) {
    EXPECT_EQ(reason(rotate(dev, key)), "api_key_not_found");
    EXPECT_EQ(reason(revoke(dev, key)), "api_key_not_found");
  }
  EXPECT_EQ(reason(rotate(dev, mine)), "ok");
  EXPECT_EQ(must(rotate(owner, mine)).key.created_by, owner);  // who answers for it from now on
  EXPECT_EQ(reason(revoke(dev, mine)), "api_key_not_found");
  EXPECT_EQ(reason(revoke(dev, must(make_key(dev, {"clients:read"})).key.key_id)), "ok");
  EXPECT_EQ(events("api_key.revoked"), "1");
}

// -1 s, the moment itself.
TEST_F(Rights, AKeyEndsAtTheSecond) {
  const auto key = must(make_key(owner, {"clients:read"}, clock.now() + Days{1}));
  clock.advance(Days{1} - Seconds{1});
  EXPECT_EQ(shown(key.text), "ok");
  clock.advance(Seconds{1});
  EXPECT_EQ(shown(key.text), "api_key_expired");
  EXPECT_EQ(reason(rotate(owner, key.key.key_id)), "api_key_over");
}

TEST_F(Rights, AFormerSecretIsGoodForSevenDaysOrAnHourAfterTheNewOneCame) {
  const auto first = must(make_key(owner, {"clients:read"}));
  use(first);
  const auto second = must(rotate(owner, first.key.key_id));
  EXPECT_EQ(second.former_ends_at, clock.now() + former_secret_life);
  use(first);  // is no sign that the new one came
  clock.advance(Days{6});
  EXPECT_EQ(shown(first.text), "ok");
  EXPECT_EQ(shown(second.text), "ok");
  use(second);
  clock.advance(former_secret_after_use - Seconds{1});
  use(second);
  EXPECT_EQ(shown(first.text), "ok");
  clock.advance(Seconds{1});
  EXPECT_EQ(shown(first.text), "api_key_expired");
  EXPECT_EQ(shown(second.text), "ok");
  EXPECT_EQ(database.value("SELECT uses || ' ' || used_from FROM platform.api_keys"), "12 192.0.2.1");
}

// The new secret was lost: another rotation does not end what production still uses.
TEST_F(Rights, RotatingTwiceForgetsTheOneThatWasNeverUsed) {
  const auto first = must(make_key(owner, {"clients:read"}));
  const auto lost = must(rotate(owner, first.key.key_id));
  clock.advance(Days{1});
  const auto third = must(rotate(owner, first.key.key_id));
  EXPECT_EQ(shown(first.text), "ok");
  EXPECT_EQ(shown(lost.text), "api_key_wrong");
  EXPECT_EQ(shown(third.text), "ok");
  EXPECT_EQ(third.former_ends_at, lost.former_ends_at);  // nor is it good for longer
  use(third);
  must(rotate(owner, first.key.key_id));
  EXPECT_EQ(shown(first.text), "api_key_wrong");
  EXPECT_EQ(shown(third.text), "ok");
}

// A key is the tenant's: who made it goes, and it stays; who rotates it answers for it.
TEST_F(Rights, AKeyOutlivesWhoMadeIt) {
  const auto admin = add_member("admin");
  const auto key = must(make_key(admin, {"clients:read"}));
  database.exec("superuser", "UPDATE platform.memberships SET state = 'removed' WHERE user_id = $1", {admin});
  EXPECT_EQ(shown(key.text), "ok");
  EXPECT_EQ(must(rotate(owner, key.key.key_id)).key.created_by, owner);
}

TEST_F(Rights, ATenantHasSoManyKeys) {
  std::optional<IssuedApiKey> last;
  for (std::size_t i = 0; i < api_keys_max; ++i) last = must(make_key(owner, {"clients:read"}));
  EXPECT_EQ(reason(make_key(owner, {"clients:read"})), "api_key_limit_reached");
  must(revoke(owner, last->key.key_id));
  EXPECT_EQ(reason(make_key(owner, {"clients:read"})), "ok");
}

// Open answers are asked about together, people's and machines'.
TEST_F(Rights, StandingsAreOfPeopleAndOfKeys) {
  const auto good = must(make_key(owner, {"audit:read"}));
  const auto revoked = must(make_key(owner, {"audit:read"}));
  must(revoke(owner, revoked.key.key_id));
  const auto session = ids.next().to_string();
  database.exec("superuser",
                "INSERT INTO platform.sessions (session_id, user_id, tenant_id, created_at, authenticated_at, "
                "last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $4, $5)",
                {session, owner, acme, clock.now(), clock.now() + Days{1}});
  db::Transaction tx(connection);
  const auto found = gateway::store::standings(tx,
                                               {{.tenant_id = acme, .key_id = revoked.key.key_id.to_string()},
                                                {session, acme, owner},
                                                {.tenant_id = acme, .key_id = good.key.key_id.to_string()},
                                                {.tenant_id = "beta", .key_id = good.key.key_id.to_string()}},
                                               clock.now());
  ASSERT_EQ(found.size(), 4U);
  EXPECT_TRUE(found[0].machine && found[0].revoked);
  EXPECT_TRUE(!found[1].machine && !found[1].revoked && found[1].role == "owner");
  EXPECT_TRUE(found[2].machine && !found[2].revoked && found[2].permissions == Texts{"audit:read"});
  EXPECT_TRUE(found[3].revoked);  // another tenant's key is none
}

// Goal: a key's owners hear of its end in time, once for each day that was said, and nothing of one that is gone.
TEST_F(Rights, AKeysEndIsRemindedOf) {
  const auto reminders = [&] {
    return database.value(
        "SELECT coalesce(string_agg(available_at::date::text, ' ' ORDER BY available_at), '') FROM messaging.outbox "
        "WHERE type = 'api_key.expiring'");
  };
  const auto day = [&](int days) { return to_rfc3339(clock.now() + Days{days}).substr(0, 10); };
  const auto key = must(make_key(owner, {"clients:read"}, clock.now() + Days{90}));
  EXPECT_EQ(reminders(), day(76) + " " + day(87));
  clock.advance(Days{10});
  must(rotate(owner, key.key.key_id));
  EXPECT_EQ(reminders(), day(76) + " " + day(87));
  must(revoke(owner, key.key.key_id));
  EXPECT_EQ(reminders(), "");
  must(make_key(owner, {"clients:read"}, clock.now() + Days{10}));
  EXPECT_EQ(reminders(), day(7));
  must(make_key(owner, {"clients:read"}));
  EXPECT_EQ(reminders(), day(7));
}

}  // namespace
}  // namespace tenantry::tenancy::rights_test
