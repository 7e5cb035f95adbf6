#include "workers/gateway/api/admin/tenants/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/tenancy/lifecycle.h"
#include "shared/text/text.h"
#include "workers/gateway/edge/cursor.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

namespace {

using TenantsOrder = TenantsRequest::Order;
constexpr TenantsOrder tenant_orders[] = {TenantsOrder::created_at, TenantsOrder::company_name, TenantsOrder::plan,
                                          TenantsOrder::status, TenantsOrder::status_since};
constexpr std::size_t tenant_words_max = 254;  // no address is longer

bool is_by_time(TenantsOrder order) {
  return order == TenantsOrder::created_at || order == TenantsOrder::status_since;
}

// "company_name", or "-company_name" for the other way round.
Result<void> read_tenant_order(std::string_view text, TenantsRequest& request) {
  request.descending = text.starts_with('-');
  if (request.descending) text.remove_prefix(1);
  const auto* const found = std::ranges::find(tenant_orders, text, [](TenantsOrder each) { return to_string(each); });
  if (found == std::end(tenant_orders)) {
    return Error::invalid("/sort", "choice",
                          "must be created_at, company_name, plan, status or status_since, with - before it for the "
                          "other way round");
  }
  request.order = *found;
  return {};
}

// A cursor is good for the order it was made in.
Result<void> read_tenant_place(std::string_view cursor, TenantsRequest& request) {
  auto parts = decode_cursor(cursor, 3);
  if (!parts) return parts.error();
  if ((*parts)[0] != to_string(request.order) || (is_by_time(request.order) && !from_rfc3339((*parts)[1]))) {
    return Error::invalid("/cursor", "cursor", "must be a next_cursor of this list");
  }
  request.after = {.key = std::move((*parts)[1]), .tenant_id = std::move((*parts)[2])};
  return {};
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text[0] >= 'a' && text[0] <= 'z' &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

std::string_view to_string(TenantsRequest::Order order) {
  switch (order) {
    case TenantsOrder::created_at:
      return "created_at";
    case TenantsOrder::company_name:
      return "company_name";
    case TenantsOrder::plan:
      return "plan";
    case TenantsOrder::status:
      return "status";
    case TenantsOrder::status_since:
      return "status_since";
  }
  TENANTRY_ASSERT(false);
}

std::string tenants_cursor(const TenantsRequest& request, const TenantsRequest::Place& last) {
  return encode_cursor({std::string(to_string(request.order)), last.key, last.tenant_id});
}

Result<TenantsRequest> parse_tenants_request(const http::Request& request) {
  TenantsRequest out;
  const auto status = request.query_value("status").value_or("");
  const auto known = tenancy::status_from(status);
  if (!known && !status.empty()) {
    return Error::invalid("/status", "choice", "is not PENDING, TRIAL, ACTIVE, SUSPENDED, CANCELLED or DELETED");
  }
  if (known) out.status = tenancy::to_string(*known);
  out.words = request.query_value("q").value_or("");
  if (out.words.size() > tenant_words_max) {
    return Error::invalid("/q", "length", "must be no longer than " + std::to_string(tenant_words_max) + " bytes");
  }
  out.email = folded_email(out.words).value_or("");
  out.domain = text::ascii_domain(out.words).value_or("");
  if (const auto id = Uuid::parse(out.words)) out.signup_id = *id;
  if (auto ok = read_tenant_order(request.query_value("sort").value_or("-created_at"), out); !ok) return ok.error();
  const auto form = request.query_value("format").value_or("json");
  if (form != "json" && form != "csv") return Error::invalid("/format", "choice", "must be json or csv");
  out.as_csv = form == "csv";
  const auto limit = page_limit(request);
  if (!limit) return limit.error();
  out.limit = *limit;
  if (const auto cursor = request.query_value("cursor")) {
    if (auto ok = read_tenant_place(*cursor, out); !ok) return ok.error();
  }
  return out;
}

Result<AdminAction> parse_admin_action(std::string_view body, std::string_view fallback) {
  if (body.empty() && !fallback.empty()) return AdminAction{std::string(fallback), ""};
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  AdminAction action;
  action.reason = fields.line("reason", fallback.empty(), 64);
  if (!action.reason.empty() && !is_word(action.reason)) {
    fields.fail("reason", "word", "must be a word of a-z, 0-9 and _ that starts with a letter");
  }
  if (action.reason.empty()) action.reason = fallback;
  action.note = fields.text("note", note_max);
  return fields.finish(std::move(action));
}

Result<PlanAction> parse_plan_action(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  PlanAction action;
  action.plan = fields.line("plan", true, 32);
  action.reason = fields.line("reason", true, note_max);
  action.at_once = fields.flag("at_once");
  return fields.finish(std::move(action));
}

namespace {

void parse_held(Fields& fields, HoldRequest& request) {
  const auto hold = fields.line("hold", true, 64);
  if (!hold.empty() && hold != "no_suspend" && hold != "no_billing" && hold != "legal") {
    fields.fail("hold", "choice", "must be no_suspend, no_billing or legal");
  }
  request.hold = hold;
  request.reason = fields.line("reason", true, note_max);
}

}  // namespace

Result<HoldRequest> parse_hold(std::string_view body, Timestamp now) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  HoldRequest request;
  parse_held(fields, request);
  const auto text = fields.line("ends_at", true, 64);
  const auto ends_at = from_rfc3339(text);
  if (ends_at && *ends_at <= now) fields.fail("ends_at", "future", "must lie ahead");
  if (!ends_at && !text.empty()) fields.fail("ends_at", "rfc3339", "must be an RFC 3339 time");
  if (ends_at) request.ends_at = *ends_at;
  return fields.finish(std::move(request));
}

Result<HoldRequest> parse_hold_release(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  HoldRequest request;
  parse_held(fields, request);
  return fields.finish(std::move(request));
}

}  // namespace tenantry::gateway
