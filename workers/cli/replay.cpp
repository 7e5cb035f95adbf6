#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "events/codec.h"
#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/db/connection.h"
#include "shared/http/client.h"
#include "shared/telemetry/log.h"
#include "shared/tenancy/lifecycle.h"
#include "workers/audit/keys.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/keys.h"
#include "workers/cli/progress.h"
#include "workers/registry.h"
#include "workers/replay/platform.h"
#include "workers/replay/sandbox.h"
#include "workers/replay/store.h"
#include "workers/replay/verify.h"

namespace tenantry::cli {
namespace {

struct Chosen {
  std::string tenant_id, type, since, until, out, file, speed = "max", worker;
  bool verify = false;
  int settle_seconds = 30;
  bool dry_run = false;
  bool sandbox = false;
  bool keep = false;
  bool send_mail = false;
};

Result<std::optional<Timestamp>> instant(const char* option, const std::string& text) {
  if (text.empty()) return std::optional<Timestamp>{};
  const auto at = from_rfc3339(text);
  if (!at) return Error::invalid(option, "rfc3339", "must be an RFC 3339 time, 2026-11-21T00:00:00Z");
  return std::optional<Timestamp>{*at};
}

Result<replay::EventFilter> filter_of(const Chosen& chosen) {
  const auto since = instant("--since", chosen.since);
  if (!since) return since.error();
  const auto until = instant("--until", chosen.until);
  if (!until) return until.error();
  return replay::EventFilter{.tenant_id = chosen.tenant_id, .type = chosen.type, .since = *since, .until = *until};
}

// What the audit log says of people is sealed: whoever reads whole events needs the key that the workers have.
Result<audit::LeafKeys> key_ring(Session& session) {
  auto masters = master_keys(session);
  if (!masters) return masters.error();
  return audit::LeafKeys(std::move(*masters));
}

// Records that have left the database are missed in silence otherwise.
void tell_archived(db::Transaction& tx, const replay::EventFilter& filter) {
  const auto archived = replay::archived_before(tx, filter.tenant_id);
  if (!archived || (filter.since && *filter.since >= *archived)) return;
  std::fprintf(stderr, "records before %s are archived and not among these\n",
               to_rfc3339(*archived).substr(0, 10).c_str());
}

Result<void> record(Session& session, const Chosen& chosen) {
  const auto filter = filter_of(chosen);
  if (!filter) return filter.error();
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  auto keys = key_ring(session);
  if (!keys) return keys.error();
  std::ofstream file;
  if (!chosen.out.empty()) {
    file.open(chosen.out, std::ios::trunc);
    if (!file) return Error::invalid("--out", "writable", chosen.out + " cannot be written");
  }
  db::Connection connection(*url, "tenantry events record");
  db::Transaction tx(connection);
  replay::freeze(tx);
  tell_archived(tx, *filter);
  Progress progress(static_cast<std::uint64_t>(replay::count_events(tx, *filter)), "events", !chosen.out.empty());
  std::int64_t done = 0;
  const auto read = replay::read_events(tx, *keys, *filter, [&](replay::Recorded&& recorded) -> Result<void> {
    const auto line = replay::to_line(recorded);
    ++done;
    if (chosen.out.empty()) {
      std::printf("%s\n", line.c_str());
    } else {
      file << line << '\n';
      progress.add(1);
    }
    return {};
  });
  if (!read) return read;
  if (!chosen.out.empty() && !file.flush()) return Error::invalid("--out", "writable", "the disk is full");
  if (!chosen.out.empty() && session.json) print_json({{"events", done}, {"file", chosen.out}});
  return {};
}

Result<void> verify(Session& session, const Chosen& chosen) {
  if (!chosen.type.empty() || !chosen.since.empty() || !chosen.until.empty()) {
    return Error::invalid("--verify", "whole", "looks at whole histories: of what is there, only --tenant chooses");
  }
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  auto keys = key_ring(session);
  if (!keys) return keys.error();
  const auto offset = test_clock_offset(session);
  if (!offset) return offset.error();
  SystemClock clock;
  clock.set_offset(*offset);
  db::Connection connection(*url, "tenantry events replay");
  Result<replay::Verification> found = Error{};
  // What is on its way through queues and outbox makes the two differ for a moment: only what stays is a difference.
  const auto settled_by = std::chrono::steady_clock::now() + std::chrono::seconds(chosen.settle_seconds);
  for (;;) {
    {
      Progress progress(0, "events");
      found =
          replay::verify(connection, *keys, chosen.tenant_id, clock.now(), [&](std::int64_t done, std::int64_t all) {
            progress.reach(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(all));
          });
    }
    if (!found) return found.error();
    if (found->differences.empty() || std::chrono::steady_clock::now() >= settled_by) break;
    std::this_thread::sleep_for(Milliseconds{500});
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& difference : found->differences) {
    if (session.json) {
      print_json({{"tenant_id", difference.tenant_id},
                  {"what", difference.what},
                  {"live", difference.live},
                  {"rebuilt", difference.rebuilt}});
    } else {
      rows.push_back({difference.tenant_id, difference.what, difference.live, difference.rebuilt});
    }
  }
  if (session.json) {
    print_json({{"tenants", found->lifecycles.size()},
                {"events", found->events},
                {"differences", found->differences.size()},
                {"set_aside", found->set_aside},
                {"refused", found->refused},
                {"unpublished", found->unpublished}});
  } else {
    if (!rows.empty()) print_table({"TENANT", "WHAT", "LIVE", "REBUILT"}, rows);
    std::printf("%s, %s: %s\n", counted(found->lifecycles.size(), "tenant").c_str(),
                counted(found->events, "event").c_str(),
                rows.empty() ? "no difference" : counted(rows.size(), "difference").c_str());
    if (found->refused + found->set_aside > 0) {
      std::printf("usage that does not count: %lld refused by metering's rules, %lld waiting as dead letters\n",
                  static_cast<long long>(found->refused), static_cast<long long>(found->set_aside));
    }
    if (found->unpublished > 0) {
      std::printf("%s still in the outbox: what differs may be on its way\n",
                  counted(found->unpublished, "event").c_str());
    }
  }
  if (!found->differences.empty()) session.exit_code = 1;
  return {};
}

// "max": 0, no waiting. "10x": ten times as fast as it happened.
Result<double> speed_of(const std::string& text) {
  if (text == "max") return 0.0;
  double factor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor);
  const bool good = error == std::errc{} && std::string_view(end) == "x" && factor > 0 && factor <= 1e6;
  if (!good) return Error::invalid("--speed", "form", "must be max, or like 10x");
  return factor;
}

Result<std::vector<replay::Recorded>> events_of(Session& session, const Chosen& chosen) {
  const auto filter = filter_of(chosen);
  if (!filter) return filter.error();
  std::vector<replay::Recorded> events;
  if (!chosen.file.empty()) {
    std::ifstream in(chosen.file);
    if (!in) return Error::invalid("FILE", "readable", chosen.file + " cannot be read");
    auto read = replay::read_recording(in);
    if (!read) return read.error();
    std::ranges::copy_if(*read, std::back_inserter(events),
                         [&](const replay::Recorded& recorded) { return replay::matches(*filter, recorded.event); });
  } else {
    const auto url = session.setting("TENANTRY_DATABASE_URL");
    if (!url) return url.error();
    auto keys = key_ring(session);
    if (!keys) return keys.error();
    db::Connection connection(*url, "tenantry events replay");
    db::Transaction tx(connection);
    replay::freeze(tx);
    tell_archived(tx, *filter);
    const auto read = replay::read_events(tx, *keys, *filter, [&](replay::Recorded&& recorded) -> Result<void> {
      events.push_back(std::move(recorded));
      return {};
    });
    if (!read) return read.error();
  }
  // As they happened: the audit log takes them as they come.
  std::ranges::stable_sort(events, {}, [](const replay::Recorded& recorded) { return recorded.event.time; });
  return events;
}

Result<replay::SandboxDatabase> make_sandbox(Session& session) {
  const auto maker = session.setting("TENANTRY_SANDBOX_DATABASE_URL");
  if (!maker) return maker.error();
  std::map<std::string, std::string, std::less<>> urls;
  std::vector<std::string> roles{"owner", "gateway", "runtime"};
  for (const auto& worker : workers::all()) roles.push_back(worker.name);
  for (const auto& role : roles) {
    const auto variable = role == "owner" ? "TENANTRY_DATABASE_URL" : config::service_database_variable(role);
    const auto url = session.setting(variable);
    if (!url) return url.error();
    urls.emplace(role, *url);
  }
  SystemClock clock;
  SystemIdGenerator ids(clock);
  auto name = "tenantry_sandbox_" + ids.next().to_string();
  std::erase(name, '-');
  return replay::SandboxDatabase::make(*maker, name, [urls](std::string_view role) { return urls.find(role)->second; });
}

struct WayOut {
  std::string from{workers::sandbox_mail_from};
  notification::SendMail send{};
};

// By the server and as the sender that the notification worker has.
Result<WayOut> mail_of(const Session& session, const Chosen& chosen) {
  if (!chosen.send_mail) return WayOut{};
  const auto url = session.setting("TENANTRY_SMTP_URL");
  if (!url) return url.error();
  config::Reader reader(session.environment);
  return WayOut{
      .from = reader.text("TENANTRY_MAIL_FROM"),
      .send = [url = *url](const std::string& from, const std::string& recipient, const std::string& message) {
        return http::send_mail({.url = url}, from, {recipient}, message);
      }};
}

std::string header_of(const std::string& message, const std::string& name) {
  const auto at = message.find("\n" + name + ": ");
  if (at == message.npos) return "";
  const auto start = at + name.size() + 3;
  return message.substr(start, message.find_first_of("\r\n", start) - start);
}

// What the workers publish and mail, as it happens.
void print_events(const Session& session, replay::Platform& platform) {
  platform.on_published = [&](const replay::Recorded& recorded) {
    if (!platform.is_decided_anew(recorded.event)) return;  // fed, not an effect
    if (session.json) {
      print_json({{"effect", "event"}, {"event", nlohmann::ordered_json::parse(replay::to_line(recorded))}});
    } else {
      std::printf("%s %-24s --> %s %s\n", to_rfc3339(recorded.event.time).substr(0, 19).c_str(),
                  recorded.event.tenant_id.c_str(), recorded.event.type.c_str(),
                  events::payload_json(recorded.event).c_str());
    }
  };
}

void print_mails(const Session& session, bool sends, replay::Platform& platform) {
  platform.on_mail = [&session, &platform, sends](const replay::Mail& mail) {
    const auto subject = header_of(mail.message, "Subject");
    if (session.json) {
      print_json({{"effect", "mail"}, {"to", mail.recipient}, {"subject", subject}, {"sent", sends && !mail.refused}});
    } else {
      const auto what = mail.refused ? "mail refused (" + mail.refused->describe() + ")"
                                     : std::string(sends ? "mail sent" : "mail not sent");
      std::printf("%s %-24s     %s: %s\n", to_rfc3339(platform.now()).substr(0, 19).c_str(), mail.recipient.c_str(),
                  what.c_str(), subject.c_str());
    }
  };
}

// Where the tenants stand in the end, and what was set aside on the way.
void print_outcome(const Session& session, const replay::Outcome& outcome, std::size_t fed, std::size_t skipped) {
  for (const auto& [tenant_id, lifecycle] : outcome.lifecycles) {
    const auto status = tenancy::written(*tenancy::status_from(lifecycle.status));
    if (session.json) {
      print_json({{"effect", "tenant"}, {"tenant_id", tenant_id}, {"status", status}, {"plan", lifecycle.plan}});
    } else {
      std::printf("%s: %s, %s\n", tenant_id.c_str(), status.c_str(), lifecycle.plan.c_str());
    }
  }
  for (const auto& letter : outcome.dead_letters) {
    if (session.json) {
      print_json(
          {{"effect", "dead_letter"}, {"worker", letter.worker}, {"type", letter.type}, {"error", letter.error}});
    } else {
      std::printf("set aside by %s: %s: %s\n", letter.worker.c_str(), letter.type.c_str(), letter.error.c_str());
    }
  }
  if (session.json) {
    print_json({{"fed", fed}, {"follows", skipped}, {"dead_letters", outcome.dead_letters.size()}});
  } else {
    std::printf("%s replayed; %s decided anew, for they follow from others\n", counted(fed, "event").c_str(),
                counted(skipped, "event").c_str());
  }
}

Result<void> play(Session& session, const Chosen& chosen) {
  const auto speed = speed_of(chosen.speed);
  if (!speed) return speed.error();
  const auto events = events_of(session, chosen);
  if (!events) return events.error();
  if (events->empty()) return Error{.code = Errc::not_found, .reason = "no_events", .message = "no event matches"};
  const auto mail = mail_of(session, chosen);
  if (!mail) return mail.error();
  auto sandbox = make_sandbox(session);
  if (!sandbox) return sandbox.error();
  log::configure("tenantry", log::Level::error);  // what a handler refuses is told as an effect
  const auto url = [&](std::string_view role) { return sandbox->url(role); };
  replay::Platform platform({.database_url = url,
                             .starts_at = events->front().event.time,
                             .worker = chosen.worker,
                             .send_mail = mail->send,
                             .mail_from = mail->from});
  if (chosen.dry_run) print_events(session, platform);
  if (chosen.dry_run || chosen.send_mail) print_mails(session, chosen.send_mail, platform);
  std::size_t fed = 0;
  {
    Progress progress(events->size(), "events");
    for (const auto& recorded : *events) {
      if (*speed > 0 && recorded.event.time > platform.now()) {
        // Ctrl-Z pauses a replay, fg goes on: what is waited for is a span, not a moment.
        std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(
            static_cast<double>((recorded.event.time - platform.now()).count()) / *speed));
      }
      const auto took = platform.feed(recorded);
      if (!took) return took.error();
      fed += *took ? 1 : 0;
      progress.add(1);
    }
    // As far as the recording goes, and no further: timers behind its end are still to come.
    platform.settle();
  }
  db::Connection connection(sandbox->url("owner"), "tenantry events replay");
  db::Transaction tx(connection);
  print_outcome(session, replay::outcome_of(tx), fed, events->size() - fed);
  if (chosen.keep) {
    sandbox->keep();
    if (session.json) {
      print_json({{"sandbox", sandbox->name()}});
    } else {
      std::printf("the sandbox stays: database %s\n", sandbox->name().c_str());
    }
  }
  return {};
}

void add_filters(Command* command, Chosen& chosen) {
  command->add_option("--tenant", chosen.tenant_id, "One tenant's events");
  command->add_option("--type", chosen.type, "Event type; * stands for anything");
  command->add_option("--since", chosen.since, "Happened at this instant or later (RFC 3339)");
  command->add_option("--until", chosen.until, "Happened before this instant (RFC 3339)");
}

void report(Session& session, const Result<void>& done) {
  if (done) return;
  session.fail(done.error());
  if (done.error().code == Errc::invalid) session.exit_code = 2;
}

}  // namespace

void add_replay(Command& events, Session& session) {
  static Chosen chosen;
  auto* recorded = events.add_subcommand("record",
                                         "Events of the audit log as CloudEvents, one a line\n\nExamples:\n"
                                         "  tenantry events record --tenant acme --out acme.ndjson\n"
                                         "  tenantry events record --type 'payment.*' --since 2026-11-01T00:00:00Z");
  add_filters(recorded, chosen);
  recorded->add_option("--out", chosen.out, "File; standard output by default");
  recorded->callback([&session] { report(session, record(session, chosen)); });

  auto* replayed = events.add_subcommand(
      "replay",
      "Replay recorded events in a sandbox; no mail is sent unless you say so, and no worker calls Stripe\n\n"
      "Examples:\n"
      "  tenantry events replay acme.ndjson --dry-run\n"
      "  tenantry events replay --tenant acme --since 2026-11-01T00:00:00Z --dry-run\n"
      "  tenantry events replay acme.ndjson --sandbox --keep --speed 10x\n"
      "  tenantry events replay acme.ndjson --dry-run --worker notification\n"
      "  tenantry events replay acme.ndjson --sandbox --send-mail\n"
      "  tenantry events replay --verify\n"
      "  tenantry events replay --verify --tenant acme");
  replayed->add_option("file", chosen.file, "What `events record` wrote; the audit log by default");
  add_filters(replayed, chosen);
  replayed->add_flag("--dry-run", chosen.dry_run, "Print every event and mail that would follow");
  replayed->add_flag("--sandbox", chosen.sandbox, "Play into a database of its own, and print where all ends");
  replayed->add_flag("--keep", chosen.keep, "Keep the sandbox's database, and say its name");
  replayed->add_option("--speed", chosen.speed, "max (by default), or like 10x: ten times as fast as it happened");
  std::vector<std::string> names;
  for (const auto& worker : workers::all()) names.push_back(worker.name);
  replayed->add_option("--worker", chosen.worker, "Only this one handles; what the others made is fed as recorded")
      ->one_of(names);
  replayed->add_flag("--send-mail", chosen.send_mail,
                     "With --sandbox: mails are sent, to whom they were once sent; their links lead nowhere");
  replayed->add_flag("--verify", chosen.verify,
                     "Rebuild lifecycles and usage from the audit log and compare; exit code 1 where they differ");
  replayed
      ->add_option("--settle", chosen.settle_seconds,
                   "With --verify, look again for so many seconds where something differs; 30")
      ->between(0, 3'600);
  replayed->callback([&session] {
    const int modes = int{chosen.verify} + int{chosen.dry_run} + int{chosen.sandbox};
    if (modes != 1) return report(session, Error::invalid("", "mode", "one of --dry-run, --sandbox and --verify"));
    if (chosen.send_mail && !chosen.sandbox) {
      return report(session, Error::invalid("--send-mail", "mode", "goes with --sandbox alone"));
    }
    if (chosen.verify && !chosen.worker.empty()) {
      return report(session, Error::invalid("--worker", "mode", "goes with --dry-run and --sandbox"));
    }
    report(session, chosen.verify ? verify(session, chosen) : play(session, chosen));
  });
}

}  // namespace tenantry::cli
