#include "workers/cli/context.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "shared/config/secrets.h"
#include "shared/core/bytes.h"
#include "shared/db/clock_offset.h"
#include "shared/http/client.h"
#include "shared/json/json.h"
#include "workers/cli/command.h"

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

namespace {

constexpr const char* tenants_path = "/v1/admin/tenants";

// What is meant by a tenant's id that is not there: whose id begins or ends as it does. "" where none is near, or
// nobody can be asked.
std::string near_tenant(const Session& session, const std::string& tenant_id) {
  constexpr std::size_t part = 3;
  if (tenant_id.size() < part) return "";
  std::vector<std::string> known;
  for (const auto& piece : {tenant_id.substr(0, part), tenant_id.substr(tenant_id.size() - part)}) {
    const auto page = call_admin(session, "GET", tenants_path + ("?limit=200&q=" + percent_encoded(piece)));
    if (!page) return "";
    for (const auto& tenant : page->at("tenants")) known.push_back(cell(tenant, "tenant_id"));
  }
  return nearest(tenant_id, known);
}

}  // namespace

Error unknown_tenant(const Session& session, const std::string& tenant_id) {
  const auto meant = near_tenant(session, tenant_id);
  return {.code = Errc::not_found,
          .reason = std::string(tenant_not_found),
          .message = "there is no tenant \"" + tenant_id + "\"; " +
                     (meant.empty() ? "`tenantry tenants list --search` finds the one that is meant"
                                    : "did you mean \"" + meant + "\"?")};
}

std::string Session::typed(const std::string& pointer) const {
  // Where an option is called otherwise than the field.
  static const std::map<std::string, std::string> names{{"/admin_email", "--owner"},
                                                        {"/admin_first_name", "--first-name"},
                                                        {"/admin_last_name", "--last-name"},
                                                        {"/company_email", "--email"},
                                                        {"/company_name", "name"},
                                                        {"/ends_at", "--until"},
                                                        {"/error_shape", "--error"},
                                                        {"/hold", "--kind"},
                                                        {"/ids", "id"},
                                                        {"/max", "--max"},
                                                        {"/q", "--search"},
                                                        {"/tenant_id", "--tenant"},
                                                        {"/user_id", "--user"}};
  const auto field = pointer.substr(0, pointer.find('/', 1));
  const auto named = names.find(field);
  std::string dashed = "--" + field.substr(field.empty() ? 0 : 1);
  std::ranges::replace(dashed, '_', '-');
  const auto options = app == nullptr ? std::vector<std::string>{} : app->options_asked_for();
  for (const auto& name : {named == names.end() ? dashed : named->second, dashed.substr(2)}) {
    if (std::ranges::find(options, name) != options.end()) return name;
  }
  return pointer;
}

void Session::fail(const Error& error) {
  std::fprintf(stderr, "tenantry: %s\n", error.describe().c_str());
  exit_code = 1;
}

std::string cell(const nlohmann::json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string cell(const nlohmann::json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() ? "" : cell(*at);
}

std::string instant_of(const std::string& until) {
  constexpr std::size_t day_length = 10;
  return until.size() == day_length ? until + "T00:00:00Z" : until;
}

void print_table(const Row& header, const std::vector<Row>& rows) {
  winsize size{};
  const bool terminal = isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  for (const auto& line : table_lines(header, rows, terminal ? size.ws_col : 0)) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  if (rows.empty()) std::fputs("none\n", stderr);
}

void print_fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  for (const auto& line : field_lines(fields)) std::printf("%s\n", line.c_str());
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

Error problem_of(const Session& session, const http::ClientResponse& response) {
  const auto body = parse_json(response.body);
  const auto problem = body && body->is_object() ? *body : nlohmann::json::object();
  const auto status = std::to_string(response.status);
  Error error{.code = response.status == 404 ? Errc::not_found : Errc::invalid,
              .reason = problem.value("code", "http_" + status),
              .message = problem.value("detail", problem.value("title", "")) + " (HTTP " + status + ")"};
  for (const auto& field : problem.value("errors", nlohmann::json::array())) {
    error.fields.push_back(
        {session.typed(field.value("pointer", "")), field.value("code", ""), field.value("detail", "")});
  }
  return error;
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
  // Of what a tenant has, or of itself: the id is the path's next part.
  const auto part = std::string(tenants_path) + "/";
  if (answer->value("code", "") == tenant_not_found && path.starts_with(part)) {
    return unknown_tenant(session, path.substr(part.size(), path.find_first_of("/?", part.size()) - part.size()));
  }
  return problem_of(session, *response);
}

}  // namespace tenantry::cli
