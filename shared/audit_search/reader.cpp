#include "shared/audit_search/reader.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <tuple>

#include "shared/audit_search/record.h"

namespace tenantry::audit_search {
namespace {

using db::Param;
using Clock = std::chrono::steady_clock;

// How far one statement looks when records are filtered. PostgreSQL cannot know how rare a word is and reads all it
// may, so the first look is short and finds what is common; where an index has the terms, it goes far at once. A scan
// of the longest takes some tens of milliseconds, and the patience is looked at in between.
constexpr std::int64_t sequences_at_first = 500;
constexpr std::int64_t sequences_growth = 4;
constexpr std::int64_t sequences_at_once = 20'000;
// What a statement that filters may take; one that takes longer is tried over an eighth of the records. A single record
// of 256 KiB against 32 terms takes some ten milliseconds.
constexpr Milliseconds statement_patience{250};
constexpr std::int64_t step_shrinks = 8;
constexpr std::uint64_t xids_at_once = 256;
constexpr std::uint64_t xids_growth = 4;  // transactions of others, with no records in them, cost nothing to pass

// Behind record_columns, in a page that is bounded in bytes.
constexpr int bytes_column = record_column_count;
constexpr int found_column = record_column_count + 1;

bool is_newest_first(const PageRequest& request) {
  return request.order == Order::newest_first;
}

// One transaction's records come together, in any order among themselves; most often they were recorded together, too.
std::vector<std::uint32_t> order_of(const db::Rows& rows, Order order) {
  struct Key {
    std::string_view tenant_id;
    std::int64_t sequence;
    std::uint32_t row;
    bool operator<(const Key& other) const {
      return std::tie(tenant_id, sequence) < std::tie(other.tenant_id, other.sequence);
    }
  };
  std::vector<Key> group;
  std::vector<std::uint32_t> out;
  out.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = rows[i];
    group.push_back({tenant_of(row), sequence_of(row), static_cast<std::uint32_t>(i)});
    if (i + 1 < rows.size() && are_recorded_together(row, rows[i + 1])) continue;
    std::ranges::sort(group, std::less{});
    if (order == Order::newest_first) std::ranges::reverse(group);
    for (const auto& key : group) out.push_back(key.row);
    group.clear();
  }
  return out;
}

enum class Look {
  all,       // everything in the range was looked at
  full,      // the page is full with the last record
  too_long,  // nothing was read: the range costs too much at once
};

// What all statements of a page share.
class PageReader {
 public:
  PageReader(db::Transaction& tx, const Search& search, const People& people, const PageRequest& request)
      : tx_(tx), search_(search), people_(people), request_(request), give_up_at_(Clock::now() + request.patience) {}

  bool wants_more() const { return wanted() > 0 && !(request_.bytes_max && bytes_ >= *request_.bytes_max); }
  bool has_patience() const { return Clock::now() < give_up_at_ && !(request_.abandoned && request_.abandoned()); }
  // Terms that records_by_type, records_by_actor or records_by_resource find.
  bool has_index() const {
    return std::ranges::any_of(search_.terms, [](const Term& term) {
      const bool named = term.field == Field::type || term.field == Field::actor_id ||
                         term.field == Field::actor_email || term.field == Field::resource;
      return named && !term.negated;
    });
  }
  bool filters() const { return !search_.terms.empty() || search_.occurred.from || search_.occurred.to; }

  // `range` is ours: a condition on the order's axis with its own parameters. `indivisible`: it is not asked for less.
  Look read(const char* range, std::vector<Param> params, const char* order, bool indivisible) {
    return read(range, std::move(params), order, false, indivisible);
  }

  // The order of whole transactions is that of an index; within them it is made here.
  Look read_platform(const char* range, std::vector<Param> params, bool indivisible) {
    const bool back = is_newest_first(request_);
    if (request_.whole_transactions && !filters()) {
      return read(range, std::move(params), back ? "xid DESC, recorded_at DESC" : "xid, recorded_at", true, true);
    }
    return read(range, std::move(params),
                back ? "xid DESC, recorded_at DESC, tenant_id COLLATE \"C\" DESC, sequence DESC"
                     : "xid, recorded_at, tenant_id COLLATE \"C\", sequence",
                false, indivisible);
  }

  db::Row last() const {
    const auto& part = page_.parts.back();
    return part.at(part.rows.size() - 1);
  }

  Page take(std::optional<Place> next, bool more) {
    return {.parts = std::move(page_.parts), .size = page_.size, .next = std::move(next), .more = more};
  }

 private:
  int wanted() const { return request_.records_max - static_cast<int>(page_.size); }

  Look read(const char* range, std::vector<Param> params, const char* order, bool whole_transactions,
            bool indivisible) {
    std::string where = std::string(" FROM audit.records WHERE ") + range;
    // Partitions are pruned by it; and it is what from: and to: say.
    const auto bound = [&](const char* sign, const std::optional<Timestamp>& at) {
      if (!at) return;
      params.emplace_back(*at);
      where += std::string(" AND recorded_at ") + sign + " $" + std::to_string(params.size()) + "::timestamptz";
    };
    bound(">=", search_.recorded.from);
    bound("<", search_.recorded.to);
    auto condition = compile(search_, people_, params.size() + 1);
    where += condition.sql;
    params.insert(params.end(), condition.params.begin(), condition.params.end());
    const int limit = wanted();
    params.emplace_back(limit);
    where += std::string(" ORDER BY ") + order + " FETCH FIRST ($" + std::to_string(params.size()) + "::int) ROWS " +
             (whole_transactions ? "WITH TIES" : "ONLY");
    const bool sized = request_.bytes_max && !whole_transactions;
    const auto sql = sized ? bounded(where, params, order) : std::string("SELECT ") + record_columns + where;
    auto found = filters() ? exec_filtered(sql, params, indivisible) : exec_in_order(sql, params);
    if (!found) return Look::too_long;
    auto& rows = *found;
    auto look = static_cast<int>(rows.size()) >= limit ? Look::full : Look::all;
    page_.size += rows.size();
    if (sized && !rows.empty()) {
      const auto last = rows[rows.size() - 1];
      bytes_ += last.int64(bytes_column);
      if (last.int64(found_column) > static_cast<std::int64_t>(rows.size())) look = Look::full;
      if (bytes_ >= *request_.bytes_max) look = Look::full;
    }
    auto sorted = whole_transactions ? order_of(rows, request_.order) : std::vector<std::uint32_t>{};
    if (!rows.empty()) page_.parts.push_back({.rows = std::move(rows), .order = std::move(sorted)});
    return look;
  }

  // Behind the record's columns: the bytes up to and with this one, and how many were found. Sizes are read without the
  // values, which may lie elsewhere (TOAST).
  std::string bounded(const std::string& where, std::vector<Param>& params, const char* order) const {
    params.emplace_back(*request_.bytes_max - bytes_);
    const auto bytes = "$" + std::to_string(params.size()) + "::bigint";
    return std::string("SELECT ") + record_columns +
           ", bytes, found FROM (SELECT *, sum(octet_length(leaf)) OVER (ORDER BY " + order +
           " ROWS UNBOUNDED PRECEDING)::bigint AS bytes, count(*) OVER () AS found FROM (SELECT " + record_columns +
           ", leaf" + where + ") AS page) AS sized WHERE bytes - octet_length(leaf) < " + bytes + " ORDER BY " + order;
  }

  // None: it took too long, and less of it may be asked for.
  std::optional<db::Rows> exec_filtered(const std::string& sql, const std::vector<Param>& params, bool indivisible) {
    if (indivisible) return tx_.exec_once(sql, params, request_.meanwhile);
    tx_.exec("SAVEPOINT look");  // waited for: what is cancelled below is not this
    try {
      auto rows = tx_.exec_within(statement_patience, sql, params, request_.meanwhile);
      tx_.send("RELEASE SAVEPOINT look");
      return rows;
    } catch (const db::TimedOut&) {
      tx_.send("ROLLBACK TO SAVEPOINT look");
      tx_.send("RELEASE SAVEPOINT look");
      return std::nullopt;
    }
  }

  // Without terms there are few texts and one good plan: the order's index from the place on, until the page is full.
  // The planner would take it for dear, since it thinks that row-level security hides most records: it would rather
  // read every partition and sort.
  std::optional<db::Rows> exec_in_order(const std::string& sql, const std::vector<Param>& params) {
    tx_.send(
        "SELECT set_config('enable_sort', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)");
    return tx_.exec(sql, params, request_.meanwhile);
  }

  db::Transaction& tx_;
  const Search& search_;
  const People& people_;
  const PageRequest& request_;
  const Clock::time_point give_up_at_;
  Page page_;
  std::int64_t bytes_ = 0;
};

// ---- one tenant

std::int64_t size_of(db::Transaction& tx, std::string_view tenant_id) {
  const auto rows = tx.exec("SELECT size FROM audit.heads WHERE tenant_id = $1", {tenant_id});
  return rows.empty() ? 0 : rows[0].int64(0);
}

struct Sequences {
  std::int64_t from = 0;
  std::int64_t to = 0;  // half-open
};

// A place from which oldest first goes on is behind the first record already; who made one up finds none before `from`.
bool has_begun(const PageRequest& request) {
  return request.after && !is_newest_first(request);
}

// A tenant's records are recorded in the order of their sequence, so a span of time is a span of sequences.
Sequences sequences_of(db::Transaction& tx, std::string_view tenant_id, const Span& recorded,
                       const PageRequest& request) {
  Sequences all{0, size_of(tx, tenant_id)};
  if (!has_begun(request)) {
    // Also without a span: what is archived is not looked for.
    const auto first = recorded.from
                           ? tx.exec(
                                 "SELECT sequence FROM audit.records WHERE tenant_id = $1 AND recorded_at >= $2 "
                                 "ORDER BY sequence LIMIT 1",
                                 {tenant_id, *recorded.from})
                           : tx.exec(
                                 "SELECT sequence FROM audit.records WHERE tenant_id = $1 ORDER BY sequence "
                                 "LIMIT 1",
                                 {tenant_id});
    all.from = first.empty() ? all.to : first[0].int64(0);
  }
  if (recorded.to) {
    const auto rows = tx.exec(
        "SELECT sequence FROM audit.records WHERE tenant_id = $1 AND recorded_at < $2 ORDER BY sequence DESC LIMIT 1",
        {tenant_id, *recorded.to});
    all.to = rows.empty() ? all.from : std::min(all.to, rows[0].int64(0) + 1);
  }
  return all;
}

constexpr const char* sequence_range = "tenant_id = $1 AND sequence >= $2::bigint AND sequence < $3::bigint";

Page read_back(PageReader& reader, std::string_view tenant_id, const Sequences& all, std::int64_t step,
               const PageRequest& request) {
  std::int64_t to = request.after ? std::min(all.to, request.after->sequence) : all.to;
  while (to > all.from && reader.wants_more()) {
    const auto from = std::max(all.from, to - step);
    const auto look = reader.read(sequence_range, {tenant_id, from, to}, "sequence DESC", to - from == 1);
    if (look == Look::too_long) {
      step = std::max<std::int64_t>(1, (to - from) / step_shrinks);
      continue;  // whatever the patience: a page goes on at least by something
    }
    to = look == Look::full ? sequence_of(reader.last()) : from;
    step = std::min(step * sequences_growth, std::max(step, sequences_at_once));
    if (!reader.has_patience()) break;
  }
  if (to <= all.from) return reader.take(std::nullopt, false);
  return reader.take(Place{.tenant_id = std::string(tenant_id), .sequence = to}, true);
}

Page read_on(PageReader& reader, std::string_view tenant_id, const Sequences& all, std::int64_t step,
             const PageRequest& request) {
  // A place is behind the last record seen.
  std::int64_t from = request.after ? std::max(all.from, request.after->sequence + 1) : all.from;
  while (from < all.to && reader.wants_more()) {
    const auto to = std::min(all.to, from + step);
    const auto look = reader.read(sequence_range, {tenant_id, from, to}, "sequence", to - from == 1);
    if (look == Look::too_long) {
      step = std::max<std::int64_t>(1, (to - from) / step_shrinks);
      continue;
    }
    from = look == Look::full ? sequence_of(reader.last()) + 1 : to;
    step = std::min(step * sequences_growth, std::max(step, sequences_at_once));
    if (!reader.has_patience()) break;
  }
  const bool more = from < all.to;
  return reader.take(Place{.tenant_id = std::string(tenant_id), .sequence = from - 1}, more);
}

// ---- across tenants

Param xid_param(std::uint64_t xid) {
  return Param(std::to_string(xid));
}

std::uint64_t first_xid(const db::Rows& rows) {
  return std::stoull(std::string(rows[0].text(0)));
}

// Every transaction below is over, whatever has become of it.
std::uint64_t horizon(db::Transaction& tx) {
  return first_xid(tx.exec("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"));
}

struct Xids {
  std::uint64_t from = 0;
  std::uint64_t to = 0;  // half-open
};

Xids xids_of(db::Transaction& tx, const Span& recorded, const PageRequest& request) {
  Xids all{0, horizon(tx)};
  if (!has_begun(request)) {
    const auto first = tx.exec(
        "SELECT r.xid::text FROM audit.records r WHERE ($1::timestamptz IS NULL OR r.recorded_at >= $1) ORDER BY r.xid "
        "LIMIT 1",
        {recorded.from});
    all.from = first.empty() ? all.to : first_xid(first);
  }
  if (recorded.to) {
    const auto last = tx.exec(
        "SELECT r.xid::text FROM audit.records r WHERE r.recorded_at < $1 ORDER BY r.xid DESC LIMIT 1", {*recorded.to});
    all.to = last.empty() ? all.from : std::min(all.to, first_xid(last) + 1);
  }
  // What is seen first may have begun after one that is still open.
  all.from = std::min(all.from, all.to);
  return all;
}

// Tenants by their bytes, whatever the database's collation is: whole transactions are sorted here.
constexpr const char* place_before =
    "xid >= $1::xid8 AND xid < $2::xid8 AND (xid, recorded_at, tenant_id COLLATE \"C\", sequence) < ($3::xid8, "
    "$4::timestamptz, $5, $6::bigint)";
constexpr const char* place_behind =
    "xid >= $1::xid8 AND xid < $2::xid8 AND (xid, recorded_at, tenant_id COLLATE \"C\", sequence) > ($3::xid8, "
    "$4::timestamptz, $5, $6::bigint)";

Place place_at(const db::Row& row) {
  return {xid_of(row), recorded_at_of(row), std::string(tenant_of(row)), sequence_of(row)};
}

// Between the transactions below `xid` and it: no record is of 1970.
Place place_before_xid(std::uint64_t xid) {
  return {.xid = xid};
}

std::vector<Param> range_params(std::uint64_t from, std::uint64_t to, const Place& place) {
  return {xid_param(from), xid_param(to), xid_param(place.xid), place.recorded_at, place.tenant_id, place.sequence};
}

Page read_back(PageReader& reader, const Xids& all, const PageRequest& request) {
  auto place = request.after ? *request.after : place_before_xid(all.to);
  std::uint64_t to = std::min(all.to, place.xid + 1);
  std::uint64_t step = reader.filters() ? xids_at_once : to;
  while (to > all.from && reader.wants_more()) {
    const auto from = to - all.from > step ? to - step : all.from;
    const auto look = reader.read_platform(place_before, range_params(from, to, place), to - from == 1);
    if (look == Look::too_long) {
      step = std::max<std::uint64_t>(1, (to - from) / step_shrinks);
      continue;
    }
    if (look == Look::full) {
      place = place_at(reader.last());
      to = place.xid + 1;
    } else {
      place = place_before_xid(from);
      to = from;
      step *= xids_growth;
    }
    if (!reader.has_patience()) break;
  }
  if (to <= all.from) return reader.take(std::nullopt, false);
  return reader.take(place, true);
}

Page read_on(PageReader& reader, const Xids& all, const PageRequest& request) {
  auto place = request.after ? *request.after : place_before_xid(all.from);
  std::uint64_t from = std::max(all.from, place.xid);
  std::uint64_t step = reader.filters() ? xids_at_once : all.to;
  while (from < all.to && reader.wants_more()) {
    const auto to = all.to - from > step ? from + step : all.to;
    const auto look = reader.read_platform(place_behind, range_params(from, to, place), to - from == 1);
    if (look == Look::too_long) {
      step = std::max<std::uint64_t>(1, (to - from) / step_shrinks);
      continue;
    }
    if (look == Look::full) {
      place = place_at(reader.last());
      from = place.xid;
    } else {
      place = place_before_xid(to);
      from = to;
      step *= xids_growth;
    }
    if (!reader.has_patience()) break;
  }
  return reader.take(place, from < all.to);
}

// ---- counts

constexpr std::int64_t counted_at_first = 20'000;
constexpr std::int64_t counted_at_once = 100'000;

class Counter {
 public:
  Counter(db::Transaction& tx, const Search& search, const People& people, const CountRequest& request)
      : tx_(tx),
        search_(search),
        people_(people),
        request_(request),
        give_up_at_(Clock::now() + request.patience),
        columns_(static_cast<std::size_t>(request.columns)) {}

  bool has_patience() const { return Clock::now() < give_up_at_ && !(request_.abandoned && request_.abandoned()); }

  // False: nothing was counted, the range costs too much at once. `indivisible`: it is not asked for less.
  bool count(const char* range, std::vector<Param> params, bool indivisible) {
    const auto at = params.size();
    params.emplace_back(request_.from);
    params.emplace_back(request_.to);
    params.emplace_back(request_.columns);
    const auto from = "$" + std::to_string(at + 1) + "::timestamptz";
    const auto to = "$" + std::to_string(at + 2) + "::timestamptz";
    const auto columns = "$" + std::to_string(at + 3) + "::int";
    const auto condition = compile(search_, people_, params.size() + 1);
    params.insert(params.end(), condition.params.begin(), condition.params.end());
    const auto sql = "SELECT width_bucket(extract(epoch FROM recorded_at)::float8, extract(epoch FROM " + from +
                     ")::float8, extract(epoch FROM " + to + ")::float8, " + columns +
                     "), count(*) FROM audit.records WHERE " + range + " AND recorded_at >= " + from +
                     " AND recorded_at < " + to + condition.sql + " GROUP BY 1";
    const auto rows = indivisible ? std::optional(tx_.exec_once(sql, params)) : exec_in_time(sql, params);
    if (!rows) return false;
    for (const auto row : *rows) {
      const auto column = std::clamp<std::int64_t>(row.int64(0), 1, request_.columns) - 1;
      columns_[static_cast<std::size_t>(column)] += row.int64(1);
    }
    return true;
  }

  Counts take(std::optional<Place> next) { return {.columns = std::move(columns_), .next = std::move(next)}; }

 private:
  std::optional<db::Rows> exec_in_time(const std::string& sql, const std::vector<Param>& params) {
    tx_.exec("SAVEPOINT look");  // waited for: what is cancelled below is not this
    try {
      auto rows = tx_.exec_within(statement_patience, sql, params);
      tx_.send("RELEASE SAVEPOINT look");
      return rows;
    } catch (const db::TimedOut&) {
      tx_.send("ROLLBACK TO SAVEPOINT look");
      tx_.send("RELEASE SAVEPOINT look");
      return std::nullopt;
    }
  }

  db::Transaction& tx_;
  const Search& search_;
  const People& people_;
  const CountRequest& request_;
  const Clock::time_point give_up_at_;
  std::vector<std::int64_t> columns_;
};

// Until now, and what has been recorded since by a clock that is ahead.
Extent extent_of(const Span& recorded, const db::Rows& first, const db::Rows& last, Timestamp now) {
  const auto newest = last.empty() ? now : std::max(now, last[0].timestamp(0));
  Extent out{.from = recorded.from   ? *recorded.from
                     : first.empty() ? newest
                                     : first[0].timestamp(0),
             .to = recorded.to ? *recorded.to : newest + Microseconds{1}};
  if (out.to > out.from) return out;
  // Of a time before the first record, or behind the last, there is nothing to divide.
  if (recorded.from) {
    out.to = out.from + Seconds{1};
  } else {
    out.from = out.to - Seconds{1};
  }
  return out;
}

// A plain number that fits.
std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > INT64_MAX)
    return std::nullopt;
  return value;
}

}  // namespace

std::vector<std::string> parts_of(const Place& place, bool of_one_tenant) {
  // From 1 on, so that the place before the first record is a plain number, too.
  const auto sequence = std::to_string(place.sequence + 1);
  if (of_one_tenant) return {sequence};
  return {std::to_string(place.xid), to_rfc3339(place.recorded_at), place.tenant_id, sequence};
}

Result<Place> place_of(const std::vector<std::string>& parts) {
  const auto refused = [] { return Error::invalid("/cursor", "cursor", "must be a next_cursor of this list"); };
  const auto sequence = number_of(parts.back());
  if (!sequence) return refused();
  Place place{.sequence = static_cast<std::int64_t>(*sequence) - 1};
  if (parts.size() == tenant_place_parts) return place;
  const auto xid = number_of(parts[0]);
  const auto recorded_at = from_rfc3339(parts[1]);
  if (!xid || !recorded_at) return refused();
  place.xid = *xid;
  place.recorded_at = *recorded_at;
  place.tenant_id = parts[2];
  return place;
}

Page read_tenant(db::Transaction& tx, std::string_view tenant_id, const Search& search, const People& people,
                 const PageRequest& request) {
  const auto all = sequences_of(tx, tenant_id, search.recorded, request);
  PageReader reader(tx, search, people, request);
  const auto step = !reader.filters()    ? std::max<std::int64_t>(all.to, 1)
                    : reader.has_index() ? sequences_at_once
                                         : sequences_at_first;
  return is_newest_first(request) ? read_back(reader, tenant_id, all, step, request)
                                  : read_on(reader, tenant_id, all, step, request);
}

Page read_platform(db::Transaction& tx, const Search& search, const People& people, const PageRequest& request) {
  const auto all = xids_of(tx, search.recorded, request);
  PageReader reader(tx, search, people, request);
  return is_newest_first(request) ? read_back(reader, all, request) : read_on(reader, all, request);
}

Counts count_tenant(db::Transaction& tx, std::string_view tenant_id, const Search& search, const People& people,
                    const CountRequest& request) {
  const auto all = sequences_of(tx, tenant_id, {request.from, request.to}, {});
  Counter counter(tx, search, people, request);
  std::int64_t step = counted_at_first;
  std::int64_t to = request.after ? std::min(all.to, request.after->sequence) : all.to;
  while (to > all.from) {
    const auto from = std::max(all.from, to - step);
    if (!counter.count(sequence_range, {tenant_id, from, to}, to - from == 1)) {
      step = std::max<std::int64_t>(1, (to - from) / step_shrinks);
      continue;  // whatever the patience, as of a page
    }
    to = from;
    step = std::min(step * sequences_growth, counted_at_once);
    if (!counter.has_patience()) break;
  }
  if (to <= all.from) return counter.take(std::nullopt);
  return counter.take(Place{.tenant_id = std::string(tenant_id), .sequence = to});
}

Counts count_platform(db::Transaction& tx, const Search& search, const People& people, const CountRequest& request) {
  const auto all = xids_of(tx, {request.from, request.to}, {});
  Counter counter(tx, search, people, request);
  std::uint64_t to = request.after ? std::min(all.to, request.after->xid) : all.to;
  std::uint64_t step = xids_at_once;
  while (to > all.from) {
    const auto from = to - all.from > step ? to - step : all.from;
    if (!counter.count("xid >= $1::xid8 AND xid < $2::xid8", {xid_param(from), xid_param(to)}, to - from == 1)) {
      step = std::max<std::uint64_t>(1, (to - from) / step_shrinks);
      continue;
    }
    to = from;
    step *= xids_growth;
    if (!counter.has_patience()) break;
  }
  if (to <= all.from) return counter.take(std::nullopt);
  return counter.take(place_before_xid(to));
}

Extent extent_of_tenant(db::Transaction& tx, std::string_view tenant_id, const Span& recorded, Timestamp now) {
  const auto end = [&](const char* direction) {
    return tx.exec(std::string("SELECT recorded_at FROM audit.records WHERE tenant_id = $1 ORDER BY sequence ") +
                       direction + " LIMIT 1",
                   {tenant_id});
  };
  return extent_of(recorded, end("ASC"), end("DESC"), now);
}

Extent extent_of_platform(db::Transaction& tx, const Span& recorded, Timestamp now) {
  const auto end = [&](const char* direction) {
    return tx.exec(std::string("SELECT recorded_at FROM audit.records r ORDER BY r.xid ") + direction +
                   ", r.recorded_at " + direction + " LIMIT 1");
  };
  return extent_of(recorded, end("ASC"), end("DESC"), now);
}

void allow_all_tenants(db::Transaction& tx) {
  tx.send("SELECT set_config('app.all_tenants', 'on', true)");
}

Place end_of_tenant(db::Transaction& tx, std::string_view tenant_id) {
  return {.tenant_id = std::string(tenant_id), .sequence = size_of(tx, tenant_id) - 1};
}

Place end_of_platform(db::Transaction& tx) {
  return place_before_xid(horizon(tx));
}

}  // namespace tenantry::audit_search
