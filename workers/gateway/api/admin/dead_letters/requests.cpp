#include "workers/gateway/api/admin/dead_letters/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

namespace {

constexpr int dead_letters_max = 100;  // in one request: each may hold 256 KiB, and all are in memory at once

}  // namespace

Result<DeadLetterAction> parse_dead_letter_action(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  DeadLetterAction action;
  action.ids = fields.ids("ids", dead_letters_max);
  action.tenant_id = fields.line("tenant_id", false, 64);
  action.worker = fields.line("worker", false, 64);
  action.type = fields.line("type", false, 128);
  action.reason = fields.choice("reason", {"invalid", "exhausted", "timeout", "crash", "refused"});
  action.state = fields.choice("state", {"waiting", "dropped"});
  action.error_shape = fields.text("error_shape", 200);
  action.since = fields.instant("since");
  action.until = fields.instant("until");
  action.all = fields.flag("all");
  action.dry_run = fields.flag("dry_run");
  action.letters_max = fields.number("max", dead_letters_max, 1, dead_letters_max);
  action.per_second = fields.number("rate", 0, 0, 1'000);
  action.note = fields.text("note", note_max);
  const bool says_which = !action.ids.empty() || !action.tenant_id.empty() || !action.worker.empty() ||
                          !action.type.empty() || !action.reason.empty() || !action.error_shape.empty() ||
                          action.since || action.until;
  if (!says_which && !action.all)
    fields.fail("all", "required", "must be true where neither ids nor a filter is given");
  return fields.finish(std::move(action));
}

Result<std::string> parse_note(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  auto note = fields.text("note", note_max);
  return fields.finish(std::move(note));
}

}  // namespace tenantry::gateway
