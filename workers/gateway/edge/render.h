// How answers are written.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/db/connection.h"
#include "shared/http/message.h"

namespace tenantry::gateway {

http::Response json_response(int status, const nlohmann::json& body);

nlohmann::json instant(const db::Row& row, int column);  // RFC 3339, or null
nlohmann::json instant(const std::optional<Timestamp>& at);
nlohmann::json number(double value);  // a whole one without a fraction

// The entity tag of what an answer shows (RFC 9110 section 8.8.3), strong.
std::string entity_tag(std::string_view body);

// Whether the request may change what has this tag: it names it in If-Match, or sends none (section 13.1.1).
bool may_change(const http::Request& request, std::string_view tag);
http::Response precondition_failed(const http::Request& request);

// What is not there and what is somebody else's look alike.
Error nothing_here();

}  // namespace tenantry::gateway
