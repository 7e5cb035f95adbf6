// Routes of a tenant's members.
#include <charconv>
#include <nlohmann/json.hpp>

#include "events/codec.h"
#include "events/topology.h"
#include "shared/core/assert.h"
#include "shared/db/connection.h"
#include "shared/http/problem.h"
#include "shared/tenancy/transition.h"
#include "tenantry/events/v1/activity.pb.h"
#include "workers/gateway/cursor.h"
#include "workers/gateway/routes.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

json number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? json(whole) : json(value);
}

std::string query(const Call& call, std::string_view name) {
  return std::string(call.request().query_value(name).value_or(""));
}

json price_of(const TenantEntry& entry) {
  return {{"amount_minor", entry.price_minor}, {"currency", entry.currency}};
}

std::int64_t limit_of(const Limits& limits, std::string_view name) {
  if (name == "users_max") return limits.users_max;
  if (name == "storage_bytes_max") return limits.storage_bytes_max;
  if (name == "api_calls_max") return limits.api_calls_max;
  return -1;
}

// What the counters say; for API calls, what this process knows already.
double used_now(const Services& services, db::Transaction& tx, const Call& call, const store::Metric& metric,
                double calls_known) {
  const double counted = store::used_of(tx, call.tenant_id(), metric, services.clock.now());
  return metric.name == "api_calls" ? std::max(counted, calls_known) : counted;
}

double calls_known(const Services& services, const Call& call) {
  return services.meter.used(call.tenant_id(), 0, floor_month(services.clock.now()));
}

Error no_client() {
  return {.code = Errc::not_found, .reason = "not_found", .message = "There is nothing at this path."};
}

json page_of(json list, int limit, const std::function<std::vector<std::string>(const json&)>& place, const Call& call,
             http::Headers& headers) {
  json page = {{"next_cursor", nullptr}};
  if (static_cast<int>(list.size()) > limit) {
    list.erase(list.size() - 1);
    const auto cursor = encode_cursor(place(list.back()));
    page["next_cursor"] = cursor;
    headers.add("Link", next_link(call.request(), cursor));
  }
  page["items"] = std::move(list);
  return page;
}

}  // namespace

namespace {

std::string render_me(const Call& call) {
  const auto& session = *call.session;
  const auto& tenant = call.tenant->tenant;
  const auto& user_id = call.claims->sub;
  const auto granted = call.reference->permissions.find(session.role);
  const json body = {
      {"sub", user_id},
      {"email", session.email},
      {"tenant_id", tenant.tenant_id},
      {"tenant_role", session.role},
      {"user",
       {{"id", user_id},
        {"email", session.email},
        {"first_name", session.first_name},
        {"last_name", session.last_name}}},
      {"permissions", granted == call.reference->permissions.end() ? std::vector<std::string>{} : granted->second},
      {"tenants", session.tenants},
      {"tenant",
       {{"tenant_id", tenant.tenant_id},
        {"company_name", tenant.company_name},
        {"status", tenancy::to_string(tenant.lifecycle.status)},
        {"plan", tenant.plan},
        {"trial_ends_at", to_rfc3339(tenant.lifecycle.trial_ends_at)},
        {"modules", call.tenant->modules}}}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

// Says what the guard has just decided by, so it is as fresh as any other answer: a change of the
// tenant shows at once (fanout), one of the person within the session's time to live.
void me(Services& services, const CallPtr& call) {
  auto& rendered = call->session->me;
  if (rendered.tenant != call->tenant || rendered.reference != call->reference) {
    rendered = {call->tenant, call->reference, render_me(*call)};
  }
  services.answer(call, http::Response::json(200, rendered.body));
}

void list_clients(Services& services, const CallPtr& call) {
  const auto limit = page_limit(call->request());
  if (!limit) return services.refuse(call, limit.error());
  store::Page page{.limit = *limit + 1};
  if (const auto cursor = call->request().query_value("cursor")) {
    auto place = decode_cursor(*cursor, 2);
    if (!place) return services.refuse(call, place.error());
    if (!from_rfc3339((*place)[0]) || !Uuid::parse((*place)[1])) {
      return services.refuse(call, Error::invalid("/cursor", "cursor", "must be a next_cursor of this list"));
    }
    page.after = std::move(*place);
  }
  services.on_lane(call, [&services, call, page, limit = *limit](db::Connection& connection) -> Result<http::Response> {
    json list;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      list = store::list_clients(tx, call->tenant_id(), page);
      return {};
    });
    if (!done) return done.error();
    http::Headers headers;
    auto body = page_of(
        std::move(list), limit,
        [](const json& last) {
          return std::vector<std::string>{last["created_at"], last["id"]};
        },
        *call, headers);
    body["clients"] = std::move(body["items"]);
    body.erase("items");
    auto response = json_response(200, body);
    for (const auto& [name, value] : headers) response.headers.add(name, value);
    return response;
  });
}

void create_client(Services& services, const CallPtr& call) {
  auto request = parse_client(call->request().body);
  if (!request) return services.refuse(call, request.error());
  services.on_lane(call, [&services, call, request = *request](db::Connection& connection) -> Result<http::Response> {
    const auto client_id = services.ids.next();
    json body;
    const auto done = services.commit(
        connection, *call, call->user(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          if (!store::store_open(tx, call->tenant_id())) {
            return Error{.code = Errc::unavailable, .reason = "store_unavailable", .message = "no data store yet"};
          }
          store::add_client(tx, call->tenant_id(), {client_id, request.name, request.email, call->claims->sub},
                            outbox.now());
          v1::ClientCreated event;
          event.set_client_id(client_id.to_string());
          event.set_name(request.name);
          event.set_email(request.email);
          outbox.publish(call->tenant_id(), event, "clients/" + client_id.to_string());
          body = {{"id", client_id.to_string()},
                  {"name", request.name},
                  {"email", request.email},
                  {"created_by", call->claims->sub},
                  {"created_at", to_rfc3339(outbox.now())}};
          return {};
        });
    if (!done) return done.error();
    auto response = json_response(201, body);
    response.headers.add("Location", "/v1/clients/" + client_id.to_string());
    return response;
  });
}

void read_client(Services& services, const CallPtr& call) {
  const auto id = Uuid::parse(call->path.at("id"));
  if (!id) return services.refuse(call, no_client());
  services.on_lane(call, [&services, call, id = id->to_string()](db::Connection& connection) -> Result<http::Response> {
    std::optional<json> client;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      client = store::read_client(tx, call->tenant_id(), id);
      return {};
    });
    if (!done) return done.error();
    if (!client) return no_client();
    return json_response(200, *client);
  });
}

void usage(Services& services, const CallPtr& call) {
  store::UsageFilter filter{.metric = query(*call, "metric"), .span = query(*call, "span")};
  const auto from = query_time(call->request(), "from");
  if (!from) return services.refuse(call, from.error());
  const auto to = query_time(call->request(), "to");
  if (!to) return services.refuse(call, to.error());
  filter.from = *from;
  filter.to = *to;
  if (!filter.span.empty() && filter.span != "hour" && filter.span != "day" && filter.span != "month" &&
      filter.span != "total") {
    return services.refuse(call, Error::invalid("/span", "span", "must be hour, day, month or total"));
  }
  const bool summary = filter.metric.empty() && filter.span.empty() && !filter.from && !filter.to;
  const double calls = calls_known(services, *call);
  services.on_lane(call,
                   [&services, call, filter, summary, calls](db::Connection& connection) -> Result<http::Response> {
                     json body;
                     const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
                       if (!summary) {
                         body = {{"usage", store::list_usage(tx, call->tenant_id(), filter)}};
                         return {};
                       }
                       json metrics = json::array();
                       for (const auto& metric : store::list_metrics(tx)) {
                         metrics.push_back({{"metric", metric.name},
                                            {"unit", metric.unit},
                                            {"quantity", number(used_now(services, tx, *call, metric, calls))},
                                            {"limit", limit_of(call->tenant->limits, metric.limit_name)}});
                       }
                       const auto now = services.clock.now();
                       body = {{"period_start", to_rfc3339(floor_month(now))},
                               {"period_end", to_rfc3339(next_month(now))},
                               {"metrics", std::move(metrics)}};
                       return {};
                     });
                     if (!done) return done.error();
                     return json_response(200, body);
                   });
}

void check_limit(Services& services, const CallPtr& call) {
  double quantity = 1;
  if (const auto text = call->request().query_value("quantity")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), quantity);
    if (error != std::errc{} || end != text->data() + text->size() || !(quantity >= 0 && quantity < 1e15)) {
      return services.refuse(call, Error::invalid("/quantity", "number", "must be a number that is not negative"));
    }
  }
  const double calls = calls_known(services, *call);
  services.on_lane(call,
                   [&services, call, name = query(*call, "metric"), quantity,
                    calls](db::Connection& connection) -> Result<http::Response> {
                     json body;
                     const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
                       const auto metrics = store::list_metrics(tx);
                       const auto metric = std::ranges::find(metrics, name, &store::Metric::name);
                       if (metric == metrics.end())
                         return Error::invalid("/metric", "metric", "must be a known metric");
                       const double used = used_now(services, tx, *call, *metric, calls);
                       const auto limit = limit_of(call->tenant->limits, metric->limit_name);
                       const bool unlimited = limit < 0;
                       const double left = std::max(0.0, static_cast<double>(limit) - used);
                       body = {{"allowed", unlimited || used + quantity <= static_cast<double>(limit)},
                               {"metric", name},
                               {"used", number(used)},
                               {"limit", limit},
                               {"remaining", unlimited ? json(-1) : number(left)}};
                       return {};
                     });
                     if (!done) return done.error();
                     return json_response(200, body);
                   });
}

void publish_event(Services& services, const CallPtr& call) {
  const auto content_type = call->request().headers.get("Content-Type").value_or("application/json");
  auto decoded = events::decode_application_event(call->request().body, content_type, call->tenant_id());
  if (!decoded) {
    if (decoded.error().code == Errc::forbidden) {
      services.report_refusal(call, call->tenant_id(), "", decoded.error().reason, decoded.error().message);
    }
    return services.refuse(call, decoded.error());
  }
  auto event = std::move(*decoded);
  for (const auto& [pointer, text] : {std::pair{"/id", &event.foreign_id}, std::pair{"/subject", &event.subject}}) {
    if (text->find('\0') == text->npos) continue;
    return services.refuse(call, Error::invalid(pointer, "characters", "must not hold a NUL character"));
  }
  event.source = "/tenants/" + call->tenant_id() + "/api";
  event.actor = call->user();
  // Of the time as it was stated: a caller who repeats an event without one means the same event.
  event.id = event.foreign_id.empty()
                 ? services.ids.next()
                 : events::foreign_event_id(event.time, call->tenant_id(), event.source, event.foreign_id);
  if (event.time == Timestamp{}) event.time = services.clock.now();
  event.correlation_id = call->request_id;
  event.traceparent = call->traceparent;
  services.on_lane(call, [&services, call, event](db::Connection& connection) -> Result<http::Response> {
    const auto done = services.commit(connection, *call, call->user(),
                                      [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                                        outbox.publish_application_event(event);
                                        return {};
                                      });
    if (!done) return done.error();
    return json_response(202, {{"id", event.id.to_string()}});
  });
}

void broker(Services& services, const CallPtr& call) {
  const auto& tenant_id = call->tenant_id();
  services.answer(call, json_response(200, {{"vhost", events::vhost_of(tenant_id)},
                                            {"exchange", events::application_exchange(tenant_id)},
                                            {"user", events::application_user(tenant_id)}}));
}

void subscription(Services& services, const CallPtr& call) {
  services.on_lane(call, [&services, call](db::Connection& connection) -> Result<http::Response> {
    json body;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      // Read afresh: whoever has just paid or cancelled looks here.
      const auto entry = store::load_tenant(tx, call->tenant_id(), services.clock.now());
      TENANTRY_ASSERT(entry != nullptr);  // tenants' rows stay for good
      const auto& tenant = entry->tenant;
      body = store::read_billing(tx, call->tenant_id());
      body["plan"] = tenant.plan;
      body["price"] = price_of(*entry);
      body["status"] = tenancy::to_string(tenant.lifecycle.status);
      body["status_reason"] = tenant.lifecycle.reason;
      body["trial_ends_at"] = to_rfc3339(tenant.lifecycle.trial_ends_at);
      body["deletion_due_at"] = tenant.deletion_due_at ? json(to_rfc3339(*tenant.deletion_due_at)) : json(nullptr);
      return {};
    });
    if (!done) return done.error();
    return json_response(200, body);
  });
}

namespace {

// `refused`: the answer when the trigger has no effect in the tenant's status.
void move_subscription(Services& services, const CallPtr& call, tenancy::Trigger trigger, const char* reason,
                       Error (*refused)(tenancy::Status)) {
  services.on_lane(call, [=, &services](db::Connection& connection) -> Result<http::Response> {
    json body;
    const auto done = services.commit(
        connection, *call, call->user(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          const auto moved = tenancy::transition(tx, outbox, {call->tenant_id(), trigger, reason, ""}, outbox.now(),
                                                 services.config.lifecycle);
          if (!moved) return moved.error();
          if (!moved->changed) return refused(moved->from);
          const auto tenant = tenancy::find_tenant(tx, call->tenant_id());
          body = {{"status", tenancy::to_string(tenant->lifecycle.status)},
                  {"deletion_due_at",
                   tenant->deletion_due_at ? json(to_rfc3339(*tenant->deletion_due_at)) : json(nullptr)}};
          return {};
        });
    if (!done) return done.error();
    services.loop.post([&services, id = call->tenant_id()] { services.tenant_changed(id); });
    return json_response(200, body);
  });
}

}  // namespace

void cancel_subscription(Services& services, const CallPtr& call) {
  move_subscription(services, call, tenancy::Trigger::cancel, "requested_by_tenant", [](tenancy::Status) {
    return Error{
        .code = Errc::conflict, .reason = "not_cancellable", .message = "there is no subscription left to cancel"};
  });
}

void reactivate_subscription(Services& services, const CallPtr& call) {
  move_subscription(services, call, tenancy::Trigger::resume, "requested_by_tenant", [](tenancy::Status from) {
    if (from == tenancy::Status::cancelled || from == tenancy::Status::suspended) {
      return Error{
          .code = Errc::payment_required, .reason = "payment_required", .message = "a payment is needed first"};
    }
    return Error{.code = Errc::conflict, .reason = "not_cancelled", .message = "the subscription was not cancelled"};
  });
}

}  // namespace tenantry::gateway
