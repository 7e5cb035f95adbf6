// What super-admins want done with a tenant. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/http/message.h"

namespace tenantry::gateway {

// Which tenants to list, in which order, from where on.
struct TenantsRequest {
  enum class Order { created_at, company_name, plan, status, status_since };
  struct Place {
    std::string key;  // what is sorted by; of a time an RFC 3339 instant
    std::string tenant_id;
  };
  std::string status{};  // "": any
  std::string words{};   // as they were typed; the rest is what else they may be, "" where they are not
  std::string email{};
  std::string domain{};
  std::optional<Uuid> signup_id{};
  Order order = Order::created_at;
  bool descending = true;
  std::optional<Place> after{};
  int limit = 50;
  bool as_csv = false;  // all of them, in one file
};
Result<TenantsRequest> parse_tenants_request(const http::Request& request);
std::string_view to_string(TenantsRequest::Order order);
std::string tenants_cursor(const TenantsRequest& request, const TenantsRequest::Place& last);

struct AdminAction {
  std::string reason;
  std::string note;
};
// The reason is one word such as "abuse"; `fallback` where it may be left out.
Result<AdminAction> parse_admin_action(std::string_view body, std::string_view fallback);

struct PlanAction {
  std::string plan;
  std::string reason;
  bool at_once = false;  // also where it costs less
};
Result<PlanAction> parse_plan_action(std::string_view body);

// A hold to place, or to release: then without an end.
struct HoldRequest {
  std::string hold;  // no_suspend, no_billing or legal
  std::string reason;
  Timestamp ends_at{};
};
Result<HoldRequest> parse_hold(std::string_view body, Timestamp now);  // the end must lie ahead
Result<HoldRequest> parse_hold_release(std::string_view body);

}  // namespace tenantry::gateway
