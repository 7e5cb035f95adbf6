// Session: what every command shares: the environment, how to print, and the answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/config.h"
#include "shared/core/counted.h"
#include "shared/core/result.h"
#include "shared/core/time.h"
#include "workers/cli/table.h"

namespace tenantry::http {
struct ClientResponse;
}

namespace tenantry::cli {

class Command;

struct Session {
  config::Environment environment;
  bool json = false;             // --json: for programs
  const Command* app = nullptr;  // the root
  int exit_code = 0;

  // The setting, or an error that says which one is missing and where it usually comes from.
  Result<std::string> setting(std::string_view name) const;

  void fail(const Error& error);

  // What the command that runs calls a field of a request: "--kind" for "/hold"; the pointer where it has no word for
  // it.
  std::string typed(const std::string& pointer) const;
};

// How far the platform's test clock is ahead; zero where there is none.
Result<Microseconds> test_clock_offset(const Session& session);

// For what names a tenant that is not there: nothing is made of it, and the caller learns which may be meant.
Error unknown_tenant(const Session& session, const std::string& tenant_id);
constexpr std::string_view tenant_not_found = "tenant_not_found";

// For a table: a string as it is, nothing for null or what is not there, anything else as JSON.
std::string cell(const nlohmann::json& value);
std::string cell(const nlohmann::json& object, const char* name);

// A time as it was typed; a day is its first instant, UTC.
std::string instant_of(const std::string& until);

// Rows under a header, cut to a terminal's width (table.h); of none it says so, on stderr.
void print_table(const Row& header, const std::vector<Row>& rows);
void print_fields(const std::vector<std::pair<std::string, std::string>>& fields);
void print_json(const nlohmann::ordered_json& value);  // one line

// The first of TENANTRY_ADMIN_TOKEN, without its name.
Result<std::string> admin_token(const Session& session);

// What a gateway's answer says went wrong; fields by the names of the command's options.
Error problem_of(const Session& session, const http::ClientResponse& response);

// GET or POST to the gateway with the super-admin's token; the parsed answer, or the problem document as an Error.
Result<nlohmann::json> call_admin(const Session& session, const std::string& method, const std::string& path,
                                  const nlohmann::json* body = nullptr);

}  // namespace tenantry::cli
