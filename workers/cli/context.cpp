#include "workers/cli/context.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
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

void Session::fail(const Error& error) {
  std::fprintf(stderr, "tenantry: %s\n", error.describe().c_str());
  exit_code = 1;
}

namespace {
// Columns a terminal uses for UTF-8 text of the scripts we print.
std::size_t width_of(const std::string& text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return width;
}
}  // namespace

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
}

void print_json(const nlohmann::ordered_json& value) {
  std::printf("%s\n", value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

Result<nlohmann::json> call_admin(const Session& session, const std::string& method, const std::string& path,
                                  const nlohmann::json* body) {
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return url.error();
  const auto token = session.setting("TENANTRY_ADMIN_TOKEN");
  if (!token) return token.error();
  http::ClientRequest request;
  request.method = method;
  request.url = *url + path;
  request.headers.add("Authorization", "Bearer " + *token);
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
