#include "workers/cli/context.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/config/secrets.h"
#include "shared/core/bytes.h"
#include "shared/db/clock_offset.h"
#include "shared/http/client.h"
#include "shared/json/json.h"

namespace tenantry::cli {

Result<std::string> Session::setting(std::string_view name) const {
  const auto at = environment.find(name);
  if (at != environment.end() && !at->second.empty()) return at->second;
  return Error{.code = Errc::invalid,
               .reason = "setting_missing",
               .message = std::string(name) + " is not set; `. .dev/env` sets it in a checkout where ./dev up has run"};
}

Result<Microseconds> test_clock_offset(const Session& session) {
  const auto test = session.environment.find("TENANTRY_TEST_CLOCK");
  if (test == session.environment.end() || test->second != "1") return Microseconds{0};
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  db::Session database(*url, "tenantry clock");
  return db::read_clock_offset(database);
}

Error unknown_tenant(const std::string& tenant_id) {
  return {.code = Errc::not_found,
          .reason = "tenant_not_found",
          .message =
              "there is no tenant \"" + tenant_id + "\"; `tenantry tenants list --search` finds the one that is meant"};
}

void Session::fail(const Error& error) {
  std::fprintf(stderr, "tenantry: %s\n", error.describe().c_str());
  exit_code = 1;
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

namespace {
// Columns a terminal uses for UTF-8 text of the scripts we print.
std::size_t width_of(const std::string& text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return width;
}
}  // namespace

std::string cell(const nlohmann::json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string cell(const nlohmann::json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() ? "" : cell(*at);
}

void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& cell : header) widths.push_back(width_of(cell));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    std::printf("%s\n", line.c_str());
  };
  print(header);
  for (const auto& row : rows) print(row);
  std::fflush(stdout);
  if (rows.empty()) std::fputs("none\n", stderr);
}

void print_json(const nlohmann::ordered_json& value) {
  std::printf("%s\n", value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

Result<std::string> admin_token(const Session& session) {
  const auto text = session.setting("TENANTRY_ADMIN_TOKEN");
  if (!text) return text.error();
  const auto tokens = config::named_tokens(*text);
  if (!tokens || tokens->empty()) {
    return Error::invalid("TENANTRY_ADMIN_TOKEN", "tokens", "must be <name>:<token>, comma-separated");
  }
  return tokens->front().token;
}

Result<nlohmann::json> call_admin(const Session& session, const std::string& method, const std::string& path,
                                  const nlohmann::json* body) {
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return url.error();
  const auto token = admin_token(session);
  if (!token) return token.error();
  http::ClientRequest request;
  request.method = method;
  request.url = *url + path;
  request.headers.add("Authorization", "Bearer " + *token);
  request.headers.add("Accept-Language", "en");
  if (body != nullptr) {
    request.headers.add("Content-Type", "application/json");
    request.body = body->dump();
  }
  http::HttpClient client;
  const auto response = client.perform(request);
  if (!response) return response.error();
  auto answer = parse_json(response->body.empty() ? "{}" : response->body, {.size = 10 * 1024 * 1024});
  if (!answer) return answer.error();
  if (response->status >= 200 && response->status < 300) return *std::move(answer);
  Error error{.code = response->status == 404 ? Errc::not_found : Errc::invalid,
              .reason = answer->value("code", "http_" + std::to_string(response->status)),
              .message = answer->value("detail", answer->value("title", "")) + " (HTTP " +
                         std::to_string(response->status) + ")"};
  for (const auto& field : answer->value("errors", nlohmann::json::array())) {
    error.fields.push_back({field.value("pointer", ""), field.value("code", ""), field.value("detail", "")});
  }
  return error;
}

}  // namespace tenantry::cli
