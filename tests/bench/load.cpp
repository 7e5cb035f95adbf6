// bench_load: publishes events to many tenants' vhosts, as the relay would: a flood with
// a bounded number unconfirmed, or a steady rate. It ends by itself, at its deadline at
// the latest, and prints one JSON line; 0 only if the broker took every event.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/amqp/connection.h"
#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/loop/loop.h"
#include "shared/messaging/wire.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tenantry/events/v1/usage.pb.h"
#include "tests/bench/tenant_names.h"

namespace {

using namespace tenantry;

constexpr int connecting_max = 40;                      // handshakes at once: more only wait in the broker
constexpr std::size_t unconfirmed_max = 20'000;         // in all
constexpr std::size_t write_buffer_max = 256UL * 1024;  // bytes per connection: beyond it the socket is the limit

struct Options {
  bench::TenantRange tenants;
  std::string kind = "audit";
  std::vector<std::string> depth_of{};  // workers: publish nothing, count what waits in their queues
  std::size_t events = 0;
  double rate = 0;        // events per second; 0: a flood of `events`
  double seconds = 10;    // of a steady rate
  double deadline = 120;  // seconds, for everything
  bool wait = false;      // connect, say so, and begin when a line comes in
};

// A message whose ids and time change from one copy to the next.
struct Template {
  std::string exchange;
  std::string routing_key;
  std::string body;
  amqp::Properties properties;
  std::size_t id_at = 0, time_at = 0, correlation_at = 0;  // among the headers
};

std::size_t header_at(const amqp::Properties& properties, std::string_view name) {
  const auto& entries = properties.headers.entries;
  const auto at = std::ranges::find(entries, name, &amqp::Entry::name);
  TENANTRY_ASSERT(at != entries.end());
  return static_cast<std::size_t>(at - entries.begin());
}

Template make_template(const events::Event& event, std::string exchange, const std::string& publisher) {
  messaging::OutboxRow row;
  row.id = event.id;
  row.type = event.type;
  row.content_type = event.content_type;
  row.headers = events::encode_headers(event);
  Template made{.exchange = std::move(exchange),
                .routing_key = event.type,
                .body = event.payload,
                .properties = messaging::properties_of(row, publisher)};
  made.id_at = header_at(made.properties, "cloudEvents_id");
  made.time_at = header_at(made.properties, "cloudEvents_time");
  made.correlation_at = header_at(made.properties, "cloudEvents_correlationid");
  return made;
}

// What an application sends: a type the platform does not know, as JSON.
events::Event order_created(const std::string& tenant_id, const Uuid& id, Timestamp now) {
  events::Event event;
  event.id = id;
  event.type = "order.created";
  event.tenant_id = tenant_id;
  event.time = now;
  event.source = "/tenants/" + tenant_id + "/apps";
  event.subject = "order/1042";
  event.correlation_id = id.to_string();
  event.actor = {.kind = "application", .id = "tenant-" + tenant_id, .ip = {}, .user_agent = {}};
  event.content_type = "application/json";
  event.payload = R"({"order_id":"ord-000001042","customer":{"id":"cus-77","name":"Café de la Gare","city":"Lyon"},)"
                  R"("currency":"eur","total_minor":4980,"lines":[{"sku":"croissant","quantity":40,"price_minor":120},)"
                  R"({"sku":"baguette","quantity":2,"price_minor":90}],"note":"livrer avant 7 h, sonner deux fois"})";
  return event;
}

events::Event usage(const std::string& tenant_id, const Uuid& id, Timestamp now, const char* metric) {
  events::v1::UsageRecorded recorded;
  recorded.set_metric(metric);
  recorded.set_quantity(1);
  (*recorded.mutable_dimensions())["shop"] = "lyon";
  return events::make_event(tenant_id, recorded,
                            {.source = "/tenantry/gateway", .actor = events::Actor::service("gateway"), .time = now},
                            id);
}

// Which events a connection sends, in turn.
std::vector<Template> templates_of(const std::string& kind, const std::string& tenant_id, const std::string& publisher,
                                   IdGenerator& ids, Timestamp now) {
  const auto platform = events::events_exchange(tenant_id);
  const auto application = events::application_exchange(tenant_id);
  if (kind == "audit") return {make_template(order_created(tenant_id, ids.next(), now), application, publisher)};
  if (kind == "usage") {
    // As the gateway meters calls, and as an application records its own: Protobuf and JSON.
    auto recorded = usage(tenant_id, ids.next(), now, "orders");
    recorded.content_type = "application/json";
    recorded.payload = events::payload_json(recorded);
    return {make_template(usage(tenant_id, ids.next(), now, "api_calls"), platform, publisher),
            make_template(recorded, application, publisher)};
  }
  // A marker: the one type that every worker's queue hears.
  events::v1::TenantStreamClosed closed;
  *closed.mutable_deleted_at() = events::to_proto(now);
  const auto event = events::make_event(
      tenant_id, closed,
      {.source = "/tenantry/provisioning", .actor = events::Actor::service("provisioning"), .time = now}, ids.next());
  return {make_template(event, platform, publisher)};
}

struct Sender {
  std::string tenant_id;
  std::unique_ptr<amqp::Connection> connection;
  amqp::ChannelId channel = 0;
  std::vector<Template> templates;
  std::size_t sent = 0;
  std::size_t quota = 0;         // of a flood
  std::uint64_t settled_to = 0;  // sequences up to here are confirmed
  std::deque<bool> unsettled{};  // from settled_to + 1 on: still open?
  std::size_t unconfirmed = 0;
};

class Load {
 public:
  Load(loop::Loop& loop, Options options, amqp::ConnectionParameters broker)
      : loop_(loop), options_(std::move(options)), broker_(std::move(broker)), ids_(clock_), pace_(loop), end_(loop) {
    const auto names = options_.tenants.names();
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto sender = std::make_unique<Sender>();
      sender->tenant_id = names[i];
      sender->quota = options_.events / names.size() + (i < options_.events % names.size() ? 1 : 0);
      senders_.push_back(std::move(sender));
    }
    window_ = std::clamp<std::size_t>(unconfirmed_max / senders_.size(), 20, 2'000);
  }

  void start() {
    end_.start(Milliseconds{static_cast<std::int64_t>(options_.deadline * 1000)},
               [this] { fail("its deadline came"); });
    for (int i = 0; i < connecting_max; ++i) connect_next();
  }

  int finish() {
    senders_.clear();
    return failure_.empty() ? 0 : 1;
  }

 private:
  using Monotonic = std::chrono::steady_clock;

  void connect_next() {
    if (next_ == senders_.size()) return;
    auto& sender = *senders_[next_++];
    auto parameters = broker_;
    parameters.vhost = events::vhost_of(sender.tenant_id);
    parameters.name = "bench load";
    amqp::Handlers handlers;
    handlers.on_ready = [this, &sender] { open(sender); };
    handlers.on_confirm = [this, &sender](amqp::ChannelId, std::uint64_t sequence, bool multiple, bool ack) {
      if (!ack) fail("the broker refused an event of " + sender.tenant_id);
      on_confirm(sender, sequence, multiple);
    };
    handlers.on_return = [this](amqp::Returned&& returned) { fail("no queue takes " + returned.routing_key); };
    handlers.on_channel_closed = [this](amqp::ChannelId, int, const std::string& text) { fail(text); };
    handlers.on_closed = [this, &sender](const amqp::CloseReason& reason) {
      if (closing_ && reason.kind == amqp::CloseKind::requested) {
        if (++closed_ == senders_.size()) loop_.stop();
      } else {
        fail(sender.tenant_id + ": " + std::string(amqp::to_string(reason.kind)) + " " + reason.text);
      }
    };
    sender.connection = std::make_unique<amqp::Connection>(loop_, parameters, std::move(handlers));
  }

  void open(Sender& sender) {
    const auto opened = sender.connection->open_channel([](Result<amqp::ChannelId>) {});
    if (!opened) return fail(opened.error().describe());
    sender.channel = *opened;
    if (!options_.depth_of.empty()) return ask_depth(sender);
    sender.templates = templates_of(options_.kind, sender.tenant_id, broker_.user, ids_, clock_.now());
    const auto asked = sender.connection->confirm_select(sender.channel, [this](Result<void> selected) {
      if (!selected) return fail(selected.error().describe());
      connect_next();
      if (++ready_ == senders_.size()) all_ready();
    });
    if (!asked) fail(asked.error().describe());
  }

  // A passive declaration tells at once what the management API tells seconds later.
  void ask_depth(Sender& sender) {
    for (const auto& worker : options_.depth_of) {
      const amqp::method::QueueDeclare queue{.queue = events::queue_of(sender.tenant_id, worker), .passive = true};
      const auto told = [this, &sender, last = worker == options_.depth_of.back()](Result<amqp::QueueInfo> declared) {
        if (!declared) return fail(declared.error().describe());
        messages_ += declared->message_count;
        if (declared->message_count > 0) {
          waiting_.push_back({{"vhost", events::vhost_of(sender.tenant_id)}, {"queue", declared->name}});
        }
        if (!last) return;
        connect_next();
        if (++ready_ == senders_.size()) leave({{"messages", messages_}, {"waiting", waiting_}});
      };
      if (const auto asked = sender.connection->queue_declare(sender.channel, queue, told); !asked) {
        return fail(asked.error().describe());
      }
    }
  }

  void all_ready() {
    if (!options_.wait) return begin();
    std::printf("{\"ready\":%zu}\n", ready_);
    std::fflush(stdout);
    waiter_ = std::jthread([this] {
      std::string line;
      std::getline(std::cin, line);
      loop_.post([this] { begin(); });
    });
  }

  void begin() {
    started_at_ = clock_.now();
    started_ = Monotonic::now();
    if (options_.rate > 0) {
      total_ = static_cast<std::size_t>(options_.rate * options_.seconds);
      pace_.repeat(Milliseconds{1}, [this] { send_due(); });
      return;
    }
    total_ = options_.events;
    // Confirms pull more events along; but where the last of them comes before its socket is known to be writable
    // again, nothing would.
    pace_.repeat(Milliseconds{5}, [this] {
      for (auto& sender : senders_) fill(*sender);
    });
    for (auto& sender : senders_) fill(*sender);
  }

  // An open loop: whatever the receivers do, events leave when they are due.
  void send_due() {
    const auto elapsed = std::chrono::duration<double>(Monotonic::now() - started_).count();
    const auto due = std::min(total_, static_cast<std::size_t>(elapsed * options_.rate));
    if (due > sent_) late_max_ = std::max(late_max_, elapsed - static_cast<double>(sent_ + 1) / options_.rate);
    while (sent_ < due) send(*senders_[sent_ % senders_.size()]);
    if (sent_ == total_) pace_.stop();
  }

  void fill(Sender& sender) {
    while (sender.sent < sender.quota && sender.unconfirmed < window_ &&
           sender.connection->write_buffer_size() < write_buffer_max) {
      send(sender);
      if (!failure_.empty()) return;
    }
  }

  void send(Sender& sender) {
    auto& message = sender.templates[sender.sent % sender.templates.size()];
    auto& headers = message.properties.headers.entries;
    const std::string id = ids_.next().to_string();
    headers[message.id_at].value = id;
    headers[message.correlation_at].value = id;
    headers[message.time_at].value = to_rfc3339(clock_.now());
    message.properties.message_id = id;
    message.properties.correlation_id = id;
    const auto sent = sender.connection->publish(sender.channel, {.exchange = message.exchange,
                                                                  .routing_key = message.routing_key,
                                                                  .properties = message.properties,
                                                                  .body = message.body});
    if (!sent) return fail(sent.error().describe());
    sender.unsettled.push_back(true);
    ++sender.unconfirmed;
    ++sender.sent;
    if (++sent_ == total_) published_at_ = clock_.now();
  }

  void on_confirm(Sender& sender, std::uint64_t sequence, bool multiple) {
    const auto settle = [&](std::uint64_t at) {
      auto open = sender.unsettled[at - sender.settled_to - 1];
      if (!open) return;
      sender.unsettled[at - sender.settled_to - 1] = false;
      --sender.unconfirmed;
      ++confirmed_;
    };
    if (sequence <= sender.settled_to) return;
    for (auto at = multiple ? sender.settled_to + 1 : sequence; at <= sequence; ++at) settle(at);
    while (!sender.unsettled.empty() && !sender.unsettled.front()) {
      sender.unsettled.pop_front();
      ++sender.settled_to;
    }
    if (confirmed_ == total_) return complete();
    if (options_.rate == 0 && sender.unconfirmed <= window_ / 2) fill(sender);
  }

  void complete() {
    const auto seconds = [](Timestamp at) { return static_cast<double>(to_unix_micros(at)) / 1e6; };
    leave({{"events", total_},
           {"started_at", seconds(started_at_)},
           {"published_at", seconds(published_at_)},
           {"confirmed_at", seconds(clock_.now())},
           {"late_max_ms", late_max_ * 1000}});
  }

  void leave(const nlohmann::json& outcome) {
    std::puts(outcome.dump().c_str());
    std::fflush(stdout);
    closing_ = true;
    end_.start(Milliseconds{5'000}, [this] { loop_.stop(); });  // a polite close is not worth more
    for (auto& sender : senders_) sender->connection->close();
  }

  void fail(const std::string& why) {
    if (!failure_.empty()) return;
    failure_ = why;
    std::fprintf(stderr, "bench_load: %s (%zu of %zu events confirmed)\n", why.c_str(), confirmed_, total_);
    std::fflush(stderr);
    if (!closing_) std::_Exit(1);  // a thread may wait on stdin, and nothing is left to tidy
  }

  loop::Loop& loop_;
  const Options options_;
  const amqp::ConnectionParameters broker_;
  SystemClock clock_;
  SystemIdGenerator ids_;
  loop::Timer pace_;
  loop::Timer end_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::size_t window_ = 0;
  std::size_t next_ = 0, ready_ = 0, closed_ = 0;
  std::size_t total_ = 0, sent_ = 0, confirmed_ = 0;
  std::size_t messages_ = 0;
  nlohmann::json waiting_ = nlohmann::json::array();  // queues that hold messages
  bool closing_ = false;
  std::string failure_;
  Timestamp started_at_{}, published_at_{};
  Monotonic::time_point started_{};
  double late_max_ = 0;  // seconds that an event of a steady rate left after it was due
  std::jthread waiter_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Publishes events to tenants of a bench"};
  Options options;
  options.tenants.add_options(app);
  app.add_option("--kind", options.kind, "audit, usage or marker")->check(CLI::IsMember({"audit", "usage", "marker"}));
  app.add_option("--depth", options.depth_of, "Publish nothing: count what waits in these workers' queues")
      ->delimiter(',');
  app.add_option("--events", options.events, "How many, over all tenants");
  app.add_option("--rate", options.rate, "Events a second, instead of a flood");
  app.add_option("--seconds", options.seconds, "How long at that rate");
  app.add_option("--deadline", options.deadline, "Seconds for everything");
  app.add_flag("--wait", options.wait, "Connect, print {\"ready\":N}, begin when a line comes in");
  CLI11_PARSE(app, argc, argv);
  const char* url = std::getenv("TENANTRY_AMQP_URL");
  if (url == nullptr) {
    std::fprintf(stderr, "bench_load: TENANTRY_AMQP_URL is not set; ./dev bench does\n");
    return 2;
  }
  const auto broker = amqp::parse_url(url);
  if (!broker) {
    std::fprintf(stderr, "bench_load: %s\n", broker.error().describe().c_str());
    return 2;
  }
  loop::Loop loop;
  Load load(loop, std::move(options), *broker);
  load.start();
  loop.run();
  return load.finish();
}
