// Session: what every command shares: the environment, how to print, and the answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/config.h"
#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::cli {

struct Session {
  config::Environment environment;
  bool json = false;  // --json: for programs
  int exit_code = 0;

  // The setting, or an error that says which one is missing and where it usually comes from.
  Result<std::string> setting(std::string_view name) const;

  void fail(const Error& error);
};

// How far the platform's test clock is ahead; zero where there is none.
Result<Microseconds> test_clock_offset(const Session& session);

// For what names a tenant that is not there: nothing is made of it, and the caller learns how to find the right name.
Error unknown_tenant(const std::string& tenant_id);

// "1 difference", "2 differences".
std::string counted(std::size_t count, const std::string& what);

// For a table: a string as it is, nothing for null or what is not there, anything else as JSON.
std::string cell(const nlohmann::json& value);
std::string cell(const nlohmann::json& object, const char* name);

// Rows under a header, columns as wide as they need; of none it says so, on stderr.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
void print_json(const nlohmann::ordered_json& value);  // one line

// The first of TENANTRY_ADMIN_TOKEN, without its name.
Result<std::string> admin_token(const Session& session);

// GET or POST to the gateway with the super-admin's token; the parsed answer, or the problem document as an Error.
Result<nlohmann::json> call_admin(const Session& session, const std::string& method, const std::string& path,
                                  const nlohmann::json* body = nullptr);

}  // namespace tenantry::cli
