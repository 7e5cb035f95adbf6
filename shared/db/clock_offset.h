// The virtual clock's offset, kept in platform.clock so that all processes share
// it. Only read where TENANTRY_TEST_CLOCK=1; production clocks never move.
#pragma once

#include "shared/core/clock.h"
#include "shared/db/connection.h"

namespace tenantry::db {

Microseconds read_clock_offset(Connection& connection);

// Adds to the offset and returns the new one. Never negative steps: timers cannot be unfired.
Microseconds advance_clock(Connection& connection, Microseconds by);

}  // namespace tenantry::db
