// The head of an answer as bytes. Private to shared/http.
#pragma once

#include <string>
#include <string_view>

#include "shared/http/message.h"

namespace tenantry::http {

// RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::int64_t unix_seconds);

// Appends status line and fields, without the empty line that ends the head.
void append_head(std::string& out, int status, const Headers& headers, std::string_view date, bool close);

// A control character in a value becomes a space: it would start a field of its own.
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::size_t value);

}  // namespace tenantry::http
