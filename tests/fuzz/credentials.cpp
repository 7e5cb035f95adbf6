// What a request says of who sends it, and from where: cookies, API keys, trace contexts, addresses that proxies tell.
#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/crypto/api_key.h"
#include "tests/fuzz/target.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/networks.h"
#include "workers/gateway/edge/resolve.h"
#include "workers/gateway/edge/trace.h"

namespace tenantry::fuzz::credentials {
namespace {

constexpr const char* proxy = "192.0.2.1";

void read_cookie(std::string_view bytes) {
  http::Request request;
  request.headers.add("Cookie", std::string(bytes));
  const auto token = gateway::cookie_token(request);
  if (token && *token) TENANTRY_ASSERT((*token)->find(';') == std::string::npos);
  // Beside the console's own it is twice there, or not there at all.
  request.headers.add("Cookie", std::string(gateway::cookie_name) + "=own");
  const auto both = gateway::cookie_token(request);
  TENANTRY_ASSERT(both.has_value() == (token && !*token));
  request.headers.add("Origin", std::string(bytes));
  request.headers.add("Host", "console.example");
  (void)gateway::from_console(request);
}

void read_addresses(std::string_view bytes) {
  const auto client = gateway::client_address(proxy, bytes, {proxy});
  TENANTRY_ASSERT(gateway::network(client));
  TENANTRY_ASSERT(gateway::client_address("203.0.113.9", bytes, {proxy}) == "203.0.113.9");
  const auto network = gateway::network(bytes);
  if (network) TENANTRY_ASSERT(gateway::network(*network) == network);
  (void)gateway::in_networks(bytes, {"192.0.2.0/24", "2001:db8::/32"});
}

void read_trace(std::string_view bytes) {
  SystemClock clock;
  SystemIdGenerator ids(clock);
  const auto child = gateway::traceparent(bytes, true, ids);
  const auto trace = gateway::trace_id_of(child);
  TENANTRY_ASSERT(trace.size() == 32);
  TENANTRY_ASSERT(gateway::trace_id_of(gateway::traceparent(child, true, ids)) == trace);
  TENANTRY_ASSERT(gateway::trace_id_of(gateway::traceparent(child, false, ids)) != trace);
  const auto id = gateway::request_id(bytes, ids);
  TENANTRY_ASSERT(!id.empty() && id.size() <= 128 && gateway::request_id(id, ids) == id);
}

void run(std::string_view bytes) {
  read_cookie(bytes);
  read_addresses(bytes);
  read_trace(bytes);
  if (const auto key = crypto::parse_api_key(bytes)) TENANTRY_ASSERT(crypto::write_api_key(*key) == bytes);
}

const Registered target{{"credentials", run}};

}  // namespace
}  // namespace tenantry::fuzz::credentials
