// Routes that read the audit log a page at a time.
#include <nlohmann/json.hpp>

#include "shared/audit_search/record.h"
#include "shared/db/connection.h"
#include "shared/json/json.h"
#include "tenantry/events/v1/audit.pb.h"
#include "workers/gateway/admin.h"
#include "workers/gateway/audit_query.h"
#include "workers/gateway/cursor.h"
#include "workers/gateway/routes.h"
#include "workers/gateway/validate.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

http::Response page_response(const Call& call, const AuditQuery& query, const audit_search::Page& page) {
  std::string body = R"({"records":[)";
  page.for_each([&](const db::Row& row) {
    if (body.back() != '[') body += ',';
    audit_search::append_json(body, row);
  });
  body += R"(],"next_cursor":)";
  const auto cursor = page.next ? audit_cursor(query, *page.next) : std::string{};
  if (cursor.empty()) {
    body += "null";
  } else {
    append_json_string(body, cursor);
  }
  body += page.more ? R"(,"more":true})" : R"(,"more":false})";
  auto response = http::Response::json(200, std::move(body));
  if (page.more) response.headers.add("Link", next_link(call.request(), cursor));
  return response;
}

Result<AuditQuery> page_query(const Services& services, const Call& call) {
  const auto limit = page_limit(call.request());
  if (!limit) return limit.error();
  auto query = parse_audit_query(services, call);
  if (query) query->page.records_max = *limit;
  return query;
}

}  // namespace

void audit(Services& services, const CallPtr& call) {
  const auto query = page_query(services, *call);
  if (!query) return services.refuse(call, query.error());
  services.on_lane(call, [&services, call, query = *query](db::Connection& connection) -> Result<http::Response> {
    std::optional<http::Response> response;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      response = page_response(*call, query, read_audit(tx, query));
      return {};
    });
    if (!done) return done.error();
    return std::move(*response);
  });
}

// Privileged: the tenant whose records were read finds it in its own log.
void admin_audit(Services& services, const CallPtr& call) {
  const auto query = page_query(services, *call);
  if (!query) return services.refuse(call, query.error());
  services.on_lane(call, [&services, call, query = *query](db::Connection& connection) -> Result<http::Response> {
    std::optional<http::Response> response;
    const auto done = services.commit(connection, *call, super_admin(*call),
                                      [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                        const auto page = read_audit(tx, query);
                                        v1::AuditSearched event;
                                        event.set_search(printable(query.text, audit_search::search_size_max));
                                        event.set_records(static_cast<std::uint32_t>(page.size));
                                        outbox.publish(audit_log_of(query), event);
                                        response = page_response(*call, query, page);
                                        return {};
                                      });
    if (!done) return done.error();
    return std::move(*response);
  });
}

}  // namespace tenantry::gateway
