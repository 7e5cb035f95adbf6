// Whether a service logs in as itself: a process that could do everything would do everything an attacker makes it do.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::db {

// Errc::refused with what is wrong where the login is not `role`, or may do what no service may: it is a superuser,
// makes roles or databases, passes by row-level security, is a member of another role, owns tables, or has a right that
// docs/rights.md does not list. Throws as Session does.
Result<void> check_role(const std::string& url, std::string_view role);

}  // namespace tenantry::db
