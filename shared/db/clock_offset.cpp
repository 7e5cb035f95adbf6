#include "shared/db/clock_offset.h"

namespace tenantry::db {

Microseconds read_clock_offset(Session& session) {
  Session::Transaction transaction(session);
  const auto rows = transaction.exec("SELECT offset_us FROM platform.clock");
  return Microseconds{rows[0].int64(0)};
}

Timestamp read_platform_time(Connection& connection, bool test_clock) {
  Transaction transaction(connection);
  return read_platform_time(transaction, test_clock);
}

Timestamp read_platform_time(Transaction& tx, bool test_clock) {
  const auto rows = tx.exec("SELECT clock_timestamp(), offset_us FROM platform.clock");
  return rows[0].timestamp(0) + Microseconds{test_clock ? rows[0].int64(1) : 0};
}

Microseconds advance_clock(Session& session, Microseconds by) {
  TENANTRY_ASSERT(by.count() >= 0);
  Session::Transaction transaction(session);
  const auto rows = transaction.exec("UPDATE platform.clock SET offset_us = offset_us + $1 RETURNING offset_us",
                                     {std::int64_t{by.count()}});
  const Microseconds offset{rows[0].int64(0)};
  transaction.commit();
  return offset;
}

}  // namespace tenantry::db
