// People of a tenant, their sessions, its keys for machines, its domain and its overrides, for operators.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

struct Wanted {
  std::string tenant_id, who, role, email, state, language, session, key, name, reason, until;
  std::int64_t value = 0;
};

std::string path_of_tenant(const Wanted& wanted, const std::string& below) {
  return "/v1/admin/tenants/" + percent_encoded(wanted.tenant_id) + below;
}

// All pages of a list.
Result<json> all_of(Session& session, const std::string& path, const char* name) {
  auto all = json::array();
  std::string cursor;
  do {
    const auto page = call_admin(session, "GET",
                                 path + (path.find('?') == path.npos ? "?" : "&") + "limit=200" +
                                     (cursor.empty() ? "" : "&cursor=" + percent_encoded(cursor)));
    if (!page) return page.error();
    for (const auto& item : page->at(name)) all.push_back(item);
    cursor = cell(*page, "next_cursor");
  } while (!cursor.empty());
  return all;
}

void show(Session& session, const Result<json>& items, const Row& header, const std::function<Row(const json&)>& row) {
  if (!items) return session.fail(items.error());
  std::vector<Row> rows;
  for (const auto& item : *items) {
    if (session.json) print_json(item);
    rows.push_back(row(item));
  }
  if (!session.json) print_table(header, rows);
}

std::string to_the_minute(const json& object, const char* name) {
  return cell(object, name).substr(0, std::string_view("2026-11-21T09:04").size());
}

// Who is meant by an address or an id, of the tenant's people of today.
Result<json> person(Session& session, const Wanted& wanted) {
  const auto people = all_of(session, path_of_tenant(wanted, "/users"), "users");
  if (!people) return people.error();
  const auto found = std::ranges::find_if(
      *people, [&](const json& each) { return each.at("email") == wanted.who || each.at("id") == wanted.who; });
  if (found != people->end()) return *found;
  return Error{.code = Errc::not_found,
               .reason = "user_not_found",
               .message = wanted.who + " is neither a member of " + wanted.tenant_id + " nor invited"};
}

// What was asked for, and in words what has come of it.
void ask(Session& session, const char* method, const std::string& path, const json& body,
         const std::function<std::string(const json&)>& words) {
  const auto answer = call_admin(session, method, path, &body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  std::printf("%s\n", words(*answer).c_str());
}

std::string role_and_state(const json& person) {
  return cell(person, "role") + ", " + cell(person, "state");
}

// ---- people

void list_people(Session& session, const Wanted& wanted) {
  const auto path = path_of_tenant(wanted, "/users") + (wanted.state.empty() ? "" : "?state=" + wanted.state);
  show(session, all_of(session, path, "users"), {"E-MAIL", "ROLE", "STATE", "LAST SEEN", "SINCE", "ID"},
       [](const json& each) {
         return Row{cell(each, "email"),
                    cell(each, "role"),
                    cell(each, "kind") == "invitation" ? "invited until " + to_the_minute(each, "expires_at")
                                                       : cell(each, "state"),
                    to_the_minute(each, "last_seen_at"),
                    to_the_minute(each, "created_at"),
                    cell(each, "id")};
       });
}

void invite(Session& session, const Wanted& wanted) {
  json body{{"email", wanted.email}, {"role", wanted.role}, {"reason", wanted.reason}};
  if (!wanted.language.empty()) body["locale"] = wanted.language;
  ask(session, "POST", path_of_tenant(wanted, "/users"), body, [&](const json& made) {
    return wanted.email + " is invited as " + wanted.role + " until " + to_the_minute(made, "expires_at");
  });
}

void appoint(Session& session, const Wanted& wanted) {
  json body{{"email", wanted.email}, {"reason", wanted.reason}};
  if (!wanted.language.empty()) body["locale"] = wanted.language;
  ask(session, "POST", path_of_tenant(wanted, "/owner"), body, [&](const json& made) {
    return wanted.email + (cell(made, "kind") == "invitation" ? " is invited to be an owner of " + wanted.tenant_id +
                                                                    ", until " + to_the_minute(made, "expires_at")
                                                              : " is an owner of " + wanted.tenant_id + " now");
  });
}

// `act`: "deactivate", "reactivate", or "remove", which of an invitation is taking it back.
void change_state(Session& session, const Wanted& wanted, std::string act) {
  const auto who = person(session, wanted);
  if (!who) return session.fail(who.error());
  if (act == "remove" && cell(*who, "kind") == "invitation") act = "revoke";
  ask(session, "POST", path_of_tenant(wanted, "/users/" + cell(*who, "id") + "/" + act), {{"reason", wanted.reason}},
      [&](const json& after) { return cell(*who, "email") + ": " + cell(after, "state"); });
}

void set_role(Session& session, const Wanted& wanted) {
  const auto who = person(session, wanted);
  if (!who) return session.fail(who.error());
  ask(session, "PATCH", path_of_tenant(wanted, "/users/" + cell(*who, "id")),
      {{"role", wanted.role}, {"reason", wanted.reason}},
      [&](const json& after) { return cell(*who, "email") + ": " + role_and_state(after); });
}

void reset_factors(Session& session, const Wanted& wanted) {
  const auto who = person(session, wanted);
  if (!who) return session.fail(who.error());
  ask(session, "POST", "/v1/admin/users/" + cell(*who, "id") + "/reset-factors", {{"reason", wanted.reason}},
      [&](const json& after) {
        return cell(*who, "email") + " may come without a second factor from " + to_the_minute(after, "effective_at") +
               " on, unless it is shown before";
      });
}

// ---- sessions

void end_sessions(Session& session, const Wanted& wanted) {
  json body{{"reason", wanted.reason}};
  if (!wanted.session.empty()) body["session_id"] = wanted.session;
  if (!wanted.who.empty()) {
    const auto who = person(session, wanted);
    if (!who) return session.fail(who.error());
    body["user_id"] = cell(*who, "id");
  }
  ask(session, "POST", path_of_tenant(wanted, "/end-sessions"), body,
      [](const json& after) { return counted(after.at("ended").get<std::uint64_t>(), "session") + " ended"; });
}

Command* with_tenant(Command& command, const char* name, const char* help, Wanted& wanted) {
  auto* sub = command.add_subcommand(name, help);
  sub->add_option("tenant", wanted.tenant_id, "The tenant's id")->required();
  return sub;
}

void add_reason(Command& command, Wanted& wanted) {
  command.add_option("--reason", wanted.reason, "Why, in your words; the tenant's log has it")->required();
}

Wanted& wanted_of_operators() {
  static Wanted wanted;
  return wanted;
}

}  // namespace

void add_people(Command& app, Session& session) {
  auto& wanted = wanted_of_operators();
  auto* command = app.add_subcommand(
      "people",
      "Who belongs to a tenant, and as what, where its own people cannot help; as a super-admin\n\nExamples:\n"
      "  tenantry people list acme\n"
      "  tenantry people invite acme paul@acme.example --role viewer --reason 'asked by phone, ticket 71'\n"
      "  tenantry people set-role acme paul@acme.example employee --reason 'ticket 72'\n"
      "  tenantry people deactivate acme paul@acme.example --reason 'a laptop was stolen'\n"
      "  tenantry people reactivate acme paul@acme.example --reason 'it was found'\n"
      "  tenantry people appoint-owner acme paul@acme.example --reason 'the owner has left, ticket 77'\n"
      "  tenantry people reset-factors acme paul@acme.example --reason 'phone lost, passport seen'\n"
      "  tenantry people remove acme anna@acme.example --reason 'ticket 78'");
  command->require_subcommand();
  const auto add_person = [&](const char* name, const char* help, const std::function<void()>& run) {
    auto* sub = with_tenant(*command, name, help, wanted);
    sub->add_option("who", wanted.who, "The person's address, or the id")->required();
    add_reason(*sub, wanted);
    sub->callback(run);
    return sub;
  };
  auto* listed = with_tenant(*command, "list", "Members and invitations, oldest first", wanted);
  listed->add_option("--state", wanted.state,
                     "invited, active, inactive, removed, pending, expired, ...; those of today");
  listed->callback([&] { list_people(session, wanted); });
  for (const bool owner : {false, true}) {
    auto* sub = with_tenant(
        *command, owner ? "appoint-owner" : "invite",
        owner ? "Make an owner where that one was lost: a member at once, others by mail" : "Invite somebody by mail",
        wanted);
    sub->add_option("email", wanted.email, "The person's address")->required();
    if (!owner)
      sub->add_option("--role", wanted.role, "admin, manager, employee, viewer or the tenant's own")->required();
    sub->add_option("--locale", wanted.language, "The mail's language: fr or en; en")->one_of({"fr", "en"});
    add_reason(*sub, wanted);
    sub->callback([&session, &wanted, owner] { owner ? appoint(session, wanted) : invite(session, wanted); });
  }
  auto* role = with_tenant(*command, "set-role", "Give a member another role", wanted);
  role->add_option("who", wanted.who, "The person's address, or the id")->required();
  role->add_option("role", wanted.role, "admin, manager, employee, viewer or the tenant's own")->required();
  add_reason(*role, wanted);
  role->callback([&] { set_role(session, wanted); });
  add_person("deactivate", "Lock a member out; what is the member's stays",
             [&] { change_state(session, wanted, "deactivate"); });
  add_person("reactivate", "Let a member back in", [&] { change_state(session, wanted, "reactivate"); });
  add_person("remove", "End a membership, or take an invitation back",
             [&] { change_state(session, wanted, "remove"); });
  add_person("reset-factors", "Forget the second factors that a person has lost, a day from now",
             [&] { reset_factors(session, wanted); });
}

void add_sessions(Command& app, Session& session) {
  auto& wanted = wanted_of_operators();
  auto* command =
      app.add_subcommand("sessions",
                         "Who is logged in to a tenant; as a super-admin\n\nExamples:\n"
                         "  tenantry sessions list acme\n"
                         "  tenantry sessions end acme --user paul@acme.example --reason 'a laptop was stolen'");
  command->require_subcommand();
  with_tenant(*command, "list", "Sessions that go on, oldest first", wanted)->callback([&] {
    show(session, all_of(session, path_of_tenant(wanted, "/sessions"), "sessions"),
         {"E-MAIL", "SINCE", "LAST SEEN", "ENDS", "FROM", "FACTOR", "ID"}, [](const json& each) {
           return Row{cell(each, "email") + (each.at("visit").get<bool>() ? " (visit)" : ""),
                      to_the_minute(each, "created_at"),
                      to_the_minute(each, "last_seen_at"),
                      to_the_minute(each, "expires_at"),
                      cell(each, "address"),
                      cell(each, "second_factor"),
                      cell(each, "id")};
         });
  });
  auto* ended = with_tenant(*command, "end", "End one, or all of a person's there", wanted);
  ended->add_option("--user", wanted.who, "The person's address, or the id");
  ended->add_option("--session", wanted.session, "The session's id");
  add_reason(*ended, wanted);
  ended->callback([&] { end_sessions(session, wanted); });
}

void add_api_keys(Command& app, Session& session) {
  auto& wanted = wanted_of_operators();
  auto* command = app.add_subcommand("api-keys",
                                     "A tenant's keys for machines; as a super-admin\n\nExamples:\n"
                                     "  tenantry api-keys list acme\n"
                                     "  tenantry api-keys revoke acme 0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b --reason "
                                     "'found in a public repository'");
  command->require_subcommand();
  with_tenant(*command, "list", "Keys with what they may, oldest first", wanted)->callback([&] {
    show(session, all_of(session, path_of_tenant(wanted, "/api-keys"), "api_keys"),
         {"BEGINS WITH", "NAME", "STATE", "ENDS", "LAST USED", "FROM", "MAY", "ID"}, [](const json& each) {
           return Row{cell(each, "prefix"),
                      cell(each, "name"),
                      cell(each, "state"),
                      to_the_minute(each, "expires_at"),
                      to_the_minute(each, "last_used_at"),
                      cell(each, "last_used_from"),
                      joined(each.at("permissions").get<std::vector<std::string>>(), " "),
                      cell(each, "id")};
         });
  });
  auto* revoked = with_tenant(*command, "revoke", "End a key at once", wanted);
  revoked->add_option("key", wanted.key, "The key's id")->required();
  add_reason(*revoked, wanted);
  revoked->callback([&] {
    ask(session, "POST", path_of_tenant(wanted, "/api-keys/" + percent_encoded(wanted.key) + "/revoke"),
        {{"reason", wanted.reason}}, [&](const json&) { return wanted.key + " is revoked"; });
  });
}

void add_domains(Command& app, Session& session) {
  auto& wanted = wanted_of_operators();
  auto* command = app.add_subcommand("domains",
                                     "Domains of tenants' own; as a super-admin\n\nExamples:\n"
                                     "  tenantry domains list\n"
                                     "  tenantry domains remove acme --reason 'sold to somebody else'");
  command->require_subcommand();
  command->add_subcommand("list", "All, in the order in which they were named")->callback([&] {
    show(session, all_of(session, "/v1/admin/domains", "domains"),
         {"TENANT", "DOMAIN", "STATE", "PROVEN", "LOOKED AT", "PROBLEM"}, [](const json& each) {
           return Row{cell(each, "tenant_id"),
                      cell(each, "domain"),
                      cell(each, "state"),
                      to_the_minute(each, "verified_at"),
                      to_the_minute(each, "checked_at"),
                      cell(each, "problem")};
         });
  });
  auto* removed = with_tenant(*command, "remove", "Take a tenant's domain away", wanted);
  add_reason(*removed, wanted);
  removed->callback([&] {
    ask(session, "POST", path_of_tenant(wanted, "/remove-domain"), {{"reason", wanted.reason}},
        [](const json& after) { return cell(after, "domain") + " names no tenant any more"; });
  });
}

void add_overrides(Command& app, Session& session) {
  auto& wanted = wanted_of_operators();
  auto* command =
      app.add_subcommand("overrides",
                         "Limits of one tenant that count before its plan's; as a super-admin\n\nExamples:\n"
                         "  tenantry overrides list acme\n"
                         "  tenantry overrides set acme users_max 30 --reason 'a fair in May' --until 2099-06-01\n"
                         "  tenantry overrides remove acme users_max --reason 'the fair is over'");
  command->require_subcommand();
  with_tenant(*command, "list", "What it has of its own", wanted)->callback([&] {
    const auto answer = call_admin(session, "GET", path_of_tenant(wanted, "/overrides"));
    show(session, answer.and_then([](const json& found) { return Result<json>(found.at("overrides")); }),
         {"LIMIT", "VALUE", "UNTIL", "REASON"}, [](const json& each) {
           return Row{cell(each, "name"), cell(each, "value"), to_the_minute(each, "ends_at"), cell(each, "reason")};
         });
  });
  auto* set = with_tenant(*command, "set", "Give it a limit of its own", wanted);
  set->add_option("name", wanted.name, "As plans call it: users_max, api_calls_max, requests_per_minute, ...")
      ->required();
  set->add_option("value", wanted.value, "The limit; -1 for none")->required();
  set->add_option("--until", wanted.until, "A day (UTC) or an RFC 3339 time; for good where it is not said");
  add_reason(*set, wanted);
  set->callback([&] {
    json body{{"name", wanted.name}, {"value", wanted.value}, {"reason", wanted.reason}};
    if (!wanted.until.empty()) body["ends_at"] = instant_of(wanted.until);
    ask(session, "POST", path_of_tenant(wanted, "/overrides"), body, [&](const json& after) {
      const auto until = cell(after, "ends_at");
      return wanted.name + ": " + cell(after, "value") + (until.empty() ? "" : " until " + until);
    });
  });
  auto* removed = with_tenant(*command, "remove", "Give it its plan's limit back", wanted);
  removed->add_option("name", wanted.name, "The limit's name")->required();
  add_reason(*removed, wanted);
  removed->callback([&] {
    ask(session, "POST", path_of_tenant(wanted, "/remove-override"), {{"name", wanted.name}, {"reason", wanted.reason}},
        [&](const json&) { return wanted.name + ": the plan's"; });
  });
}

}  // namespace tenantry::cli
