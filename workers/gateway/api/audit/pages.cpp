// The audit log, a page at a time; and the routes of all that is asked of it.
#include <nlohmann/json.hpp>

#include "shared/audit_search/record.h"
#include "shared/db/connection.h"
#include "shared/json/json.h"
#include "tenantry/events/v1/audit.pb.h"
#include "workers/gateway/api/audit/handlers.h"
#include "workers/gateway/api/audit/query.h"
#include "workers/gateway/edge/cursor.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr std::int64_t page_bytes_max = 2L * 1024 * 1024;

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
  if (!query) return query;
  query->page.records_max = *limit;
  query->page.bytes_max = page_bytes_max;
  query->page.abandoned = [exchange = call.exchange] { return !exchange->connected(); };
  return query;
}

void read_audit(Services& services, const CallPtr& call) {
  const auto query = page_query(services, *call);
  if (!query) return services.refuse(call, query.error());
  search(services, call,
         [call, query = *query](db::Transaction& tx) { return page_response(*call, query, read_audit(tx, query)); });
}

// Privileged: the tenant whose records were read finds it in its own log.
void admin_audit(Services& services, const CallPtr& call) {
  const auto query = page_query(services, *call);
  if (!query) return services.refuse(call, query.error());
  search_on_record(services, call,
                   [call, query = *query](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
                     if (auto known = check_tenant(tx, query, *call); !known) return known.error();
                     const auto page = read_audit(tx, query);
                     v1::AuditSearched event;
                     event.set_search(printable(query.text, audit_search::search_size_max));
                     event.set_records(static_cast<std::uint32_t>(page.size));
                     outbox.publish(audit_log_of(query), event);
                     return page_response(*call, query, page);
                   });
}

}  // namespace

namespace api {
Routes audit() {
  static constexpr Terms read_terms{.permission = "audit:read"};
  static constexpr Terms stream_terms{.permission = "audit:read", .body_max = 0, .streams = true};
  static constexpr Terms export_terms{.permission = "audit:read", .body_max = 0, .recent = true, .streams = true};
  static constexpr Terms admin_stream_terms{.body_max = 0, .streams = true};
  static constexpr Terms admin_export_terms{.body_max = 0, .recent = true, .streams = true};
  static constexpr Route routes[] = {
      {Method::get, "/.well-known/tenantry/audit-keys", "auditKeys", Guard::open, audit_keys, {.same_for_all = true}},

      {Method::get, "/v1/audit", "audit", Guard::live, read_audit, read_terms},
      {Method::get, "/v1/audit/histogram", "auditHistogram", Guard::live, audit_histogram, read_terms},
      {Method::get, "/v1/audit/tail", "tailAudit", Guard::live, tail_audit, stream_terms},
      {Method::get, "/v1/audit/export", "exportAudit", Guard::live, export_audit, export_terms},
      {Method::get, "/v1/audit/checkpoint", "auditCheckpoint", Guard::live, audit_checkpoint, read_terms},
      {Method::get, "/v1/audit/proof", "auditProof", Guard::live, audit_proof, read_terms},
      {Method::get, "/v1/audit/evidence", "auditEvidence", Guard::live, audit_evidence, read_terms},

      {Method::get, "/v1/admin/audit", "adminAudit", Guard::admin, admin_audit},
      {Method::get, "/v1/admin/audit/histogram", "adminAuditHistogram", Guard::admin, audit_histogram},
      {Method::get, "/v1/admin/audit/tail", "adminTailAudit", Guard::admin, tail_audit, admin_stream_terms},
      {Method::get, "/v1/admin/audit/export", "adminExportAudit", Guard::admin, export_audit, admin_export_terms},
      {Method::get, "/v1/admin/tenants/{id}/audit/checkpoint", "adminAuditCheckpoint", Guard::admin, audit_checkpoint},
      {Method::get, "/v1/admin/tenants/{id}/audit/proof", "adminAuditProof", Guard::admin, audit_proof},
      {Method::get, "/v1/admin/tenants/{id}/audit/evidence", "adminAuditEvidence", Guard::admin, audit_evidence},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
