#include "workers/gateway/api/audit/query.h"

#include <map>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/tenancy/slug.h"
#include "shared/text/text.h"
#include "workers/gateway/edge/cursor.h"

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

Result<void> check_tenant(db::Transaction& tx, const AuditQuery& query, const Call& call) {
  const bool by_member = call.tenant != nullptr;
  if (by_member || query.tenant_id.empty() || query.tenant_id == events::platform_tenant) return {};
  if (tenancy::is_slug(query.tenant_id) && tenancy::find_tenant(tx, query.tenant_id)) return {};
  return Error{.code = Errc::not_found,
               .reason = "tenant_not_found",
               .message = std::string(access_message("tenant_not_found", call.language))};
}

namespace {

// The users with these addresses; `tenant_id` "" for any tenant's, else its members alone.
std::map<std::string, std::vector<std::string>, std::less<>> users_by_email(db::Transaction& tx,
                                                                            const std::vector<std::string>& emails,
                                                                            std::string_view tenant_id) {
  std::map<std::string, std::vector<std::string>, std::less<>> users;
  if (emails.empty()) return users;
  const auto rows = tx.exec(
      "SELECT u.email, u.user_id FROM platform.users u WHERE u.email = ANY ($1) AND ($2 = '' OR EXISTS "
      "(SELECT FROM platform.memberships m WHERE m.user_id = u.user_id AND m.tenant_id = $2))",
      {db::Param::array(emails), tenant_id});
  for (const auto row : rows) users[std::string(row.text(0))].emplace_back(row.text(1));
  return users;
}

// By the addresses as the search has them; users are kept by what addresses are compared by.
search::People people_of(db::Transaction& tx, const AuditQuery& query) {
  const auto written = search::emails_of(query.search);
  std::vector<std::string> compared;
  for (const auto& email : written) compared.push_back(text::compared_email(email));
  const auto users = users_by_email(tx, compared, query.tenant_id);
  search::People people;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (const auto known = users.find(compared[i]); known != users.end()) people[written[i]] = known->second;
  }
  return people;
}

}  // namespace

search::Page read_audit(db::Transaction& tx, const AuditQuery& query) {
  const auto people = people_of(tx, query);
  if (query.tenant_id.empty()) {
    search::allow_all_tenants(tx);
    return search::read_platform(tx, query.search, people, query.page);
  }
  tx.set_tenant(query.tenant_id);
  return search::read_tenant(tx, query.tenant_id, query.search, people, query.page);
}

AuditCounts count_audit(db::Transaction& tx, const AuditQuery& query, std::optional<search::Extent> over, int columns,
                        Timestamp now) {
  const auto people = people_of(tx, query);
  const bool of_all = query.tenant_id.empty();
  if (of_all) {
    search::allow_all_tenants(tx);
  } else {
    tx.set_tenant(query.tenant_id);
  }
  if (!over) {
    over = of_all ? search::extent_of_platform(tx, query.search.recorded, now)
                  : search::extent_of_tenant(tx, query.tenant_id, query.search.recorded, now);
  }
  const search::CountRequest request{.from = over->from,
                                     .to = over->to,
                                     .columns = columns,
                                     .after = query.page.after,
                                     .abandoned = query.page.abandoned};
  return {.over = *over,
          .counts = of_all ? search::count_platform(tx, query.search, people, request)
                           : search::count_tenant(tx, query.tenant_id, query.search, people, request)};
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
  static const std::string platform{events::platform_tenant};
  return query.tenant_id.empty() ? platform : query.tenant_id;
}

}  // namespace tenantry::gateway
