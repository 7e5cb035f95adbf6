#include "tests/support/replay.h"

#include <algorithm>
#include <fstream>

#include "shared/db/connection.h"
#include "tests/support/source_path.h"
#include "workers/replay/store.h"
#include "workers/replay/verify.h"

namespace tenantry::testing {
namespace {

std::vector<replay::Recorded> read_file(const std::string& file) {
  std::ifstream in(source_path(file));
  if (!in) throw std::runtime_error(file + " cannot be read");
  return must(replay::read_recording(in));
}

std::vector<replay::Recorded> in_order(std::vector<replay::Recorded> events) {
  if (events.empty()) throw std::runtime_error("a recording without events");
  std::ranges::stable_sort(events, {}, [](const replay::Recorded& recorded) { return recorded.event.time; });
  return events;
}

std::string header_of(const std::string& message, const std::string& name) {
  const auto at = message.find("\n" + name + ": ");
  if (at == message.npos) return "";
  const auto start = at + name.size() + 3;
  return message.substr(start, message.find_first_of("\r\n", start) - start);
}

}  // namespace

Replay::Replay(const std::string& file) : Replay(read_file(file)) {}

Replay::Replay(std::vector<replay::Recorded> events, replay::PlatformOptions options)
    : events_(in_order(std::move(events))), platform_([&] {
        options.database_url = [this](std::string_view role) { return database_.url(role); };
        options.starts_at = events_.front().event.time;
        return std::move(options);
      }()) {}

void Replay::play(std::optional<Timestamp> until) {
  for (; next_ < events_.size() && (!until || events_[next_].event.time < *until); ++next_) {
    static_cast<void>(must(platform_.feed(events_[next_])));
  }
  platform_.settle();
}

void Replay::advance(Microseconds span) {
  platform_.advance_to(platform_.now() + span);
}

std::string Replay::status(const std::string& tenant_id) {
  db::Connection connection(database_.url("owner"), "test");
  db::Transaction tx(connection);
  const auto all = replay::outcome_of(tx).lifecycles;
  const auto found = all.find(tenant_id);
  return found == all.end() ? "" : found->second.status;
}

std::string Replay::usage(const std::string& tenant_id, const std::string& metric, const std::string& span) {
  db::Connection connection(database_.url("owner"), "test");
  db::Transaction tx(connection);
  return replay::usage_of(tx, tenant_id, metric, span);
}

std::vector<std::string> Replay::types(const std::string& tenant_id) const {
  std::vector<std::string> out;
  for (const auto& recorded : platform_.published()) {
    if (recorded.event.tenant_id == tenant_id) out.push_back(recorded.event.type);
  }
  return out;
}

int Replay::published(const std::string& tenant_id, std::string_view type) const {
  return static_cast<int>(std::ranges::count(types(tenant_id), type));
}

std::vector<std::string> Replay::subjects(const std::string& recipient) const {
  std::vector<std::string> out;
  for (const auto& mail : platform_.mails()) {
    if (mail.recipient == recipient) out.push_back(header_of(mail.message, "Subject"));
  }
  return out;
}

std::vector<std::string> Replay::dead_letters() {
  db::Connection connection(database_.url("owner"), "test");
  db::Transaction tx(connection);
  std::vector<std::string> out;
  for (const auto& letter : replay::outcome_of(tx).dead_letters) {
    out.push_back(letter.worker + " " + letter.type + " " + letter.reason);
  }
  return out;
}

std::vector<replay::Difference> Replay::differences() {
  db::Connection connection(database_.url("owner"), "test");
  auto keys = replay::Platform::audit_keys();
  return must(replay::verify(connection, keys, "", platform_.now(), [](std::int64_t, std::int64_t) {})).differences;
}

}  // namespace tenantry::testing
