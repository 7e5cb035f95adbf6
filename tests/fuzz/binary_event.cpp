// An event over HTTP in binary mode. Bytes: content type, zero, then names and values of fields, each with a zero, up
// to an empty name; then the body.
#include "tests/fuzz/intake_checks.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::binary_event {
namespace {

void run(std::string_view bytes) {
  Parts parts(bytes);
  const auto content_type = parts.text();
  events::HttpFields fields;
  while (!parts.done() && fields.size() < 100) {
    const auto name = parts.text();
    if (name.empty()) break;
    fields.emplace_back(name, parts.text());
  }
  const auto posting = events::decode_posted({.fields = fields, .content_type = content_type, .body = parts.rest()},
                                             "acme", from_unix_seconds(1'700'000'000));
  if (!posting) return;
  for (const auto& event : posting->events) check_taken(event, "acme");
}

const Registered target{{"binary_event", run}};

}  // namespace
}  // namespace tenantry::fuzz::binary_event
