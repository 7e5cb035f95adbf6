#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "shared/core/bytes.h"
#include "shared/core/time.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/watch.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

constexpr int per_request = 100;  // the gateway's own limit
constexpr const char* root = "/v1/admin/dead-letters";

struct Selection {
  std::vector<std::string> ids;
  std::string tenant_id, worker, type, reason, state, error_shape, since, until, note;
  bool all = false;
  bool dry_run = false;
  int letters_max = 1'000;
  int rate = 0;
  int limit = 100;
};

std::string query_of(const Selection& wanted) {
  std::string query;
  for (const auto& [name, value] : {std::pair{"tenant_id", wanted.tenant_id},
                                    {"worker", wanted.worker},
                                    {"type", wanted.type},
                                    {"reason", wanted.reason},
                                    {"state", wanted.state},
                                    {"error_shape", wanted.error_shape},
                                    {"since", wanted.since},
                                    {"until", wanted.until}}) {
    if (!value.empty()) query += std::string("&") + name + "=" + percent_encoded(value);
  }
  return query;
}

void list(Session& session, const Selection& wanted) {
  std::string cursor;
  std::vector<std::vector<std::string>> rows;
  int left = wanted.limit;
  do {
    std::string path = std::string(root) + "?limit=" + std::to_string(std::min(left, 200)) + query_of(wanted);
    if (!cursor.empty()) path += "&cursor=" + percent_encoded(cursor);
    const auto page = call_admin(session, "GET", path);
    if (!page) return session.fail(page.error());
    for (const auto& letter : page->at("dead_letters")) {
      --left;
      if (session.json) print_json(letter);
      rows.push_back({cell(letter, "id"), cell(letter, "last_seen_at").substr(0, 19), cell(letter, "worker"),
                      cell(letter, "tenant_id"), cell(letter, "type"), cell(letter, "reason"), cell(letter, "attempts"),
                      cell(letter, "state"), cell(letter, "error").substr(0, 100)});
    }
    cursor = cell(*page, "next_cursor");
  } while (!cursor.empty() && left > 0);
  if (session.json) return;
  print_table({"ID", "LAST SEEN (UTC)", "WORKER", "TENANT", "TYPE", "REASON", "TRIES", "STATE", "ERROR"}, rows);
  if (!cursor.empty()) std::fprintf(stderr, "there are more: --limit, or a filter\n");
}

void groups(Session& session, const Selection& wanted) {
  const auto answer = call_admin(session, "GET", std::string(root) + "/groups?" + query_of(wanted));
  if (!answer) return session.fail(answer.error());
  std::vector<std::vector<std::string>> rows;
  for (const auto& group : answer->at("groups")) {
    if (session.json) print_json(group);
    rows.push_back({cell(group, "count"), cell(group, "tenants"), cell(group, "worker"), cell(group, "type"),
                    cell(group, "reason"), cell(group, "first_at").substr(0, 19), cell(group, "last_at").substr(0, 19),
                    cell(group, "newest_id"), cell(group, "error_shape")});
  }
  if (session.json) return;
  print_table({"COUNT", "TENANTS", "WORKER", "TYPE", "REASON", "FIRST (UTC)", "LAST (UTC)", "NEWEST", "ERROR"}, rows);
}

std::string unless(const std::string& text, const std::string& usual) {
  return text == usual ? "" : text;
}

void print_letter(const json& letter) {
  print_fields(
      {{"id", cell(letter, "id")},
       {"state", cell(letter, "state")},
       {"why", cell(letter, "reason")},
       {"error", cell(letter, "error")},
       {"worker", cell(letter, "worker")},
       {"tenant", cell(letter, "tenant_id")},
       {"type", cell(letter, "type")},
       {"event", cell(letter, "event_id")},
       {"first seen", cell(letter, "created_at")},
       {"last seen", unless(cell(letter, "last_seen_at"), cell(letter, "created_at"))},
       {"seen", unless(cell(letter, "seen"), "1")},
       {"tries", cell(letter, "attempts")},
       {"sent again", unless(cell(letter, "redrives"), "0")},
       {"settled", cell(letter, "settled_at")},
       {"note", cell(letter, "note")},
       {"came by", cell(letter, "vhost") + ", " + cell(letter, "exchange") + ", " + cell(letter, "routing_key")},
       {"kept", letter.value("whole", true) ? "" : "in part only: it cannot be sent again"}});
  const auto message = letter.find("message");
  if (message == letter.end() || !message->is_object()) return;
  const auto event = message->find("event");
  if (event != message->end() && event->is_object()) {
    std::printf("\n%s\n", event->dump(2).c_str());
  } else {
    std::printf("\nthe message cannot be read: %s\n", cell(*message, "error").c_str());
  }
}

void show_letter(Session& session, const std::string& id) {
  const auto letter = call_admin(session, "GET", std::string(root) + "/" + percent_encoded(id));
  if (!letter) return session.fail(letter.error());
  if (session.json) return print_json(*letter);
  print_letter(*letter);
}

// A slice of a second each, so that an interrupted command has done no more than it said.
void settle(Session& session, const Selection& wanted, const std::string& verb) {
  json body = {{"state", wanted.state},
               {"note", wanted.note},
               {"all", wanted.all},
               {"rate", wanted.rate},
               {"dry_run", wanted.dry_run}};
  for (const auto& [name, value] : {std::pair{"tenant_id", wanted.tenant_id},
                                    {"worker", wanted.worker},
                                    {"type", wanted.type},
                                    {"reason", wanted.reason},
                                    {"error_shape", wanted.error_shape},
                                    {"since", wanted.since},
                                    {"until", wanted.until}}) {
    if (!value.empty()) body[name] = value;
  }
  if (!wanted.ids.empty()) body["ids"] = wanted.ids;
  int left = wanted.letters_max;
  int done = 0;
  auto next_slice = std::chrono::steady_clock::now();
  for (bool more = true; more && left > 0;) {
    const int slice = std::min({left, per_request, wanted.rate > 0 ? wanted.rate : per_request});
    body["max"] = slice;
    std::this_thread::sleep_until(next_slice);  // the rate itself; nothing at once
    if (wanted.rate > 0) next_slice += std::chrono::milliseconds{1'000LL * slice / wanted.rate};
    const auto answer = call_admin(session, "POST", std::string(root) + "/" + verb, &body);
    if (!answer) {
      std::fprintf(stderr, "%d done before this:\n", done);
      return session.fail(answer.error());
    }
    const int count = answer->at("count").get<int>();
    for (const auto& id : answer->at("ids")) {
      if (session.json) {
        print_json({{"id", id}, {"action", verb}, {"dry_run", wanted.dry_run}});
      } else {
        std::printf("%s%s %s\n", wanted.dry_run ? "would " : "", verb.c_str(), id.get<std::string>().c_str());
      }
    }
    std::fflush(stdout);
    done += count;
    left -= count;
    more = answer->at("more").get<bool>();
    // What has failed again meanwhile is not tried twice.
    if (!body.contains("until")) body["until"] = answer->at("at");
  }
  if (!session.json) {
    std::printf("%s %s%s\n", counted(wanted.dry_run ? std::min(done, wanted.letters_max) : done, "dead letter").c_str(),
                wanted.dry_run ? "would be " : "", verb == "redrive" ? "sent again" : "dropped");
  }
}

void add_filters(Command* command, Selection& wanted) {
  command->add_option("--tenant", wanted.tenant_id, "Of one tenant");
  command->add_option("--worker", wanted.worker, "Of one worker: billing, metering, ...");
  command->add_option("--type", wanted.type, "Of one event type");
  command->add_option("--reason", wanted.reason, "Why they were set aside")
      ->one_of({"invalid", "exhausted", "timeout", "crash", "refused"});
}

void add_more_filters(Command* command, Selection& wanted) {
  command->add_option("--error", wanted.error_shape, "One kind of error, as `groups` prints it");
  command->add_option("--since", wanted.since, "Last seen from this instant on (RFC 3339)");
  command->add_option("--until", wanted.until, "Last seen before this instant (RFC 3339)");
}

void add_settling(Command* command, Selection& wanted) {
  command->add_option("id", wanted.ids, "These; or a filter, or --all");
  add_filters(command, wanted);
  add_more_filters(command, wanted);
  command->add_flag("--all", wanted.all, "All there are");
  command->add_flag("--dry-run", wanted.dry_run, "Say which, and change nothing");
  command->add_option("--max", wanted.letters_max, "At most so many; 1000")->between(1, 1'000'000);
  command->add_option("--note", wanted.note, "Why, in your words; goes into the audit log");
}

}  // namespace

void add_dead_letters(Command& app, Session& session) {
  auto* command = app.add_subcommand(
      "dead-letters",
      "Messages that were set aside: look, send again, drop\n\nExamples:\n"
      "  tenantry dead-letters groups\n"
      "  tenantry dead-letters list --worker billing --reason exhausted\n"
      "  tenantry dead-letters show 0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b\n"
      "  tenantry dead-letters redrive --worker billing --type payment.failed --dry-run\n"
      "  tenantry dead-letters redrive --worker billing --type payment.failed --rate 10 --note 'fixed in 1.4.2'\n"
      "  tenantry dead-letters drop --tenant acme --reason invalid --note 'ticket 42'");
  command->require_subcommand();
  static Selection wanted;
  static std::string id;
  static int seconds = 0;
  const std::vector<std::string> states{"waiting", "redriven", "dropped", "any"};

  auto* listed = command->add_subcommand("list", "Those that wait for a decision, the newest first");
  add_filters(listed, wanted);
  add_more_filters(listed, wanted);
  listed->add_option("--state", wanted.state, "waiting (by default), redriven, dropped or any")->one_of(states);
  listed->add_option("--limit", wanted.limit, "At most so many; 100")->between(1, 100'000);
  listed->add_option("--watch", seconds, watch_help)->between(watch_seconds_min, watch_seconds_max);
  listed->callback([&session] { watch(session, seconds, [&session] { list(session, wanted); }); });

  auto* grouped = command->add_subcommand("groups", "The same by worker, type, reason and kind of error");
  add_filters(grouped, wanted);
  grouped->add_option("--state", wanted.state, "waiting (by default), redriven, dropped or any")->one_of(states);
  grouped->add_option("--watch", seconds, watch_help)->between(watch_seconds_min, watch_seconds_max);
  grouped->callback([&session] { watch(session, seconds, [&session] { groups(session, wanted); }); });

  auto* shown = command->add_subcommand("show", "One, with the whole message, decoded where it can be read");
  shown->add_option("id", id, "The dead letter's id")->required();
  shown->callback([&session] { show_letter(session, id); });

  auto* redriven = command->add_subcommand("redrive", "Send messages to their workers again, with the same event ids");
  add_settling(redriven, wanted);
  redriven->add_option("--state", wanted.state, "waiting (by default), or dropped: what was dropped by mistake")
      ->one_of({"waiting", "dropped"});
  redriven->add_option("--rate", wanted.rate, "So many a second; at once by default")->between(1, 1'000);
  redriven->callback([&session] { settle(session, wanted, "redrive"); });

  auto* dropped = command->add_subcommand("drop", "Give messages up; they stay on record");
  add_settling(dropped, wanted);
  dropped->callback([&session] { settle(session, wanted, "drop"); });
}

}  // namespace tenantry::cli
