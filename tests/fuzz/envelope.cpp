// An event over HTTP in structured mode or the older envelope. Bytes: content type, zero, body.
#include "tests/fuzz/intake_checks.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::envelope {
namespace {

void run(std::string_view bytes) {
  Parts parts(bytes);
  const auto content_type = parts.text();
  const auto body = parts.rest();
  const events::HttpFields fields;
  const auto read = [&] {
    return events::decode_posted({.fields = fields, .content_type = content_type, .body = body}, "acme",
                                 from_unix_seconds(1'700'000'000));
  };
  const auto posting = read();
  if (!posting) return;
  TENANTRY_ASSERT(posting->batch || posting->events.size() == 1);
  const auto again = read();
  TENANTRY_ASSERT(again && again->events.size() == posting->events.size());
  for (std::size_t i = 0; i < posting->events.size(); ++i) {
    TENANTRY_ASSERT(again->events[i].id == posting->events[i].id);
    check_taken(posting->events[i], "acme");
  }
}

const Registered target{{"envelope", run}};

}  // namespace
}  // namespace tenantry::fuzz::envelope
