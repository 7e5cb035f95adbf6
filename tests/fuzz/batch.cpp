// A batch of events over HTTP: all are taken or none is, and each as it would be alone.
#include "events/intake.h"
#include "shared/json/raw.h"
#include "tests/fuzz/intake_checks.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::batch {
namespace {

Result<events::Posting> posted(std::string_view content_type, std::string_view body) {
  const events::HttpFields fields;
  return events::decode_posted({.fields = fields, .content_type = content_type, .body = body}, "acme",
                               from_unix_seconds(1'700'000'000));
}

void run(std::string_view bytes) {
  const auto posting = posted("application/cloudevents-batch+json", bytes);
  if (!posting) return;
  TENANTRY_ASSERT(posting->batch && !posting->events.empty() && posting->events.size() <= events::batch_max);
  const auto parts = raw_parts(bytes);
  TENANTRY_ASSERT(parts.size() == posting->events.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    check_taken(posting->events[i], "acme");
    const auto alone = posted("application/cloudevents+json", parts[i].text);
    TENANTRY_ASSERT(alone && alone->events.front().id == posting->events[i].id &&
                    alone->events.front().payload == posting->events[i].payload);
  }
}

const Registered target{{"batch", run}};

}  // namespace
}  // namespace tenantry::fuzz::batch
