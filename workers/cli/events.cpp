#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "events/catalogue.h"
#include "events/codec.h"
#include "events/documents.h"
#include "events/topology.h"
#include "shared/amqp/connection.h"
#include "shared/core/ids.h"
#include "shared/db/session.h"
#include "shared/json/json.h"
#include "shared/messaging/wire.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/forward.h"
#include "workers/replay/recording.h"

namespace tenantry::cli {
namespace {

constexpr Seconds broker_timeout{15};

struct Publish {
  std::string type, tenant_id, data, file;
  std::vector<std::string> overrides;
};

// The event as its publisher would make it; the payload as JSON, checked against the schema before it leaves.
Result<events::Event> make(const Publish& wanted, IdGenerator& ids, Timestamp now) {
  std::string text = wanted.data.empty() ? "{}" : wanted.data;
  if (!wanted.file.empty()) {
    std::ifstream in(wanted.file);
    if (!in) return Error::invalid("--file", "readable", wanted.file + " cannot be read");
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  auto data = parse_json(text);
  if (!data) return data.error();
  for (const auto& override_text : wanted.overrides) {
    const auto equals = override_text.find('=');
    if (equals == override_text.npos) return Error::invalid("--override", "form", "must look like field=value");
    (*data)[override_text.substr(0, equals)] = override_text.substr(equals + 1);
  }
  events::Event event;
  event.id = ids.next();
  event.type = wanted.type;
  event.tenant_id = wanted.tenant_id;
  event.time = now;
  event.source = "/tenantry/cli";
  event.actor = events::Actor::service("cli");
  event.correlation_id = event.id.to_string();
  event.content_type = "application/json";
  event.payload = data->dump();
  if (auto ok = events::parse_payload(event); !ok) return ok.error();
  return event;
}

// Publishes with a confirm and waits for it. Errors name what the broker said.
Result<void> publish(const amqp::ConnectionParameters& parameters, const events::Event& event,
                     const std::string& exchange) {
  loop::LoopThread thread;
  std::promise<Result<void>> outcome;
  bool told = false;
  std::unique_ptr<amqp::Connection> connection;
  amqp::ChannelId channel = 0;
  bool returned = false;
  const auto tell = [&](Result<void> result) {
    if (!told) outcome.set_value(std::move(result));
    told = true;
  };
  const auto failure = [](std::string text) {
    return Error{.code = Errc::unavailable, .reason = "not_published", .message = std::move(text)};
  };
  amqp::Handlers handlers;
  handlers.on_ready = [&] {
    channel = connection->open_channel([](Result<amqp::ChannelId>) {}).value();
    [[maybe_unused]] const auto asked = connection->confirm_select(channel, [&](Result<void> selected) {
      if (!selected) return tell(selected.error());
      amqp::Properties properties;
      properties.content_type = event.content_type;
      properties.delivery_mode = std::uint8_t{2};
      properties.message_id = event.id.to_string();
      properties.type = event.type;
      properties.user_id = parameters.user;
      for (const auto& [name, value] : events::encode_headers(event)) properties.headers.add(name, value);
      const auto sent = connection->publish(
          channel, {.exchange = exchange, .routing_key = event.type, .properties = properties, .body = event.payload});
      if (!sent) tell(sent.error());
    });
  };
  handlers.on_return = [&](amqp::Returned&&) { returned = true; };
  handlers.on_confirm = [&](amqp::ChannelId, std::uint64_t, bool, bool ack) {
    if (!ack) return tell(failure("the broker refused the message"));
    tell(returned ? Result<void>(failure("no queue takes " + event.type + " on " + exchange)) : Result<void>());
  };
  handlers.on_channel_closed = [&](amqp::ChannelId, int, const std::string& text) { tell(failure(text)); };
  handlers.on_closed = [&](const amqp::CloseReason& reason) {
    tell(failure(std::string(amqp::to_string(reason.kind)) + ": " + reason.text));
  };
  thread.run_sync(
      [&] { connection = std::make_unique<amqp::Connection>(thread.loop(), parameters, std::move(handlers)); });
  auto future = outcome.get_future();
  const bool answered = future.wait_for(broker_timeout) == std::future_status::ready;
  thread.run_sync([&] { connection.reset(); });
  return answered ? future.get() : Result<void>(failure("no answer from the broker"));
}

// Whoever writes the name of a tenant that is not there means another, and the event would begin its audit log.
Result<void> check_tenant(const Session& session, const std::string& tenant_id) {
  const auto url = session.setting("TENANTRY_ANALYST_DATABASE_URL");
  if (!url) return url.error();
  db::Session database(*url, "tenantry events");
  db::Session::Transaction tx(database);
  if (!tx.exec("SELECT FROM analytics.tenants WHERE tenant_id = $1", {tenant_id}).empty()) return {};
  return unknown_tenant(session, tenant_id);
}

Result<void> check_type(const std::string& type) {
  std::vector<std::string> types;
  for (const auto& entry : events::Catalogue::instance().entries()) types.push_back(entry.type);
  if (std::ranges::find(types, type) != types.end()) return {};
  const auto meant = nearest(type, types);
  return Error::invalid("type", "choice",
                        "the catalogue has no \"" + type + "\"; " +
                            (meant.empty() ? "`tenantry events types` lists all" : "did you mean " + meant + "?"));
}

void add_publish(Command* command, Session& session) {
  auto* sub = command->add_subcommand("publish", "Publish an event as the platform, checked against its schema");
  static Publish wanted;
  sub->add_option("type", wanted.type, "One of the catalogue: `tenantry events types`")->required();
  sub->add_option("--tenant", wanted.tenant_id, "The tenant it is about; the platform by default");
  sub->add_option("--data", wanted.data, "The payload, as JSON");
  sub->add_option("--file", wanted.file, "The payload, as a JSON file");
  sub->add_option("--override", wanted.overrides, "field=value, on top of the payload");
  sub->callback([&session] {
    if (const auto known = check_type(wanted.type); !known) {
      session.fail(known.error());
      session.exit_code = 2;
      return;
    }
    const auto url = session.setting("TENANTRY_AMQP_URL");
    if (!url) return session.fail(url.error());
    auto parameters = amqp::parse_url(*url);
    if (!parameters) return session.fail(parameters.error());
    SystemClock clock;
    if (const auto offset = test_clock_offset(session); offset) {
      clock.set_offset(*offset);
    } else {
      return session.fail(offset.error());
    }
    SystemIdGenerator ids(clock);
    if (wanted.tenant_id.empty()) wanted.tenant_id = events::platform_tenant;
    if (wanted.tenant_id != events::platform_tenant) {
      if (const auto known = check_tenant(session, wanted.tenant_id); !known) return session.fail(known.error());
    }
    const auto event = make(wanted, ids, clock.now());
    if (!event) return session.fail(event.error());
    const auto* entry = events::Catalogue::instance().find(event->type);
    const std::string home{entry->platform_scope ? events::platform_tenant : std::string_view(wanted.tenant_id)};
    parameters->vhost = events::vhost_of(home);
    if (const auto done = publish(*parameters, *event, events::events_exchange(home)); !done) {
      return session.fail(done.error());
    }
    if (session.json) {
      print_json({{"id", event->id.to_string()}, {"type", event->type}});
    } else {
      std::printf("--> %s [%s]\n", event->type.c_str(), event->id.to_string().c_str());
    }
  });
}

// Prints what passes through a vhost until interrupted. Through a queue of its own that dies with the connection.
void listen(Session& session, const std::string& tenant_id, const std::vector<std::string>& patterns,
            const std::string& forward_to) {
  if (!forward_to.empty() && !forward_to.starts_with("http://") && !forward_to.starts_with("https://")) {
    return session.fail(Error::invalid("--forward", "url", "must begin with http:// or https://"));
  }
  const auto url = session.setting("TENANTRY_AMQP_URL");
  if (!url) return session.fail(url.error());
  const auto admin = session.setting("TENANTRY_AMQP_ADMIN_URL");
  if (!admin) return session.fail(admin.error());
  auto parameters = amqp::parse_url(*url);
  if (!parameters) return session.fail(parameters.error());
  // Only the administrator may declare queues in a tenant's vhost.
  const events::TrustRules rules{parameters->user};
  const auto login = admin->substr(admin->find("://") + 3);
  parameters->user = login.substr(0, login.find(':'));
  parameters->password = login.substr(login.find(':') + 1, login.rfind('@') - login.find(':') - 1);
  parameters->vhost = events::vhost_of(tenant_id);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::optional<Forwarder> forwarder;
  if (!forward_to.empty()) forwarder.emplace(forward_to, session.json);
  loop::LoopThread thread;
  std::unique_ptr<amqp::Connection> connection;
  const auto stop = [](const std::string& why) {
    std::fprintf(stderr, "tenantry: %s\n", why.c_str());
    kill(getpid(), SIGTERM);
  };
  amqp::Handlers handlers;
  handlers.on_ready = [&] {
    const auto channel = connection->open_channel([](Result<amqp::ChannelId>) {}).value();
    amqp::method::QueueDeclare declare;
    declare.exclusive = true;
    declare.auto_delete = true;
    [[maybe_unused]] const auto asked =
        connection->queue_declare(channel, declare, [&, channel](Result<amqp::QueueInfo> queue) {
          if (!queue) return stop(queue.error().message);
          std::vector<std::string> exchanges = {events::events_exchange(tenant_id)};
          if (tenant_id != events::platform_tenant) exchanges.push_back(events::application_exchange(tenant_id));
          for (const auto& exchange : exchanges) {
            for (const auto& pattern : patterns) {
              amqp::method::QueueBind bind;
              bind.queue = queue->name;
              bind.exchange = exchange;
              bind.routing_key = pattern;
              [[maybe_unused]] const auto bound = connection->queue_bind(channel, bind, [](Result<void>) {});
            }
          }
          [[maybe_unused]] const auto consumed =
              connection->consume(channel, queue->name, "", {.no_ack = true}, [&](Result<std::string> tag) {
                if (tag)
                  std::fprintf(stderr, "Ready! Listening to %s for %s\n", tenant_id.c_str(),
                               joined(patterns, ", ").c_str());
              });
        });
  };
  handlers.on_delivery = [&](amqp::Delivery&& delivery) {
    const auto wire = messaging::to_wire(std::move(delivery));
    const auto event = events::decode(wire, tenant_id, rules);
    if (!event) {
      // Beside the lines of --json, which are a recording, and no line of it.
      std::fprintf(session.json ? stderr : stdout, "--> %s: %s\n", wire.routing_key.c_str(),
                   event.error().describe().c_str());
    } else if (session.json) {
      std::printf("%s\n", replay::to_line({.event = *event, .exchange = wire.exchange}).c_str());
    } else {
      std::printf("%s --> %s [%s] %s\n", to_rfc3339(event->time).substr(11, 8).c_str(), event->type.c_str(),
                  event->id.to_string().c_str(), events::payload_json(*event).c_str());
    }
    std::fflush(stdout);
    if (event && forwarder) forwarder->push(*event);
  };
  handlers.on_closed = [&](const amqp::CloseReason& reason) {
    if (reason.kind != amqp::CloseKind::requested) stop(std::string(amqp::to_string(reason.kind)) + ": " + reason.text);
  };
  thread.run_sync(
      [&] { connection = std::make_unique<amqp::Connection>(thread.loop(), *parameters, std::move(handlers)); });
  int signal = 0;
  sigwait(&signals, &signal);
  thread.run_sync([&] { connection.reset(); });
}

}  // namespace

void add_events(Command& app, Session& session) {
  auto* command =
      app.add_subcommand("events",
                         "Publish events, watch them pass, record and replay them\n\nExamples:\n"
                         "  tenantry events publish signup.requested --file request.json --override plan=PROFESSIONAL\n"
                         "  tenantry events listen --tenant acme --type 'payment.#'\n"
                         "  tenantry events listen --tenant acme --forward http://localhost:3000/events\n"
                         "  tenantry events record --tenant acme --out acme.ndjson\n"
                         "  tenantry events types\n"
                         "  tenantry events replay --verify");
  command->require_subcommand();
  add_publish(command, session);
  add_replay(*command, session);
  auto* listened = command->add_subcommand(
      "listen", "Print events of a tenant as they pass, until interrupted; with --json: a recording");
  static std::string tenant_id{events::platform_tenant};
  static std::vector<std::string> patterns;
  static std::string forward_to;
  listened->add_option("--tenant", tenant_id, "Whose; the platform's by default");
  listened->add_option("--type", patterns, "Topic patterns, comma-separated: payment.failed, payment.#, *.created; all")
      ->separated_by(',');
  listened->add_option("--forward", forward_to, "Post each to this URL, as CloudEvents in JSON, and print the answers");
  listened->callback([&session] {
    if (patterns.empty()) patterns = {"#"};
    listen(session, tenant_id, patterns, forward_to);
  });
  auto* types = command->add_subcommand("types", "The catalogue: every event type");
  static bool markdown = false;
  types->add_flag("--markdown", markdown, "As a page with fields, producers, consumers and examples: docs/events.md");
  types->callback([&session] {
    if (markdown) {
      std::fputs(events::make_event_page().c_str(), stdout);
      return;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& entry : events::Catalogue::instance().entries()) {
      if (session.json) {
        print_json({{"type", entry.type}, {"schema", entry.schema}, {"open", entry.open}, {"summary", entry.summary}});
      } else {
        rows.push_back({entry.type, entry.open ? "applications" : "platform", entry.summary});
      }
    }
    if (!session.json) print_table({"TYPE", "WHO PUBLISHES", "STATES"}, rows);
  });
}

}  // namespace tenantry::cli
