#include "workers/audit/worker.h"

#include <algorithm>
#include <set>

#include "shared/core/rare.h"
#include "shared/db/connection.h"
#include "workers/audit/store.h"

namespace tenantry::audit {
namespace {

using messaging::Incoming;
using messaging::Unit;

// Where a message was first published: a retry of the relay says it in a header.
std::string first_exchange(const Incoming& incoming) {
  if (!incoming.wire.exchange.empty()) return incoming.wire.exchange;
  const auto at = incoming.wire.headers.find(std::string(events::header_exchange));
  return at == incoming.wire.headers.end() ? std::string{} : at->second;
}

class AuditWorker final : public messaging::Worker {
 public:
  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

  void begin(Unit& unit, std::span<const Incoming* const> batch) override {
    leaves_.clear();
    std::set<std::string> tenants;
    for (const auto* incoming : batch) tenants.insert(incoming->event.tenant_id);
    heads_ = lock_heads(unit.tx, {tenants.begin(), tenants.end()});
  }

  Result<void> finish(Unit& unit) override {
    // A tenant's records lie side by side in every index.
    std::ranges::stable_sort(leaves_, {}, [](const Leaf& leaf) -> const std::string& { return leaf.record.tenant_id; });
    append(unit.tx, leaves_, heads_);
    return {};
  }

 private:
  Result<void> record(Unit& unit, const Incoming& incoming) {
    auto& [head, recorded_at] = heads_.at(incoming.event.tenant_id);
    recorded_at = std::max(recorded_at, unit.now);  // another process's clock may be ahead of ours
    Leaf leaf{make_record(incoming.event, first_exchange(incoming), recorded_at), {}, {}};
    leaf.record.sequence = head.size();
    leaf.bytes = leaf_of(leaf.record, incoming.event);
    leaf.hash = leaf_hash(as_bytes(leaf.bytes));
    head.append(leaf.hash);
    if (rare::is(rare::Mutant::leaf_not_as_hashed)) leaf.bytes.back() = ' ';
    leaves_.push_back(std::move(leaf));
    return {};
  }

  Heads heads_;  // of the batch at hand
  std::vector<Leaf> leaves_;
  const std::vector<messaging::ConsumerRow> rows_ = {
      {.type = "#", .handle = [this](Unit& unit, const Incoming& incoming) { return record(unit, incoming); }}};
};

}  // namespace

messaging::WorkerSpec worker_spec(const AuditConfig& config) {
  return {.name = "audit",
          .database_url = config.database_url,
          .batch_max = 500,
          .prefetch = 300,
          .make = [](const messaging::LaneContext&) -> std::unique_ptr<messaging::Worker> {
            return std::make_unique<AuditWorker>();
          }};
}

}  // namespace tenantry::audit
