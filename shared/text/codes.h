// Codes of the world: time zones, currencies, as ICU knows them.
//
// Pure; any thread.
#pragma once

#include <string_view>

namespace tenantry::text {

// A name of the IANA database with its region, or UTC; ICU's older short names are none.
bool is_timezone(std::string_view name);

// A currency's code of ISO 4217 that is money somewhere today.
bool is_currency(std::string_view code);

}  // namespace tenantry::text
