#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/crypto/stripe_signature.h"
#include "shared/http/client.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/watch.h"
#include "workers/gateway/stripe/event.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

// What an object of each kind is called, and what its id begins with.
struct StripeObject {
  const char* kind;  // the type's name without its last word
  const char* name;
  const char* prefix;
};
constexpr StripeObject stripe_objects[] = {
    {"customer.subscription", "subscription", "sub_"},
    {"invoice", "invoice", "in_"},
    {"checkout.session", "checkout.session", "cs_test_"},
    {"charge", "charge", "ch_"},
    {"charge.dispute", "dispute", "dp_"},
    {"payment_method", "payment_method", "pm_"},
    {"customer.source", "card", "card_"},
};

// Of a type that nobody acts on there is only its own word.
StripeObject stripe_object(const std::string& type) {
  const auto kind = type.substr(0, type.rfind('.'));
  const auto* const known = std::ranges::find(stripe_objects, kind, &StripeObject::kind);
  return known == std::end(stripe_objects) ? StripeObject{"", "object", "obj_"} : *known;
}

struct Trigger {
  bool anyway = false;
  std::string type, tenant_id, customer_id, subscription_id, status, object_id;
  std::string expires;  // YYYY-MM
  std::int64_t amount_minor = 14900;
};

json card_of(const Trigger& trigger) {
  json card = {{"brand", "visa"}, {"last4", "4242"}};
  if (const auto dash = trigger.expires.find('-'); dash != std::string::npos) {
    card["exp_year"] = std::atoi(trigger.expires.substr(0, dash).c_str());
    card["exp_month"] = std::atoi(trigger.expires.substr(dash + 1).c_str());
  }
  return card;
}

// The object a type is about, in the shape of Stripe's present API version.
json object_of(const Trigger& trigger, std::int64_t now) {
  const json metadata = {{"tenant_id", trigger.tenant_id}};
  const std::string kind = stripe_object(trigger.type).name;
  if (kind == "subscription") {
    std::string status = trigger.status;
    if (status.empty())
      status = trigger.type.ends_with(".deleted")  ? "canceled"
               : trigger.type.ends_with(".paused") ? "paused"
                                                   : "active";
    return {{"id", trigger.object_id},
            {"object", "subscription"},
            {"customer", trigger.customer_id},
            {"status", status},
            {"metadata", metadata},
            {"cancel_at_period_end", false},
            {"items",
             {{"object", "list"},
              {"data",
               {{{"id", "si_" + trigger.object_id},
                 {"price", {{"id", "price_professional"}}},
                 {"quantity", 1},
                 {"current_period_start", now},
                 {"current_period_end", now + 30 * 86400}}}}}}};
  }
  if (kind == "invoice") {
    const bool paid = trigger.type == "invoice.paid" || trigger.type == "invoice.payment_succeeded";
    return {
        {"id", trigger.object_id},
        {"object", "invoice"},
        {"customer", trigger.customer_id},
        {"metadata", metadata},
        {"currency", "eur"},
        {"amount_due", trigger.amount_minor},
        {"amount_paid", paid ? trigger.amount_minor : 0},
        {"attempt_count", 1},
        {"status", !trigger.status.empty()                          ? trigger.status
                   : paid                                           ? "paid"
                   : trigger.type == "invoice.voided"               ? "void"
                   : trigger.type == "invoice.marked_uncollectible" ? "uncollectible"
                                                                    : "open"},
        {"number", trigger.object_id},
        {"parent", {{"subscription_details", {{"subscription", trigger.subscription_id}, {"metadata", metadata}}}}}};
  }
  if (kind == "checkout.session") {
    return {{"id", trigger.object_id},
            {"object", "checkout.session"},
            {"customer", trigger.customer_id},
            {"subscription", trigger.subscription_id},
            {"payment_status", trigger.type.ends_with("_failed") ? "unpaid" : "paid"},
            {"amount_total", trigger.amount_minor},
            {"currency", "eur"},
            {"metadata", metadata}};
  }
  if (kind == "payment_method") {
    return {{"id", trigger.object_id},         {"object", kind},       {"type", "card"},
            {"customer", trigger.customer_id}, {"metadata", metadata}, {"card", card_of(trigger)}};
  }
  if (kind == "card") {
    auto object = card_of(trigger);
    object.update(
        {{"id", trigger.object_id}, {"object", "card"}, {"customer", trigger.customer_id}, {"metadata", metadata}});
    return object;
  }
  json object = {{"id", trigger.object_id},        {"object", kind},    {"customer", trigger.customer_id},
                 {"amount", trigger.amount_minor}, {"currency", "eur"}, {"metadata", metadata}};
  if (kind == "charge") object["amount_refunded"] = trigger.amount_minor;
  if (trigger.type == "charge.dispute.closed") object["status"] = trigger.status.empty() ? "won" : trigger.status;
  return object;
}

// Stripe would send whatever it is told to; a person who mistypes wants to hear of it.
Result<void> check(const Session& session, const Trigger& wanted) {
  if (wanted.anyway) return {};
  const auto types = gateway::stripe_types();
  if (std::ranges::find(types, wanted.type) == types.end()) {
    const auto meant = nearest(wanted.type, types);
    return Error::invalid("type", "choice",
                          "the gateway does not act on \"" + wanted.type + "\"" +
                              (meant.empty() ? "" : "; did you mean " + meant + "?") +
                              " (`tenantry stripe types` lists them; --anyway sends it)");
  }
  const auto tenant = call_admin(session, "GET", "/v1/admin/tenants/" + percent_encoded(wanted.tenant_id));
  return tenant ? Result<void>{} : tenant.error();
}

void trigger(Session& session, Trigger wanted) {
  if (const auto ok = check(session, wanted); !ok) return session.fail(ok.error());
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return session.fail(url.error());
  const auto secret = session.setting("TENANTRY_STRIPE_WEBHOOK_SECRET");
  if (!secret) return session.fail(secret.error());
  SystemClock clock;
  const auto offset = test_clock_offset(session);
  if (!offset) return session.fail(offset.error());
  clock.set_offset(*offset);
  SystemIdGenerator ids(clock);
  const auto fresh = [&](const char* prefix) { return prefix + ids.next().to_string().substr(24); };
  if (wanted.customer_id.empty()) wanted.customer_id = "cus_" + wanted.tenant_id;
  if (wanted.subscription_id.empty()) wanted.subscription_id = "sub_" + wanted.tenant_id;
  const auto object = stripe_object(wanted.type);
  if (wanted.object_id.empty()) {
    const bool is_subscription = std::string_view(object.name) == "subscription";
    wanted.object_id = is_subscription ? wanted.subscription_id : fresh(object.prefix);
  }
  const auto now = to_unix_seconds(clock.now());
  const json event = {
      {"id", fresh("evt_")}, {"object", "event"}, {"api_version", "2025-03-31.basil"},           {"created", now},
      {"type", wanted.type}, {"livemode", false}, {"data", {{"object", object_of(wanted, now)}}}};
  const std::string body = event.dump();
  http::ClientRequest request;
  request.method = "POST";
  request.url = *url + "/webhooks/stripe";
  request.body = body;
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Stripe-Signature", crypto::sign_stripe(secret->substr(0, secret->find(',')), clock.now(), body));
  http::HttpClient client;
  const auto response = client.perform(request);
  if (!response) return session.fail(response.error());
  if (session.json) {
    print_json({{"event", event["id"]}, {"type", wanted.type}, {"status", response->status}});
  } else {
    std::printf("--> %s [%s]\n<-- [%d] %s\n", wanted.type.c_str(), event["id"].get<std::string>().c_str(),
                response->status, response->body.c_str());
  }
  if (response->status != 200) session.exit_code = 1;
}

void list_parked(Session& session, int limit) {
  const auto answer = call_admin(session, "GET", "/v1/admin/stripe-events?state=parked&limit=" + std::to_string(limit));
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  std::vector<std::vector<std::string>> rows;
  for (const auto& event : answer->at("stripe_events")) {
    rows.push_back({event.value("id", ""), event.value("type", ""), event.value("reason", ""),
                    event.value("account", ""), event.value("stated_at", ""), event.value("detail", "")});
  }
  print_table({"EVENT", "TYPE", "PARKED FOR", "ACCOUNT", "STATED", "DETAIL"}, rows);
}

void settle(Session& session, const std::string& event_id, const std::string& action, const json& body) {
  const auto answer =
      call_admin(session, "POST", "/v1/admin/stripe-events/" + percent_encoded(event_id) + "/" + action, &body);
  if (!answer) return session.fail(answer.error());
  if (session.json) return print_json(*answer);
  std::printf("%s: %s\n", event_id.c_str(), answer->value("state", "").c_str());
}

void add_parked(Command& command, Session& session) {
  static std::string event_id, tenant_id, reason;
  static int limit = 50, seconds = 0;
  auto* parked = command.add_subcommand("parked", "Events that wait until somebody knows whose they are, or for you");
  parked->add_option("--limit", limit, "At most so many; 50")->between(1, 200);
  parked->add_option("--watch", seconds, watch_help)->between(watch_seconds_min, watch_seconds_max);
  parked->callback([&session] { watch(session, seconds, [&session] { list_parked(session, limit); }); });
  const auto one = [&](const char* name, const char* help) {
    auto* sub = command.add_subcommand(name, help);
    sub->add_option("event", event_id, "Stripe's id of the event")->required();
    return sub;
  };
  auto* redriven = one("redrive", "Try again to place it, after the settings or the rules have changed");
  redriven->add_option("--reason", reason, "Why, in your words; it is audited");
  redriven->callback([&session] { settle(session, event_id, "redrive", {{"reason", reason}}); });
  auto* assigned = one("assign", "Give it to a tenant, whatever it was parked for");
  assigned->add_option("--tenant", tenant_id, "Whose it is")->required();
  assigned->add_option("--reason", reason, "Why, in your words; it is audited")->required();
  assigned->callback([&session] {
    settle(session, event_id, "assign", {{"tenant_id", tenant_id}, {"reason", reason}});
  });
  auto* dropped = one("drop", "Say that it is nobody's");
  dropped->add_option("--reason", reason, "Why, in your words; it is audited")->required();
  dropped->callback([&session] { settle(session, event_id, "drop", {{"reason", reason}}); });
}

}  // namespace

void add_stripe(Command& app, Session& session) {
  auto* command =
      app.add_subcommand("stripe",
                         "Stripe's side, without Stripe; and what of it is parked\n\nExamples:\n"
                         "  tenantry stripe explain acme\n"
                         "  tenantry stripe explain evt_1PxQ2e\n"
                         "  tenantry stripe review\n"
                         "  tenantry stripe parked\n"
                         "  tenantry stripe assign evt_1PxQ2e --tenant acme --reason 'their mail of today'\n"
                         "  tenantry stripe redrive evt_1PxQ2e --reason 'the account is ours'\n"
                         "  tenantry stripe drop evt_1PxQ2e --reason 'of a test'\n"
                         "  tenantry stripe types\n"
                         "  tenantry stripe trigger invoice.paid --tenant acme\n"
                         "  tenantry stripe trigger customer.subscription.updated --tenant acme --status past_due");
  command->require_subcommand();
  auto* triggered = command->add_subcommand(
      "trigger",
      "Post a signed webhook about a tenant to the gateway\n\nWhat follows from it (payment.failed, tenant.suspended "
      "and "
      "the like) the workers publish; `tenantry events publish` makes such an event by itself.");
  static Trigger wanted;
  triggered->add_option("type", wanted.type, "One of `tenantry stripe types`")->required();
  triggered->add_option("--tenant", wanted.tenant_id, "Goes into the object's metadata")->required();
  triggered->add_option("--customer", wanted.customer_id, "Stripe customer; cus_<tenant>");
  triggered->add_option("--subscription", wanted.subscription_id, "Stripe subscription; sub_<tenant>");
  triggered->add_option("--object", wanted.object_id,
                        "Id of the invoice, session, charge or whatever it is about; a new one");
  triggered->add_option("--status", wanted.status, "Status of the subscription, of the invoice or of the dispute");
  triggered->add_flag("--anyway", wanted.anyway, "Also about a tenant, or of a type, that is not known");
  triggered->add_option("--amount", wanted.amount_minor, "In cents; 14900");
  triggered->add_option("--expires", wanted.expires, "Of a payment method: YYYY-MM, the last month it is good in");
  triggered->callback([&session] { trigger(session, wanted); });
  command->add_subcommand("types", "Types of Stripe's events that the gateway acts on")->callback([&session] {
    for (const auto& type : gateway::stripe_types()) {
      if (session.json) {
        print_json({{"type", type}});
      } else {
        std::printf("%s\n", type.c_str());
      }
    }
  });
  add_parked(*command, session);
  add_stripe_explain(*command, session);
}

}  // namespace tenantry::cli
