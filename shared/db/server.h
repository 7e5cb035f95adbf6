// What both ways in (connection.h, session.h) ask of a server, and what they make of its refusals. For shared/db alone.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/db/errors.h"
#include "shared/db/params.h"

namespace tenantry::db {

// The URL with the deadlines without which a frozen server is noticed after hours, where it does not set them itself.
std::string with_deadlines(std::string url);

// The forms that Row reads, whatever the database or the role is set to.
constexpr const char* session_settings =
    "SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'";

// libpq ends its messages with a line feed, and later lines repeat the statement and its values.
std::string first_line(std::string_view message);

// Throws StatementError (22021) where a text holds a NUL: it goes as a C string, so that the server would get what
// stands before the NUL, and no error.
void refuse_nul(std::span<const Param> params);

bool is_timeout(std::string_view sqlstate);
bool is_unavailable(std::string_view sqlstate);

// A refusal as TimedOut, Unavailable or StatementError.
[[noreturn]] void throw_refused(std::string message, std::string sqlstate, std::string constraint);

}  // namespace tenantry::db
