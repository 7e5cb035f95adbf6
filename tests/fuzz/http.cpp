// Requests of one connection. One request has one meaning: however the bytes are cut, the same requests come out.
// Bytes: how they are cut, then they.
#include "shared/http/message.h"
#include "shared/http/request_parser.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::http_requests {
namespace {

struct Seen {
  std::vector<std::string> requests{};  // whole, as text
  bool refused = false;
  bool operator==(const Seen&) const = default;
};

Seen read(std::string_view bytes, std::size_t piece) {
  static const http::ServerOptions limits{};
  http::RequestParser parser(limits);
  Seen seen;
  while (!bytes.empty() && !seen.refused) {
    const auto now = bytes.substr(0, piece);
    bytes.remove_prefix(now.size());
    parser.feed(now);
    for (;;) {
      const auto step = parser.next();
      if (step == http::RequestParser::Step::more) break;
      if (step == http::RequestParser::Step::refused) {
        TENANTRY_ASSERT(parser.refusal().status >= 400);
        seen.refused = true;
        break;
      }
      TENANTRY_ASSERT(parser.body_size() <= limits.body_size_max);
      if (step != http::RequestParser::Step::request) continue;
      const auto request = parser.take();
      TENANTRY_ASSERT(request.target.size() <= limits.target_size_max && request.headers.size() <= limits.fields_max);
      TENANTRY_ASSERT(request.version == 10 || request.headers.count("Host") == 1);
      auto text = std::string(to_string(request.method)) + " " + request.target + "\n" + request.path + "\n";
      for (const auto& [name, value] : request.headers) {
        TENANTRY_ASSERT(value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos);
        text.append(name).append(": ").append(value).append("\n");
      }
      seen.requests.push_back(text + "\n" + request.body);
    }
  }
  return seen;
}

void run(std::string_view bytes) {
  Parts parts(bytes);
  const std::size_t piece = 1 + parts.byte() % 32;
  const auto whole = read(parts.rest(), parts.rest().size());
  TENANTRY_ASSERT(read(parts.rest(), piece) == whole);
}

const Registered target{{"http", run}};

}  // namespace
}  // namespace tenantry::fuzz::http_requests
