// The time all processes share: the database's, plus the virtual clock's offset in
// platform.clock where TENANTRY_TEST_CLOCK=1; production clocks never move.
#pragma once

#include "shared/core/clock.h"
#include "shared/db/connection.h"
#include "shared/db/session.h"

namespace tenantry::db {

Microseconds read_clock_offset(Session& session);

// For SystemClock::follow, and for who meets a time that its process has not come to yet.
Timestamp read_platform_time(Connection& connection, bool test_clock);
Timestamp read_platform_time(Transaction& tx, bool test_clock);

// Adds to the offset and returns the new one. Never negative steps: timers cannot be unfired.
Microseconds advance_clock(Session& session, Microseconds by);

}  // namespace tenantry::db
