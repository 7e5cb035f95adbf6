// The provisioning worker's SQL: sagas, their steps, resources and credentials.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/ids.h"
#include "workers/provisioning/saga.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::provisioning {

struct SagaRow {
  std::string state;  // running, compensating, done, failed
  Uuid cause_id;      // the event that started it
  int attempt = 0;
  Timestamp started_at{};
};

void start_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga, const Uuid& cause_id,
                Timestamp now);
std::optional<SagaRow> find_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga);
std::vector<StepRow> load_steps(db::Transaction& tx, std::string_view tenant_id, std::string_view saga);  // in order
void mark_step(db::Transaction& tx, std::string_view tenant_id, std::string_view saga, std::string_view step,
               std::string_view state, std::string_view error, Milliseconds duration, Timestamp now);
void mark_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga, std::string_view state,
               int attempt, std::string_view error, Timestamp now);

void remember_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind, std::string_view name,
                       Timestamp now);
void forget_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind);
std::vector<std::string> resources_of(db::Transaction& tx, std::string_view tenant_id);

struct WrappedKey {
  int version = 0;
  Bytes wrapped;
};
// The newest, or that of a version.
std::optional<WrappedKey> find_tenant_key(db::Transaction& tx, std::string_view tenant_id, int version = 0);
std::optional<Bytes> find_credential(db::Transaction& tx, std::string_view tenant_id, std::string_view name);
void insert_credential(db::Transaction& tx, std::string_view tenant_id, std::string_view name, int key_version,
                       ByteView sealed, Timestamp now);
void remove_credentials(db::Transaction& tx, std::string_view tenant_id);

void mark_provisioned(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
void mark_released(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
void mark_failed(db::Transaction& tx, std::string_view tenant_id, Timestamp now);

// The pool data store: the tenant's row in tenant_data.stores opens it.
void open_store(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
void remove_store(db::Transaction& tx, std::string_view tenant_id);

struct BackupRow {
  int key_version = 0;
  std::int64_t rows = 0;
  std::int64_t parts = 0;
  Timestamp made_at{};
};
std::optional<BackupRow> find_backup(db::Transaction& tx, std::string_view tenant_id);
void insert_backup(db::Transaction& tx, std::string_view tenant_id, const BackupRow& backup, int keep_years);
void insert_backup_part(db::Transaction& tx, std::string_view tenant_id, std::int64_t part, ByteView sealed);
std::optional<Bytes> find_backup_part(db::Transaction& tx, std::string_view tenant_id, std::int64_t part);
// Not those of a tenant under a legal hold.
void drop_backups_past_their_end(db::Transaction& tx, Timestamp now);
// Every row that is the tenant's, as {"table","row"}: see migration 0027.
void each_row_of_tenant(db::Transaction& tx, std::string_view tenant_id,
                        const std::function<void(std::string_view)>& take);

// Destroys the keys of a deleted tenant and empties what its tables say of people. False: it is not deleted, has been
// erased before, or is under a legal hold.
bool erase_tenant(db::Transaction& tx, std::string_view tenant_id, Timestamp now);

// Whether every transaction that may have seen the tenant before its saga started is over.
bool everybody_knows(db::Transaction& tx, std::string_view tenant_id, std::string_view saga);

// Workers that have not taken the end-of-stream event, and events still to be published into the vhost.
std::vector<std::string> workers_behind(db::Transaction& tx, const Uuid& marker);
std::int64_t outbox_rows_due(db::Transaction& tx, std::string_view vhost, Timestamp now);
void drop_timers(db::Transaction& tx, std::string_view tenant_id);

// Memberships and sessions; people who belong to no other tenant are forgotten.
void remove_people(db::Transaction& tx, std::string_view tenant_id);

}  // namespace tenantry::provisioning
