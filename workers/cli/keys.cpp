#include "workers/cli/keys.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/crypto/hash.h"
#include "shared/crypto/jwt.h"
#include "shared/db/clock_offset.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/progress.h"

namespace tenantry::cli {
namespace {

constexpr int batch = 500;
// Longer than a token lives, with what a clock may be off.
constexpr Seconds superseded_for{2 * 3600};

// A table with something sealed: how its rows are found one after the other, and opened and sealed again.
struct Place {
  const char* table;
  const char*
      select;  // id (text, what it is ordered by), what is sealed, and whatever `reseal` needs; from $1 on, $2 rows
  const char* update;  // $1 the id, $2 what is sealed, $3 what it was
  // Of one row: under the first of `masters` what was under any. Nullopt: under none of them.
  std::optional<Bytes> (*reseal)(const crypto::MasterKeys& masters, const db::Row& row);
};

std::optional<Bytes> reseal_data_key(const crypto::MasterKeys& masters, const std::string& name, std::uint32_t version,
                                     ByteView wrapped) {
  const auto key = crypto::DataKey::unwrap(masters, name, version, wrapped);
  return key ? std::optional(key->wrap(masters.current(), name)) : std::nullopt;
}

const Place places[] = {
    {"platform.tenant_keys",
     "SELECT tenant_id || '/' || key_version, wrapped_key, tenant_id, key_version FROM platform.tenant_keys "
     "WHERE tenant_id || '/' || key_version > $1 ORDER BY 1 LIMIT $2 FOR UPDATE",
     "UPDATE platform.tenant_keys SET wrapped_key = $2 WHERE tenant_id || '/' || key_version = $1 AND wrapped_key = $3",
     [](const crypto::MasterKeys& masters, const db::Row& row) {
       return reseal_data_key(masters, std::string(row.text(2)), static_cast<std::uint32_t>(row.int64(3)),
                              row.bytes(1));
     }},
    {"audit.keys",
     "SELECT key_id, wrapped_key FROM audit.keys WHERE key_id > $1 AND destroyed_at IS NULL ORDER BY 1 LIMIT $2 FOR "
     "UPDATE",
     "UPDATE audit.keys SET wrapped_key = $2 WHERE key_id = $1 AND wrapped_key = $3",
     [](const crypto::MasterKeys& masters, const db::Row& row) {
       return reseal_data_key(masters, std::string(row.text(0)), 1, row.bytes(1));
     }},
    {"platform.signing_keys",
     "SELECT kid, sealed_jwk FROM platform.signing_keys WHERE kid > $1 ORDER BY 1 LIMIT $2 FOR UPDATE",
     "UPDATE platform.signing_keys SET sealed_jwk = $2 WHERE kid = $1 AND sealed_jwk = $3",
     [](const crypto::MasterKeys& masters, const db::Row& row) -> std::optional<Bytes> {
       const auto context = "platform.signing_keys/" + std::string(row.text(0));
       auto jwk = masters.open(row.bytes(1), as_bytes(context));
       if (!jwk) return std::nullopt;
       auto sealed = crypto::seal(masters.current().key(), *jwk, as_bytes(context));
       crypto::zeroise(*jwk);
       return sealed;
     }},
    {"platform.totp_factors",
     "SELECT user_id::text, sealed_seed FROM platform.totp_factors WHERE user_id::text > $1 ORDER BY 1 LIMIT $2 FOR "
     "UPDATE",
     "UPDATE platform.totp_factors SET sealed_seed = $2 WHERE user_id::text = $1 AND sealed_seed = $3",
     [](const crypto::MasterKeys& masters, const db::Row& row) -> std::optional<Bytes> {
       const auto keys = masters.derived("tenantry/second factors");
       const auto context = "platform.totp_factors/" + std::string(row.text(0));
       auto seed = keys.open(row.bytes(1), as_bytes(context));
       if (!seed) return std::nullopt;
       auto sealed = keys.seal(*seed, as_bytes(context));
       crypto::zeroise(*seed);
       return sealed;
     }},
};

Sealed look_at(db::Connection& connection, const Place& place, const crypto::MasterKeys& masters,
               const crypto::MasterKeys& current, bool move, const std::function<void(std::uint64_t)>& looked) {
  Sealed found{.table = place.table};
  std::string last;
  for (;;) {
    db::Transaction tx(connection);
    const auto rows = tx.exec(place.select, {last, std::int64_t{batch}});
    if (rows.empty()) return found;
    for (const auto row : rows) {
      if (place.reseal(current, row)) {
        ++found.current;
        continue;
      }
      const auto sealed = place.reseal(masters, row);
      ++(sealed ? found.former : found.unreadable);
      if (sealed && move) tx.exec(place.update, {row.text(0), *sealed, row.bytes(1)});
    }
    last = rows[rows.size() - 1].text(0);
    tx.commit();
    looked(rows.size());
  }
}

// In the platform's own log: what was changed, and how much of it.
void tell(db::Transaction& tx, const char* what, std::int64_t count, const std::string& id, Timestamp now) {
  SystemClock clock;
  SystemIdGenerator ids(clock);
  messaging::Outbox outbox("/tenantry/cli", {.kind = "service", .id = "keys"}, ids, now);
  events::v1::KeysChanged changed;
  changed.set_what(what);
  changed.set_count(count);
  changed.set_key_id(id);
  outbox.publish("platform", changed);
  outbox.flush(tx);
}

}  // namespace

Result<crypto::MasterKeys> master_keys(const Session& session) {
  const auto current = session.setting("TENANTRY_MASTER_KEY");
  if (!current) return current.error();
  std::vector<std::string> former;
  if (const auto at = session.environment.find("TENANTRY_FORMER_MASTER_KEYS"); at != session.environment.end()) {
    std::istringstream in(at->second);
    for (std::string key; std::getline(in, key, ',');) {
      if (!key.empty()) former.push_back(key);
    }
  }
  auto masters = crypto::MasterKeys::from_base64(*current, former);
  if (!masters) {
    return Error::invalid("TENANTRY_MASTER_KEY", "base64", "it and those of before must be 32 bytes in base64 each");
  }
  return masters;
}

std::uint64_t count_sealed(db::Connection& connection) {
  db::Transaction tx(connection);
  std::uint64_t rows = 0;
  for (const auto& place : places) {
    rows +=
        static_cast<std::uint64_t>(tx.exec_once("SELECT count(*) FROM " + std::string(place.table), {})[0].int64(0));
  }
  return rows;
}

std::vector<Sealed> look_at_sealed(db::Connection& connection, const crypto::MasterKeys& masters, bool move,
                                   Timestamp now, const std::function<void(std::uint64_t rows)>& looked) {
  const auto bytes = masters.current().key().bytes();
  auto current = crypto::MasterKeys::from_base64(to_base64(bytes), {});
  TENANTRY_ASSERT(current);
  std::vector<Sealed> found;
  std::int64_t moved = 0;
  for (const auto& place : places) {
    found.push_back(look_at(connection, place, masters, *current, move, looked));
    moved += move ? found.back().former : 0;
  }
  if (moved > 0) {
    db::Transaction tx(connection);
    tell(tx, "master", moved, "", now);
    tx.commit();
  }
  return found;
}

std::int64_t rotate_data_keys(db::Connection& connection, const crypto::MasterKeys& masters,
                              const std::string& tenant_id, Timestamp now) {
  std::int64_t made = 0;
  std::string last;
  for (;;) {
    db::Transaction tx(connection);
    const auto rows = tx.exec(
        "SELECT tenant_id, max(key_version) FROM platform.tenant_keys WHERE tenant_id > $1 AND $2 IN ('', tenant_id) "
        "GROUP BY 1 ORDER BY 1 LIMIT $3",
        {last, tenant_id, std::int64_t{batch}});
    if (rows.empty()) return made;
    for (const auto row : rows) {
      const std::string tenant{row.text(0)};
      const auto version = static_cast<std::uint32_t>(row.int64(1) + 1);
      const auto key = crypto::DataKey::generate(version);
      tx.exec(
          "INSERT INTO platform.tenant_keys (tenant_id, key_version, wrapped_key, created_at) VALUES ($1, $2, $3, $4)",
          {tenant, std::int64_t{version}, key.wrap(masters.current(), tenant), now});
      ++made;
      last = tenant;
    }
    tell(tx, "data", static_cast<std::int64_t>(rows.size()), tenant_id, now);
    tx.commit();
  }
}

SigningRotation rotate_signing_key(db::Connection& connection, const crypto::MasterKeys& masters, bool at_once,
                                   Timestamp now) {
  SigningRotation rotation;
  const auto key = crypto::SigningKey::generate();
  rotation.kid = key.kid();
  const auto context = "platform.signing_keys/" + key.kid();
  db::Transaction tx(connection);
  tx.exec("SELECT pg_advisory_xact_lock(hashtextextended('platform.signing_keys', 0))");
  // The newest of those that are there has signed since a while, or it must go on doing so: it stays.
  const auto retired = tx.exec(
      "UPDATE platform.signing_keys k SET retired_at = $1 WHERE retired_at IS NULL AND ($2 OR EXISTS (SELECT FROM "
      "platform.signing_keys n WHERE n.retired_at IS NULL AND n.created_at > k.created_at AND n.created_at <= $3)) "
      "RETURNING kid",
      {now, at_once, now - superseded_for});
  for (const auto row : retired) rotation.retired.emplace_back(row.text(0));
  tx.exec("INSERT INTO platform.signing_keys (kid, sealed_jwk, public_jwk, created_at) VALUES ($1, $2, $3, $4)",
          {key.kid(), crypto::seal(masters.current().key(), as_bytes(key.private_jwk()), as_bytes(context)),
           key.public_jwk(), now});
  tell(tx, "signing", 1 + static_cast<std::int64_t>(rotation.retired.size()), key.kid(), now);
  tx.commit();
  return rotation;
}

std::vector<KeyUse> count_uses(db::Connection& connection, int most) {
  db::Transaction tx(connection);
  std::vector<KeyUse> uses;
  // Of a log's records some lie under the keys of signups instead: it has sealed so many at most. What the master key
  // has sealed is what lies under it, with as many again for each time it was all moved; those times are on record.
  for (const auto row : tx.exec(
           "(SELECT 'an audit log', h.tenant_id, h.size FROM audit.heads h JOIN audit.keys k ON k.key_id = h.tenant_id "
           "WHERE k.destroyed_at IS NULL ORDER BY h.size DESC, 1 LIMIT $1) UNION ALL "
           "(SELECT 'a tenant''s data', b.tenant_id || '/' || b.key_version, b.part_count::bigint FROM "
           "provisioning.backups b ORDER BY b.part_count DESC, 2 LIMIT $1) UNION ALL "
           "SELECT 'the platform', 'TENANTRY_MASTER_KEY', (SELECT count(*) FROM platform.tenant_keys) + "
           "(SELECT count(*) FROM audit.keys) + (SELECT count(*) FROM platform.signing_keys) + "
           "(SELECT count(*) FROM platform.totp_factors) ORDER BY 3 DESC",
           {std::int64_t{most}})) {
    uses.push_back({std::string(row.text(0)), std::string(row.text(1)), row.int64(2)});
  }
  return uses;
}

// ---- the commands -------------------------------------------------------------------------------------------------

namespace {

struct Opened {
  std::unique_ptr<db::Connection> connection;
  crypto::MasterKeys masters;
  Timestamp now;
};
Result<Opened> open(const Session& session) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  auto masters = master_keys(session);
  if (!masters) return masters.error();
  auto connection = std::make_unique<db::Connection>(*url, "tenantry keys");
  SystemClock clock;
  const auto test_clock = session.environment.find("TENANTRY_TEST_CLOCK");
  clock.follow(
      db::read_platform_time(*connection, test_clock != session.environment.end() && test_clock->second == "1"));
  return Opened{std::move(connection), *std::move(masters), clock.now()};
}

void show_uses(Session& session, db::Connection& connection) {
  constexpr int shown = 5;
  std::vector<Row> rows;
  for (const auto& use : count_uses(connection, shown)) {
    if (session.json) {
      print_json({{"kind", use.kind}, {"key", use.key}, {"seals", use.seals}, {"seals_max", seals_max}});
    }
    rows.push_back({use.kind, use.key, std::to_string(use.seals),
                    std::to_string(use.seals * 100 / seals_max) + " %" + (use.seals > seals_max ? ", change it" : "")});
  }
  if (session.json) return;
  std::printf("\n");
  print_table({"KEY OF", "WHOSE", "HAS SEALED", "OF WHAT IT MAY"}, rows);
}

void show_sealed(Session& session, bool move) {
  auto opened = open(session);
  if (!opened) return session.fail(opened.error());
  std::vector<Sealed> found;
  {
    Progress progress(count_sealed(*opened->connection), "keys");
    found = look_at_sealed(*opened->connection, opened->masters, move, opened->now,
                           [&](std::uint64_t rows) { progress.add(rows); });
  }
  std::vector<std::vector<std::string>> rows;
  std::int64_t former = 0;
  std::int64_t unreadable = 0;
  for (const auto& each : found) {
    former += each.former;
    unreadable += each.unreadable;
    if (session.json) {
      print_json({{"table", each.table},
                  {"current", each.current},
                  {move ? "moved" : "former", each.former},
                  {"unreadable", each.unreadable}});
    }
    rows.push_back(
        {each.table, std::to_string(each.current), std::to_string(each.former), std::to_string(each.unreadable)});
  }
  if (!session.json) {
    print_table({"IN", "CURRENT", move ? "MOVED" : "FORMER", "UNREADABLE"}, rows);
    if (!move && former > 0) std::fprintf(stderr, "`tenantry keys rewrap` moves what lies under former keys\n");
    if (former == 0 && unreadable == 0) {
      std::fprintf(stderr, "all lies under TENANTRY_MASTER_KEY: no former one is needed\n");
    }
  }
  if (!move) show_uses(session, *opened->connection);
  if (unreadable > 0) {
    session.fail(
        {.code = Errc::refused,
         .reason = "unreadable",
         .message = std::to_string(unreadable) +
                    " are sealed under a key that is not given; TENANTRY_FORMER_MASTER_KEYS names those of before"});
  }
}

void rotate_data(Session& session, const std::string& tenant_id, bool all) {
  if (all == !tenant_id.empty()) {
    return session.fail({.code = Errc::invalid, .message = "name a tenant, or say --all"});
  }
  auto opened = open(session);
  if (!opened) return session.fail(opened.error());
  const auto made = rotate_data_keys(*opened->connection, opened->masters, tenant_id, opened->now);
  if (made == 0 && !all) return session.fail(unknown_tenant(session, tenant_id));
  if (session.json) return print_json({{"data_keys", made}});
  std::printf("%s; what is sealed from now on is sealed under the new ones\n", counted(made, "data key").c_str());
}

void rotate_signing(Session& session, bool at_once) {
  auto opened = open(session);
  if (!opened) return session.fail(opened.error());
  const auto done = rotate_signing_key(*opened->connection, opened->masters, at_once, opened->now);
  if (session.json) return print_json({{"kid", done.kid}, {"retired", done.retired}});
  std::printf("%s signs from half a minute on\n", done.kid.c_str());
  for (const auto& kid : done.retired) std::printf("%s is retired: what it signed is good no longer\n", kid.c_str());
}

}  // namespace

void add_keys(Command& app, Session& session) {
  auto* command = app.add_subcommand("keys",
                                     "Change the platform's keys (as the database's owner, with the master key; "
                                     "docs/keys.md)\n\nExamples:\n"
                                     "  tenantry keys status          # what lies under which master key\n"
                                     "  tenantry keys rewrap          # after the master key has changed\n"
                                     "  tenantry keys rotate-data acme\n"
                                     "  tenantry keys rotate-signing  # of access tokens");
  command->require_subcommand();
  command->add_subcommand("status", "How much is sealed under the master key of now, and of before")
      ->callback([&session] { show_sealed(session, false); });
  command->add_subcommand("rewrap", "Move what lies under TENANTRY_FORMER_MASTER_KEYS below TENANTRY_MASTER_KEY")
      ->callback([&session] { show_sealed(session, true); });
  static std::string tenant_id;
  static bool all = false;
  auto* data = command->add_subcommand("rotate-data", "A new data key for a tenant; what is sealed stays readable");
  data->add_option("tenant", tenant_id, "The tenant's id");
  data->add_flag("--all", all, "For every tenant");
  data->callback([&session] { rotate_data(session, tenant_id, all); });
  static bool at_once = false;
  auto* signing =
      command->add_subcommand("rotate-signing", "A new key that signs access tokens; the old one verifies on");
  signing->add_flag("--at-once", at_once,
                    "A key may be known to others: all of before are retired, people log in again");
  signing->callback([&session] { rotate_signing(session, at_once); });
}

}  // namespace tenantry::cli
