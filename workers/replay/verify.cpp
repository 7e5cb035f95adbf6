#include "workers/replay/verify.h"

#include <algorithm>

#include "shared/db/connection.h"
#include "tenantry/events/v1/usage.pb.h"
#include "workers/billing/review.h"
#include "workers/metering/store.h"
#include "workers/replay/store.h"

namespace tenantry::replay {
namespace {

constexpr std::size_t usage_batch = 1'000;
constexpr std::int64_t progress_every = 1'000;

}  // namespace

Result<Verification> verify(db::Connection& connection, audit::LeafKeys& keys, const std::string& tenant_id,
                            Timestamp now, const std::function<void(std::int64_t, std::int64_t)>& progress) {
  Verification out;
  db::Transaction tx(connection);
  freeze(tx);
  if (const auto archived = archived_before(tx, tenant_id)) {
    return Error{.code = Errc::conflict,
                 .reason = "history_archived",
                 .message = "records before " + to_rfc3339(*archived).substr(0, 10) +
                            " are archived, and only whole histories can be verified" +
                            (tenant_id.empty() ? ": name a tenant whose history is whole" : "")};
  }
  const auto metrics = metering::load_metrics(tx);
  const auto all = count_events(tx, {.tenant_id = tenant_id});
  out.unpublished = count_unpublished(tx, tenant_id, now);
  LifecycleFold fold;
  Recount recount(tx);
  std::vector<metering::Usage> batch;
  const auto done = read_events(tx, keys, {.tenant_id = tenant_id}, [&](Recorded&& recorded) -> Result<void> {
    const auto& event = recorded.event;
    if (++out.events % progress_every == 0) progress(out.events, all);
    if (event.type != "usage.recorded") {
      fold.add(recorded);
      return {};
    }
    // Whether a clock was behind when metering looked is not on record; what it refused as early is a dead letter.
    auto usage = events::read_usage(metrics, event.as<events::v1::UsageRecorded>(), event.tenant_id, event.id,
                                    event.time, std::max(recorded.recorded_at, event.time));
    if (!usage) {
      ++out.refused;
      return {};
    }
    batch.push_back(*std::move(usage));
    if (batch.size() == usage_batch) {
      recount.add(batch);
      batch.clear();
    }
    return {};
  });
  if (!done) return done.error();
  recount.add(batch);
  progress(out.events, all);

  out.lifecycles = fold.finish(out.differences);
  auto live = live_lifecycles(tx, tenant_id);
  // A signup that the gateway took and the signup worker has not heard of yet has no record to be rebuilt from.
  std::erase_if(live, [&](const auto& entry) {
    return entry.second.status == "pending" && !out.lifecycles.contains(entry.first);
  });
  for (auto& difference : compare(live, out.lifecycles)) out.differences.push_back(std::move(difference));
  for (auto& difference : recount.compare(tenant_id, now)) out.differences.push_back(std::move(difference));
  out.set_aside = recount.set_aside();
  for (auto& moved : billing::find_moved(tx, tenant_id, now, {})) {
    out.differences.push_back({moved.tenant_id,
                               moved.becomes.empty() ? "account" : "account, would be " + moved.becomes,
                               std::move(moved.stored), std::move(moved.today)});
  }
  return out;
}

}  // namespace tenantry::replay
