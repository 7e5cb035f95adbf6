#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

struct WantedFlag {
  std::string flag, tenant_id, description, reason, until;
  std::vector<std::string> plans;
  int percentage = 100;
  bool off = false;
};

std::string path_of(const WantedFlag& wanted) {
  const auto flag = "/flags/" + percent_encoded(wanted.flag);
  return wanted.tenant_id.empty() ? "/v1/admin" + flag
                                  : "/v1/admin/tenants/" + percent_encoded(wanted.tenant_id) + flag;
}

std::string joined_plans(const json& flag) {
  const auto plans = flag.at("plans").get<std::vector<std::string>>();
  return plans.empty() ? "all" : joined(plans, " ");
}

void list_all(Session& session) {
  const auto answer = call_admin(session, "GET", "/v1/admin/flags");
  if (!answer) return session.fail(answer.error());
  std::vector<std::vector<std::string>> rows;
  for (const auto& flag : answer->at("flags")) {
    if (session.json) print_json(flag);
    rows.push_back({cell(flag.at("flag")), flag.at("enabled").get<bool>() ? "on" : "off",
                    cell(flag.at("percentage")) + " %", joined_plans(flag), cell(flag.at("overrides")),
                    cell(flag.at("expires_at")), cell(flag.at("description"))});
  }
  if (!session.json) print_table({"FLAG", "IS", "SHARE", "PLANS", "OVERRIDES", "EXPIRES", "DESCRIPTION"}, rows);
}

void list_of(Session& session, const WantedFlag& wanted) {
  const auto answer = call_admin(session, "GET", "/v1/admin/tenants/" + percent_encoded(wanted.tenant_id) + "/flags");
  if (!answer) return session.fail(answer.error());
  std::vector<std::vector<std::string>> rows;
  for (const auto& flag : answer->at("flags")) {
    if (session.json) print_json(flag);
    const auto& own = flag.at("override");
    rows.push_back({cell(flag.at("flag")), flag.at("on").get<bool>() ? "on" : "off",
                    own.is_null() ? "" : cell(own.at("reason")), own.is_null() ? "" : cell(own.at("ends_at"))});
  }
  if (!session.json) print_table({"FLAG", "IS", "FOR THIS TENANT ALONE", "UNTIL"}, rows);
}

void ask(Session& session, const char* method, const std::string& path, const json* body, const std::string& said) {
  const auto answer = call_admin(session, method, path, body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(answer->is_null() ? json::object() : *answer);
  std::printf("%s\n", said.c_str());
}

void define(Session& session, const WantedFlag& wanted) {
  json body = {{"description", wanted.description},
               {"enabled", !wanted.off},
               {"plans", wanted.plans},
               {"percentage", wanted.percentage}};
  if (!wanted.until.empty()) body["expires_at"] = wanted.until;
  ask(session, "PUT", path_of(wanted), &body, wanted.flag + (wanted.off ? ": off" : ": on"));
}

void set(Session& session, const WantedFlag& wanted) {
  json body = {{"value", !wanted.off}, {"reason", wanted.reason}};
  if (!wanted.until.empty()) body["ends_at"] = wanted.until;
  ask(session, "PUT", path_of(wanted), &body,
      wanted.flag + (wanted.off ? ": off for " : ": on for ") + wanted.tenant_id);
}

void unset(Session& session, const WantedFlag& wanted) {
  const json body = {{"reason", wanted.reason}};
  ask(session, "POST", path_of(wanted) + "/unset", &body,
      wanted.flag + ": for " + wanted.tenant_id + " what it is for the others");
}

}  // namespace

void add_flags(Command& app, Session& session) {
  auto* command =
      app.add_subcommand("flags",
                         "Feature flags: for all, for plans, for a share of tenants, for one; as a super-admin\n\n"
                         "Examples:\n"
                         "  tenantry flags list\n"
                         "  tenantry flags define new_dashboard --description 'The new dashboard' --percentage 25\n"
                         "  tenantry flags set new_dashboard acme --reason pilot --until 2027-01-31T00:00:00Z\n"
                         "  tenantry flags list --tenant acme\n"
                         "  tenantry flags unset new_dashboard acme --reason 'the pilot is over'\n"
                         "  tenantry flags remove new_dashboard");
  command->require_subcommand();
  static WantedFlag wanted;
  auto* listed = command->add_subcommand("list", "All flags, or what is on for one tenant");
  listed->add_option("--tenant", wanted.tenant_id, "The tenant's id");
  listed->callback([&session] { wanted.tenant_id.empty() ? list_all(session) : list_of(session, wanted); });

  const auto one = [&](const char* name, const char* help) {
    auto* sub = command->add_subcommand(name, help);
    sub->add_option("flag", wanted.flag, "The flag's name")->required();
    return sub;
  };
  auto* defined = one("define", "Make a flag, or give it other terms");
  defined->add_option("--description", wanted.description, "What it switches on")->required();
  defined->add_option("--plan", wanted.plans, "For this plan alone; may be repeated");
  defined->add_option("--percentage", wanted.percentage, "Of tenants; 100")->between(0, 100);
  defined->add_option("--until", wanted.until, "From then on it is off for everybody");
  defined->add_flag("--off", wanted.off, "Off, but for tenants that have a word of their own");
  defined->callback([&session] { define(session, wanted); });
  one("remove", "Remove a flag, with what tenants have of it")->callback([&session] {
    ask(session, "DELETE", path_of(wanted), nullptr, wanted.flag + " is removed");
  });

  const auto of_tenant = [&](const char* name, const char* help) {
    auto* sub = one(name, help);
    sub->add_option("tenant", wanted.tenant_id, "The tenant's id")->required();
    sub->add_option("--reason", wanted.reason, "Why, in your words")->required();
    return sub;
  };
  auto* kept = of_tenant("set", "Switch it on, or off, for one tenant");
  kept->add_option("--until", wanted.until, "Until then; for good where it is not said");
  kept->add_flag("--off", wanted.off, "Off");
  kept->callback([&session] { set(session, wanted); });
  of_tenant("unset", "For one tenant, what it is for the others")->callback([&session] { unset(session, wanted); });
}

}  // namespace tenantry::cli
