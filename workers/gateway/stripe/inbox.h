// Stripe intake: what the gateway does in its transaction when Stripe writes, apart
// from HTTP. The simulation's Stripe does the same.
//
// An event is stored once and published to the tenant that it is about. That tenant
// is named by the event or known by one of its objects; whatever names both teaches
// which objects are the tenant's, in the same transaction, and what was parked for
// want of that is released there and then. So the order of arrival does not matter.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "workers/gateway/stripe/policy.h"

namespace tenantry::db {
class Transaction;
}
namespace tenantry::messaging {
class Outbox;
}

namespace tenantry::gateway {

struct Verdict {
  std::string by;  // an admin's name
  std::string reason{};
};

// The same event again changes nothing; where it says something else it becomes a security event.
Result<void> store_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                                const StripeFact& fact, std::string_view body);

// What is parked and waits for nobody any more: more of one tenant's than one transaction releases, and what was of the
// future. How many were looked at, `at_most` of them: as many again may be due.
int release_due_stripe_events(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy, int at_most);

// What an admin says of an event that is parked. Errors: not_found where there is none; conflict where it is parked no
// more, cannot be read, or, of a redrive, would be parked again, with the reason.
Result<void> redrive_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                                  const std::string& event_id, const Verdict& verdict);
// To this tenant, whatever it was parked for. Also not_found where that one is none, or deleted.
Result<void> assign_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripePolicy& policy,
                                 const std::string& event_id, const std::string& tenant_id, const Verdict& verdict);
Result<void> drop_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const std::string& event_id,
                               const Verdict& verdict);

}  // namespace tenantry::gateway
