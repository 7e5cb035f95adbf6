// bench_watch: how long after its own time each event stands in the audit log, seen by a
// reader. It asks for the next records of its tenants over and over on one connection,
// and takes the clock when the answer is there: what it prints is an upper bound, by
// the pause between two questions and the time of one.
#include <libpq-fe.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/bench/tenant_names.h"

namespace {

using namespace tenantry;
using Clock = std::chrono::system_clock;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr std::chrono::microseconds pause_between{500};  // not a busy loop: the servers share the machine's cores

std::int64_t micros_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
}

std::int64_t number(const PGresult* rows, int row, int column) {
  const std::string_view text = PQgetvalue(rows, row, column);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

template <class T, class F>
std::string array_of(const std::vector<T>& values, const F& text) {
  std::string out = "{";
  for (const auto& value : values) out += (out.size() == 1 ? "" : ",") + text(value);
  return out + "}";
}

int fail(const std::string& why) {
  std::fprintf(stderr, "bench_watch: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures how soon events stand in the audit log"};
  bench::TenantRange range;
  range.add_options(app);
  std::size_t expected = 0;
  double deadline = 120;
  std::string url;
  app.add_option("--events", expected, "How many to wait for")->required();
  app.add_option("--deadline", deadline, "Seconds for everything");
  app.add_option("--database", url, "As whom to read")->required();
  CLI11_PARSE(app, argc, argv);

  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return fail(PQerrorMessage(connection.get()));
  const auto tenants = array_of(range.names(), [](const std::string& name) { return name; });
  const auto ask = [&](const char* name, std::initializer_list<const char*> parameters) {
    return Result(PQexecPrepared(connection.get(), name, static_cast<int>(parameters.size()), parameters.begin(),
                                 nullptr, nullptr, 0),
                  &PQclear);
  };
  for (const auto& [name, sql] :
       {std::pair{"heads",
                  "SELECT coalesce(h.size, 0) FROM unnest($1::text[]) WITH ORDINALITY AS t (tenant_id, position) "
                  "LEFT JOIN audit.heads h USING (tenant_id) ORDER BY position"},
        std::pair{"next",
                  "SELECT t.position - 1, (extract(epoch FROM r.occurred_at) * 1000000)::bigint "
                  "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS t (tenant_id, next, position) "
                  // Most have nothing new: to see that must not cost an index search each.
                  "JOIN audit.heads h ON h.tenant_id = t.tenant_id AND h.size > t.next "
                  "JOIN LATERAL (SELECT occurred_at FROM audit.records r WHERE r.tenant_id = t.tenant_id "
                  "AND r.sequence >= t.next ORDER BY r.sequence) AS r ON true"}}) {
    const Result prepared(PQprepare(connection.get(), name, sql, 0, nullptr), &PQclear);
    if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) return fail(PQerrorMessage(connection.get()));
  }
  std::vector<std::int64_t> next;
  const auto heads = ask("heads", {tenants.c_str()});
  if (PQresultStatus(heads.get()) != PGRES_TUPLES_OK) return fail(PQerrorMessage(connection.get()));
  for (int row = 0; row < PQntuples(heads.get()); ++row) next.push_back(number(heads.get(), row, 0));
  std::puts("{\"ready\":1}");
  std::fflush(stdout);

  std::vector<std::int64_t> at, latencies;
  const auto until = micros_now() + static_cast<std::int64_t>(deadline * 1e6);
  while (latencies.size() < expected) {
    if (micros_now() > until) {
      return fail(std::to_string(latencies.size()) + " of " + std::to_string(expected) + " events in time");
    }
    const auto from = array_of(next, [](std::int64_t value) { return std::to_string(value); });
    const auto rows = ask("next", {tenants.c_str(), from.c_str()});
    const auto now = micros_now();
    if (PQresultStatus(rows.get()) != PGRES_TUPLES_OK) return fail(PQerrorMessage(connection.get()));
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      ++next[static_cast<std::size_t>(number(rows.get(), row, 0))];
      at.push_back(number(rows.get(), row, 1));
      latencies.push_back(now - at.back());
    }
    std::this_thread::sleep_for(pause_between);
  }
  std::puts(nlohmann::json{{"at_us", at}, {"latencies_us", latencies}}.dump().c_str());
}
