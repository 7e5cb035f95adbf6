// Session: what every command shares: the environment, how to print, and the answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/config.h"
#include "shared/core/result.h"

namespace tenantry::cli {

struct Session {
  config::Environment environment;
  bool json = false;  // --json: for programs
  int exit_code = 0;

  // The setting, or an error that says which one is missing and where it usually comes from.
  Result<std::string> setting(std::string_view name) const;

  void fail(const Error& error);
};

// Rows under a header, columns as wide as they need; nothing but the rows in --json.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
void print_json(const nlohmann::ordered_json& value);  // one line

// GET or POST to the gateway with the super-admin's token; the parsed answer, or the problem document as an Error.
Result<nlohmann::json> call_admin(const Session& session, const std::string& method, const std::string& path,
                                  const nlohmann::json* body = nullptr);

}  // namespace tenantry::cli
