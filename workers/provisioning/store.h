// The provisioning worker's SQL: sagas, their steps, resources, applications' logins and queues.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/topology.h"
#include "shared/core/ids.h"
#include "workers/provisioning/broker_access.h"
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

void start_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga,
                const std::vector<std::string>& steps, const Uuid& cause_id, Timestamp now);
// Of a saga that another version started: what it lacks is added, and each step stands where it stands in `steps`. One
// that is not among them stays as it is.
void align_steps(db::Transaction& tx, std::string_view tenant_id, std::string_view saga,
                 const std::vector<std::string>& steps, Timestamp now);
std::optional<SagaRow> find_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga);
std::vector<StepRow> load_steps(db::Transaction& tx, std::string_view tenant_id, std::string_view saga);  // in order
void mark_step(db::Transaction& tx, std::string_view tenant_id, std::string_view saga, std::string_view step,
               std::string_view state, std::string_view error, Milliseconds duration, Timestamp now);
struct DoneStep {
  std::string step;
  int position = 0;  // from 1
  Milliseconds duration{0};
};
// Steps that were done and that no event has told of yet, in order; from here on they are told.
std::vector<DoneStep> take_untold_steps(db::Transaction& tx, std::string_view tenant_id, std::string_view saga);
// One that runs; one that has ended stays as it ended.
void mark_saga(db::Transaction& tx, std::string_view tenant_id, std::string_view saga, std::string_view state,
               int attempt, std::string_view error, Timestamp now);

void remember_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind, std::string_view name,
                       Timestamp now);
void forget_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind);
void forget_resource(db::Transaction& tx, std::string_view tenant_id, std::string_view kind, std::string_view name);
std::vector<std::string> resources_of(db::Transaction& tx, std::string_view tenant_id, std::string_view kind);

struct WrappedKey {
  int version = 0;
  Bytes wrapped;
};
// The newest, or that of a version.
std::optional<WrappedKey> find_tenant_key(db::Transaction& tx, std::string_view tenant_id, int version = 0);

// Logins of the tenant's applications, by number.
std::vector<BrokerUser> load_broker_users(db::Transaction& tx, std::string_view tenant_id);
void add_broker_user(db::Transaction& tx, std::string_view tenant_id, int number, std::string_view password_hash,
                     Timestamp now);
void mark_broker_user_valid(db::Transaction& tx, std::string_view tenant_id, int number, Timestamp now);
void mark_broker_user_used(db::Transaction& tx, std::string_view tenant_id, int number, Timestamp now);
void mark_broker_user_ended(db::Transaction& tx, std::string_view tenant_id, int number, std::string_view why);
void remove_broker_user(db::Transaction& tx, std::string_view tenant_id, int number);
void remove_broker_users(db::Transaction& tx, std::string_view tenant_id);

struct BrokerQueue {
  events::ApplicationQueue queue;
  std::string state;  // pending, ready, ending
};
std::vector<BrokerQueue> load_broker_queues(db::Transaction& tx, std::string_view tenant_id);
std::vector<events::ApplicationQueue> kept_queues(db::Transaction& tx, std::string_view tenant_id);  // that do not end
void mark_broker_queue_ready(db::Transaction& tx, std::string_view tenant_id, std::string_view name);
void remove_broker_queue(db::Transaction& tx, std::string_view tenant_id, std::string_view name);  // one that ends
void remove_broker_queues(db::Transaction& tx, std::string_view tenant_id);

void mark_provisioned(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
void mark_released(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
void mark_failed(db::Transaction& tx, std::string_view tenant_id, Timestamp now);

// The pool data store: the tenant's row in tenant_data.stores opens it.
void open_store(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
bool has_store(db::Transaction& tx, std::string_view tenant_id);
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
std::vector<std::string> workers_behind(db::Transaction& tx, std::span<const std::string_view> workers,
                                        const Uuid& marker);
std::int64_t outbox_rows_due(db::Transaction& tx, std::string_view vhost, Timestamp now);
void drop_timers(db::Transaction& tx, std::string_view tenant_id);

// Memberships, sessions, API keys and what they have set; people who belong to no other tenant are forgotten.
void remove_people(db::Transaction& tx, std::string_view tenant_id);

}  // namespace tenantry::provisioning
