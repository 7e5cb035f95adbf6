#include "shared/messaging/outbox.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "events/catalogue.h"
#include "events/codec.h"
#include "events/topology.h"
#include "shared/core/rare.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox_rows.h"
#include "shared/telemetry/trace.h"

namespace tenantry::messaging {

Outbox::Outbox(std::string source, events::Actor actor, IdGenerator& ids, Timestamp now)
    : source_(std::move(source)), actor_(std::move(actor)), ids_(ids), now_(now) {}

void Outbox::set_cause(const events::Event* cause, std::optional<events::Actor> actor) {
  cause_ = cause;
  cause_actor_ = std::move(actor);
}

void Outbox::set_trace(std::string correlation_id, std::string traceparent) {
  correlation_id_ = std::move(correlation_id);
  traceparent_ = std::move(traceparent);
}

int Outbox::next_ordinal(std::string_view type) {
  const std::string key = (cause_ == nullptr ? std::string{} : cause_->id.to_string()) + "/" + std::string(type);
  return ordinals_[key]++;
}

events::Event Outbox::make(std::string_view tenant_id, const google::protobuf::Message& message, Timestamp time,
                           std::string subject) {
  const auto* entry = events::Catalogue::instance().find(message.GetDescriptor());
  TENANTRY_ASSERT(entry != nullptr);
  const events::Origin origin{.source = source_,
                              .actor = cause_actor_ ? *cause_actor_ : actor_,
                              .cause = cause_,
                              .time = time,
                              .ordinal = next_ordinal(entry->type),
                              .correlation_id = correlation_id_,
                              .traceparent = traceparent_,
                              .subject = std::move(subject)};
  return events::make_event(tenant_id, message, origin, ids_.next());
}

OutboxRow Outbox::row_of(const events::Event& event, std::string exchange, std::string vhost) const {
  OutboxRow row{.id = event.id,
                .exchange = std::move(exchange),
                .routing_key = event.type,
                .vhost = std::move(vhost),
                .tenant_id = event.tenant_id,
                .type = event.type,
                .content_type = event.content_type,
                .headers = events::encode_headers(event),
                .payload = event.payload,
                .available_at = now_};
  // Of this hop: whose decision it follows from. The event itself says where it all began.
  const auto* decided = cause_ == nullptr ? nullptr : tracing::of_cause(cause_->id);
  if (decided != nullptr) row.headers["traceparent"] = decided->traceparent();
  return row;
}

namespace {

std::string home_of(const events::Event& event) {
  const auto* entry = events::Catalogue::instance().find(event.type);
  return entry->platform_scope ? std::string(events::platform_tenant) : event.tenant_id;
}

}  // namespace

Uuid Outbox::publish(std::string_view tenant_id, const google::protobuf::Message& message, std::string subject) {
  const auto event = make(tenant_id, message, now_, std::move(subject));
  publish_made(event);
  return event.id;
}

void Outbox::publish_made(const events::Event& event) {
  const std::string home = home_of(event);
  rows_.push_back(row_of(event, events::events_exchange(home), events::vhost_of(home)));
}

void Outbox::publish_last(const events::Event& event) {
  rows_.push_back(row_of(event, events::events_exchange(event.tenant_id), events::vhost_of(event.tenant_id)));
  rows_.back().pinned = true;
}

void Outbox::publish_last_to(const std::string& queue, const events::Event& event) {
  publish_last(event);
  auto& row = rows_.back();
  row.headers[std::string(events::header_exchange)] = std::exchange(row.exchange, {});
  row.headers[std::string(events::header_routing_key)] = std::exchange(row.routing_key, queue);
  row.headers[std::string(events::header_event_id)] = event.id.to_string();
}

void Outbox::publish_application_event(const events::Event& event) {
  rows_.push_back(row_of(event, events::application_exchange(event.tenant_id), events::vhost_of(event.tenant_id)));
  // Its wire id is its publisher's; ours came of that and of what the publisher said of its time, which may be nothing.
  rows_.back().headers[std::string(events::header_event_id)] = event.id.to_string();
}

void Outbox::schedule(std::string timer_key, Timestamp at, std::string_view tenant_id,
                      const google::protobuf::Message& message) {
  cancel(timer_key);
  const auto event = make(tenant_id, message, at, {});
  const std::string home = home_of(event);
  auto row = row_of(event, events::events_exchange(home), events::vhost_of(home));
  row.available_at = at;
  row.timer_key = std::move(timer_key);
  rows_.push_back(std::move(row));
}

void Outbox::cancel(std::string timer_key) {
  std::erase_if(rows_, [&](const OutboxRow& row) { return row.timer_key == timer_key; });
  cancelled_.push_back(std::move(timer_key));
}

void Outbox::signal(std::string_view tenant_id, const google::protobuf::Message& message) {
  const auto event = make(tenant_id, message, now_, {});
  rows_.push_back(row_of(event, std::string(events::exchange_tenant_changes), std::string(events::vhost_platform)));
}

Uuid Outbox::transition_id(std::string_view tenant_id, std::string_view status) {
  if (cause_ == nullptr) return ids_.next();
  const std::string cause_id = cause_->id.to_string() + "/" + std::string(tenant_id);
  return events::derived_event_id(now_, cause_id, source_, "status/" + std::string(status),
                                  next_ordinal("status/" + std::string(status)));
}

void Outbox::move_homeless(db::Transaction& tx) {
  const auto tenant_of = [](const OutboxRow& row) {
    return row.pinned || row.vhost == events::vhost_platform ? std::string{} : events::tenant_of_vhost(row.vhost);
  };
  std::vector<std::string> tenants;
  for (const auto& row : rows_) {
    if (auto tenant = tenant_of(row); !tenant.empty()) tenants.push_back(std::move(tenant));
  }
  if (tenants.empty()) return;
  std::ranges::sort(tenants);
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  const auto rows = tx.exec("SELECT tenant_id FROM platform.tenants WHERE tenant_id = ANY ($1) AND vhost_ready",
                            {db::Param::array(tenants)});
  std::set<std::string, std::less<>> ready;
  for (const auto row : rows) ready.emplace(row.text(0));
  for (auto& row : rows_) {
    const auto tenant = tenant_of(row);
    if (tenant.empty() || ready.contains(tenant)) continue;
    send_through_platform(row);
  }
}

void Outbox::flush(db::Transaction& tx) {
  if (!cancelled_.empty()) {
    tx.send("DELETE FROM messaging.outbox WHERE timer_key = ANY ($1)", {db::Param::array(cancelled_)});
    cancelled_.clear();
  }
  if (rows_.empty()) return;
  move_homeless(tx);
  if (rare::is(rare::Mutant::outbox_skipped)) return;
  std::vector<std::string> ids, exchanges, keys, vhosts, tenants, types, content_types, headers, timers;
  std::vector<Bytes> payloads;
  std::vector<Timestamp> available;
  std::vector<std::int64_t> retries;
  for (const auto& row : rows_) {
    ids.push_back(row.id.to_string());
    exchanges.push_back(row.exchange);
    keys.push_back(row.routing_key);
    vhosts.push_back(row.vhost);
    tenants.push_back(row.tenant_id);
    types.push_back(row.type);
    content_types.push_back(row.content_type);
    headers.push_back(nlohmann::json(row.headers).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    payloads.emplace_back(row.payload.begin(), row.payload.end());
    available.push_back(row.available_at);
    timers.push_back(row.timer_key);
    retries.push_back(row.retry);
  }
  tx.send(
      "INSERT INTO messaging.outbox (id, exchange, routing_key, vhost, tenant_id, aggregateid, type, content_type, "
      "headers, payload, available_at, claimed_until, timer_key, retry) "
      "SELECT r.id, r.exchange, r.routing_key, r.vhost, r.tenant_id, r.tenant_id, r.type, r.content_type, "
      "r.headers::jsonb, r.payload, r.available_at, "
      "CASE WHEN r.available_at <= $13 THEN now() + make_interval(secs => $14) END, nullif(r.timer_key, ''), r.retry "
      "FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], "
      "$9::bytea[], $10::timestamptz[], $11::text[], $12::int[]) WITH ORDINALITY "
      "AS r (id, exchange, routing_key, vhost, tenant_id, type, content_type, headers, payload, available_at, "
      "timer_key, retry, position) ORDER BY r.position ON CONFLICT DO NOTHING",
      {db::Param::array(ids), db::Param::array(exchanges), db::Param::array(keys), db::Param::array(vhosts),
       db::Param::array(tenants), db::Param::array(types), db::Param::array(content_types), db::Param::array(headers),
       db::Param::array(payloads), db::Param::array(available), db::Param::array(timers), db::Param::array(retries),
       now_, static_cast<double>(hand_over_lease.count())});
}

std::vector<OutboxRow> Outbox::take_due() {
  std::vector<OutboxRow> due;
  for (auto& row : rows_) {
    if (row.available_at <= now_) due.push_back(std::move(row));
  }
  rows_.clear();
  return due;
}

}  // namespace tenantry::messaging
