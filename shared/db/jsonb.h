// What PostgreSQL's jsonb takes: less than JSON. Its numbers are numeric (at most 131,072 digits before the point and
// 16,383 behind it), its texts have no U+0000, and its parser descends on the stack.
//
// Pure. Errs on the side of no: what it says yes to, PostgreSQL takes.
#pragma once

#include <string_view>

namespace tenantry::db {

// Of a text that is well-formed JSON (parse_json). tests/integration/jsonb_test.cpp asks PostgreSQL the same.
bool fits_jsonb(std::string_view json);

}  // namespace tenantry::db
