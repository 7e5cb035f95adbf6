// What a row of the audit log looks like outside: one JSON object or one CSV line, the
// same in pages, exports and the live tail.
//
// Pure; written by hand, because exports are of millions.
#pragma once

#include <string>
#include <string_view>

#include "shared/db/connection.h"

namespace tenantry::audit_search {

// What a row must select, in this order, from audit.records.
extern const char* const record_columns;
constexpr int record_column_count = 21;

// One object without white space; columns that an erasure has emptied are "" or null.
void append_json(std::string& out, const db::Row& row);

// RFC 4180. A field that a spreadsheet would take for a formula gets a ' before it.
std::string_view csv_header();  // with its line end
void append_csv(std::string& out, const db::Row& row);

// For the reader's places.
std::uint64_t xid_of(const db::Row& row);
Timestamp recorded_at_of(const db::Row& row);
std::string_view tenant_of(const db::Row& row);
std::int64_t sequence_of(const db::Row& row);
bool are_recorded_together(const db::Row& a, const db::Row& b);  // by one transaction, at the same time

}  // namespace tenantry::audit_search
