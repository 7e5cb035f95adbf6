// Recordings: events as they once happened, in files of one CloudEvent a line and in the
// audit log's leaves. Pure.
//
// A line is what `events listen --json` prints, with what a replay needs beside it: the
// exchange of the first publish, our own id where the publisher's is another, and when
// the audit log took it. Reading goes through the codec of the broker's messages, so a
// line is held to the same rules.
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "events/envelope.h"
#include "shared/core/result.h"

namespace tenantry::replay {

struct Recorded {
  events::Event event;
  std::string exchange{};      // where it was first published
  Timestamp recorded_at{};     // by the audit worker; the event's time where nobody recorded it
  std::uint64_t sequence = 0;  // in the tenant's audit log
};

std::string to_line(const Recorded& recorded);  // without a line feed

// Errors name the attribute or field and its rule.
Result<Recorded> from_line(std::string_view line);
// An audit record: what its leaf says in the open, and what was sealed beside it (audit/leaf.h).
Result<Recorded> from_leaf(const nlohmann::json& leaf, const nlohmann::json& personal);

// A whole file; the error names the line. Empty lines are skipped.
Result<std::vector<Recorded>> read_recording(std::istream& in);

}  // namespace tenantry::replay
