#include "workers/gateway/api/audit/tail.h"

#include <chrono>
#include <set>

#include "shared/audit_search/record.h"
#include "shared/db/connection.h"
#include "shared/telemetry/log.h"
#include "tenantry/events/v1/audit.pb.h"
#include "workers/gateway/api/audit/handlers.h"
#include "workers/gateway/api/audit/query.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/cursor.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr Milliseconds looked_every{500};
constexpr std::chrono::seconds heartbeat{15};  // proxies close what is silent for a minute
constexpr std::chrono::minutes lifetime{10};   // its place is somebody else's then
constexpr int records_at_once = 100;
constexpr Milliseconds tail_patience{100};
constexpr std::int64_t tail_bytes_at_once = 1024L * 1024;

// How many records the log of each has; of those that have any. Sets the transaction to all tenants.
std::map<std::string, std::int64_t> audit_sizes(db::Transaction& tx, const std::vector<std::string>& tenants) {
  audit_search::allow_all_tenants(tx);
  std::map<std::string, std::int64_t> sizes;
  const auto rows =
      tx.exec("SELECT tenant_id, size FROM audit.heads WHERE tenant_id = ANY ($1)", {db::Param::array(tenants)});
  for (const auto row : rows) sizes.emplace(row.text(0), row.int64(1));
  return sizes;
}

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

audit_search::Place place_behind(const db::Row& row) {
  return {audit_search::xid_of(row), audit_search::recorded_at_of(row), std::string(audit_search::tenant_of(row)),
          audit_search::sequence_of(row)};
}

// The stream's last id, without an event: a client that comes again need not look at what was looked at.
std::string id_alone(const AuditQuery& query) {
  return query.page.after ? "id: " + audit_cursor(query, *query.page.after) + "\n\n" : std::string{};
}

// What to write, where to go on and whether there is more.
struct Piece {
  std::string text;
  std::optional<audit_search::Place> next;
  bool more = false;
};

Piece piece_of(db::Transaction& tx, const AuditQuery& query) {
  const auto page = read_audit(tx, query);
  Piece piece{.text = {}, .next = page.next, .more = page.more};
  page.for_each([&](const db::Row& row) {
    piece.text += "id: " + audit_cursor(query, place_behind(row)) + "\ndata: ";
    audit_search::append_json(piece.text, row);
    piece.text += "\n\n";
  });
  return piece;
}

}  // namespace

struct AuditTails::Client {
  CallPtr call;
  AuditQuery query;
  StreamCounts::Place place;
  Standings::Handle standing{};
  SteadyTime ends_at = now() + lifetime;
  SteadyTime written_at = now();
  bool reading = false;
  bool paused = false;  // it has not taken what it was given
  bool ended = false;

  http::Exchange& exchange() const { return *call->exchange; }
  void write(std::string text) {
    if (text.empty()) return;
    written_at = now();
    paused = !exchange().write_chunk(std::move(text));
  }
};

AuditTails::AuditTails(Services& services) : services_(services), timer_(services.loop) {}
AuditTails::~AuditTails() = default;

void AuditTails::add(const CallPtr& call, AuditQuery query, StreamCounts::Place place) {
  query.page.records_max = records_at_once;
  query.page.patience = tail_patience;
  query.page.bytes_max = tail_bytes_at_once;
  query.page.order = audit_search::Order::oldest_first;
  auto client = std::make_shared<Client>(Client{call, std::move(query), std::move(place)});
  client->write(": follows\n\n" + id_alone(client->query));
  if (services_.draining) return end(*client);
  client->standing = services_.standings.watch(call, [this, weak = std::weak_ptr(client)] {
    if (const auto fallen = weak.lock()) end(*fallen);
  });
  clients_.push_back(client);
  if (!timer_.active()) timer_.repeat(looked_every, [this] { tick(); });
  read(client);
}

void AuditTails::stop() {
  for (const auto& client : clients_) end(*client);
}

void AuditTails::end(Client& client) {
  if (std::exchange(client.ended, true)) return;
  client.exchange().finish();
}

void AuditTails::tick() {
  for (const auto& client : clients_) {
    if (now() > client->ends_at) end(*client);
    if (!client->ended && now() - client->written_at > heartbeat) client->write(": \n" + id_alone(client->query));
  }
  clients_.remove_if([](const ClientPtr& client) { return client->ended || !client->exchange().connected(); });
  if (clients_.empty()) return timer_.stop();
  ask();
}

void AuditTails::ask() {
  if (asking_) return;
  std::set<std::string> tenants;
  for (const auto& client : clients_) tenants.insert(client->query.tenant_id);
  asking_ = services_.in_background("audit_tail", [this, tenants](db::Connection& lane) {
    Sizes sizes;
    const auto done = contained("audit_tail", [&] {
      return services_.read(lane, [&](db::Transaction& tx) -> Result<void> {
        sizes = audit_sizes(tx, {tenants.begin(), tenants.end()});
        return {};
      });
    });
    services_.loop.post([this, sizes] {
      asking_ = false;
      read_grown(sizes);
    });
    return done;
  });
}

void AuditTails::read_grown(const Sizes& sizes) {
  for (const auto& client : clients_) {
    // Across tenants the order is not that of sizes: what is not below the horizon yet may be so without another
    // record.
    const auto size = sizes.find(client->query.tenant_id);
    const auto seen = client->query.page.after ? client->query.page.after->sequence + 1 : 0;
    if (client->query.tenant_id.empty() || (size != sizes.end() && size->second > seen)) read(client);
  }
}

void AuditTails::read(const ClientPtr& client) {
  if (client->reading || client->paused || client->ended || !client->exchange().connected()) return;
  const auto work = [this, client](db::Connection& lane) -> Result<void> {
    Piece piece;
    const auto done = contained("audit_tail", [&] {
      return services_.read(lane, [&](db::Transaction& tx) -> Result<void> {
        piece = piece_of(tx, client->query);
        return {};
      });
    });
    services_.loop.post([this, client, piece = std::move(piece), ok = done.has_value()] {
      client->reading = false;
      if (!ok || client->ended) return;  // asked again in half a second
      if (piece.next) client->query.page.after = piece.next;
      client->write(piece.text);
      if (client->paused) {
        return client->exchange().on_writable([client] { client->paused = false; });
      }
      if (piece.more) read(client);
    });
    return done;
  };
  client->reading = services_.in_background(services_.searches, client->call->holder(), "audit_tail", work);
}

namespace {

Result<void> continue_from(const http::Request& request, AuditQuery& query) {
  const auto id = request.headers.get("Last-Event-ID");
  if (!id || id->empty()) return {};
  const auto size = query.tenant_id.empty() ? audit_search::platform_place_parts : audit_search::tenant_place_parts;
  const auto parts = decode_cursor(*id, size);
  auto place = parts ? audit_search::place_of(*parts) : Result<audit_search::Place>(parts.error());
  if (!place) return Error::invalid("/Last-Event-ID", "cursor", "must be an id of this stream");
  query.page.after = *place;
  return {};
}

}  // namespace

void tail_audit(Services& services, const CallPtr& call) {
  auto query = parse_audit_query(services, *call);
  if (!query) return services.refuse(call, query.error());
  if (const auto ok = continue_from(call->request(), *query); !ok) return services.refuse(call, ok.error());
  auto place = services.listeners.take(call->holder());
  if (!place) {
    return services.refuse(call,
                           Error{.code = Errc::rate_limited,
                                 .reason = "rate_limited",
                                 .message = "at most ten listen at a time, and as many as there is room for"},
                           Seconds{10});
  }
  const auto task = [&services, call, query = *query, place](db::Connection& lane) mutable {
    const auto done = contained(call->route->operation, [&] {
      return services.commit(lane, *call, call->caller(),
                             [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                               if (auto known = check_tenant(tx, query, *call); !known) return known;
                               // Without a place to begin at, from: is one; else what comes from now on.
                               if (!query.page.after && !query.search.recorded.from)
                                 query.page.after = audit_end(tx, query);
                               v1::AuditExported event;
                               event.set_search(printable(query.text, audit_search::search_size_max));
                               event.set_format("live");
                               outbox.publish(audit_log_of(query), event);
                               return {};
                             });
    });
    if (!done) return services.refuse(call, done.error());
    services.start_stream(call, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
    if (call->request().method == http::Method::head) return call->exchange->finish();
    services.loop.post([&services, call, query, place] { services.tails->add(call, query, place); });
  };
  const auto answer = services.lanes.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

}  // namespace tenantry::gateway
