// Dead letters: messages that no more tries would help, kept whole with their reason
// where an admin sees them, and sent again or dropped when one says so.
//
// A redrive goes through the outbox, in the transaction that changes the letter's state,
// straight to the queue of the worker that gave up. It keeps the event's id, so the
// inbox holds whatever happens; and it is judged again by where the message was first
// published and by whom, so that no redrive makes a forged event count.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/codec.h"
#include "shared/core/error.h"
#include "shared/db/params.h"
#include "shared/messaging/arrival.h"
#include "shared/messaging/dead_letter_budget.h"
#include "shared/messaging/outbox.h"

namespace tenantry::messaging {

// "invalid", "refused", "crash", "timeout" or "exhausted", from the error that ended it.
std::string_view dead_letter_reason(const Error& error);

// Inserts the message, or counts it again where the same one is there already: then it
// waits for a decision once more. A refused one also becomes a security event, the same
// for every worker that refuses it.
// Of what an application sent and nobody can ever take, only so much is kept: beyond it without its body, then counted.
void set_aside(Unit& unit, std::string_view worker, const Arrival& arrival, const Error& error,
               DeadLetterBudget& budget);

// The number of an outbox row that goes straight to a queue: no two of one event are the same, for a row may still be
// there, confirmed and not deleted yet, when the message has failed again.
int retry_number(int redrives, int attempts);

// A message that was set aside as it came off the wire comes back as it was: its headers, publisher, exchange, key and
// vhost. The caller has made sure that the relay published it.
void restore_original(Incoming& incoming);

struct DeadLetter {
  Uuid id;
  std::string worker;
  std::string tenant_id;
  Uuid event_id;
  std::string type;
  std::string reason;
  std::string form;  // "event" or "message", as in migrations/0017
  bool whole = true;
  std::string state;  // "waiting", "redriven" or "dropped"
  int redrives = 0;
  std::string vhost;
  std::string exchange;  // where it was first published, and with which key
  std::string routing_key;
  std::string properties_json;
  std::string body;
};

// The message as the broker first handed it over; of an event, as we would have published it.
events::WireMessage wire_of(const DeadLetter& letter);

// Empty strings and lists ask for nothing.
struct DeadLetterFilter {
  std::vector<std::string> ids{};
  std::string tenant_id{};
  std::string worker{};
  std::string type{};
  std::string reason{};
  std::string state{};
  std::string error_shape{};         // of messaging.error_shape()
  std::optional<Timestamp> since{};  // last seen from here on
  std::optional<Timestamp> until{};  // last seen before
  bool only_whole = false;           // none that cannot be sent again
};

// The condition of a filter over columns of messaging.dead_letters, and its parameters, $1 and following.
constexpr std::string_view dead_letter_condition =
    "(cardinality($1::uuid[]) = 0 OR dead_letter_id = ANY ($1::uuid[])) AND ($2 = '' OR tenant_id = $2) "
    "AND ($3 = '' OR worker = $3) AND ($4 = '' OR type = $4) AND ($5 = '' OR reason = $5) "
    "AND ($6 = '' OR state = $6) AND ($7 = '' OR messaging.error_shape(error) = $7) "
    "AND ($8::timestamptz IS NULL OR last_seen_at >= $8) AND ($9::timestamptz IS NULL OR last_seen_at < $9) "
    "AND (whole OR NOT $10::boolean) ";
constexpr int dead_letter_parameters = 10;
std::vector<db::Param> params_of(const DeadLetterFilter& filter);

std::optional<DeadLetter> find_dead_letter(db::Transaction& tx, std::string_view id);

// The oldest that match, whole, and locked until the transaction ends; without those another transaction is at.
std::vector<DeadLetter> lock_dead_letters(db::Transaction& tx, const DeadLetterFilter& filter, int letters_max);

// What an admin decides, with an event of the letter's tenant for each. The caller holds the letters' locks and has
// checked their state.
struct Pace {
  Timestamp from{};
  Microseconds gap{0};  // between two of them
};
void redrive(db::Transaction& tx, Outbox& outbox, const std::vector<DeadLetter>& letters, const Pace& pace,
             const std::string& note);
void drop(db::Transaction& tx, Outbox& outbox, const std::vector<DeadLetter>& letters, const std::string& note);

}  // namespace tenantry::messaging
