// Goal: whatever five people of a company do at once, an owner stays, seats are counted exactly, nobody reaches above
// the own role, and the events tell all of it. Method: random acts by shared/tenancy/members in transactions of the
// gateway's role, five at a time, in sequences; after each a model that heard nothing but the events is compared with
// the rows. Acts of one company take turns, so several companies live beside each other.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "shared/crypto/link_token.h"
#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/members.h"
#include "tests/integration/lane_harness.h"
#include "tests/integration/members_model.h"

namespace tenantry::tenancy::members_property_test {
namespace {

using testing::must;
using testing::TestDatabase;

constexpr std::size_t people_count = 5;
constexpr int companies_count = 3;
constexpr int seats_max = 4;  // fewer than people: who comes takes somebody else's
constexpr int acts = 10;      // of each of them, in a sequence
constexpr const char* role_names[] = {"owner", "admin", "manager", "employee", "viewer"};

unsigned long number_from(const char* variable, unsigned long usual) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? usual : std::strtoul(text, nullptr, 10);
}

// What all of them share.
struct World {
  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
  crypto::LinkTokens tokens{crypto::MasterKey::from_base64(to_base64(Bytes(32, 5))).value()};
  unsigned long seed = 0;
  std::atomic<int> sequences{0};
  std::atomic<int> worked{0};
  std::atomic<int> told{0};
  std::atomic<int> broken{0};
};

class Company {
 public:
  Company(World& world, int number) : world_(world), number_(number), tenant_("company-" + std::to_string(number)) {
    world.database.add_tenant(tenant_);
    world.database.exec(
        "superuser",
        "INSERT INTO platform.overrides (tenant_id, name, value) VALUES ($1, 'users_max', to_jsonb($2::int))",
        {tenant_, seats_max});
    add_person("owner", "active");
    add_person("owner", "active");
    add_person("admin", "active");
    add_person("admin", "inactive");
    add_person("viewer", "removed");
  }

  void live(int sequences) {
    const auto settle = [&]() noexcept { compare(); };
    std::barrier together(static_cast<std::ptrdiff_t>(people_count), settle);
    std::vector<std::thread> threads;
    for (std::size_t me = 0; me < people_count; ++me) {
      threads.emplace_back([&, me] {
        db::Connection own(world_.database.url("gateway"), "test");
        std::mt19937 random(static_cast<std::mt19937::result_type>(world_.seed + 1000UL * number_ + me));
        for (int step = 0; step < sequences * acts; ++step) {
          if (act(own, random) == "ok") world_.worked.fetch_add(1);
          if (step % 4 == 0) look(own);
          if ((step + 1) % acts == 0) together.arrive_and_wait();
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }

 private:
  std::string email_of(std::size_t person) const { return "p" + std::to_string(person) + "@" + tenant_ + ".test"; }

  void add_person(const std::string& role, const std::string& state) {
    const auto id = world_.ids.next().to_string();
    world_.database.exec(
        "superuser",
        "INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, created_at) "
        "VALUES ($1, $2, 'Zoé', 'Martin', '$argon2id$', now())",
        {id, email_of(people_.size())});
    world_.database.exec("superuser",
                         "INSERT INTO platform.memberships (tenant_id, user_id, role, state, state_since, created_at) "
                         "VALUES ($1, $2, $3, $4, now(), now())",
                         {tenant_, id, role, state});
    people_.push_back(id);
    first_roles_.push_back(role);
    first_states_.push_back(state);
    if (state != "removed") first_[id] = {role, state == "active"};
  }

  // In one transaction with its outbox, as the gateway does it: "ok", or why not.
  template <class F>
  std::string run(db::Connection& through, const std::string& actor, const F& work) {
    const auto done = db::run(through, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/gateway", {.kind = "user", .id = actor}, world_.ids, world_.clock.now());
      if (const auto result = work(tx, outbox); !result) return result.error();
      outbox.flush(tx);
      return {};
    });
    return done ? "ok" : done.error().reason;
  }
  std::string change(db::Connection& own, const std::string& actor, const std::string& target, Act act,
                     const std::string& role = {}) {
    return run(own, actor, [&](auto& tx, auto& outbox) {
      return change_member(tx, outbox, {tenant_, actor, target, act, role});
    });
  }

  std::string act(db::Connection& own, std::mt19937& random) {
    const auto any = [&](std::size_t of) { return random() % of; };
    const auto& actor = people_[any(people_count)];
    const auto& target = people_[any(people_count)];
    switch (any(8)) {
      case 0:
      case 1:
        return change(own, actor, target, Act::change_role, role_names[any(std::size(role_names))]);
      case 2:
        return change(own, actor, target, Act::deactivate);
      case 3:
        return change(own, actor, target, Act::reactivate);
      case 4:
        return change(own, actor, target, Act::remove);
      case 5: {
        const bool leaves = any(2) == 0;
        return run(own, actor, [&](auto& tx, auto& outbox) {
          return transfer_ownership(tx, outbox, {tenant_, actor, target, leaves});
        });
      }
      default:
        return bring_back(own, actor, any);
    }
  }

  // Whoever is out is invited back and comes, if there is room; at times somebody else tries to come instead.
  template <class Any>
  std::string bring_back(db::Connection& own, const std::string& actor, const Any& any) {
    const auto who = any(people_count);
    const std::string role = role_names[any(std::size(role_names))];
    std::optional<Invitation> invitation;
    auto said = run(own, actor, [&](auto& tx, auto& outbox) -> Result<void> {
      auto made = invite(tx, outbox, world_.ids, world_.tokens,
                         {.tenant_id = tenant_, .email = email_of(who), .role = role, .inviter_id = actor});
      if (!made) return made.error();
      invitation = *std::move(made);
      return {};
    });
    if (said != "ok" || any(4) == 0) return said;
    const auto token =
        world_.tokens.make(crypto::LinkPurpose::invitation, invitation->invitation_id, invitation->sendings);
    const auto come = [&](const std::string& person) {
      run(own, person, [&](auto& tx, auto& outbox) {
        return accept_invitation(tx, outbox, world_.ids, {.token = token, .user_id = person, .by = {}});
      });
    };
    if (any(4) == 0) come(people_[any(people_count)]);
    come(people_[who]);
    return said;
  }

  // While the others go on.
  void look(db::Connection& own) {
    db::Transaction tx(own);
    const auto now = tx.exec(
        "SELECT count(*) FILTER (WHERE role = 'owner') >= 1 AND count(*) <= $2 FROM platform.memberships "
        "WHERE tenant_id = $1 AND state = 'active'",
        {tenant_, seats_max});
    if (!now[0].boolean(0)) world_.broken.fetch_add(1);
  }

  // While nobody acts: what the events tell is what there is. Then all is as at first.
  void compare() {
    testing::MembersModel model(first_, seats_max);
    db::Transaction tx(all_);
    const auto place = [&] {
      return tenant_ + ", sequence " + std::to_string(sequence_) + ", seed " + std::to_string(world_.seed);
    };
    for (const auto row : tx.exec("SELECT type, payload, headers->>'cloudEvents_actor' FROM messaging.outbox WHERE "
                                  "tenant_id = $1 AND type <> 'invitation.expired' ORDER BY seq",
                                  {tenant_})) {
      const auto wrong = model.hear(std::string(row.text(0)), std::string(as_text(row.bytes(1))),
                                    std::string(row.text(2)).substr(std::string_view("user:").size()));
      EXPECT_EQ(wrong, "") << place() << ": " << row.text(0) << " by " << row.text(2);
      world_.told.fetch_add(1);
    }
    const auto rows = tx.exec(
        "SELECT coalesce(string_agg(user_id || ' ' || role || ' ' || state || E'\\n', '' ORDER BY user_id::text), '') "
        "FROM platform.memberships WHERE tenant_id = $1 AND state <> 'removed'",
        {tenant_});
    EXPECT_EQ(rows[0].text(0), model.members()) << place();
    const auto seats = count_seats(tx, tenant_, world_.clock.now());
    EXPECT_EQ(seats.active, model.active()) << place();
    EXPECT_EQ(seats.pending, model.pending()) << place();
    tx.send("DELETE FROM messaging.outbox WHERE tenant_id = $1", {tenant_});
    tx.send("DELETE FROM platform.invitations WHERE tenant_id = $1", {tenant_});
    tx.send(
        "UPDATE platform.memberships m SET role = f.role, state = f.state FROM unnest($2::uuid[], $3::text[], "
        "$4::text[]) "
        "AS f (user_id, role, state) WHERE m.tenant_id = $1 AND m.user_id = f.user_id AND (m.role, m.state) IS "
        "DISTINCT "
        "FROM (f.role, f.state)",
        {tenant_, db::Param::array(people_), db::Param::array(first_roles_), db::Param::array(first_states_)});
    tx.commit();
    ++sequence_;
    world_.sequences.fetch_add(1);
  }

  World& world_;
  const int number_;
  const std::string tenant_;
  std::vector<std::string> people_;
  // As a sequence begins; who is a member then.
  std::vector<std::string> first_roles_, first_states_;
  std::map<std::string, testing::MembersModel::Member> first_;
  db::Connection all_{world_.database.url("superuser"), "test"};
  int sequence_ = 0;
};

// TENANTRY_TEST_SEQUENCES: how many sequences there are in all. TENANTRY_TEST_SEED: of everybody's choices; who comes
// first stays the machine's.
TEST(MembersProperty, WhateverFiveDoTheRulesHold) {
  World world;
  world.seed = number_from("TENANTRY_TEST_SEED", std::random_device{}());
  const auto sequences = static_cast<int>(number_from("TENANTRY_TEST_SEQUENCES", 100));
  RecordProperty("seed", std::to_string(world.seed));
  SCOPED_TRACE("TENANTRY_TEST_SEED=" + std::to_string(world.seed));
  std::vector<std::unique_ptr<Company>> companies;
  for (int i = 0; i < companies_count; ++i) companies.push_back(std::make_unique<Company>(world, i));

  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> lives;
  for (int i = 0; i < companies_count; ++i) {
    const int share = sequences / companies_count + (i < sequences % companies_count ? 1 : 0);
    lives.emplace_back([&, i, share] { companies[static_cast<std::size_t>(i)]->live(share); });
  }
  for (auto& life : lives) life.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;

  EXPECT_EQ(world.broken.load(), 0);
  EXPECT_EQ(world.sequences.load(), sequences);
  EXPECT_GT(world.worked.load(), 3 * sequences);  // it was not all refusals
  EXPECT_GE(world.told.load(), world.worked.load());
  std::printf("%d sequences, %d acts that worked, %d events told; %.1f sequences/s\n", sequences, world.worked.load(),
              world.told.load(), sequences / took.count());
}

}  // namespace
}  // namespace tenantry::tenancy::members_property_test
