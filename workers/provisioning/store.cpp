#include "workers/provisioning/store.h"

#include <algorithm>
#include <set>

#include "events/topology.h"
#include "shared/db/connection.h"

namespace tenantry::provisioning {

void start_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga,
                const std::vector<std::string>& steps, const Uuid& cause_id, Timestamp now) {
  tx.send(
      "INSERT INTO provisioning.sagas (tenant_id, saga, state, cause_id, attempt, started_at, updated_at) "
      "VALUES ($1, $2, 'running', $3, 0, $4, $4) ON CONFLICT (tenant_id, saga) DO UPDATE SET state = 'running', "
      "cause_id = excluded.cause_id, attempt = 0, error = '', started_at = excluded.started_at, "
      "started_xid = pg_current_xact_id(), updated_at = excluded.updated_at",
      {tenant_id, saga, cause_id, now});
  tx.send(
      "INSERT INTO provisioning.steps (tenant_id, saga, step, position, state, updated_at) "
      "SELECT $1, $2, s.step, s.position, 'pending', $4 FROM unnest($3::text[]) WITH ORDINALITY AS s (step, position) "
      "ON CONFLICT (tenant_id, saga, step) DO UPDATE SET position = excluded.position, state = 'pending', error = '', "
      "updated_at = excluded.updated_at",
      {tenant_id, saga, db::Param::array(steps), now});
  // Of a run by an older version: steps that are no more.
  tx.send("DELETE FROM provisioning.steps WHERE tenant_id = $1 AND saga = $2 AND step <> ALL ($3::text[])",
          {tenant_id, saga, db::Param::array(steps)});
}

void align_steps(db::Transaction& tx, std::string_view tenant_id, std::string_view saga,
                 const std::vector<std::string>& steps, Timestamp now) {
  tx.send(
      "INSERT INTO provisioning.steps (tenant_id, saga, step, position, state, updated_at) "
      "SELECT $1, $2, s.step, s.position, 'pending', $4 FROM unnest($3::text[]) WITH ORDINALITY AS s (step, position) "
      "ON CONFLICT (tenant_id, saga, step) DO UPDATE SET position = excluded.position "
      "WHERE steps.position <> excluded.position",
      {tenant_id, saga, db::Param::array(steps), now});
}

std::optional<SagaRow> find_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga) {
  const auto rows =
      tx.exec("SELECT state, cause_id, attempt, started_at FROM provisioning.sagas WHERE tenant_id = $1 AND saga = $2",
              {tenant_id, saga});
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return SagaRow{std::string(row.text(0)), row.uuid(1), static_cast<int>(row.int64(2)), row.timestamp(3)};
}

std::vector<StepRow> load_steps(db::Transaction& tx, std::string_view tenant_id, std::string_view saga) {
  std::vector<StepRow> out;
  const auto rows =
      tx.exec("SELECT step, state FROM provisioning.steps WHERE tenant_id = $1 AND saga = $2 ORDER BY position, step",
              {tenant_id, saga});
  for (const auto row : rows) out.push_back({std::string(row.text(0)), std::string(row.text(1))});
  return out;
}

void mark_step(db::Transaction& tx, std::string_view tenant_id, std::string_view saga, std::string_view step,
               std::string_view state, std::string_view error, Milliseconds duration, Timestamp now) {
  tx.send(
      "UPDATE provisioning.steps SET state = $4, error = $5, duration_ms = $6, updated_at = $7, "
      "told = CASE WHEN $4 = 'done' THEN false ELSE told END "
      "WHERE tenant_id = $1 AND saga = $2 AND step = $3",
      {tenant_id, saga, step, state, error, std::int64_t{duration.count()}, now});
}

std::vector<DoneStep> take_untold_steps(db::Transaction& tx, std::string_view tenant_id, std::string_view saga) {
  std::vector<DoneStep> out;
  const auto rows = tx.exec(
      "UPDATE provisioning.steps SET told = true WHERE tenant_id = $1 AND saga = $2 AND NOT told "
      "RETURNING step, position, duration_ms",
      {tenant_id, saga});
  for (const auto row : rows) {
    out.push_back({std::string(row.text(0)), static_cast<int>(row.int64(1)), Milliseconds{row.int64(2)}});
  }
  std::ranges::sort(out, {}, &DoneStep::position);
  return out;
}

void mark_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga, std::string_view state,
               int attempt, std::string_view error, Timestamp now) {
  tx.send(
      "UPDATE provisioning.sagas SET state = $3, attempt = $4, error = $5, updated_at = $6 "
      "WHERE tenant_id = $1 AND saga = $2 AND state = 'running'",
      {tenant_id, saga, state, attempt, error, now});
}

void remember_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind, std::string_view name,
                       Timestamp now) {
  tx.send(
      "INSERT INTO provisioning.resources (tenant_id, kind, name, created_at) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT DO NOTHING",
      {tenant_id, kind, name, now});
}

void forget_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind) {
  tx.send("DELETE FROM provisioning.resources WHERE tenant_id = $1 AND kind = $2", {tenant_id, kind});
}

void forget_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind, std::string_view name) {
  tx.send("DELETE FROM provisioning.resources WHERE tenant_id = $1 AND kind = $2 AND name = $3",
          {tenant_id, kind, name});
}

std::vector<std::string> resources_of(db::Transaction& tx, std::string_view tenant_id, std::string_view kind) {
  std::vector<std::string> out;
  const auto rows = tx.exec("SELECT name FROM provisioning.resources WHERE tenant_id = $1 AND kind = $2 ORDER BY name",
                            {tenant_id, kind});
  for (const auto row : rows) out.emplace_back(row.text(0));
  return out;
}

std::optional<WrappedKey> find_tenant_key(db::Transaction& tx, std::string_view tenant_id, int version) {
  const auto rows = tx.exec(
      "SELECT key_version, wrapped_key FROM platform.tenant_keys WHERE tenant_id = $1 AND $2 IN (0, key_version) "
      "ORDER BY key_version DESC LIMIT 1",
      {tenant_id, std::int64_t{version}});
  if (rows.empty()) return std::nullopt;
  return WrappedKey{static_cast<int>(rows[0].int64(0)), rows[0].bytes(1)};
}

std::vector<BrokerUser> load_broker_users(db::Transaction& tx, std::string_view tenant_id) {
  std::vector<BrokerUser> out;
  const auto rows = tx.exec(
      "SELECT number, password_hash, valid_at, used_at, coalesce(ended, '') FROM provisioning.broker_users "
      "WHERE tenant_id = $1 ORDER BY number",
      {tenant_id});
  for (const auto row : rows) {
    out.push_back({.number = static_cast<int>(row.int64(0)),
                   .password_hash = std::string(row.text(1)),
                   .valid_at = row.optional_timestamp(2),
                   .used_at = row.optional_timestamp(3),
                   .ended = std::string(row.text(4))});
  }
  return out;
}

void add_broker_user(db::Transaction& tx, std::string_view tenant_id, int number, std::string_view password_hash,
                     Timestamp now) {
  tx.send(
      "INSERT INTO provisioning.broker_users (tenant_id, number, password_hash, created_at) VALUES ($1, $2, $3, $4)",
      {tenant_id, std::int64_t{number}, password_hash, now});
}

void mark_broker_user_valid(db::Transaction& tx, std::string_view tenant_id, int number, Timestamp now) {
  tx.send(
      "UPDATE provisioning.broker_users SET valid_at = $3 WHERE tenant_id = $1 AND number = $2 AND valid_at IS NULL",
      {tenant_id, std::int64_t{number}, now});
}

void mark_broker_user_used(db::Transaction& tx, std::string_view tenant_id, int number, Timestamp now) {
  tx.send("UPDATE provisioning.broker_users SET used_at = $3 WHERE tenant_id = $1 AND number = $2 AND used_at IS NULL",
          {tenant_id, std::int64_t{number}, now});
}

void mark_broker_user_ended(db::Transaction& tx, std::string_view tenant_id, int number, std::string_view why) {
  tx.send("UPDATE provisioning.broker_users SET ended = $3 WHERE tenant_id = $1 AND number = $2",
          {tenant_id, std::int64_t{number}, why});
}

void remove_broker_user(db::Transaction& tx, std::string_view tenant_id, int number) {
  tx.send("DELETE FROM provisioning.broker_users WHERE tenant_id = $1 AND number = $2",
          {tenant_id, std::int64_t{number}});
}

void remove_broker_users(db::Transaction& tx, std::string_view tenant_id) {
  tx.send("DELETE FROM provisioning.broker_users WHERE tenant_id = $1", {tenant_id});
}

std::vector<BrokerQueue> load_broker_queues(db::Transaction& tx, std::string_view tenant_id) {
  std::vector<BrokerQueue> out;
  const auto rows = tx.exec(
      "SELECT name, own_events, platform_events, message_ttl_seconds, state FROM provisioning.broker_queues "
      "WHERE tenant_id = $1 ORDER BY name",
      {tenant_id});
  for (const auto row : rows) {
    events::ApplicationQueue queue{
        .name = std::string(row.text(0)), .own_events = row.texts(1), .platform_events = row.texts(2)};
    if (!row.is_null(3)) queue.message_ttl_seconds = static_cast<std::int32_t>(row.int64(3));
    out.push_back({std::move(queue), std::string(row.text(4))});
  }
  return out;
}

std::vector<events::ApplicationQueue> kept_queues(db::Transaction& tx, std::string_view tenant_id) {
  std::vector<events::ApplicationQueue> out;
  for (auto& each : load_broker_queues(tx, tenant_id)) {
    if (each.state != "ending") out.push_back(std::move(each.queue));
  }
  return out;
}

void mark_broker_queue_ready(db::Transaction& tx, std::string_view tenant_id, std::string_view name) {
  tx.send(
      "UPDATE provisioning.broker_queues SET state = 'ready' WHERE tenant_id = $1 AND name = $2 AND state = 'pending'",
      {tenant_id, name});
}

void remove_broker_queue(db::Transaction& tx, std::string_view tenant_id, std::string_view name) {
  tx.send("DELETE FROM provisioning.broker_queues WHERE tenant_id = $1 AND name = $2 AND state = 'ending'",
          {tenant_id, name});
}

void remove_broker_queues(db::Transaction& tx, std::string_view tenant_id) {
  tx.send("DELETE FROM provisioning.broker_queues WHERE tenant_id = $1", {tenant_id});
}

void mark_provisioned(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  tx.send(
      "UPDATE platform.tenants SET vhost_ready = true, vhost_present = true, provisioning_failed = false, "
      "updated_at = $2 WHERE tenant_id = $1",
      {tenant_id, now});
}

void mark_failed(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  tx.send(
      "UPDATE platform.tenants SET vhost_ready = false, provisioning_failed = true, updated_at = $2 WHERE tenant_id = "
      "$1",
      {tenant_id, now});
}

void mark_released(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  tx.send("UPDATE platform.tenants SET vhost_present = false, updated_at = $2 WHERE tenant_id = $1", {tenant_id, now});
}

void open_store(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  tx.set_tenant(tenant_id);
  tx.send("INSERT INTO tenant_data.stores (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
          {tenant_id, now});
}

bool has_store(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  return !tx.exec("SELECT FROM tenant_data.stores WHERE tenant_id = $1", {tenant_id}).empty();
}

void remove_store(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  tx.send("DELETE FROM tenant_data.stores WHERE tenant_id = $1", {tenant_id});
}

std::optional<BackupRow> find_backup(db::Transaction& tx, std::string_view tenant_id) {
  const auto rows = tx.exec(
      "SELECT key_version, row_count, part_count, made_at FROM provisioning.backups WHERE tenant_id = $1", {tenant_id});
  if (rows.empty()) return std::nullopt;
  return BackupRow{static_cast<int>(rows[0].int64(0)), rows[0].int64(1), rows[0].int64(2), rows[0].timestamp(3)};
}

void insert_backup(db::Transaction& tx, std::string_view tenant_id, const BackupRow& backup, int keep_years) {
  tx.send(
      "INSERT INTO provisioning.backups (tenant_id, key_version, row_count, part_count, made_at, keep_until) "
      "VALUES ($1, $2, $3, $4, $5, $5::timestamptz + make_interval(years => $6::int))",
      {tenant_id, std::int64_t{backup.key_version}, backup.rows, backup.parts, backup.made_at,
       std::int64_t{keep_years}});
}

void insert_backup_part(db::Transaction& tx, std::string_view tenant_id, std::int64_t part, ByteView sealed) {
  tx.send("INSERT INTO provisioning.backup_parts (tenant_id, part, sealed) VALUES ($1, $2, $3)",
          {tenant_id, part, sealed});
}

std::optional<Bytes> find_backup_part(db::Transaction& tx, std::string_view tenant_id, std::int64_t part) {
  const auto rows =
      tx.exec("SELECT sealed FROM provisioning.backup_parts WHERE tenant_id = $1 AND part = $2", {tenant_id, part});
  if (rows.empty()) return std::nullopt;
  return rows[0].bytes(0);
}

void drop_backups_past_their_end(db::Transaction& tx, Timestamp now) {
  tx.send(
      "DELETE FROM provisioning.backups b WHERE keep_until <= $1 AND NOT EXISTS (SELECT FROM platform.holds h "
      "WHERE h.tenant_id = b.tenant_id AND h.hold = 'legal' AND h.ends_at > $1)",
      {now});
}

void each_row_of_tenant(db::Transaction& tx, std::string_view tenant_id,
                        const std::function<void(std::string_view)>& take) {
  tx.exec("SET LOCAL statement_timeout = '10min'");  // a tenant may have much
  tx.set_tenant(tenant_id);
  tx.exec("DECLARE rows_of_tenant NO SCROLL CURSOR FOR SELECT line FROM provisioning.rows_of_tenant()");
  for (;;) {
    const auto rows = tx.exec("FETCH 100 FROM rows_of_tenant");  // some are as large as a webhook may be
    for (const auto row : rows) take(row.text(0));
    if (rows.empty()) break;
  }
  tx.exec("CLOSE rows_of_tenant");
}

bool erase_tenant(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  tx.exec("SET LOCAL statement_timeout = '10min'");  // every record of the tenant's log is touched
  return tx.exec("SELECT platform.erase_tenant($1, $2)", {tenant_id, now})[0].boolean(0);
}

bool everybody_knows(db::Transaction& tx, std::string_view tenant_id, std::string_view saga) {
  const auto rows = tx.exec(
      "SELECT started_xid < pg_snapshot_xmin(pg_current_snapshot()) FROM provisioning.sagas "
      "WHERE tenant_id = $1 AND saga = $2",
      {tenant_id, saga});
  return !rows.empty() && rows[0].boolean(0);
}

std::vector<std::string> workers_behind(db::Transaction& tx, std::span<const std::string_view> workers,
                                        const Uuid& marker) {
  std::set<std::string, std::less<>> behind(workers.begin(), workers.end());
  const auto rows = tx.exec("SELECT worker FROM messaging.inbox WHERE event_id = $1", {marker});
  for (const auto row : rows) {
    if (const auto at = behind.find(row.text(0)); at != behind.end()) behind.erase(at);
  }
  return {behind.begin(), behind.end()};
}

std::int64_t outbox_rows_due(db::Transaction& tx, std::string_view vhost, Timestamp now) {
  return tx.exec("SELECT count(*) FROM messaging.outbox WHERE vhost = $1 AND available_at <= $2", {vhost, now})[0]
      .int64(0);
}

void drop_timers(db::Transaction& tx, std::string_view tenant_id) {
  tx.send("DELETE FROM messaging.outbox WHERE tenant_id = $1 AND timer_key IS NOT NULL", {tenant_id});
}

void remove_people(db::Transaction& tx, std::string_view tenant_id) {
  for (const char* what :
       {"DELETE FROM platform.refresh_tokens WHERE tenant_id = $1",
        "DELETE FROM platform.sessions WHERE tenant_id = $1", "DELETE FROM platform.settings WHERE tenant_id = $1",
        "DELETE FROM platform.flag_overrides WHERE tenant_id = $1",
        "DELETE FROM platform.api_keys WHERE tenant_id = $1", "DELETE FROM platform.dunning_terms WHERE tenant_id = $1",
        "DELETE FROM platform.domains WHERE tenant_id = $1",
        "UPDATE platform.tenants SET custom_domain = NULL WHERE tenant_id = $1",
        "DELETE FROM billing.plan_changes WHERE tenant_id = $1",
        "DELETE FROM billing.payment_methods WHERE tenant_id = $1",
        "DELETE FROM platform.factor_resets WHERE tenant_id = $1",
        "DELETE FROM platform.invitations WHERE tenant_id = $1"}) {
    tx.send(what, {tenant_id});
  }
  const auto rows = tx.exec("DELETE FROM platform.memberships WHERE tenant_id = $1 RETURNING user_id", {tenant_id});
  tx.send("DELETE FROM platform.custom_roles WHERE tenant_id = $1", {tenant_id});
  std::vector<std::string> users;
  for (const auto row : rows) users.emplace_back(row.text(0));
  tx.send(
      "UPDATE platform.signups SET user_id = NULL WHERE user_id = ANY ($1::uuid[]) AND NOT EXISTS "
      "(SELECT FROM platform.memberships m WHERE m.user_id = platform.signups.user_id)",
      {db::Param::array(users)});
  // Who was a super-admin once is as gone as others; who is one stays.
  for (const char* what :
       {"DELETE FROM platform.admin_sessions s WHERE user_id = ANY ($1::uuid[]) AND EXISTS "
        "(SELECT FROM platform.admins a WHERE a.user_id = s.user_id AND a.revoked_at IS NOT NULL) AND NOT EXISTS "
        "(SELECT FROM platform.memberships m WHERE m.user_id = s.user_id)",
        "DELETE FROM platform.sessions s WHERE user_id = ANY ($1::uuid[]) AND EXISTS "
        "(SELECT FROM platform.admins a WHERE a.user_id = s.user_id AND a.revoked_at IS NOT NULL) AND NOT EXISTS "
        "(SELECT FROM platform.memberships m WHERE m.user_id = s.user_id)",
        "DELETE FROM platform.admins a WHERE user_id = ANY ($1::uuid[]) AND revoked_at IS NOT NULL AND NOT EXISTS "
        "(SELECT FROM platform.memberships m WHERE m.user_id = a.user_id)"}) {
    tx.send(what, {db::Param::array(users)});
  }
  tx.send(
      "DELETE FROM platform.users u WHERE user_id = ANY ($1::uuid[]) AND NOT EXISTS "
      "(SELECT FROM platform.memberships m WHERE m.user_id = u.user_id) AND NOT EXISTS "
      "(SELECT FROM platform.admins a WHERE a.user_id = u.user_id)",
      {db::Param::array(users)});
}

}  // namespace tenantry::provisioning
