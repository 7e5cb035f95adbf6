#include "workers/gateway/stripe/inbox.h"

#include <deque>
#include <functional>
#include <vector>

#include "events/topology.h"
#include "shared/core/rare.h"
#include "shared/messaging/outbox.h"
#include "tenantry/events/v1/security.pb.h"
#include "tenantry/events/v1/stripe.pb.h"
#include "workers/gateway/stripe/store.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr const char* platform = events::platform_tenant.data();
constexpr const char* stripe_itself = "stripe";

template <class M>
void publish_about(messaging::Outbox& outbox, const std::string& tenant_id, const std::string& event_id,
                   const std::string& type, const std::function<void(M&)>& fill = {}) {
  M event;
  event.set_stripe_event_id(event_id);
  event.set_stripe_type(type);
  if (fill) fill(event);
  outbox.publish(tenant_id.empty() ? platform : tenant_id, event);
}

void report_reuse(messaging::Outbox& outbox, const StripeFact& fact) {
  v1::AccessRefused event;
  event.set_rule("stripe_event_reused");
  event.set_detail(fact.event_id + " came again and says something else");
  outbox.publish(platform, event);
}

// The endpoints of two API versions send one event in two shapes; while it is under way its count of pending webhooks
// changes, too.
void check_twin(db::Transaction& tx, messaging::Outbox& outbox, const StripeFact& fact, std::string_view body) {
  const auto known = stripe_store::find_body(tx, fact.event_id);
  if (!known || known->hash == stripe_store::hash_of(body)) return;
  const bool same = !known->body.empty() && says_the_same(read_stripe_event(known->body), fact);
  if (!same) report_reuse(outbox, fact);
}

// To its tenant, on record.
void publish_parked(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                    const StripeFact& fact, const Verdict& verdict) {
  stripe_store::release(tx, fact.event_id, tenant_id, verdict.by, outbox.now());
  outbox.publish(tenant_id, *fact.message);
  publish_about<v1::StripeEventReleased>(outbox, tenant_id, fact.event_id, fact.type,
                                         [&](v1::StripeEventReleased& event) { event.set_reason(verdict.reason); });
}

// What was waiting finds its tenant: it is told, or where no rule reads it, it is the tenant's from now on. False: it
// is nobody's to tell, or must teach nothing.
bool place(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy, const std::string& tenant_id,
           const stripe_store::Unplaced& waiting, const StripeFact& fact) {
  if (waiting.parked) {
    if (fact.message == nullptr) return false;  // erased since
    publish_parked(tx, outbox, tenant_id, fact, {.by = stripe_itself});
    return true;
  }
  // What must not move a tenant teaches nothing; that is on no row of a type without a rule.
  if (!reason_to_park(fact, policy, outbox.now()).empty()) return false;
  stripe_store::own(tx, waiting.event_id, tenant_id);
  return true;
}

// Places what waited until somebody knew whose it is. What is placed teaches in its turn, and so does what no rule
// reads: a charge names its customer, its dispute does not.
void release_parked(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                    const std::string& tenant_id, const std::vector<std::string>& object_ids) {
  int left = stripe_store::releases_max;
  std::deque<std::vector<std::string>> to_learn = {object_ids};
  for (; !to_learn.empty(); to_learn.pop_front()) {
    for (const auto& waiting : stripe_store::learn(tx, tenant_id, to_learn.front(), left, outbox.now())) {
      --left;
      const auto fact = read_stripe_event(waiting.body);
      if (!place(tx, outbox, policy, tenant_id, waiting, fact)) continue;
      stripe_store::lock_objects(tx, fact.object_ids);
      to_learn.push_back(fact.object_ids);
    }
  }
}

std::string owner_missing(const StripeFact& fact) {
  return fact.tenant_id.empty() ? "no_tenant" : "unknown_tenant";
}

stripe_store::Row row_of(const StripeFact& fact, const std::string& reason, const std::string& owner, Timestamp now) {
  stripe_store::Row row{.event_id = fact.event_id,
                        .type = fact.type,
                        .account = fact.account,
                        .tenant_id = owner,
                        .state = "published",
                        .stated_at = fact.stated_at == Timestamp{} ? now : fact.stated_at,
                        .object_ids = fact.object_ids};
  if (fact.message == nullptr && !fact.unreadable) {
    row.state = "ignored";
  } else if (!reason.empty()) {
    row.state = "parked";
    row.reason = reason;
    if (fact.unreadable) row.detail = fact.unreadable->describe();
  } else if (owner.empty()) {
    row.state = "parked";
    row.reason = owner_missing(fact);
  }
  return row;
}

// A parked event as this build reads it, its row locked.
Result<StripeFact> lock_parked(db::Transaction& tx, const std::string& event_id) {
  const auto row = stripe_store::lock(tx, event_id);
  if (!row) {
    return Error{
        .code = Errc::not_found, .reason = "stripe_event_not_found", .message = "there is no such event of Stripe's"};
  }
  if (row->state != "parked") return Error::conflict("not_parked", "this event is " + row->state + ", and not parked");
  return read_stripe_event(row->body);
}

Result<void> give(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy, const StripeFact& fact,
                  const std::string& tenant_id, const Verdict& verdict) {
  if (fact.message == nullptr) {
    return Error::conflict("unreadable", "nothing can be told of it: " +
                                             (fact.unreadable ? fact.unreadable->describe() : std::string("no rule")));
  }
  publish_parked(tx, outbox, tenant_id, fact, verdict);
  // What a foreign account calls its objects says nothing of ours.
  if (reason_to_park(fact, policy, outbox.now()).empty())
    release_parked(tx, outbox, policy, tenant_id, fact.object_ids);
  return {};
}

void release_one(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                 const stripe_store::Unplaced& due) {
  const auto fact = read_stripe_event(due.body);
  const auto go_on_waiting = [&](const std::string& reason) {
    stripe_store::wait_for(tx, due.event_id, due.parked ? reason : "");
  };
  if (const auto reason = reason_to_park(fact, policy, outbox.now()); !reason.empty()) return go_on_waiting(reason);
  stripe_store::lock_objects(tx, fact.object_ids);
  const auto owner = stripe_store::find_owner(tx, {fact.tenant_id, fact.reference}, fact.object_ids);
  if (owner.empty()) return go_on_waiting(owner_missing(fact));
  if (!place(tx, outbox, policy, owner, due, fact)) return go_on_waiting("unreadable");
  release_parked(tx, outbox, policy, owner, fact.object_ids);
}

}  // namespace

int release_due_stripe_events(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy, int at_most) {
  const auto due = stripe_store::take_due(tx, outbox.now() + stated_ahead_max, at_most);
  for (const auto& each : due) release_one(tx, outbox, policy, each);
  return static_cast<int>(due.size());
}

Result<void> redrive_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                                  const std::string& event_id, const Verdict& verdict) {
  const auto fact = lock_parked(tx, event_id);
  if (!fact) return fact.error();
  if (const auto reason = reason_to_park(*fact, policy, outbox.now()); !reason.empty()) {
    return Error::conflict("still_parked", "it would be parked again: " + reason);
  }
  stripe_store::lock_objects(tx, fact->object_ids);
  const auto owner = stripe_store::find_owner(tx, {fact->tenant_id, fact->reference}, fact->object_ids);
  if (owner.empty()) return Error::conflict("still_parked", "it would be parked again: nobody knows whose it is");
  return give(tx, outbox, policy, *fact, owner, verdict);
}

Result<void> assign_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                                 const std::string& event_id, const std::string& tenant_id, const Verdict& verdict) {
  const auto fact = lock_parked(tx, event_id);
  if (!fact) return fact.error();
  stripe_store::lock_objects(tx, fact->object_ids);
  if (stripe_store::find_owner(tx, {tenant_id}, {}).empty()) {
    return Error{.code = Errc::not_found, .reason = "tenant_not_found", .message = "there is no tenant " + tenant_id};
  }
  return give(tx, outbox, policy, *fact, tenant_id, verdict);
}

Result<void> drop_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const std::string& event_id,
                               const Verdict& verdict) {
  const auto fact = lock_parked(tx, event_id);
  if (!fact) return fact.error();
  stripe_store::drop(tx, event_id, verdict.by, outbox.now());
  publish_about<v1::StripeEventDropped>(outbox, platform, event_id, fact->type,
                                        [&](v1::StripeEventDropped& event) { event.set_reason(verdict.reason); });
  return {};
}

Result<void> store_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                                const StripeFact& fact, std::string_view body) {
  const auto reason = reason_to_park(fact, policy, outbox.now());
  std::string owner;
  if (reason.empty()) {
    stripe_store::lock_objects(tx, fact.object_ids);
    owner = stripe_store::find_owner(tx, {fact.tenant_id, fact.reference}, fact.object_ids);
  }
  const auto row = row_of(fact, reason, owner, outbox.now());
  if (!stripe_store::add(tx, row, body, outbox.now())) {
    check_twin(tx, outbox, fact, body);
    return {};
  }
  if (row.state == "published") {
    outbox.publish(owner, *fact.message);
  } else if (row.state == "ignored") {
    publish_about<v1::StripeEventReceived>(outbox, owner, fact.event_id, fact.type);
  } else {
    publish_about<v1::StripeEventParked>(outbox, platform, fact.event_id, fact.type,
                                         [&](v1::StripeEventParked& event) { event.set_reason(row.reason); });
  }
  if (!owner.empty() && !rare::is(rare::Mutant::parked_for_good))
    release_parked(tx, outbox, policy, owner, fact.object_ids);
  return {};
}

}  // namespace tenantry::gateway
