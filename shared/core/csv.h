// Fields of CSV (RFC 4180) that a spreadsheet shows as they are: what it would take for a formula begins with an
// apostrophe. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tenantry {

// Quoted where it has to be.
void append_csv_field(std::string& out, std::string_view text);

}  // namespace tenantry
