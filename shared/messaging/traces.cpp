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
    : worker_(worker), start_(tracing::now()), batch_(batch), on_(tracing::enabled()) {
  if (!on_) return;
  for (const auto& arrival : batch_) {
    const auto said = context_in(arrival.incoming.wire.headers);
    if (said && by_platform(arrival.incoming)) {
      if (said->sampled)
        handlings_.try_emplace(&arrival, Handling{.parent = said, .context = tracing::child_of(*said)});
    } else if (const auto root = tracing::sampled_root()) {
      handlings_.try_emplace(&arrival, Handling{.context = *root, .link = said});
    }
  }
}

BatchTrace::~BatchTrace() {
  if (batch_.empty() || !on_) return;
  for (const auto& [arrival, handling] : handlings_) {
    const bool failed = !handling.error.empty();
    if (failed || (settled_ && handling.context.sampled)) tell(*arrival, handling);
  }
  if (!settled_) return;
  // Where the batch was slow as a whole, one of it that is not told yet says so. Asked once, whatever the batch's size.
  const auto untold = std::ranges::find_if(batch_, [&](const Arrival& arrival) {
    const auto at = handlings_.find(&arrival);
    return at == handlings_.end() || (at->second.error.empty() && !at->second.context.sampled);
  });
  if (untold != batch_.end() && tracing::wanted({}, worker_, tracing::now() - start_, false)) {
    tell(*untold, handling_of(*untold));
  }
}

BatchTrace::Handling& BatchTrace::handling_of(const Arrival& arrival) {
  const auto [at, fresh] = handlings_.try_emplace(&arrival);
  if (!fresh) return at->second;
  auto& handling = at->second;
  const auto said = context_in(arrival.incoming.wire.headers);
  if (said && by_platform(arrival.incoming)) {
    handling.parent = said;
    handling.context = tracing::child_of(*said);
  } else {
    handling.link = said;
    handling.context = tracing::unsampled_root();
  }
  return handling;
}

const tracing::Context* BatchTrace::find(const Uuid& event_id) {
  if (!on_) return nullptr;
  const auto id = &std::pair<Uuid, const Arrival*>::first;
  if (by_id_.empty()) {
    by_id_.reserve(batch_.size());
    for (const auto& arrival : batch_) by_id_.emplace_back(arrival.incoming.event.id, &arrival);
    std::ranges::stable_sort(by_id_, {}, id);
  }
  const auto at = std::ranges::lower_bound(by_id_, event_id, {}, id);
  return at == by_id_.end() || at->first != event_id ? nullptr : &handling_of(*at->second).context;
}

std::optional<tracing::Context> BatchTrace::of(const Arrival& arrival) {
  return on_ ? std::optional(handling_of(arrival).context) : std::nullopt;
}

void BatchTrace::transaction(const std::vector<const Arrival*>& part, Timestamp start, std::string_view error) {
  std::vector<const tracing::Context*> sampled;
  for (const auto& [arrival, handling] : handlings_) {
    if (handling.context.sampled && std::ranges::find(part, arrival) != part.end()) {
      sampled.push_back(&handling.context);
    }
  }
  if (sampled.empty()) return;
  const auto& first = *sampled.front();
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
  for (std::size_t i = 1; i < sampled.size(); ++i) span.links.push_back(*sampled[i]);
  tracing::finish(std::move(span));
}

void BatchTrace::failed(const Arrival& arrival, const Error& error) {
  if (!on_) return;
  handling_of(arrival).error = error.reason.empty() ? std::string(to_string(error.code)) : error.reason;
}

void BatchTrace::settled() {
  settled_ = true;
}

void BatchTrace::tell(const Arrival& arrival, const Handling& handling) const {
  const auto& incoming = arrival.incoming;
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
