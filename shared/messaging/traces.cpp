#include "shared/messaging/traces.h"

#include <algorithm>

#include "events/catalogue.h"
#include "events/topology.h"

namespace tenantry::messaging {
namespace {

constexpr std::string_view header = "traceparent";
using tracing::Attribute;

std::optional<tracing::Context> context_in(const std::map<std::string, std::string>& headers) {
  const auto at = headers.find(std::string(header));
  return at == headers.end() ? std::nullopt : tracing::parse_traceparent(at->second);
}

// Whether the hop's trace is ours: what an application says of its own is linked, not continued.
bool by_platform(const Incoming& incoming) {
  const auto& user = incoming.wire.user_id;
  return !user.empty() && !events::is_application_user(events::tenant_of_vhost(incoming.vhost), user);
}

std::string_view outcome_name(PublishOutcome outcome) {
  switch (outcome) {
    case PublishOutcome::confirmed:
      return "";
    case PublishOutcome::returned:
      return "returned";
    case PublishOutcome::nacked:
      return "nacked";
    case PublishOutcome::released:
      return "connection_lost";
    case PublishOutcome::unpublishable:
      return "unpublishable";
  }
  return "";
}

std::vector<Attribute> attributes_of(std::string_view operation, std::string_view destination, const Uuid& event_id,
                                     std::string_view tenant_id) {
  return {{"messaging.system", std::string("rabbitmq")},
          {"messaging.operation.name", std::string(operation)},
          {"messaging.operation.type", std::string(operation == "publish" ? "send" : "process")},
          {"messaging.destination.template", std::string(destination)},
          {"messaging.message.id", event_id.to_string()},
          {"tenantry.tenant_id", std::string(tenant_id)}};
}

}  // namespace

std::string destination_template(std::string_view exchange, std::string_view type, std::string_view tenant_id) {
  std::string out;
  if (!tenant_id.empty() && tenant_id != events::platform_tenant && exchange.starts_with(tenant_id) &&
      exchange.substr(tenant_id.size()).starts_with(".")) {
    out = "{tenant_id}" + std::string(exchange.substr(tenant_id.size()));
  } else {
    out = exchange.empty() ? "(queue)" : exchange;
  }
  if (events::Catalogue::instance().find(type) != nullptr) out += ":" + std::string(type);
  return out;
}

void PublishTraces::begin(OutboxRow& row) {
  if (!tracing::enabled()) return;
  const auto decided = context_in(row.headers);
  if (decided && !decided->sampled && row.timer_key.empty()) return;
  const bool own_trace = !decided || !row.timer_key.empty();
  tracing::Span span{.context = own_trace ? tracing::new_root() : tracing::child_of(*decided),
                     .kind = tracing::Kind::producer,
                     .start = tracing::now()};
  row.headers[std::string(header)] = span.context.traceparent();
  if (!span.context.sampled) return;
  if (own_trace && decided) span.links.push_back(*decided);
  if (!own_trace) span.parent = decided->span_id;
  const auto destination = destination_template(row.exchange, row.type, row.tenant_id);
  span.name = "publish " + destination;
  span.attributes = attributes_of("publish", destination, row.id, row.tenant_id);
  if (row.retry > 0) span.attributes.push_back({"messaging.retry.count", std::int64_t{row.retry}});
  flying_.insert_or_assign(key_of(row), std::move(span));
}

void PublishTraces::end(const RowKey& key, const OutboxRow& row, PublishOutcome outcome) {
  if (!tracing::enabled()) return;
  auto at = flying_.find(key);
  if (at == flying_.end()) {
    const auto context = context_in(row.headers);
    if (outcome == PublishOutcome::confirmed || outcome == PublishOutcome::released || !context) return;
    const auto destination = destination_template(row.exchange, row.type, row.tenant_id);
    tracing::finish({.context = *context,
                     .parent = context->span_id,
                     .name = "publish " + destination,
                     .kind = tracing::Kind::producer,
                     .start = tracing::now(),
                     .end = tracing::now(),
                     .attributes = attributes_of("publish", destination, row.id, row.tenant_id),
                     .error = std::string(outcome_name(outcome))});
    return;
  }
  auto span = std::move(at->second);
  flying_.erase(at);
  span.end = tracing::now();
  span.error = outcome_name(outcome);
  tracing::finish(std::move(span));
}

BatchTrace::BatchTrace(const std::string& worker, const std::vector<Arrival>& batch)
    : worker_(worker), start_(tracing::now()) {
  if (!tracing::enabled()) return;
  handlings_.reserve(batch.size());
  causes_.reserve(batch.size());
  for (const auto& arrival : batch) {
    const auto said = context_in(arrival.incoming.wire.headers);
    Handling handling{.arrival = &arrival};
    if (said && by_platform(arrival.incoming)) {
      handling.parent = said;
      handling.context = tracing::child_of(*said);
    } else {
      handling.context = tracing::new_root();
      handling.link = said;
    }
    causes_.add(arrival.incoming.event.id, handling.context);
    handlings_.push_back(std::move(handling));
  }
}

BatchTrace::~BatchTrace() {
  if (handlings_.empty()) return;
  const auto took = tracing::now() - start_;
  bool slow_one_told = false;
  for (const auto& handling : handlings_) {
    if (!settled_ && handling.error.empty()) continue;
    const bool failed = !handling.error.empty();
    if (handling.context.sampled || failed) {
      tell(handling);
    } else if (!slow_one_told) {
      // The batch was slow as a whole: one of it says so. Asked once, whatever the batch's size.
      slow_one_told = true;
      if (tracing::wanted(handling.context, worker_, took, false)) tell(handling);
    }
  }
}

std::optional<tracing::Context> BatchTrace::of(const Arrival& arrival) const {
  const auto at = std::ranges::find(handlings_, &arrival, &Handling::arrival);
  return at == handlings_.end() ? std::nullopt : std::optional(at->context);
}

void BatchTrace::transaction(const std::vector<const Arrival*>& part, Timestamp start, std::string_view error) {
  std::vector<const Handling*> sampled;
  for (const auto& handling : handlings_) {
    if (handling.context.sampled && std::ranges::find(part, handling.arrival) != part.end())
      sampled.push_back(&handling);
  }
  if (sampled.empty()) return;
  const auto& first = sampled.front()->context;
  tracing::Span span{.context = tracing::child_of(first),
                     .parent = first.span_id,
                     .name = "transaction",
                     .kind = tracing::Kind::client,
                     .start = start,
                     .end = tracing::now(),
                     .error = std::string(error)};
  span.attributes = {{"db.system.name", std::string("postgresql")},
                     {"db.operation.batch.size", static_cast<std::int64_t>(part.size())},
                     {"messaging.consumer.group.name", worker_}};
  for (std::size_t i = 1; i < sampled.size(); ++i) span.links.push_back(sampled[i]->context);
  tracing::finish(std::move(span));
}

void BatchTrace::failed(const Arrival& arrival, const Error& error) {
  const auto at = std::ranges::find(handlings_, &arrival, &Handling::arrival);
  if (at != handlings_.end()) at->error = error.reason.empty() ? std::string(to_string(error.code)) : error.reason;
}

void BatchTrace::settled() {
  settled_ = true;
}

void BatchTrace::tell(const Handling& handling) const {
  const auto& incoming = handling.arrival->incoming;
  const auto destination =
      destination_template(incoming.first_exchange(), incoming.event.type, incoming.event.tenant_id);
  tracing::Span span{.context = handling.context,
                     .name = "process " + destination,
                     .kind = tracing::Kind::consumer,
                     .start = start_,
                     .end = tracing::now(),
                     .error = handling.error};
  if (handling.parent) span.parent = handling.parent->span_id;
  if (handling.link) span.links.push_back(*handling.link);
  span.attributes = attributes_of("process", destination, incoming.event.id, incoming.event.tenant_id);
  span.attributes.push_back({"messaging.consumer.group.name", worker_});
  if (incoming.attempts > 0) span.attributes.push_back({"messaging.retry.count", std::int64_t{incoming.attempts}});
  tracing::finish(std::move(span));
}

}  // namespace tenantry::messaging
