// AuditQuery: what a request asks of the audit log, whichever route it came by, and one
// page of the answer.
#pragma once

#include <string>

#include "shared/audit_search/reader.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

struct AuditQuery {
  audit_search::Search search{};
  std::string tenant_id{};  // whose records; "": every tenant's
  std::string text{};       // as it was asked, for the audit log
  audit_search::PageRequest page{};
};

// q, and beside it today's filters (actor, action, resource, type, from, to), which are terms of the same search; order
// and cursor. A member's search is of its own tenant, a super-admin's of the one it names or of all.
Result<AuditQuery> parse_audit_query(const Services& services, const Call& call);

// Errc::not_found where the search names a tenant that there is none of: its records would be nobody's, and the note
// of the search would begin a log under its name.
Result<void> check_tenant(db::Transaction& tx, const AuditQuery& query, const Call& call);

// Reads as far as query.page says. Sets the transaction to the tenant, or to all of them.
audit_search::Page read_audit(db::Transaction& tx, const AuditQuery& query);

// How many there are over the time that the search is about, in columns. As read_audit().
struct AuditCounts {
  audit_search::Extent over{};
  audit_search::Counts counts{};
};
AuditCounts count_audit(db::Transaction& tx, const AuditQuery& query, std::optional<audit_search::Extent> over,
                        int columns, Timestamp now);

// Behind everything that there is now. As read_audit().
audit_search::Place audit_end(db::Transaction& tx, const AuditQuery& query);

std::string audit_cursor(const AuditQuery& query, const audit_search::Place& place);

// Where a query's records are read by somebody who is no member: that tenant's log has it, or the platform's.
const std::string& audit_log_of(const AuditQuery& query);

}  // namespace tenantry::gateway
