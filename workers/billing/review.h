// Review: whom the rules of today would move, of tenants whose accounts were judged by the
// rules of another day.
//
// Reads, and changes nothing: `account.review_requested` does, through the worker.
#pragma once

#include <string>
#include <vector>

#include "shared/core/time.h"
#include "workers/billing/dunning.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::billing {

struct Reviewed {
  std::string tenant_id;
  std::string stored;   // "past_due since 2026-11-21T10:13:05Z"
  std::string today;    // the same by the rules of today, with the rule and its object
  std::string becomes;  // the status that a review would bring, with its reason; "": it stays
};

// Tenants whose accounts differ, or that a review would move. `tenant_id`: "" for all. Needs the owner's login, or
// billing's.
std::vector<Reviewed> find_moved(db::Transaction& tx, const std::string& tenant_id, Timestamp now,
                                 const DunningPolicy& settings);

}  // namespace tenantry::billing
