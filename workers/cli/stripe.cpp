#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/core/ids.h"
#include "shared/crypto/stripe_signature.h"
#include "shared/db/clock_offset.h"
#include "shared/http/client.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

struct Trigger {
  std::string type, tenant_id, customer_id, subscription_id, status, object_id;
  std::int64_t amount_minor = 14900;
};

// The object a type is about, in the shape of Stripe's present API version.
json object_of(const Trigger& trigger, std::int64_t now) {
  const json metadata = {{"tenant_id", trigger.tenant_id}};
  const std::string kind = trigger.type.substr(0, trigger.type.rfind('.'));
  if (kind == "customer.subscription") {
    std::string status = trigger.status;
    if (status.empty())
      status = trigger.type.ends_with(".deleted")  ? "canceled"
               : trigger.type.ends_with(".paused") ? "paused"
                                                   : "active";
    return {{"id", trigger.subscription_id},
            {"object", "subscription"},
            {"customer", trigger.customer_id},
            {"status", status},
            {"metadata", metadata},
            {"cancel_at_period_end", false},
            {"items",
             {{"object", "list"},
              {"data",
               {{{"id", "si_" + trigger.subscription_id},
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
        {"status", paid ? "paid" : "open"},
        {"number", trigger.object_id},
        {"parent", {{"subscription_details", {{"subscription", trigger.subscription_id}, {"metadata", metadata}}}}}};
  }
  if (kind == "checkout.session") {
    return {{"id", trigger.object_id},
            {"object", "checkout.session"},
            {"customer", trigger.customer_id},
            {"subscription", trigger.subscription_id},
            {"payment_status", "paid"},
            {"amount_total", trigger.amount_minor},
            {"currency", "eur"},
            {"metadata", metadata}};
  }
  return {{"id", trigger.object_id},        {"object", kind},    {"customer", trigger.customer_id},
          {"amount", trigger.amount_minor}, {"currency", "eur"}, {"metadata", metadata}};
}

void trigger(Session& session, Trigger wanted) {
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return session.fail(url.error());
  const auto secret = session.setting("TENANTRY_STRIPE_WEBHOOK_SECRET");
  if (!secret) return session.fail(secret.error());
  SystemClock clock;
  if (const auto test = session.environment.find("TENANTRY_TEST_CLOCK");
      test != session.environment.end() && test->second == "1") {
    const auto database = session.setting("TENANTRY_DATABASE_URL");
    if (!database) return session.fail(database.error());
    db::Connection connection(*database, "tenantry stripe");
    clock.set_offset(db::read_clock_offset(connection));
  }
  SystemIdGenerator ids(clock);
  const auto fresh = [&](const char* prefix) { return prefix + ids.next().to_string().substr(24); };
  if (wanted.customer_id.empty()) wanted.customer_id = "cus_" + wanted.tenant_id;
  if (wanted.subscription_id.empty()) wanted.subscription_id = "sub_" + wanted.tenant_id;
  if (wanted.object_id.empty()) wanted.object_id = fresh("in_");
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

}  // namespace

void add_stripe(CLI::App& app, Session& session) {
  auto* command =
      app.add_subcommand("stripe",
                         "Stripe's side, without Stripe\n\nExamples:\n"
                         "  tenantry stripe trigger invoice.paid --tenant acme\n"
                         "  tenantry stripe trigger customer.subscription.updated --tenant acme --status past_due");
  command->require_subcommand(1);
  auto* triggered = command->add_subcommand("trigger", "Post a signed webhook about a tenant to the gateway");
  static Trigger wanted;
  triggered->add_option("type", wanted.type, "customer.subscription.*, invoice.*, checkout.session.completed, charge.*")
      ->required();
  triggered->add_option("--tenant", wanted.tenant_id, "Goes into the object's metadata")->required();
  triggered->add_option("--customer", wanted.customer_id, "Stripe customer; cus_<tenant>");
  triggered->add_option("--subscription", wanted.subscription_id, "Stripe subscription; sub_<tenant>");
  triggered->add_option("--object", wanted.object_id, "Id of the invoice, session or charge; a new one");
  triggered->add_option("--status", wanted.status, "Status of the subscription");
  triggered->add_option("--amount", wanted.amount_minor, "In cents; 14900");
  triggered->callback([&session] { trigger(session, wanted); });
}

}  // namespace tenantry::cli
