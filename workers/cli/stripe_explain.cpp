// Why a tenant stands where it stands with Stripe, and what became of one of Stripe's events; and whom the rules of
// today would move.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/core/clock.h"
#include "shared/db/connection.h"
#include "workers/billing/review.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

// In words, for people; the names are for programs. docs/money.md lists them.
struct RuleWords {
  std::string_view rule;
  std::string_view words;
};
constexpr RuleWords rule_words[] = {
    {"subscription_active", "the subscription is active, so what was to be paid is paid"},
    {"payment_received", "a payment was received, and nothing has failed since"},
    {"subscription_owes", "the subscription says that a payment failed, and Stripe tries again"},
    {"subscription_given_up", "the subscription says that a payment failed, and Stripe tries no more"},
    {"invoice_failed", "this invoice could not be paid and is still open"},
    {"last_subscription_ended", "the last subscription has ended, and nothing was paid after it"},
    {"subscription_in_trial", "the subscription is in its own trial: nothing is to be paid yet"},
    {"subscription_paused", "somebody has paused the subscription"},
    {"trial_without_payment_method", "the subscription's trial ended without a payment method"},
    {"nothing_owed", "nothing is owed, and nothing was paid"},
    {"nothing_stated", "Stripe has said nothing about this tenant yet"},
    {"price_decides_plan", "a subscription's price names the plan"}};

std::string_view words_of(std::string_view rule) {
  const auto* found = std::ranges::find(rule_words, rule, &RuleWords::rule);
  return found == std::end(rule_words) ? rule : found->words;
}

void print_because(const json& because) {
  const auto rule = cell(because, "rule");
  if (rule.empty()) return void(std::printf("  because  judged before reasons were kept: `tenantry stripe review`\n"));
  std::printf("  because  %s (%s)\n", std::string(words_of(rule)).c_str(), rule.c_str());
  if (const auto id = cell(because, "object_id"); !id.empty()) std::printf("  object   %s\n", id.c_str());
  if (const auto id = cell(because, "stripe_event_id"); !id.empty()) std::printf("  said by  %s\n", id.c_str());
  if (const auto id = cell(because, "beaten_event_id"); !id.empty()) std::printf("  beat     %s\n", id.c_str());
}

void print_rows(const char* title, const json& list, const std::vector<const char*>& names) {
  if (list.empty()) return;
  std::printf("\n%s\n", title);
  std::vector<std::string> header;
  for (std::string name : names) {
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c == '_' ? ' ' : static_cast<char>(std::toupper(c)); });
    header.push_back(name);
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& each : list) {
    auto& row = rows.emplace_back();
    for (const char* name : names) {
      const auto at = each.find(name);
      row.push_back(at == each.end() || at->is_null() ? "" : at->is_string() ? at->get<std::string>() : at->dump());
    }
  }
  print_table(header, rows);
}

void explain_tenant(Session& session, const std::string& tenant_id) {
  const auto answer = call_admin(session, "GET", "/v1/admin/tenants/" + percent_encoded(tenant_id) + "/account");
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  const auto& account = answer->at("account");
  const auto reason = cell(*answer, "status_reason");
  std::printf("%s: %s%s, plan %s\n", tenant_id.c_str(), cell(*answer, "status").c_str(),
              reason.empty() ? "" : (" (" + reason + ")").c_str(), cell(*answer, "plan").c_str());
  std::printf("  account  %s\n", cell(account, "state").c_str());
  for (const char* name : {"past_due_since", "paid_at", "ended_at"}) {
    if (const auto at = cell(account, name); !at.empty()) std::printf("  %-8s %s\n", name, at.c_str());
  }
  print_because(account.at("because"));
  print_rows("Subscriptions", answer->at("subscriptions"),
             {"id", "status", "pause_reason", "current_period_end", "stated_at", "stripe_event_id"});
  print_rows("Invoices", answer->at("invoices"),
             {"id", "status", "amount_minor", "currency", "stripe_subscription_id", "failed_at", "stated_at",
              "stripe_event_id"});
  print_rows("Payment methods", answer->at("payment_methods"), {"id", "kind", "brand", "last4", "expires_at"});
  print_rows("Holds", answer->at("holds"), {"hold", "ends_at", "reason"});
  print_rows("What comes next", answer->at("timers"), {"type", "at"});
  print_rows("What has happened, newest first", answer->at("moves"), {"at", "from", "to", "trigger", "reason"});
}

void explain_event(Session& session, const std::string& event_id) {
  const auto answer = call_admin(session, "GET", "/v1/admin/stripe-events/" + percent_encoded(event_id));
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  const auto reason = cell(*answer, "reason");
  std::printf("%s: %s, %s%s\n", event_id.c_str(), cell(*answer, "type").c_str(), cell(*answer, "state").c_str(),
              reason.empty() ? "" : (" for " + reason).c_str());
  if (const auto detail = cell(*answer, "detail"); !detail.empty()) std::printf("  detail    %s\n", detail.c_str());
  const auto tenant = cell(*answer, "tenant_id");
  const auto says = cell(*answer, "says");
  std::printf("  tenant    %s\n  told as   %s\n  stated    %s\n  received  %s\n",
              tenant.empty() ? "nobody knows whose it is" : tenant.c_str(),
              says.empty() ? "nothing: no rule is for it" : says.c_str(), cell(*answer, "stated_at").c_str(),
              cell(*answer, "received_at").c_str());
  std::vector<std::vector<std::string>> rows;
  for (const auto& object : answer->at("objects")) {
    const auto& counts = object.at("counts");
    const auto known_by = cell(object, "known_by");
    rows.push_back({cell(object, "id"), cell(object, "tenant_id"),
                    counts.is_null()     ? ""
                    : counts.get<bool>() ? "this event"
                                         : "beaten by " + known_by});
  }
  if (!rows.empty()) {
    std::printf("\nThe objects that it names\n");
    print_table({"OBJECT", "KNOWN TO BE OF", "WHAT COUNTS"}, rows);
  }
}

Result<std::vector<billing::Reviewed>> find_moved(Session& session, const std::string& tenant_id) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  SystemClock clock;
  const auto offset = test_clock_offset(session);
  if (!offset) return offset.error();
  clock.set_offset(*offset);
  db::Connection connection(*url, "tenantry stripe review");
  db::Transaction tx(connection);
  tx.exec("SET TRANSACTION READ ONLY");
  return billing::find_moved(tx, tenant_id, clock.now(), {});  // on which days it duns moves nobody here
}

struct Review {
  std::string tenant_id, reason;
  bool apply = false;
};

void review(Session& session, const Review& wanted) {
  if (wanted.apply && wanted.reason.empty()) {
    return session.fail(Error::invalid("--reason", "required", "must say why, with --apply; it is audited"));
  }
  const auto moved = find_moved(session, wanted.tenant_id);
  if (!moved) return session.fail(moved.error());
  std::vector<std::vector<std::string>> rows;
  for (const auto& each : *moved) {
    if (wanted.apply) {
      const json body = {{"reason", wanted.reason}};
      const auto asked = call_admin(session, "POST",
                                    "/v1/admin/tenants/" + percent_encoded(each.tenant_id) + "/review-account", &body);
      if (!asked) return session.fail(asked.error());
    }
    if (session.json) {
      print_json({{"tenant_id", each.tenant_id},
                  {"stored", each.stored},
                  {"today", each.today},
                  {"becomes", each.becomes},
                  {"asked", wanted.apply}});
    }
    rows.push_back({each.tenant_id, each.stored, each.today, each.becomes.empty() ? "(stays)" : each.becomes});
  }
  if (session.json) return;
  if (rows.empty()) return void(std::printf("Nobody: every account is what the rules of today make of it.\n"));
  print_table({"TENANT", "AS IT WAS JUDGED", "BY THE RULES OF TODAY", "WOULD BE"}, rows);
  std::printf(wanted.apply ? "Asked for; `tenantry stripe explain TENANT` shows what came of it.\n"
                           : "Nothing is changed. --apply --reason '...' has these judged again.\n");
}

}  // namespace

void add_stripe_explain(Command& command, Session& session) {
  static std::string what;
  auto* explained = command.add_subcommand("explain", "Why a tenant is what it is, or what became of an event");
  explained->add_option("what", what, "A tenant's id, or the id of one of Stripe's events (evt_...)")->required();
  explained->callback([&session] {
    const bool event = what.starts_with("evt_") || what.starts_with("unreadable_");
    event ? explain_event(session, what) : explain_tenant(session, what);
  });
  static Review wanted;
  auto* reviewed = command.add_subcommand(
      "review",
      "Whom the rules of today would move, of accounts that other rules judged; nobody is moved but by --apply");
  reviewed->add_option("--tenant", wanted.tenant_id, "This one alone");
  reviewed->add_flag("--apply", wanted.apply, "Have those judged again");
  reviewed->add_option("--reason", wanted.reason, "Why, in your words; it is audited");
  reviewed->callback([&session] { review(session, wanted); });
}

}  // namespace tenantry::cli
