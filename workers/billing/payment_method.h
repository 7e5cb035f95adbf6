// Payment methods: what a tenant pays with, and when to tell it that it expires.
//
// Pure: no clock, database or broker.
#pragma once

#include <optional>
#include <vector>

#include "workers/billing/subscription.h"

namespace tenantry::billing {

// Of a card that is good through that month. Empty: it does not expire, or nobody says so.
std::optional<Timestamp> expiry_of(int month, int year);

// Joins a statement to what is known. True: it changed.
bool book(std::vector<PaymentMethod>& methods, const PaymentMethod& statement);

struct ExpiryTimer {
  Timestamp at;
  Days before;  // the expiry
  bool operator==(const ExpiryTimer&) const = default;
};
// The next warning; empty: there is none any more.
std::optional<ExpiryTimer> next_expiry_timer(const PaymentMethod& method, Timestamp now);

// Whether the tenant is told: it is to pay us, and has nothing that it can pay with for longer.
bool warns(const PaymentMethod& method, const std::vector<PaymentMethod>& of_tenant, const Tenancy& tenancy);

}  // namespace tenantry::billing
