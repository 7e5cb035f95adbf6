#include "workers/gateway/audit_query.h"

#include "workers/gateway/cursor.h"

namespace tenantry::gateway {
namespace {

namespace search = audit_search;

constexpr const char* filters[] = {"actor", "action", "resource", "type", "from", "to"};

Result<void> read_order(const http::Request& request, search::PageRequest& page) {
  const auto order = request.query_value("order").value_or("desc");
  if (order == "asc") {
    page.order = search::Order::oldest_first;
  } else if (order != "desc") {
    return Error::invalid("/order", "choice", "must be asc or desc");
  }
  return {};
}

Result<void> read_cursor(const http::Request& request, AuditQuery& query) {
  const auto text = request.query_value("cursor");
  if (!text) return {};
  const auto size = query.tenant_id.empty() ? search::platform_place_parts : search::tenant_place_parts;
  const auto parts = decode_cursor(*text, size);
  if (!parts) return parts.error();
  auto place = search::place_of(*parts);
  if (!place) return place.error();
  query.page.after = std::move(*place);
  return {};
}

}  // namespace

Result<AuditQuery> parse_audit_query(const Services& services, const Call& call) {
  const bool of_member = call.tenant != nullptr;
  const auto scope = of_member ? search::Scope::tenant : search::Scope::platform;
  const auto& request = call.request();
  const auto now = services.clock.now();
  AuditQuery query;
  query.text = request.query_value("q").value_or("");
  auto parsed = search::parse_search(query.text, scope, now);
  if (!parsed) return parsed.error();
  query.search = std::move(*parsed);
  for (const char* name : filters) {
    const auto value = request.query_value(name);
    if (!value || value->empty()) continue;
    if (const auto added = search::add_term(query.search, name, *value, scope, now); !added) return added.error();
    query.text += (query.text.empty() ? "" : " ") + std::string(name) + ":" + std::string(*value);
  }
  if (of_member) {
    query.tenant_id = call.tenant_id();
  } else if (const auto only = search::only_tenant(query.search)) {
    query.tenant_id = *only;
    std::erase_if(query.search.terms, [](const search::Term& term) { return term.field == search::Field::tenant; });
  }
  if (const auto ok = read_order(request, query.page); !ok) return ok.error();
  if (const auto ok = read_cursor(request, query); !ok) return ok.error();
  return query;
}

search::Page read_audit(db::Transaction& tx, const AuditQuery& query) {
  const auto people = store::users_by_email(tx, search::emails_of(query.search), query.tenant_id);
  if (query.tenant_id.empty()) {
    search::allow_all_tenants(tx);
    return search::read_platform(tx, query.search, people, query.page);
  }
  tx.set_tenant(query.tenant_id);
  return search::read_tenant(tx, query.tenant_id, query.search, people, query.page);
}

search::Place audit_end(db::Transaction& tx, const AuditQuery& query) {
  if (query.tenant_id.empty()) return search::end_of_platform(tx);
  tx.set_tenant(query.tenant_id);
  return search::end_of_tenant(tx, query.tenant_id);
}

std::string audit_cursor(const AuditQuery& query, const search::Place& place) {
  return encode_cursor(search::parts_of(place, !query.tenant_id.empty()));
}

const std::string& audit_log_of(const AuditQuery& query) {
  static const std::string platform = "platform";
  return query.tenant_id.empty() ? platform : query.tenant_id;
}

}  // namespace tenantry::gateway
