// The audit log from a terminal, by the gateway's super-admin routes: what is read here is audited as it is there.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "shared/audit_search/search.h"
#include "shared/core/bytes.h"
#include "shared/core/clock.h"
#include "shared/http/download.h"
#include "shared/json/json.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/progress.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

constexpr int records_a_request = 200;  // the gateway's own limit
constexpr Seconds silence_max{120};     // an export that finds nothing for long still looks at records meanwhile

struct Asked {
  std::vector<std::string> words;     // of the search, as the shell has split them
  std::vector<std::string> excluded;  // --not: a term that begins with - would be an option
  std::string tenant_id, output;
  bool oldest_first = false, csv = false, bom = false, gzip = false, force = false;
  int limit = 100;
};

// One argument is one term: a shell has taken its quotes off, so what has a space gets them again.
std::string search_of(const Asked& wanted) {
  std::string text = wanted.tenant_id.empty() ? "" : "tenant:" + wanted.tenant_id;
  const auto add = [&text](const char* sign, const std::string& word) {
    const bool whole = word.find(' ') == word.npos || word.find('"') != word.npos || word.find(':') != word.npos;
    text += (text.empty() ? "" : " ") + std::string(sign) + (whole ? word : '"' + word + '"');
  };
  for (const auto& word : wanted.words) add("", word);
  for (const auto& word : wanted.excluded) add("-", word);
  return text;
}

// Said here already, without a round trip and with the exit code of a wrong use.
bool check(Session& session, const std::string& search) {
  const auto parsed = audit_search::parse_search(search, audit_search::Scope::platform, SystemClock().now());
  if (parsed) return true;
  session.fail(parsed.error());
  session.exit_code = 2;
  return false;
}

std::string text_of(const json& record, const char* name) {
  const auto at = record.find(name);
  return at == record.end() || !at->is_string() ? std::string{} : at->get<std::string>();
}

std::string paired(const std::string& left, const char* sign, const std::string& right) {
  return right.empty() ? left : left + sign + right;
}

std::vector<std::string> table_row(const json& record) {
  const auto& actor = record.at("actor");
  const auto& resource = record.at("resource");
  return {text_of(record, "tenant_id"),
          record.at("sequence").dump(),
          text_of(record, "recorded_at").substr(0, 19),
          text_of(record, "type"),
          paired(text_of(actor, "kind"), ":", text_of(actor, "id")),
          paired(text_of(resource, "kind"), "/", text_of(resource, "id")),
          text_of(record, "outcome")};
}

// The refusal of a search: of a tenant that is not there it says which may be meant.
Error refusal(const Session& session, const Asked& wanted, Error error) {
  const bool of_tenant = error.reason == tenant_not_found && !wanted.tenant_id.empty();
  return of_tenant ? unknown_tenant(session, wanted.tenant_id) : error;
}

void query(Session& session, const Asked& wanted) {
  const auto search = search_of(wanted);
  if (!check(session, search)) return;
  const bool lines = session.json || isatty(STDOUT_FILENO) == 0;
  std::vector<std::vector<std::string>> table;
  std::string cursor;
  int left = wanted.limit;
  bool more = true;
  while (more && left > 0) {
    std::string path = "/v1/admin/audit?limit=" + std::to_string(std::min(left, records_a_request)) +
                       "&order=" + (wanted.oldest_first ? "asc" : "desc") + "&q=" + percent_encoded(search);
    if (!cursor.empty()) path += "&cursor=" + percent_encoded(cursor);
    const auto page = call_admin(session, "GET", path);
    if (!page) return session.fail(refusal(session, wanted, page.error()));
    for (const auto& record : page->at("records")) {
      --left;
      if (lines) {
        print_json(record);
      } else {
        table.push_back(table_row(record));
      }
    }
    cursor = text_of(*page, "next_cursor");
    more = page->at("more").get<bool>();
  }
  if (lines) return;
  if (!wanted.oldest_first) std::ranges::reverse(table);  // the newest last, next to the prompt
  print_table({"TENANT", "SEQ", "RECORDED (UTC)", "TYPE", "ACTOR", "RESOURCE", "OUTCOME"}, table);
  if (more) std::fprintf(stderr, "there are more: --limit, or a narrower search\n");
}

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdout) std::fclose(file);
  }
};

void export_records(Session& session, const Asked& wanted) {
  const auto search = search_of(wanted);
  if (!check(session, search)) return;
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return session.fail(url.error());
  const auto token = admin_token(session);
  if (!token) return session.fail(token.error());
  // "x": what is there already stays, unless it is to go.
  const char* const mode = wanted.force ? "wb" : "wbx";
  const std::unique_ptr<std::FILE, CloseFile> out(wanted.output.empty() ? stdout
                                                                        : std::fopen(wanted.output.c_str(), mode));
  if (!out) {
    const bool there = errno == EEXIST;
    return session.fail({.code = Errc::invalid,
                         .message = there ? wanted.output + " exists already; --force replaces it"
                                          : "cannot write " + wanted.output + ": " + std::strerror(errno)});
  }

  http::ClientRequest request{.url = *url + "/v1/admin/audit/export?format=" + (wanted.csv ? "csv" : "ndjson") +
                                     (wanted.bom ? "&bom=1" : "") + "&order=" + (wanted.oldest_first ? "asc" : "desc") +
                                     "&q=" + percent_encoded(search)};
  request.headers.add("Authorization", "Bearer " + *token);
  if (wanted.gzip) request.headers.add("Accept-Encoding", "gzip");
  // Not among the records, where the terminal shows those.
  Progress progress(0, "bytes", !wanted.output.empty() || isatty(STDOUT_FILENO) == 0);
  bool written = true;
  const auto response = http::download(request, silence_max, [&](std::string_view piece) {
    written = std::fwrite(piece.data(), 1, piece.size(), out.get()) == piece.size();
    progress.add(piece.size());
    return written;
  });
  const bool answered = response && response->status == 200;
  if (!answered && !wanted.output.empty()) std::remove(wanted.output.c_str());  // nothing of use is in it
  if (!response) return session.fail(response.error());
  if (!answered) return session.fail(refusal(session, wanted, problem_of(session, *response)));
  if (!written || std::fflush(out.get()) != 0) {
    session.fail({.code = Errc::unavailable, .message = "the records could not be written whole"});
  }
}

// A server-sent event stream (WHATWG), as far as ours goes: id and data, an event ends with an empty line.
class Events {
 public:
  explicit Events(std::function<void(const std::string&)> take) : take_(std::move(take)) {}

  void feed(std::string_view piece) {
    rest_ += piece;
    std::size_t start = 0;
    for (auto end = rest_.find('\n'); end != rest_.npos; start = end + 1, end = rest_.find('\n', start)) {
      line(std::string_view(rest_).substr(start, end - start));
    }
    rest_.erase(0, start);
  }
  void cut() { rest_.clear(), data_.clear(); }  // the stream has ended in the middle
  const std::string& last_id() const { return last_id_; }

 private:
  void line(std::string_view text) {
    if (text.starts_with("id: ")) {
      id_ = text.substr(4);
    } else if (text.starts_with("data: ")) {
      data_ = text.substr(6);
    } else if (text.empty()) {
      if (!data_.empty()) take_(std::exchange(data_, {}));
      if (!id_.empty()) last_id_ = id_;
    }
  }

  std::function<void(const std::string&)> take_;
  std::string rest_, id_, data_, last_id_;
};

void print_event(const std::string& data, bool lines) {
  if (lines) {
    std::printf("%s\n", data.c_str());
  } else if (const auto record = parse_json(data)) {
    std::string text;
    for (const auto& cell : table_row(*record)) text += (text.empty() ? "" : "  ") + cell;
    std::printf("%s\n", text.c_str());
  }
  std::fflush(stdout);
}

// Until it is interrupted, or so many have come; the server ends a stream now and then, and we go on where it ended.
void tail(Session& session, const Asked& wanted) {
  const auto search = search_of(wanted);
  if (!check(session, search)) return;
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return session.fail(url.error());
  const auto token = admin_token(session);
  if (!token) return session.fail(token.error());
  const bool lines = session.json || isatty(STDOUT_FILENO) == 0;
  int left = wanted.limit > 0 ? wanted.limit : -1;
  Events events([&](const std::string& data) {
    if (left == 0) return;
    if (left > 0) --left;
    print_event(data, lines);
  });
  while (left != 0) {
    http::ClientRequest request{.url = *url + "/v1/admin/audit/tail?q=" + percent_encoded(search)};
    request.headers.add("Authorization", "Bearer " + *token);
    if (!events.last_id().empty()) request.headers.add("Last-Event-ID", events.last_id());
    const auto response = http::download(request, silence_max, [&](std::string_view piece) {
      events.feed(piece);
      return left != 0;
    });
    if (!response) return session.fail(response.error());
    if (response->status != 200) return session.fail(refusal(session, wanted, problem_of(session, *response)));
    events.cut();
  }
}

void add_search(Command* command, Asked& wanted) {
  command->add_option("search", wanted.words, "Terms: words, 'several words', key:value, key:value*");
  command->add_option("--not", wanted.excluded, "A term that must not match; may be given again")->one_per_use();
  command->add_option("--tenant", wanted.tenant_id, "One tenant's records; the same as tenant:…");
  command->add_flag("--oldest-first", wanted.oldest_first, "In the order of recording");
}

}  // namespace

void add_audit(Command& app, Session& session) {
  auto* command = app.add_subcommand(
      "audit",
      "The audit log: read, follow and export it as a super-admin, verify and archive it (docs/audit-search.md has the "
      "search "
      "language)\n\nExamples:\n"
      "  tenantry audit query --tenant acme 'type:payment.*' outcome:failure from:7d\n"
      "  tenantry audit query actor:pierre@example.com action:login --not ip:203.0.113.7\n"
      "  tenantry --json audit query 'carte bleue' | jq .payload\n"
      "  tenantry audit tail --tenant acme outcome:failure from:1h\n"
      "  tenantry audit export --tenant acme from:2026-01 to:2026-02 --csv --gzip -o january.csv.gz\n"
      "  tenantry audit verify --tenant acme");
  command->require_subcommand();
  add_audit_verify(*command, session);
  add_audit_archive(*command, session);
  static Asked wanted;

  auto* queried = command->add_subcommand(
      "query", "Records that match: a table with the newest last on a terminal, NDJSON elsewhere");
  add_search(queried, wanted);
  queried->add_option("--limit", wanted.limit, "At most so many; 100")->between(1, 100'000);
  queried->callback([&session] { query(session, wanted); });

  auto* followed = command->add_subcommand("tail", "Records as they come; with from:1h, those of the last hour first");
  add_search(followed, wanted);
  const auto* const limit =
      followed->add_option("--limit", wanted.limit, "Ends after so many; without it, goes on")->between(1, 100'000);
  followed->callback([&session, limit] {
    if (!limit->given()) wanted.limit = 0;
    tail(session, wanted);
  });

  auto* exported = command->add_subcommand("export", "Every record that matches, as NDJSON or CSV; it is audited");
  add_search(exported, wanted);
  exported->add_flag("--csv", wanted.csv, "CSV (RFC 4180), safe in spreadsheets");
  exported->add_flag("--bom", wanted.bom, "CSV with a byte order mark, for a double click in Excel");
  exported->add_flag("--force", wanted.force, "Replace the file of -o where there is one");
  exported->add_flag("--gzip", wanted.gzip, "Compressed");
  exported->add_option("-o,--output", wanted.output, "Into this file, with progress");
  exported->callback([&session] { export_records(session, wanted); });
}

}  // namespace tenantry::cli
