#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

struct WantedAdmin {
  std::string who, role = "super-admin", first_name, last_name;
};

Result<json> all(Session& session) {
  auto answer = call_admin(session, "GET", "/v1/admin/admins");
  if (!answer) return answer.error();
  return answer->at("admins");
}

void list(Session& session) {
  const auto admins = all(session);
  if (!admins) return session.fail(admins.error());
  std::vector<std::vector<std::string>> rows;
  for (const auto& admin : *admins) {
    if (session.json) print_json(admin);
    rows.push_back({cell(admin.at("email")), cell(admin.at("role")),
                    admin.at("second_factor").get<bool>() ? "yes" : "no", cell(admin.at("last_seen_at")),
                    cell(admin.at("id"))});
  }
  if (!session.json) print_table({"E-MAIL", "ROLE", "SECOND FACTOR", "LAST SEEN", "ID"}, rows);
}

void add(Session& session, const WantedAdmin& wanted) {
  json body = {{"email", wanted.who}, {"role", wanted.role}};
  if (!wanted.first_name.empty()) body["first_name"] = wanted.first_name;
  if (!wanted.last_name.empty()) body["last_name"] = wanted.last_name;
  const auto answer = call_admin(session, "POST", "/v1/admin/admins", &body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  std::printf("%s is %s now. Who has no password yet chooses one by \"forgotten password\".\n", wanted.who.c_str(),
              wanted.role.c_str());
}

void revoke(Session& session, const WantedAdmin& wanted) {
  const auto admins = all(session);
  if (!admins) return session.fail(admins.error());
  const auto found = std::ranges::find_if(
      *admins, [&](const json& admin) { return admin.at("email") == wanted.who || admin.at("id") == wanted.who; });
  if (found == admins->end()) {
    return session.fail({.code = Errc::not_found, .reason = "not_found", .message = "no super-admin is " + wanted.who});
  }
  const auto path = "/v1/admin/admins/" + percent_encoded(cell(found->at("id")));
  const auto answer = call_admin(session, "DELETE", path);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*found);
  std::printf("%s is a super-admin no longer; all sessions ended\n", wanted.who.c_str());
}

}  // namespace

void add_admins(Command& app, Session& session) {
  auto* command = app.add_subcommand("admins",
                                     "Super-admins: people who work for the platform, with roles\n\n"
                                     "Examples:\n"
                                     "  tenantry admins add anna@platform.example --role support\n"
                                     "  tenantry admins list\n"
                                     "  tenantry admins revoke anna@platform.example");
  command->require_subcommand();
  static WantedAdmin wanted;
  command->add_subcommand("list", "Who there is")->callback([&session] { list(session); });
  auto* added = command->add_subcommand("add", "Make somebody one, or give another role");
  added->add_option("email", wanted.who, "The person's address")->required();
  added->add_option("--role", wanted.role, "super-admin, support (acts in tenants) or analyst (looks); super-admin");
  added->add_option("--first-name", wanted.first_name, "Of who has no account yet");
  added->add_option("--last-name", wanted.last_name, "Of who has no account yet");
  added->callback([&session] { add(session, wanted); });
  auto* revoked = command->add_subcommand("revoke", "End it, with all sessions");
  revoked->add_option("who", wanted.who, "The address, or the id")->required();
  revoked->callback([&session] { revoke(session, wanted); });
}

}  // namespace tenantry::cli
