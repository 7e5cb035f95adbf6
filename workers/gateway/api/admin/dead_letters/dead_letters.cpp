// Dead letters: look, send again, drop.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/core/bytes.h"
#include "shared/db/connection.h"
#include "shared/messaging/dead_letters.h"
#include "shared/telemetry/metrics.h"
#include "workers/gateway/api/admin/dead_letters/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using messaging::DeadLetter;
using messaging::DeadLetterFilter;
using nlohmann::json;

constexpr const char* letter_columns =
    "dead_letter_id, worker, tenant_id, event_id, type, reason, error, attempts, seen, vhost, exchange, routing_key, "
    "created_at, last_seen_at, state, redrives, settled_at, note, whole ";

json letter_of(const db::Row& row) {
  return {{"id", row.text(0)},
          {"worker", row.text(1)},
          {"tenant_id", row.text(2)},
          {"event_id", row.text(3)},
          {"type", row.text(4)},
          {"reason", row.text(5)},
          {"error", row.text(6)},
          {"attempts", row.int64(7)},
          {"seen", row.int64(8)},
          {"vhost", row.text(9)},
          {"exchange", row.text(10)},
          {"routing_key", row.text(11)},
          {"created_at", to_rfc3339(row.timestamp(12))},
          {"last_seen_at", to_rfc3339(row.timestamp(13))},
          {"state", row.text(14)},
          {"redrives", row.int64(15)},
          {"settled_at", instant(row, 16)},
          {"note", row.text(17)},
          {"whole", row.boolean(18)}};
}

json list_dead_letters(db::Transaction& tx, const messaging::DeadLetterFilter& filter, const Page& page) {
  static const std::string statement = std::string("SELECT ") + letter_columns + "FROM messaging.dead_letters WHERE " +
                                       std::string(messaging::dead_letter_condition) +
                                       "AND ($11::timestamptz IS NULL OR (created_at, dead_letter_id) < ($11, "
                                       "$12::uuid)) ORDER BY created_at DESC, dead_letter_id DESC LIMIT $13";
  auto params = messaging::params_of(filter);
  params.insert(params.end(), {page.time(), page.id(), db::Param(page.limit)});
  json list = json::array();
  const auto rows = tx.exec(statement, params);
  for (const auto row : rows) list.push_back(letter_of(row));
  return list;
}

std::int64_t count_dead_letters(db::Transaction& tx, const messaging::DeadLetterFilter& filter) {
  static const std::string statement =
      "SELECT count(*) FROM messaging.dead_letters WHERE " + std::string(messaging::dead_letter_condition);
  return tx.exec(statement, messaging::params_of(filter))[0].int64(0);
}

json list_dead_letter_groups(db::Transaction& tx, const messaging::DeadLetterFilter& filter, int groups_max) {
  json list = json::array();
  const auto rows = tx.exec(
      "SELECT worker, type, reason, error_shape, state, sum(letters)::bigint, count(*), min(first_at), "
      "max(last_at), (array_agg(newest_id ORDER BY last_at DESC))[1] FROM messaging.dead_letter_groups "
      "WHERE ($1 = '' OR tenant_id = $1) AND ($2 = '' OR worker = $2) AND ($3 = '' OR type = $3) "
      "AND ($4 = '' OR reason = $4) AND ($5 = '' OR state = $5) "
      "GROUP BY worker, type, reason, error_shape, state ORDER BY 6 DESC, 1, 2, 3, 4, 5 LIMIT $6",
      {filter.tenant_id, filter.worker, filter.type, filter.reason, filter.state, groups_max});
  for (const auto row : rows) {
    list.push_back({{"worker", row.text(0)},
                    {"type", row.text(1)},
                    {"reason", row.text(2)},
                    {"error_shape", row.text(3)},
                    {"state", row.text(4)},
                    {"count", row.int64(5)},
                    {"tenants", row.int64(6)},
                    {"first_at", to_rfc3339(row.timestamp(7))},
                    {"last_at", to_rfc3339(row.timestamp(8))},
                    {"newest_id", row.text(9)}});
  }
  return list;
}

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
  if (!Uuid::parse(call->path.at("id"))) return services.refuse(call, no_letter());
  const auto settled = std::make_shared<std::vector<DeadLetter>>();
  change(
      services, call, parse_note(call->request().body),
      [call, decision, settled](const std::string& note, db::Transaction& tx,
                                messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& id = call->path.at("id");
        auto letters = messaging::lock_dead_letters(tx, {.ids = {id}}, 1);
        if (letters.empty()) {
          if (!messaging::find_dead_letter(tx, id)) return no_letter();
          return Error{
              .code = Errc::conflict, .reason = "dead_letter_busy", .message = "somebody else is deciding about it"};
        }
        if (auto open = check_state(letters.front(), decision); !open) return open.error();
        apply(tx, outbox, decision, letters, Microseconds{0}, note);
        *settled = std::move(letters);
        return json_response(200, {{"id", id}, {"state", past_tense(decision)}});
      },
      [decision, settled] { count(decision, *settled); });
}

json ids_of(const std::vector<DeadLetter>& letters) {
  json ids = json::array();
  for (const auto& letter : letters) ids.push_back(letter.id.to_string());
  return ids;
}

http::Response rehearse(db::Transaction& tx, messaging::Outbox& outbox, const DeadLetterAction& action,
                        Decision decision) {
  const auto filter = filter_of(action, decision);
  tell_read(outbox, events::platform_tenant, "dead_letters");
  return json_response(200, {{"dry_run", true},
                             {"count", count_dead_letters(tx, filter)},
                             {"ids", ids_of(messaging::lock_dead_letters(tx, filter, action.letters_max))},
                             {"at", to_rfc3339(outbox.now())},
                             {"more", false}});
}

void decide_many(Services& services, const CallPtr& call, Decision decision) {
  const auto settled = std::make_shared<std::vector<DeadLetter>>();
  change(
      services, call, parse_dead_letter_action(call->request().body),
      [decision, settled](const DeadLetterAction& action, db::Transaction& tx,
                          messaging::Outbox& outbox) -> Result<http::Response> {
        if (action.dry_run) return rehearse(tx, outbox, action, decision);
        const Microseconds gap{action.per_second == 0 ? 0 : 1'000'000 / action.per_second};
        *settled = messaging::lock_dead_letters(tx, filter_of(action, decision), action.letters_max);
        apply(tx, outbox, decision, *settled, gap, action.note);
        return json_response(200, {{"dry_run", false},
                                   {"count", settled->size()},
                                   {"ids", ids_of(*settled)},
                                   {"at", to_rfc3339(outbox.now())},
                                   {"more", static_cast<int>(settled->size()) == action.letters_max}});
      },
      [decision, settled] { count(decision, *settled); });
}

void list_letters(Services& services, const CallPtr& call) {
  const auto filter = filter_of(*call);
  if (!filter) return services.refuse(call, filter.error());
  list(services, call, {.name = "dead_letters"},
       [filter = *filter](db::Transaction& tx, const Page& page) { return list_dead_letters(tx, filter, page); });
}

void list_groups(Services& services, const CallPtr& call) {
  const auto filter = filter_of(*call);
  if (!filter) return services.refuse(call, filter.error());
  change(services, call, [filter = *filter](db::Transaction& tx, messaging::Outbox& outbox) {
    tell_read(outbox, events::platform_tenant, "dead_letter_groups");
    return json_response(200, {{"groups", list_dead_letter_groups(tx, filter, groups_max)}});
  });
}

void read_letter(Services& services, const CallPtr& call) {
  if (!Uuid::parse(call->path.at("id"))) return services.refuse(call, no_letter());
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& id = call->path.at("id");
    const auto letter = messaging::find_dead_letter(tx, id);
    if (!letter) return no_letter();
    auto body = list_dead_letters(tx, {.ids = {id}}, {.limit = 1}).at(0);
    body["message"] = message_of(*letter);
    tell_read(outbox, letter->tenant_id, "dead_letter", id);
    return json_response(200, body);
  });
}

void redrive_letter(Services& services, const CallPtr& call) {
  decide_one(services, call, Decision::redrive);
}

void drop_letter(Services& services, const CallPtr& call) {
  decide_one(services, call, Decision::drop);
}

void redrive_letters(Services& services, const CallPtr& call) {
  decide_many(services, call, Decision::redrive);
}

void drop_letters(Services& services, const CallPtr& call) {
  decide_many(services, call, Decision::drop);
}

}  // namespace

namespace api {
Routes admin_dead_letters() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/dead-letters", "adminDeadLetters", Guard::admin, list_letters},
      {Method::get, "/v1/admin/dead-letters/groups", "adminDeadLetterGroups", Guard::admin, list_groups},
      {Method::post, "/v1/admin/dead-letters/redrive", "adminRedriveDeadLetters", Guard::admin, redrive_letters},
      {Method::post, "/v1/admin/dead-letters/drop", "adminDropDeadLetters", Guard::admin, drop_letters},
      {Method::get, "/v1/admin/dead-letters/{id}", "adminReadDeadLetter", Guard::admin, read_letter},
      // The same for the console, where nothing that is on record comes of a GET.
      {Method::post, "/v1/admin/dead-letters/{id}/reveal", "adminRevealDeadLetter", Guard::admin, read_letter},
      {Method::post, "/v1/admin/dead-letters/{id}/redrive", "adminRedriveDeadLetter", Guard::admin, redrive_letter},
      {Method::post, "/v1/admin/dead-letters/{id}/drop", "adminDropDeadLetter", Guard::admin, drop_letter},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
