#include "workers/audit/worker.h"

#include <algorithm>
#include <set>

#include "shared/core/assert.h"
#include "shared/core/rare.h"
#include "shared/db/connection.h"
#include "workers/audit/keys.h"
#include "workers/audit/leaf.h"
#include "workers/audit/store.h"

namespace tenantry::audit {
namespace {

using messaging::Incoming;
using messaging::Unit;

// Of a tenant that is erased: nothing of what would be sealed stands beside the leaf either.
void leave_out_persons(AuditRecord& record) {
  for (auto* text : {&record.actor_id, &record.actor_ip, &record.actor_agent, &record.resource_id, &record.payload,
                     &record.changes}) {
    text->clear();
  }
}

class AuditWorker final : public messaging::Worker {
 public:
  explicit AuditWorker(crypto::MasterKeys masters) : keys_(std::move(masters)) {}

  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

  void begin(Unit& unit, std::span<const Incoming* const> batch) override {
    leaves_.clear();
    nodes_.clear();
    std::set<std::string> tenants;
    for (const auto* incoming : batch) tenants.insert(incoming->event.tenant_id);
    heads_ = lock_heads(unit.tx, {tenants.begin(), tenants.end()});
    keys_.prepare(unit.tx, heads_);
  }

  Result<void> finish(Unit& unit) override {
    // A tenant's records lie side by side in every index.
    std::ranges::stable_sort(leaves_, {}, [](const Leaf& leaf) -> const std::string& { return leaf.record.tenant_id; });
    append(unit.tx, leaves_, heads_, nodes_);
    return {};
  }

 private:
  Result<void> record(Unit& unit, const Incoming& incoming) {
    auto& head = heads_.at(incoming.event.tenant_id);
    head.recorded_at = std::max(head.recorded_at, unit.now);  // another process's clock may be ahead of ours
    Leaf leaf{make_record(incoming.event, incoming.first_exchange(), head.recorded_at), {}, {}};
    leaf.record.sequence = head.frontier.size();
    const auto* key = keys_.key_of(unit.tx, leaf.record);
    leaf.bytes = leaf_of(leaf.record, incoming.event, key);
    leaf.hash = leaf_hash(as_bytes(leaf.bytes));
    completed_.clear();
    head.frontier.append(leaf.hash, &completed_);
    for (const auto& node : completed_) nodes_.push_back({leaf.record.tenant_id, node});
    if (key == nullptr) leave_out_persons(leaf.record);
    if (rare::is(rare::Mutant::leaf_not_as_hashed)) leaf.bytes.back() = ' ';
    leaves_.push_back(std::move(leaf));
    return {};
  }

  Heads heads_;  // of the batch at hand
  Keys keys_;
  std::vector<Leaf> leaves_;
  std::vector<TenantNode> nodes_;
  std::vector<Node> completed_;  // by the record at hand
  const std::vector<messaging::ConsumerRow> rows_ = {
      {.type = "#",
       .handle = [this](Unit& unit, const Incoming& incoming, const std::any&) { return record(unit, incoming); }}};
};

}  // namespace

messaging::WorkerSpec worker_spec(const AuditConfig& config) {
  return {.name = "audit",
          .database_url = config.database_url,
          .batch_max = 500,
          .prefetch = 300,
          .make = [texts = config.master_keys](const messaging::LaneContext&) -> std::unique_ptr<messaging::Worker> {
            auto masters = crypto::MasterKeys::from_base64(texts.current, texts.former);
            TENANTRY_ASSERT(masters);  // read_audit_config has checked them
            return std::make_unique<AuditWorker>(std::move(*masters));
          }};
}

service::Entry entry() {
  return {.name = "audit",
          .purpose = "The audit worker: every event becomes a record of the append-only log.",
          .read = [](config::Reader& reader) { return worker_spec(read_audit_config(reader)); }};
}

}  // namespace tenantry::audit
