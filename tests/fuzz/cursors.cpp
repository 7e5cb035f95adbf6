// Cursors of pages, targets of requests and the texts that numbers, times and ids are read from.
#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/core/time.h"
#include "shared/http/message.h"
#include "tests/fuzz/target.h"
#include "workers/gateway/edge/cursor.h"

namespace tenantry::fuzz::cursors {
namespace {

void read_cursor(std::string_view text) {
  for (const std::size_t count : {1U, 2U, 4U}) {
    const auto parts = gateway::decode_cursor(text, count);
    if (!parts) continue;
    TENANTRY_ASSERT(parts->size() == count && gateway::encode_cursor(*parts) == text);
  }
}

void read_texts(std::string_view text) {
  if (const auto at = from_rfc3339(text)) TENANTRY_ASSERT(from_rfc3339(to_rfc3339(*at)).value() == *at);
  if (const auto id = Uuid::parse(text)) TENANTRY_ASSERT(Uuid::parse(id->to_string()).value() == *id);
  if (const auto bytes = from_base64(text)) TENANTRY_ASSERT(to_base64(*bytes) == text);
  if (const auto bytes = from_base64url(text)) TENANTRY_ASSERT(to_base64url(*bytes) == text);
  if (const auto bytes = from_hex(text)) TENANTRY_ASSERT(from_hex(to_hex(*bytes)).value() == *bytes);
}

void run(std::string_view bytes) {
  read_cursor(bytes);
  read_texts(bytes);
  http::Request request;
  request.target = bytes;
  const auto parsed = http::parse_target(bytes);
  if (!parsed) return;
  TENANTRY_ASSERT(is_utf8(parsed->path));
  request.path = parsed->path;
  request.query = parsed->query;
  (void)gateway::timed_place(request, true);
  (void)gateway::timed_place(request, false);
  if (const auto limit = gateway::page_limit(request)) TENANTRY_ASSERT(*limit >= 1 && *limit <= 200);
  TENANTRY_ASSERT(gateway::next_link(request, "c").find_first_of("\r\n") == std::string::npos);
}

const Registered target{{"cursors", run}};

}  // namespace
}  // namespace tenantry::fuzz::cursors
