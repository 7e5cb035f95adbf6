// The outbox's rows on their way out: who takes them, and what becomes of them. What
// the Relay does in its transactions, and the simulation in its own.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "shared/messaging/outbox.h"

namespace tenantry::messaging {

// An event may be on its way to several queues (retries), and to one of them more than once: each is a row.
struct RowKey {
  Uuid id;
  std::string exchange;
  std::string routing_key;
  int retry = 0;
  auto operator<=>(const RowKey&) const = default;
};
RowKey key_of(const OutboxRow& row);

// Takes what is due and nobody's, oldest first, for 30 s of the database's clock.
std::vector<OutboxRow> claim_due(db::Transaction& tx, Timestamp now, int rows_max);

// In whose name such rows are among the dead letters; of one straight to a queue, with ".<queue>" behind it.
constexpr std::string_view relay_worker = "relay";

// A row that no broker will ever take: what it is and what stands in its way.
struct Unpublishable {
  RowKey key;
  std::string error;
  auto operator<=>(const Unpublishable&) const = default;
};

// What the broker said of rows.
struct Answers {
  std::vector<RowKey> confirmed{};             // deleted
  std::vector<RowKey> failed{};                // returned or refused: again after 1 s, doubling to 5 min
  std::vector<RowKey> released{};              // nothing happened to them: anybody's at once
  std::vector<Unpublishable> unpublishable{};  // set aside as dead letters of "relay": nothing waits for them
  bool empty() const { return confirmed.empty() && failed.empty() && released.empty() && unpublishable.empty(); }
};
void settle_rows(db::Transaction& tx, const Answers& answers);

// Redirects a row whose tenant has no vhost to "platform", where the same workers listen.
void send_through_platform(OutboxRow& row);

}  // namespace tenantry::messaging
