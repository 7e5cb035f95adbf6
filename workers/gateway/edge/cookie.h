// The console's cookie: how a browser shows whose session it has, and what a request that shows it has to say besides.
//
// Pure. The cookie is 256 random bits; what it stands for is a row found by its hash (store.h). It goes with every
// request of the browser, so whatever it is sent with must show that our own pages sent it (ADR 28).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/http/message.h"

namespace tenantry::gateway {

constexpr std::string_view cookie_name = "__Host-tenantry";
constexpr std::size_t cookie_bytes = 32;  // of chance

// The cookie's token; nullopt where there is none. Errc::invalid "malformed_request" (400) where it is there twice, or
// together with Authorization: who a request is by must not depend on which of the two is looked at.
Result<std::optional<std::string>> cookie_token(const http::Request& request);

// Whether our own pages sent it: Sec-Fetch-Site, or else Origin, says so. What changes anything is JSON and has the
// field that no form and no link can send. Errc::forbidden "cross_site".
Result<void> from_console(const http::Request& request);

// Whether who logs in wants a cookie: the console says X-Tenantry. The error is from_console's.
Result<bool> wants_cookie(const http::Request& request);

std::string set_cookie(std::string_view token, Seconds life);
std::string clear_cookie();

}  // namespace tenantry::gateway
