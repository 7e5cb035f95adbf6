#include "workers/gateway/api/admin/tenants/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

namespace {

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text[0] >= 'a' && text[0] <= 'z' &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

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
