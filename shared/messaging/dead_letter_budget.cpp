#include "shared/messaging/dead_letter_budget.h"

#include "shared/db/rows.h"

namespace tenantry::messaging {
namespace {

constexpr Seconds asked_again_after{10};
constexpr std::size_t tenants_known_max = 1'000;

}  // namespace

Keep DeadLetterBudget::admit(db::Transaction& tx, const std::string& tenant_id, std::size_t bytes, Timestamp now) {
  auto known = known_.find(tenant_id);
  if (known == known_.end() || now < known->second.at || now - known->second.at >= asked_again_after) {
    const auto waiting = tx.exec(
        "SELECT count(*), coalesce(sum(size), 0)::bigint FROM (SELECT octet_length(body) + "
        "pg_column_size(properties) AS size FROM "
        "messaging.dead_letters WHERE tenant_id = $1 AND state = 'waiting' AND reason IN ('invalid', 'refused') "
        "LIMIT $2) AS letters",
        {tenant_id, limits_.letters});
    if (known_.size() >= tenants_known_max) known_.clear();
    known = known_.insert_or_assign(tenant_id, Known{now, waiting[0].int64(0), waiting[0].int64(1)}).first;
  }
  auto& of = known->second;
  if (of.letters >= limits_.letters) return Keep::count;
  ++of.letters;
  const auto size = static_cast<std::int64_t>(bytes);
  if (of.letters > limits_.whole_letters || of.bytes + size > limits_.whole_bytes) return Keep::without_body;
  of.bytes += size;
  return Keep::whole;
}

}  // namespace tenantry::messaging
