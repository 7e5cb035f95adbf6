#include "workers/gateway/gateway.h"

#include <sys/resource.h>

#include <algorithm>

#include "events/proto_time.h"
#include "shared/db/run.h"
#include "shared/http/problem.h"
#include "shared/telemetry/log.h"
#include "tenantry/events/v1/usage.pb.h"
#include "workers/gateway/api/audit/tail.h"
#include "workers/gateway/api/resources.h"
#include "workers/gateway/console/pages.h"
#include "workers/gateway/domains/checker.h"
#include "workers/gateway/edge/availability.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/networks.h"
#include "workers/gateway/edge/resolve.h"
#include "workers/gateway/edge/services.h"
#include "workers/gateway/edge/trace.h"
#include "workers/gateway/stripe/inbox.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr Milliseconds usage_flushed_every{1'000};
constexpr Milliseconds availability_flushed_every{10'000};
constexpr Milliseconds due_released_every{5'000};
constexpr int due_batch = 100;
// What tenants store: whose turn it is is looked for this often, each has a turn an hour, and says so where it has
// changed by a hundredth of what the smallest plan has.
constexpr Milliseconds storage_measured_every{15'000};
constexpr Seconds storage_turn_every{3'600};
constexpr std::int64_t storage_tenants_at_once = 50;  // 12,000 in an hour
constexpr std::int64_t storage_told_from = 1024L * 1024;
constexpr Milliseconds reference_read_every{3'000};  // a rotated key, a new plan: known this soon
constexpr Milliseconds shutdown_poll{50};

// All lines of the field as one list (RFC 9110 section 5.3): a proxy may append its own line to a stranger's.
std::string forwarded_for(const http::Request& request) {
  std::string out;
  for (const auto& [name, value] : request.headers) {
    if (!http::equal_without_case(name, "X-Forwarded-For")) continue;
    if (!out.empty()) out += ',';
    out += value;
  }
  return out;
}

// Databases, the broker, files: what a process needs beside the connections of its clients.
constexpr std::size_t descriptors_kept = 256;

http::ServerOptions server_options(const GatewayConfig& config) {
  // Exports are read ahead by two pages; a client that does not read costs no more.
  http::ServerOptions options{
      .address = config.http_address, .port = config.http_port, .stream_buffer_max = 2UL * 1024 * 1024};
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_cur > 2 * descriptors_kept) {
    options.connections_max = std::min<std::size_t>(options.connections_max, descriptors.rlim_cur - descriptors_kept);
  }
  options.connections_of_one_max = std::min(options.connections_of_one_max, options.connections_max / 2);
  options.holder_of = [proxies = config.trusted_proxies](std::string_view peer, const http::Request* head) {
    if (!in_networks(peer, proxies)) return http::address_share(peer);
    if (head == nullptr) return std::string{};
    return http::address_share(client_address(peer, forwarded_for(*head), proxies));
  };
  return options;
}

}  // namespace

struct Gateway::State {
  State(loop::Loop& loop, GatewayConfig config, const Clock& clock, IdGenerator& ids, GatewayHooks hooks)
      : server(loop, with_refusals(server_options(config)),
               [this](std::shared_ptr<http::Exchange> exchange) { take(exchange); }),
        usage_timer(loop),
        availability_timer(loop),
        due_timer(loop),
        reference_timer(loop),
        storage_timer(loop),
        services(loop, std::move(config), clock, ids, std::move(hooks)) {
    services.tails = std::make_shared<AuditTails>(services);
    for (const auto path : console::paths) {
      router.add(http::Method::get, std::string(path), [](const auto& exchange, const http::PathParameters&) {
        exchange->respond(console::answer(exchange->request()));
      });
    }
    for (const auto& resource : resources()) {
      for (const auto& route : resource.routes) {
        router.add(route.method, std::string(route.path),
                   [this, &route](const std::shared_ptr<http::Exchange>& exchange, const http::PathParameters& path) {
                     begin(route, exchange, path);
                   });
      }
    }
  }

  void take(const std::shared_ptr<http::Exchange>& exchange) {
    const auto& request = exchange->request();
    const auto found = router.match(request.method, split_tenant_path(request.path).rest);
    if (found.handler != nullptr) return (*found.handler)(exchange, found.parameters);
    exchange->respond(not_served(request, found.allow));
  }

  http::Response not_served(const http::Request& request, const std::string& allow) {
    auto response = allow.empty()
                        ? http::problem(404, "not_found", "There is nothing at this path.", request.path)
                        : http::problem(405, "method_not_allowed", "This path has other methods.", request.path);
    if (!allow.empty()) response.headers.add("Allow", allow);
    response.headers.set("X-Request-Id", request_id(request.headers.get("X-Request-Id").value_or(""), services.ids));
    response.headers.set("X-Content-Type-Options", "nosniff");
    return response;
  }

  // Bodies take room: what has no route, no token or no right to its length is answered without.
  http::ServerOptions with_refusals(http::ServerOptions options) {
    options.refuse_unread = [this, holder_of = options.holder_of](
                                const http::Request& head, std::string_view peer) -> std::optional<http::Response> {
      const auto found = router.match(head.method, split_tenant_path(head.path).rest);
      if (found.handler == nullptr) return not_served(head, found.allow);
      const auto* const route = find_route(head.method, found.path_template);
      if (route == nullptr) return std::nullopt;  // HEAD, with a body
      const auto may = may_send_body(services, *route, head, holder_of(peer, &head));
      if (may) return std::nullopt;
      auto response = http::problem(may.error(), head.path, "");
      if (may.error().code == Errc::rate_limited) {
        response.headers.set("Retry-After", std::to_string(services.token_tries.window().count()));
      }
      response.headers.set("X-Request-Id", request_id(head.headers.get("X-Request-Id").value_or(""), services.ids));
      response.headers.set("X-Content-Type-Options", "nosniff");
      return response;
    };
    return options;
  }

  void begin(const Route& route, const std::shared_ptr<http::Exchange>& exchange, const http::PathParameters& path) {
    const auto& request = exchange->request();
    const auto header = [&](std::string_view name) { return request.headers.get(name).value_or(std::string_view{}); };
    auto call = std::make_shared<Call>();
    call->exchange = exchange;
    call->path = path;
    call->route = &route;
    call->request_id = request_id(header("X-Request-Id"), services.ids);
    const auto& proxies = services.config.trusted_proxies;
    const bool from_proxy = in_networks(request.peer_address, proxies);
    call->traceparent = traceparent(header("traceparent"), from_proxy, services.ids);
    call->address =
        from_proxy ? client_address(request.peer_address, forwarded_for(request), proxies) : request.peer_address;
    call->origin = http::address_share(call->address);
    if (const auto languages = request.headers.list("Accept-Language"); !languages.empty()) {
      call->language = language_of(languages);
      call->language_named = names_language(languages);
    }
    call->path_tenant = split_tenant_path(request.path).tenant_id;
    call->started = std::chrono::steady_clock::now();
    call->reference = services.reference;
    if (call->reference == nullptr && !route.terms.before_database) {
      return services.refuse(call, Error{.code = Errc::unavailable,
                                         .reason = "database_unavailable",
                                         .message = "started while the database is away"});
    }
    guard(services, call, route.handler);
  }

  Result<std::shared_ptr<const Reference>> read_reference(db::Connection& connection) {
    std::shared_ptr<const Reference> reference;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      auto read = store::load_reference(tx, services.masters, services.clock.now());
      if (!read) return read.error();
      std::erase_if(read->domains, [&](const auto& domain) {
        return !may_be_custom_domain(domain.first, services.config.base_domain, services.config.public_url);
      });
      reference = std::make_shared<const Reference>(std::move(*read));
      return {};
    });
    if (!done) return done.error();
    return reference;
  }

  void use_reference(const std::shared_ptr<const Reference>& fresh) {
    // What a retired key has signed is good no longer.
    if (services.reference != nullptr && fresh->jwks != services.reference->jwks) {
      services.caches.tokens.clear();
      services.caches.tokens_refused.clear();
    }
    services.reference = fresh;
  }

  // A batch that was not stored is tried again, under the same key.
  void flush_usage() {
    if (flushing) return;
    for (auto& batch : services.meter.take(services.ids, services.clock.now())) unsent.push_back(std::move(batch));
    flush_key_uses();
    if (unsent.empty()) return;
    flushing = services.in_background("flush_usage", [this, batches = unsent](db::Connection& connection) {
      const auto stored = contained("flush_usage", [&] { return store_usage(connection, batches); });
      services.loop.post([this, ok = stored.has_value()] {
        flushing = false;
        if (ok) unsent.clear();
      });
      return stored;
    });
  }

  void flush_key_uses() {
    const auto uses = services.key_uses.take(services.monotonic());
    if (uses.empty()) return;
    const auto give_back = [this, uses] { services.key_uses.give_back(uses); };
    const bool taken = services.in_background("flush_key_uses", [this, uses, give_back](db::Connection& connection) {
      const auto stored = contained("flush_key_uses", [&] {
        return services.commit(connection, "", "", events::Actor::service("gateway"),
                               [&](db::Transaction& tx, messaging::Outbox&) -> Result<void> {
                                 store::store_uses(tx, uses);
                                 return {};
                               });
      });
      if (!stored) services.loop.post(give_back);
      return stored;
    });
    if (!taken) give_back();
  }

  // What could not be written is written later. Whether a commit in doubt took place is looked up: nothing counts
  // twice.
  void flush_availability() {
    const auto served = availability().take();
    if (served.empty()) return;
    const bool taken = services.in_background("flush_availability", [this, served](db::Connection& connection) {
      const auto stored = contained("flush_availability", [&] {
        return services.commit(connection, "", "", events::Actor::service("gateway"),
                               [&](db::Transaction& tx, messaging::Outbox&) -> Result<void> {
                                 store_availability(tx, served);
                                 return {};
                               });
      });
      if (!stored) availability().give_back(served);
      return stored;
    });
    if (!taken) availability().give_back(served);
  }

  // Of Stripe's events. Gateways share them: each takes what no other holds.
  void release_due() {
    if (releasing) return;
    releasing = services.in_background("release_due", [this](db::Connection& connection) {
      int taken = 0;
      const auto released = contained("release_due", [&] {
        return services.commit(connection, "", "", {"stripe", "", "", {}},
                               [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                 taken = release_due_stripe_events(tx, outbox, services.config.stripe, due_batch);
                                 return {};
                               });
      });
      services.loop.post([this, again = released && taken == due_batch] {
        releasing = false;
        if (again) release_due();
      });
      return released;
    });
  }

  static void store_availability(db::Transaction& tx, const std::vector<Served>& served) {
    std::vector<std::string> tenants;
    std::vector<Timestamp> hours;
    std::vector<std::int64_t> requests, failed, slow;
    for (const auto& each : served) {
      tenants.push_back(each.tenant_id);
      hours.push_back(each.hour);
      requests.push_back(each.requests);
      failed.push_back(each.failed);
      slow.push_back(each.slow);
    }
    // In one order, so that two gateways do not wait for each other in a circle.
    tx.send(
        "INSERT INTO platform.availability AS a (tenant_id, hour, requests, failed, slow) "
        "SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[]) "
        "AS n (tenant_id, hour, requests, failed, slow) ORDER BY tenant_id, hour "
        "ON CONFLICT (tenant_id, hour) DO UPDATE SET requests = a.requests + excluded.requests, "
        "failed = a.failed + excluded.failed, slow = a.slow + excluded.slow",
        {db::Param::array(tenants), db::Param::array(hours), db::Param::array(requests), db::Param::array(failed),
         db::Param::array(slow)});
  }

  void measure_storage() {
    if (measuring) return;
    measuring = services.in_background("measure_storage", [this](db::Connection& connection) {
      const auto measured = contained("measure_storage", [&] {
        return services.commit(connection, "", "", events::Actor::service("gateway"),
                               [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                 tell_storage(tx, outbox);
                                 return {};
                               });
      });
      services.loop.post([this] { measuring = false; });
      return measured;
    });
  }

  static void tell_storage(db::Transaction& tx, messaging::Outbox& outbox) {
    for (const auto row : tx.exec(
             "SELECT tenant_id, bytes FROM metering.measure_storage($1, $2 * interval '1 second', $3, $4)",
             {outbox.now(), std::int64_t{storage_turn_every.count()}, storage_tenants_at_once, storage_told_from})) {
      v1::UsageRecorded event;
      event.set_metric("storage_bytes");
      event.set_quantity(static_cast<double>(row.int64(1)));
      *event.mutable_at() = events::to_proto(outbox.now());
      outbox.publish(row.text(0), event);
    }
  }

  Result<void> store_usage(db::Connection& connection, const std::vector<UsageMeter::Batch>& batches) {
    return services.commit(connection, "", "", events::Actor::service("gateway"),
                           [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                             for (const auto& batch : batches) {
                               v1::UsageRecorded event;
                               event.set_metric("api_calls");
                               event.set_quantity(static_cast<double>(batch.calls));
                               *event.mutable_at() = events::to_proto(batch.at);
                               event.set_idempotency_key(batch.key);
                               outbox.publish(batch.tenant_id, event);
                             }
                             return {};
                           });
  }

  // After the last answer: what was counted is stored, or the deadline is over.
  void finish_stop(std::chrono::steady_clock::time_point give_up_at, std::function<void()> stopped) {
    flush_usage();
    const bool done = !flushing && unsent.empty();
    if (!done && std::chrono::steady_clock::now() < give_up_at) {
      usage_timer.start(shutdown_poll, [this, give_up_at, stopped = std::move(stopped)] {
        services.loop.post([this, give_up_at, stopped] { finish_stop(give_up_at, stopped); });
      });
      return;
    }
    if (!done) log::warn("usage of the last second was not stored", {{"batches", unsent.size()}});
    stopped();
  }

  http::Router router;
  http::Server server;
  loop::Timer usage_timer;
  loop::Timer availability_timer;
  loop::Timer due_timer;
  loop::Timer reference_timer;
  loop::Timer storage_timer;
  std::unique_ptr<DomainChecker> domains;
  std::vector<UsageMeter::Batch> unsent;  // on the loop
  bool flushing = false;                  // on the loop
  bool releasing = false;                 // on the loop
  bool reading_reference = false;         // on the loop
  bool measuring = false;                 // on the loop
  Services services;
};

Gateway::Gateway(loop::Loop& loop, GatewayConfig config, const Clock& clock, IdGenerator& ids, GatewayHooks hooks)
    : state_(std::make_unique<State>(loop, std::move(config), clock, ids, std::move(hooks))) {}

Gateway::~Gateway() {
  state_->domains.reset();
  state_->services.passwords.stop();  // its tasks hand work to the lanes
  state_->services.searches.stop();
  state_->services.lanes.stop();
}

Result<void> Gateway::start() {
  auto& state = *state_;
  db::Connection connection(state.services.config.database_url, "tenantry-gateway");
  if (const auto reference = state.read_reference(connection)) {
    state.services.reference = *reference;
  } else if (reference.error().reason == "database_unavailable") {
    // Whoever starts us again and again would not make it come back sooner; callers hear 503 and /readyz says why.
    log::warn("the database is away: nothing is served before it is back", {{"error", reference.error().message}});
  } else {
    return reference.error();
  }
  auto find_txt = dns::txt_resolver(state.services.config.dns_servers, dns_deadline);
  if (!find_txt) return find_txt.error();
  if (auto listening = state.server.listen(); !listening) return listening;
  state.domains = std::make_unique<DomainChecker>(state.services.config.database_url, *std::move(find_txt),
                                                  state.services.clock, state.services.ids);
  state.domains->start();
  state.services.domain_asked = [&state] { state.domains->look_now(); };
  state.usage_timer.repeat(usage_flushed_every, [&state] { state.flush_usage(); });
  state.availability_timer.repeat(availability_flushed_every, [&state] { state.flush_availability(); });
  state.due_timer.repeat(due_released_every, [&state] { state.release_due(); });
  state.storage_timer.repeat(storage_measured_every, [&state] { state.measure_storage(); });
  state.reference_timer.repeat(reference_read_every, [&state] {
    if (state.reading_reference) return;
    state.reading_reference = state.services.in_background("read_reference", [&state](db::Connection& lane) {
      const auto read = contained("read_reference", [&] { return state.read_reference(lane); });
      state.services.loop.post([&state, read] {
        state.reading_reference = false;
        if (read) state.use_reference(*read);
      });
      return read ? Result<void>{} : read.error();
    });
  });
  log::info("gateway listens", {{"address", state.services.config.http_address}, {"port", state.server.port()}});
  return {};
}

std::uint16_t Gateway::port() const {
  return state_->server.port();
}

void Gateway::tenant_changed(const std::string& tenant_id) {
  state_->services.tenant_changed(tenant_id);
}

void Gateway::stop(Milliseconds deadline, std::function<void()> stopped) {
  auto& state = *state_;
  state.services.draining = true;
  state.due_timer.stop();
  state.storage_timer.stop();
  state.reference_timer.stop();
  state.services.tails->stop();
  const auto give_up_at = std::chrono::steady_clock::now() + deadline;
  state.server.stop(deadline, [&state, give_up_at, stopped = std::move(stopped)] {
    state.usage_timer.stop();
    state.availability_timer.stop();
    state.flush_availability();
    state.finish_stop(give_up_at, stopped);
  });
}

}  // namespace tenantry::gateway
