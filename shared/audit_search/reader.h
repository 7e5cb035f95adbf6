// Reader: pages of the audit log that a search finds, in an order that commits cannot
// disturb, so that a reader with a place skips nothing and sees nothing twice.
//
// Of one tenant the order is that of sequence, which is the order of commits. Across
// tenants it is that of transactions (xid, recorded_at, tenant, sequence), and only those
// below the oldest one still open are shown: what commits late comes late, but comes.
//
// A page costs a bounded amount of work: where few records match, it ends when the
// patience is spent, with fewer records than asked for and the place to go on from; a
// statement that takes long is ended and tried over fewer records. And it is of a
// bounded size where the request says so.
// Throws as shared/db does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/audit_search/condition.h"
#include "shared/audit_search/search.h"
#include "shared/db/connection.h"

namespace tenantry::audit_search {

enum class Order { newest_first, oldest_first };

// Where a page ended: between two records. Of one tenant only the sequence counts.
struct Place {
  std::uint64_t xid = 0;
  Timestamp recorded_at{};
  std::string tenant_id{};
  std::int64_t sequence = -1;
};

// As text, and back; Errc::invalid with the field /cursor. The parts are fit for a cursor.
std::vector<std::string> parts_of(const Place& place, bool of_one_tenant);
Result<Place> place_of(const std::vector<std::string>& parts);
constexpr std::size_t tenant_place_parts = 1;
constexpr std::size_t platform_place_parts = 4;

struct PageRequest {
  Order order = Order::newest_first;
  std::optional<Place> after{};  // none: from the first record of the order
  int records_max = 50;
  // Across tenants, without terms: a page goes on to the end of its last transaction, which may be of some hundred
  // records more. PostgreSQL reads such a page for two thirds of the work: it need not sort within transactions.
  bool whole_transactions = false;
  Milliseconds patience{150};
  // A page ends behind the record that makes it this large, counted in bytes of leaves. Not with whole_transactions.
  std::optional<std::int64_t> bytes_max{};
  std::function<bool()> abandoned{};  // asked between statements: nobody waits for the page any more
  // Runs while the database reads the page's first records, again where it reads further; not at all where there are
  // none.
  std::function<void()> meanwhile{};
};

struct Page {
  struct Part {
    db::Rows rows;                       // of record_columns
    std::vector<std::uint32_t> order{};  // of the rows; empty: as they came

    db::Row at(std::size_t i) const { return rows[order.empty() ? i : order[i]]; }
  };

  std::vector<Part> parts{};
  std::size_t size = 0;
  // Where to go on. Newest first: empty at the end of the log. Oldest first there is always one, since the log grows,
  // unless nothing was ever recorded.
  std::optional<Place> next{};
  bool more = false;  // there was more to look at when this page was read

  template <class F>
  void for_each(const F& take) const {
    for (const auto& part : parts) {
      for (std::size_t i = 0; i < part.rows.size(); ++i) take(part.at(i));
    }
  }
};

// The transaction must be set to this tenant, or be of a role that may read all.
Page read_tenant(db::Transaction& tx, std::string_view tenant_id, const Search& search, const People& people,
                 const PageRequest& request);

// The transaction must be allowed to read all tenants: allow_all_tenants().
Page read_platform(db::Transaction& tx, const Search& search, const People& people, const PageRequest& request);

// How many records there are over a time, in columns of equal length: what a page of 50 does not show.
//
// As bounded as a page is: newest first, until the patience is spent; who asks goes on from `next` and adds.
struct CountRequest {
  Timestamp from{};  // what the columns divide: extent_of_...()
  Timestamp to{};
  int columns = 60;
  std::optional<Place> after{};  // none: from the newest
  Milliseconds patience{400};
  std::function<bool()> abandoned{};
};
struct Counts {
  std::vector<std::int64_t> columns{};  // of what was looked at this time, oldest first
  std::optional<Place> next{};          // none: nothing is left to look at
};
// The transaction as for read_tenant(), read_platform().
Counts count_tenant(db::Transaction& tx, std::string_view tenant_id, const Search& search, const People& people,
                    const CountRequest& request);
Counts count_platform(db::Transaction& tx, const Search& search, const People& people, const CountRequest& request);

// What the search says of when, and where it says nothing the first and the last record there are; never empty.
struct Extent {
  Timestamp from{};
  Timestamp to{};
};
Extent extent_of_tenant(db::Transaction& tx, std::string_view tenant_id, const Span& recorded, Timestamp now);
Extent extent_of_platform(db::Transaction& tx, const Span& recorded, Timestamp now);

// For the rest of the transaction the gateway's role reads every tenant's records: a super-admin's routes alone.
void allow_all_tenants(db::Transaction& tx);

// The place behind everything that is there now, for who wants what comes. Of one tenant, and across tenants.
Place end_of_tenant(db::Transaction& tx, std::string_view tenant_id);
Place end_of_platform(db::Transaction& tx);

}  // namespace tenantry::audit_search
