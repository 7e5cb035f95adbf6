// Routes of super-admins about dead letters: look, send again, drop.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/core/bytes.h"
#include "shared/db/connection.h"
#include "shared/messaging/dead_letters.h"
#include "shared/telemetry/metrics.h"
#include "workers/gateway/admin.h"
#include "workers/gateway/routes.h"

namespace tenantry::gateway {
namespace {

using messaging::DeadLetter;
using messaging::DeadLetterFilter;
using nlohmann::json;

enum class Decision { redrive, drop };

constexpr int groups_max = 200;

std::string_view past_tense(Decision decision) {
  return decision == Decision::redrive ? "redriven" : "dropped";
}

// Of a list: those that wait for a decision, unless it is said otherwise.
Result<DeadLetterFilter> filter_of(const Call& call) {
  const auto reason = choice(call, "reason", {"invalid", "exhausted", "timeout", "crash", "refused"});
  if (!reason) return reason.error();
  const auto state = choice(call, "state", {"waiting", "redriven", "dropped", "any"});
  if (!state) return state.error();
  const auto since = query_time(call.request(), "since");
  if (!since) return since.error();
  const auto until = query_time(call.request(), "until");
  if (!until) return until.error();
  return DeadLetterFilter{.tenant_id = query(call, "tenant_id"),
                          .worker = query(call, "worker"),
                          .type = query(call, "type"),
                          .reason = *reason,
                          .state = *state == "any"  ? ""
                                   : state->empty() ? "waiting"
                                                    : *state,
                          .error_shape = query(call, "error_shape"),
                          .since = *since,
                          .until = *until};
}

DeadLetterFilter filter_of(const DeadLetterAction& action, Decision decision) {
  return {.ids = action.ids,
          .tenant_id = action.tenant_id,
          .worker = action.worker,
          .type = action.type,
          .reason = action.reason,
          .state = action.state.empty() ? "waiting" : action.state,
          .error_shape = action.error_shape,
          .since = action.since,
          .until = action.until,
          .only_whole = decision == Decision::redrive};
}

Error no_letter() {
  return {.code = Errc::not_found, .reason = "dead_letter_not_found", .message = "there is no such dead letter"};
}

// The message with what can be read of it now: what was unreadable then may be readable to this build.
json message_of(const DeadLetter& letter) {
  const auto wire = messaging::wire_of(letter);
  json message = {{"content_type", wire.content_type},
                  {"message_id", wire.message_id},
                  {"type", wire.type},
                  {"user_id", wire.user_id},
                  {"headers", wire.headers},
                  {"cc", wire.carbon_copies},
                  {"body_base64", to_base64(as_bytes(letter.body))},
                  {"event", nullptr},
                  {"error", nullptr}};
  const auto event =
      events::decode(wire, events::tenant_of_vhost(letter.vhost), {.publisher_user = events::BrokerUsers{}.publisher});
  if (event) {
    message["event"] = json::parse(events::to_structured_json(*event));
  } else {
    message["error"] = event.error().describe();
  }
  return message;
}

void apply(db::Transaction& tx, messaging::Outbox& outbox, Decision decision, const std::vector<DeadLetter>& letters,
           Microseconds gap, const std::string& note) {
  if (decision == Decision::redrive) {
    messaging::redrive(tx, outbox, letters, {.from = outbox.now(), .gap = gap}, note);
  } else {
    messaging::drop(tx, outbox, letters, note);
  }
}

void count(Decision decision, const std::vector<DeadLetter>& letters) {
  for (const auto& letter : letters) {
    metrics::counter("tenantry_dead_letters_settled_total", "Dead letters that an admin sent again or dropped",
                     {{"worker", letter.worker}, {"outcome", std::string(past_tense(decision))}});
  }
}

Result<void> check_state(const DeadLetter& letter, Decision decision) {
  const auto conflict = [](const char* reason, std::string message) {
    return Error{.code = Errc::conflict, .reason = reason, .message = std::move(message)};
  };
  // What was dropped by mistake can still be sent again.
  const bool open = letter.state == "waiting" || (letter.state == "dropped" && decision == Decision::redrive);
  if (!open) return conflict("dead_letter_settled", "it was " + letter.state + " before");
  if (decision == Decision::redrive && !letter.whole) {
    return conflict("dead_letter_incomplete", "not all of the message could be kept: it cannot be sent again");
  }
  return {};
}

void decide_one(Services& services, const CallPtr& call, Decision decision) {
  auto note = parse_note(call->request().body);
  if (!note) return services.refuse(call, note.error());
  if (!Uuid::parse(call->path.at("id"))) return services.refuse(call, no_letter());
  services.on_lane(call, [=, &services, note = *note](db::Connection& connection) -> Result<http::Response> {
    std::vector<DeadLetter> letters;
    const auto done = services.commit(
        connection, *call, super_admin(*call), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          const auto& id = call->path.at("id");
          letters = messaging::lock_dead_letters(tx, {.ids = {id}}, 1);
          if (letters.empty()) {
            if (!messaging::find_dead_letter(tx, id)) return no_letter();
            return Error{
                .code = Errc::conflict, .reason = "dead_letter_busy", .message = "somebody else is deciding about it"};
          }
          if (auto open = check_state(letters.front(), decision); !open) return open;
          apply(tx, outbox, decision, letters, Microseconds{0}, note);
          return {};
        });
    if (!done) return done.error();
    count(decision, letters);
    return json_response(200, {{"id", letters.front().id.to_string()}, {"state", past_tense(decision)}});
  });
}

Result<http::Response> rehearse(Services& services, db::Connection& connection, const DeadLetterAction& action,
                                Decision decision) {
  json body = {{"dry_run", true}, {"more", false}, {"at", to_rfc3339(services.clock.now())}};
  const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
    const auto filter = filter_of(action, decision);
    body["count"] = store::count_dead_letters(tx, filter);
    json ids = json::array();
    for (const auto& letter : messaging::lock_dead_letters(tx, filter, action.letters_max)) {
      ids.push_back(letter.id.to_string());
    }
    body["ids"] = std::move(ids);
    return {};
  });
  if (!done) return done.error();
  return json_response(200, body);
}

void decide_many(Services& services, const CallPtr& call, Decision decision) {
  auto action = parse_dead_letter_action(call->request().body);
  if (!action) return services.refuse(call, action.error());
  services.on_lane(call, [=, &services, action = *action](db::Connection& connection) -> Result<http::Response> {
    if (action.dry_run) return rehearse(services, connection, action, decision);
    const Microseconds gap{action.per_second == 0 ? 0 : 1'000'000 / action.per_second};
    std::vector<DeadLetter> letters;
    Timestamp at{};
    const auto done = services.commit(
        connection, *call, super_admin(*call), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          at = outbox.now();
          letters = messaging::lock_dead_letters(tx, filter_of(action, decision), action.letters_max);
          apply(tx, outbox, decision, letters, gap, action.note);
          return {};
        });
    if (!done) return done.error();
    count(decision, letters);
    json ids = json::array();
    for (const auto& letter : letters) ids.push_back(letter.id.to_string());
    return json_response(200, {{"dry_run", false},
                               {"count", letters.size()},
                               {"ids", std::move(ids)},
                               {"at", to_rfc3339(at)},
                               {"more", static_cast<int>(letters.size()) == action.letters_max}});
  });
}

}  // namespace

void admin_dead_letters(Services& services, const CallPtr& call) {
  const auto filter = filter_of(*call);
  if (!filter) return services.refuse(call, filter.error());
  list_newest_first(services, call, "dead_letters", "created_at", "id", true,
                    [filter = *filter](db::Transaction& tx, const store::Page& page) {
                      return store::list_dead_letters(tx, filter, page);
                    });
}

void admin_dead_letter_groups(Services& services, const CallPtr& call) {
  const auto filter = filter_of(*call);
  if (!filter) return services.refuse(call, filter.error());
  services.on_lane(call, [&services, filter = *filter](db::Connection& connection) -> Result<http::Response> {
    json groups;
    const auto done = services.read(connection, [&](db::Transaction& tx) -> Result<void> {
      groups = store::list_dead_letter_groups(tx, filter, groups_max);
      return {};
    });
    if (!done) return done.error();
    return json_response(200, {{"groups", std::move(groups)}});
  });
}

void admin_read_dead_letter(Services& services, const CallPtr& call) {
  if (!Uuid::parse(call->path.at("id"))) return services.refuse(call, no_letter());
  services.on_lane(call, [&services, call](db::Connection& connection) -> Result<http::Response> {
    json body;
    const auto done = services.commit(connection, *call, super_admin(*call),
                                      [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                        const auto& id = call->path.at("id");
                                        const auto letter = messaging::find_dead_letter(tx, id);
                                        if (!letter) return no_letter();
                                        body = store::list_dead_letters(tx, {.ids = {id}}, {.limit = 1}).at(0);
                                        body["message"] = message_of(*letter);
                                        tell_read(outbox, letter->tenant_id, "dead_letter", id);
                                        return {};
                                      });
    if (!done) return done.error();
    return json_response(200, body);
  });
}

void admin_redrive_dead_letter(Services& services, const CallPtr& call) {
  decide_one(services, call, Decision::redrive);
}

void admin_drop_dead_letter(Services& services, const CallPtr& call) {
  decide_one(services, call, Decision::drop);
}

void admin_redrive_dead_letters(Services& services, const CallPtr& call) {
  decide_many(services, call, Decision::redrive);
}

void admin_drop_dead_letters(Services& services, const CallPtr& call) {
  decide_many(services, call, Decision::drop);
}

}  // namespace tenantry::gateway
