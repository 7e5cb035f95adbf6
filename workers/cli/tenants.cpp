#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/progress.h"
#include "workers/cli/watch.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

void list(Session& session, const std::string& status, const std::string& query) {
  std::string cursor;
  std::vector<std::vector<std::string>> rows;
  json stats;
  do {
    std::string path = "/v1/admin/tenants?limit=200";
    if (!status.empty()) path += "&status=" + percent_encoded(status);
    if (!query.empty()) path += "&q=" + percent_encoded(query);
    if (!cursor.empty()) path += "&cursor=" + percent_encoded(cursor);
    const auto page = call_admin(session, "GET", path);
    if (!page) return session.fail(page.error());
    stats = page->value("stats", json::object());
    for (const auto& tenant : page->at("tenants")) {
      if (session.json) print_json(tenant);
      rows.push_back({cell(tenant, "tenant_id"), cell(tenant, "status"), cell(tenant, "plan"),
                      cell(tenant, "trial_ends_at"), cell(tenant, "created_at")});
    }
    cursor = cell(*page, "next_cursor");
  } while (!cursor.empty());
  if (session.json) return;
  print_table({"TENANT", "STATUS", "PLAN", "TRIAL ENDS", "CREATED"}, rows);
  std::string summary;
  for (const auto& [name, count] : stats.items()) summary += (summary.empty() ? "" : ", ") + count.dump() + " " + name;
  std::fprintf(stderr, "%s\n", summary.c_str());
}

std::string minute_of(const json& object, const char* name) {
  return cell(object, name).substr(0, std::string_view("2026-11-21T09:04").size());
}

std::string in_brackets(const std::string& text) {
  return text.empty() ? "" : " (" + text + ")";
}

// What the steps of a saga that failed, or are not through, say.
std::string steps_of(const json& saga) {
  std::string out;
  for (const auto& step : saga.at("steps")) {
    if (cell(step, "state") == "done") continue;
    out +=
        (out.empty() ? "" : "; ") + cell(step, "step") + " " + cell(step, "state") + in_brackets(cell(step, "error"));
  }
  return out;
}

void print_tenant(const json& tenant) {
  print_fields({{"tenant", cell(tenant, "tenant_id")},
                {"company", cell(tenant, "company_name") + in_brackets(cell(tenant, "company_email"))},
                {"status", cell(tenant, "status") + in_brackets(cell(tenant, "status_reason")) + " since " +
                               minute_of(tenant, "status_since")},
                {"note", cell(tenant, "status_note")},
                {"plan", cell(tenant, "plan") + ", version " + cell(tenant, "plan_version")},
                {"trial ends", minute_of(tenant, "trial_ends_at")},
                {"deleted", minute_of(tenant, "deletion_due_at")},
                {"created", minute_of(tenant, "created_at")},
                {"domain", cell(tenant, "custom_domain")},
                {"lives in", cell(tenant, "cell") + ", " + cell(tenant, "isolation_mode")},
                {"language", cell(tenant, "locale")},
                {"broker", tenant.value("vhost_ready", false) ? "its vhost is ready" : "it has no vhost"}});
  for (const auto& hold : tenant.at("holds")) {
    std::printf("hold %s until %s: %s\n", cell(hold, "hold").c_str(), minute_of(hold, "ends_at").c_str(),
                cell(hold, "reason").c_str());
  }
  for (const auto& like : tenant.at("look_alikes")) std::printf("looks like %s\n", cell(like).c_str());
  std::vector<Row> rows;
  for (const auto& move : tenant.at("history")) {
    rows.push_back(
        {minute_of(move, "at"), cell(move, "from"), cell(move, "to"), cell(move, "trigger"), cell(move, "reason")});
  }
  std::printf("\n");
  print_table({"AT (UTC)", "FROM", "TO", "BY", "REASON"}, rows);
  rows.clear();
  for (const auto& saga : tenant.at("sagas")) {
    rows.push_back({minute_of(saga, "updated_at"), cell(saga, "saga"), cell(saga, "state"), cell(saga, "attempt"),
                    cell(saga, "error"), steps_of(saga)});
  }
  if (rows.empty()) return;
  std::printf("\n");
  print_table({"AT (UTC)", "PROVISIONING", "STATE", "TRIES", "ERROR", "STEPS THAT ARE NOT DONE"}, rows);
}

void show_tenant(Session& session, const std::string& tenant_id) {
  const auto tenant = call_admin(session, "GET", "/v1/admin/tenants/" + percent_encoded(tenant_id));
  if (!tenant) return session.fail(tenant.error());
  if (session.json) return print_json(*tenant);
  print_tenant(*tenant);
}

// The tenant that a signup became; null until then.
Result<json> tenant_of_signup(const Session& session, const Uuid& signup_id) {
  const auto page = call_admin(session, "GET", "/v1/admin/tenants?limit=1&q=" + signup_id.to_string());
  if (!page) return page.error();
  const auto& tenants = page->at("tenants");
  return tenants.empty() ? json() : tenants.front();
}

// Asks until the tenant has the status, provisioning has failed for good, or the time is over.
void wait(Session& session, const std::string& named, std::string wanted, int seconds) {
  std::ranges::transform(wanted, wanted.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  const auto signup_id = Uuid::parse(named);
  Progress progress;
  for (;;) {
    const auto tenant = signup_id ? tenant_of_signup(session, *signup_id)
                                  : call_admin(session, "GET", "/v1/admin/tenants/" + percent_encoded(named));
    if (!tenant) return session.fail(tenant.error());
    const bool registered = !tenant->is_null();
    const auto tenant_id = registered ? cell(*tenant, "tenant_id") : "signup " + named;
    const auto status = registered ? cell(*tenant, "status") : "not registered";
    if (status == wanted) {
      if (session.json) return print_json(*tenant);
      std::printf("%s: %s\n", tenant_id.c_str(), status.c_str());
      return;
    }
    const bool failed = wanted == "TRIAL" && registered && tenant->value("provisioning_failed", false);
    if (failed || std::chrono::steady_clock::now() >= give_up_at) {
      return session.fail({.code = Errc::timeout,
                           .reason = failed ? "provisioning_failed" : "still_waiting",
                           .message = tenant_id + " is " + status + ", not " + wanted +
                                      (failed ? "; see `tenantry tenants show` and `retry-provisioning`"
                                              : ", after " + std::to_string(seconds) + " s")});
    }
    progress.wait(tenant_id + " is " + status);
    std::this_thread::sleep_for(Milliseconds{50});
  }
}

struct NewCompany {
  std::string name, email, owner_email, owner_first_name, owner_last_name, plan, region;
};

void create(Session& session, const NewCompany& company) {
  json body = {{"company_name", company.name},
               {"company_email", company.email.empty() ? company.owner_email : company.email},
               {"admin_email", company.owner_email},
               {"admin_first_name", company.owner_first_name},
               {"admin_last_name", company.owner_last_name},
               {"plan", company.plan}};
  if (!company.region.empty()) body["region"] = company.region;
  const auto answer = call_admin(session, "POST", "/v1/admin/tenants", &body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  std::printf("%s is being made; %s is invited\n`tenantry tenants wait %s` tells when it is there\n",
              company.name.c_str(), company.owner_email.c_str(), cell(*answer, "signup_id").c_str());
}

void act(Session& session, const std::string& tenant_id, const std::string& action, const json& body) {
  const auto answer =
      call_admin(session, "POST", "/v1/admin/tenants/" + percent_encoded(tenant_id) + "/" + action, &body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  std::printf("%s: %s\n", tenant_id.c_str(), cell(*answer, "status").c_str());
}

void change_hold(Session& session, const std::string& tenant_id, const std::string& action, const json& body) {
  const auto answer =
      call_admin(session, "POST", "/v1/admin/tenants/" + percent_encoded(tenant_id) + "/" + action, &body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  const auto until = cell(*answer, "ends_at");
  std::printf("%s: %s %s\n", tenant_id.c_str(), cell(*answer, "hold").c_str(),
              until.empty() ? "is released" : ("until " + until).c_str());
}

void set_plan(Session& session, const std::string& tenant_id, const json& body) {
  const auto answer = call_admin(session, "PUT", "/v1/admin/tenants/" + percent_encoded(tenant_id) + "/plan", &body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  const auto due = cell(*answer, "due_at");
  std::printf("%s: %s %s\n", tenant_id.c_str(), cell(*answer, "plan").c_str(),
              due.empty() ? "now" : ("from " + due + " on").c_str());
}

std::string days_of(const json& terms) {
  std::string out;
  for (const auto& [name, value] : terms.items()) out += (out.empty() ? "" : ", ") + name + " " + value.dump();
  return out.empty() ? "as the settings say" : out;
}

struct DunningOptions {
  std::vector<std::string> remind_days;
  std::optional<int> suspend_day, notice_days, grace_days;
  bool no_mail = false, of_plan = false;
  std::string reason;
};

// What is no number goes as it is: the gateway says what is wrong with it.
json numbers(const std::vector<std::string>& texts) {
  json out = json::array();
  for (const auto& text : texts) {
    auto value = json::parse(text, nullptr, false);
    out.push_back(value.is_discarded() ? json(text) : std::move(value));
  }
  return out;
}

void dunning(Session& session, const std::string& tenant_id, const DunningOptions& wanted) {
  const auto path = "/v1/admin/tenants/" + percent_encoded(tenant_id);
  json terms = json::object();
  if (!wanted.remind_days.empty() || wanted.no_mail) terms["remind_days"] = numbers(wanted.remind_days);
  if (wanted.suspend_day) terms["suspend_day"] = *wanted.suspend_day;
  if (wanted.notice_days) terms["notice_days"] = *wanted.notice_days;
  if (wanted.grace_days) terms["grace_days"] = *wanted.grace_days;
  const bool sets = !terms.empty();
  terms["reason"] = wanted.reason;
  const auto answer = wanted.of_plan ? call_admin(session, "POST", path + "/remove-dunning", &terms)
                      : sets         ? call_admin(session, "PUT", path + "/dunning", &terms)
                                     : call_admin(session, "GET", path + "/dunning");
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  const auto& own = answer->at("tenant");
  std::printf("in force  %s\nplan      %s\ntenant    %s\n", days_of(answer->at("in_force")).c_str(),
              days_of(answer->at("plan")).c_str(),
              own.is_null() ? "none of its own" : (days_of(own) + " (" + cell(*answer, "reason") + ")").c_str());
}

void add_dunning(Command& command, Session& session) {
  static std::string tenant_id;
  static DunningOptions wanted;
  auto* sub = command.add_subcommand(
      "dunning", "On which days it is reminded, suspended and deleted; with options, give it days of its own");
  sub->add_option("tenant", tenant_id, "The tenant's id")->required();
  sub->add_option("--remind-days", wanted.remind_days, "Days after the first failure on which it is mailed: 0,3,7")
      ->separated_by(',');
  sub->add_flag("--no-mail", wanted.no_mail, "It is not reminded at all");
  sub->add_option("--suspend-day", wanted.suspend_day, "Day after the first failure on which it is suspended");
  sub->add_option("--notice-days", wanted.notice_days, "At least so many from the first mail to the suspension");
  sub->add_option("--grace-days", wanted.grace_days, "Days from its cancellation to its deletion");
  sub->add_flag("--of-plan", wanted.of_plan, "Give back its plan's days");
  sub->add_option("--reason", wanted.reason, "Why, in your words; it is audited");
  sub->callback([&session] { dunning(session, tenant_id, wanted); });
}

// Each tenant whose resources are to be looked at again: those that have some.
Result<std::vector<std::string>> provisioned_tenants(Session& session) {
  std::vector<std::string> out;
  for (const char* status : {"TRIAL", "ACTIVE", "SUSPENDED", "CANCELLED"}) {
    std::string cursor;
    do {
      const auto page = call_admin(session, "GET",
                                   std::string("/v1/admin/tenants?limit=200&status=") + status +
                                       (cursor.empty() ? "" : "&cursor=" + percent_encoded(cursor)));
      if (!page) return page.error();
      for (const auto& tenant : page->at("tenants")) out.push_back(cell(tenant, "tenant_id"));
      cursor = cell(*page, "next_cursor");
    } while (!cursor.empty());
  }
  return out;
}

void reconcile(Session& session, std::vector<std::string> tenants, bool all, const std::string& note) {
  if (all == !tenants.empty()) {
    return session.fail({.code = Errc::invalid, .message = "name a tenant, or say --all"});
  }
  if (all) {
    auto found = provisioned_tenants(session);
    if (!found) return session.fail(found.error());
    tenants = *std::move(found);
  }
  Progress progress(tenants.size(), "tenants");
  const json body{{"note", note}};
  for (const auto& tenant : tenants) {
    const auto answer =
        call_admin(session, "POST", "/v1/admin/tenants/" + percent_encoded(tenant) + "/reconcile", &body);
    progress.add(1);
    // One that was deleted since it was listed is none to look at.
    if (!answer && all && answer.error().reason == "not_provisioned") continue;
    if (!answer) return session.fail(answer.error());
    if (session.json) print_json(*answer);
  }
  if (!session.json) {
    std::printf("asked for %s; `tenantry tenants show TENANT` tells how far it is\n",
                counted(tenants.size(), "tenant").c_str());
  }
}

void add_reconcile(Command& command, Session& session) {
  static std::vector<std::string> tenants;
  static bool all = false;
  static std::string note;
  auto* sub = command.add_subcommand("reconcile",
                                     "Look at every resource of a tenant again, and make what it lacks\n\nExamples:\n"
                                     "  tenantry tenants reconcile acme\n"
                                     "  tenantry tenants reconcile --all --note 'a new version gives them more'");
  sub->add_option("tenant", tenants, "The tenant's id");
  sub->add_flag("--all", all, "Every tenant that has resources");
  sub->add_option("--note", note, "Why, in your words; it is audited");
  sub->callback([&session] { reconcile(session, tenants, all, note); });
}

}  // namespace

void add_tenants(Command& app, Session& session) {
  auto* command =
      app.add_subcommand("tenants",
                         "List, show and change tenants, as a super-admin\n\nExamples:\n"
                         "  tenantry tenants list --status TRIAL\n"
                         "  tenantry tenants wait acme   # until it is provisioned and its trial runs\n"
                         "  tenantry tenants show acme\n"
                         "  tenantry tenants retry-provisioning acme\n"
                         "  tenantry tenants suspend acme --reason abuse --note 'ticket 42'\n"
                         "  tenantry tenants reactivate acme\n"
                         "  tenantry tenants cancel acme\n"
                         "  tenantry tenants erase acme\n"
                         "  tenantry tenants set-plan acme PROFESSIONAL --reason 'ticket 43'\n"
                         "  tenantry tenants dunning acme --suspend-day 30 --reason 'agreed with their finance team'\n"
                         "  tenantry tenants hold acme --kind legal --until 2027-06-30 --reason 'case 17/2026'\n"
                         "  tenantry tenants release-hold acme --kind legal --reason 'case 17/2026 is closed'");
  command->require_subcommand();
  add_tenant_backup(*command, session);
  add_dunning(*command, session);
  static std::string status, query, tenant_id, reason, note, hold, until;
  auto* listed = command->add_subcommand("list", "All tenants, with how many there are of each status");
  listed->add_option("--status", status, "PENDING, TRIAL, ACTIVE, SUSPENDED, CANCELLED or DELETED");
  listed->add_option("--search", query,
                     "Part of a tenant's id or company name; or the whole of an own domain, of an address of the "
                     "company's or an owner's, or of an id of Stripe's");
  static int seconds = 0;
  listed->add_option("--watch", seconds, watch_help)->between(watch_seconds_min, watch_seconds_max);
  listed->callback([&session] { watch(session, seconds, [&session] { list(session, status, query); }); });

  const auto one = [&](const char* name, const char* help) {
    auto* sub = command->add_subcommand(name, help);
    sub->add_option("tenant", tenant_id, "The tenant's id")->required();
    return sub;
  };
  one("show", "One tenant, with its history and provisioning")->callback([&session] {
    show_tenant(session, tenant_id);
  });
  static NewCompany company;
  auto* created = command->add_subcommand("create",
                                          "Make a tenant; who is to own it is invited by mail\n\nExamples:\n"
                                          "  tenantry tenants create 'Boulangerie Martin' --plan PROFESSIONAL "
                                          "--owner marie@martin.example --first-name Marie --last-name Martin");
  created->add_option("name", company.name, "The company's name")->required();
  created->add_option("--plan", company.plan, "As in /signup/plans")->required();
  created->add_option("--owner", company.owner_email, "The owner's e-mail address")->required();
  created->add_option("--first-name", company.owner_first_name, "The owner's")->required();
  created->add_option("--last-name", company.owner_last_name, "The owner's")->required();
  created->add_option("--email", company.email, "The company's address; else the owner's");
  created->add_option("--region", company.region, "Where its cell is; else the first cell's");
  created->callback([&session] { create(session, company); });
  static std::string awaited = "TRIAL";
  static int wait_seconds = 60;
  auto* waited = command->add_subcommand("wait", "Wait until it has a status; without one, until its trial runs");
  waited->add_option("tenant", tenant_id, "The tenant's id, or that of a signup, as `create` says it")->required();
  waited->add_option("--status", awaited, "TRIAL, ACTIVE, SUSPENDED, CANCELLED or DELETED");
  waited->add_option("--seconds", wait_seconds, "At most so long; 60")->between(1, 86'400);
  waited->callback([&session] { wait(session, tenant_id, awaited, wait_seconds); });
  auto* suspended = one("suspend", "Suspend until an admin lifts it");
  suspended->add_option("--reason", reason, "Why, in a word: admin, abuse, ...")->required();
  suspended->add_option("--note", note, "Why, in your words");
  suspended->callback([&session] { act(session, tenant_id, "suspend", {{"reason", reason}, {"note", note}}); });
  one("reactivate", "Lift a suspension")->callback([&session] {
    act(session, tenant_id, "reactivate", json::object());
  });
  one("cancel", "Cancel; the grace period starts")->callback([&session] {
    act(session, tenant_id, "cancel", json::object());
  });
  static std::string plan;
  static bool at_once = false;
  auto* planned = one("set-plan", "Give it another plan; a smaller one from the end of what is paid for on");
  planned->add_option("plan", plan, "The plan's name, as in /signup/plans")->required();
  planned->add_option("--reason", reason, "Why, in your words")->required();
  planned->add_flag("--now", at_once, "A smaller one at once, too");
  planned->callback([&session] {
    set_plan(session, tenant_id, {{"plan", plan}, {"reason", reason}, {"at_once", at_once}});
  });

  auto* held = one("hold", "Place a hold, or change its end and reason");
  held->add_option(
          "--kind", hold,
          "legal: its audit records stay and it is not erased; no_suspend: dunning does not suspend it; no_billing: "
          "it need not pay")
      ->required();
  held->add_option("--until", until, "Its end: a day (UTC) or an RFC 3339 time")->required();
  held->add_option("--reason", reason, "Why, in your words; it is audited")->required();
  held->callback([&session] {
    change_hold(session, tenant_id, "hold", {{"hold", hold}, {"reason", reason}, {"ends_at", instant_of(until)}});
  });
  auto* released = one("release-hold", "Lift a hold before its end");
  released->add_option("--kind", hold, "legal, no_suspend or no_billing")->required();
  released->add_option("--reason", reason, "Why, in your words; it is audited")->required();
  released->callback([&session] {
    change_hold(session, tenant_id, "release-hold", {{"hold", hold}, {"reason", reason}});
  });
  one("erase", "Make unreadable, for good, what is known of a deleted tenant's people")->callback([&session] {
    act(session, tenant_id, "erase", json::object());
  });
  add_reconcile(*command, session);
  one("retry-provisioning", "Provision again what gave up")->callback([&session] {
    act(session, tenant_id, "retry-provisioning", json::object());
  });
}

}  // namespace tenantry::cli
