// Events of a tenant's applications over HTTP: whatever would be set aside later is refused before the answer.
#include <nlohmann/json.hpp>

#include "events/codec.h"
#include "events/usage.h"
#include "shared/db/clock_offset.h"
#include "tenantry/events/v1/usage.pb.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

const events::v1::UsageRecorded* usage_of(const events::Event& event) {
  return event.message == nullptr ? nullptr : dynamic_cast<const events::v1::UsageRecorded*>(event.message.get());
}

Result<events::Posting> read_posting(const Services& services, const Call& call) {
  const auto& request = call.request();
  const events::HttpFields fields{request.headers.begin(), request.headers.end()};
  auto posting = events::decode_posted(
      {.fields = fields, .content_type = request.headers.get("Content-Type").value_or(""), .body = request.body},
      call.tenant_id(), services.clock.now());
  if (!posting) return posting;
  for (std::size_t i = 0; i < posting->events.size(); ++i) {
    const auto* usage = usage_of(posting->events[i]);
    if (usage == nullptr) continue;
    const auto allowed = events::check_application_usage(call.reference->metrics, *usage);
    if (allowed) continue;
    auto error = posting->placed(allowed.error(), i);
    error.code = Errc::forbidden;
    return error;
  }
  return posting;
}

// By the platform's clock, which a test may have moved a moment ago.
Result<void> check_usage(const Services& services, const Call& call, db::Transaction& tx,
                         const events::Posting& posting) {
  for (std::size_t i = 0; i < posting.events.size(); ++i) {
    const auto& event = posting.events[i];
    const auto* usage = usage_of(event);
    if (usage == nullptr) continue;
    const auto now = services.config.test_clock ? db::read_platform_time(tx, true) : services.clock.now();
    const auto counted =
        events::read_usage(call.reference->metrics, *usage, event.tenant_id, event.id, event.time, now);
    if (!counted) return posting.placed(counted.error(), i);
  }
  return {};
}

void publish_event(Services& services, const CallPtr& call) {
  auto read = read_posting(services, *call);
  if (!read) {
    if (read.error().code == Errc::forbidden) {
      services.report_refusal(call, call->tenant_id(), "", read.error().reason, read.error().message);
    }
    return services.refuse(call, read.error());
  }
  for (auto& event : read->events) {
    if (event.id == Uuid{}) event.id = services.ids.next();
    if (event.source.empty()) event.source = "/tenants/" + call->tenant_id() + "/api";
    event.actor = call->caller();
    event.correlation_id = call->request_id;
    event.traceparent = call->traceparent;
  }
  change(services, call,
         [&services, call, posting = *std::move(read)](db::Transaction& tx,
                                                       messaging::Outbox& outbox) -> Result<http::Response> {
           if (auto ok = check_usage(services, *call, tx, posting); !ok) return ok.error();
           for (const auto& event : posting.events) outbox.publish_application_event(event);
           if (!posting.batch) return json_response(202, {{"id", posting.events.front().id.to_string()}});
           json ids = json::array();
           for (const auto& event : posting.events) ids.push_back(event.id.to_string());
           return json_response(202, {{"ids", std::move(ids)}});
         });
}

}  // namespace

namespace api {
Routes events() {
  static constexpr Route routes[] = {
      {Method::post,
       "/v1/events",
       "publishEvent",
       Guard::live,
       publish_event,
       {.permission = "events:publish", .body = BodyKind::event, .body_max = large_body_max}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
