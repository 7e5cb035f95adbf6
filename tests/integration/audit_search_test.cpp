// Goal: a reader with a cursor sees every committed record that its search names exactly
// once and in order, whatever is written meanwhile, of one tenant and across tenants; and
// nobody else's.
// Method: records written by the audit worker's own store; pages of few records; writers
// that hold their transactions open until the reader has gone on without them.
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "shared/audit_search/reader.h"
#include "shared/audit_search/record.h"
#include "shared/core/ids.h"
#include "shared/db/run.h"
#include "shared/db/session.h"
#include "tests/support/services.h"
#include "workers/audit/store.h"

namespace tenantry::audit_search::audit_search_test {
namespace {

using testing::must;
using testing::TestDatabase;

struct Written {
  std::string tenant = "acme";
  std::string type = "client.updated";
  std::string actor_kind = "user";
  std::string actor_id = "user-1";
  std::string resource_id = "1";
  std::string payload = "{}";
  bool failure = false;
  std::string ip{};
  Timestamp recorded_at{};
  Timestamp occurred_at{};
};

class AuditSearch : public ::testing::Test {
 protected:
  // Into a transaction of the caller's, as the audit worker does.
  void add(db::Transaction& tx, const std::vector<Written>& records) {
    std::set<std::string> tenants;
    for (const auto& record : records) tenants.insert(record.tenant);
    auto heads = audit::lock_heads(tx, {tenants.begin(), tenants.end()});
    std::vector<audit::Leaf> leaves;
    std::vector<audit::TenantNode> completed;
    for (const auto& record : records) {
      auto& head = heads.at(record.tenant);
      audit::Leaf leaf;
      leaf.record.tenant_id = record.tenant;
      leaf.record.sequence = head.frontier.size();
      leaf.record.event_id = ids.next();
      leaf.record.type = record.type;
      leaf.record.recorded_at = record.recorded_at == Timestamp{} ? clock.now() : record.recorded_at;
      leaf.record.occurred_at = record.occurred_at == Timestamp{} ? leaf.record.recorded_at : record.occurred_at;
      leaf.record.actor_kind = record.actor_kind;
      leaf.record.actor_id = record.actor_id;
      leaf.record.actor_ip = record.ip;
      leaf.record.action = record.type == "user.logged_in" ? "LOGIN" : record.type;
      leaf.record.crud = "update";
      leaf.record.resource = "client";
      leaf.record.resource_id = record.resource_id;
      leaf.record.failure = record.failure;
      leaf.record.correlation_id = "request-" + record.resource_id;
      leaf.record.source = "/test";
      leaf.record.payload = record.payload;
      leaf.bytes = leaf.record.event_id.to_string();
      leaf.hash = audit::leaf_hash(as_bytes(leaf.bytes));
      std::vector<audit::Node> nodes;
      head.frontier.append(leaf.hash, &nodes);
      for (const auto& node : nodes) completed.push_back({record.tenant, node});
      leaves.push_back(std::move(leaf));
    }
    audit::append(tx, leaves, heads, completed);
  }

  void write(const std::vector<Written>& records) {
    db::Connection own(database.url("audit"), "test");
    must(db::run(own, {}, [&](db::Transaction& tx) -> Result<void> {
      add(tx, records);
      return {};
    }));
    await_shown();
  }

  // Across tenants a record shows once no older transaction is open, and other tests have theirs on this server.
  void await_shown() {
    database.exec("superuser",
                  "DO $$ BEGIN WHILE (SELECT max(xid) >= pg_snapshot_xmin(pg_current_snapshot()) FROM audit.records) "
                  "LOOP PERFORM pg_sleep(0.001); END LOOP; END $$");
  }

  Search search(std::string_view text) { return must(parse_search(text, Scope::platform, clock.now())); }

  // "tenant/sequence" of one page; `place` moves on.
  std::vector<std::string> page(const std::string& tenant, const Search& wanted, PageRequest& request, bool& more) {
    db::Transaction tx(reader);
    if (tenant.empty()) {
      allow_all_tenants(tx);
    } else {
      tx.set_tenant(tenant);
    }
    const auto found =
        tenant.empty() ? read_platform(tx, wanted, people, request) : read_tenant(tx, tenant, wanted, people, request);
    std::vector<std::string> out;
    found.for_each([&](const db::Row& row) {
      out.push_back(std::string(tenant_of(row)) + "/" + std::to_string(sequence_of(row)));
    });
    EXPECT_EQ(found.size, out.size());
    if (!request.whole_transactions) {
      EXPECT_LE(out.size(), static_cast<std::size_t>(request.records_max));
    }
    more = found.more;
    if (found.next) request.after = must(place_of(parts_of(*found.next, !tenant.empty())));
    return out;
  }

  // Rows that a page of all records takes from the tables, by an index or not, before any is left out.
  int records_looked_at(const std::string& tenant, const PageRequest& request) {
    db::Transaction tx(reader);
    const auto counted = [&] {
      return tx
          .exec(
              "SELECT sum(seq_tup_read) + sum(idx_tup_fetch) FROM pg_stat_xact_user_tables "
              "WHERE schemaname = 'audit' AND relname LIKE 'records\\_2%'")[0]
          .int64(0);
    };
    if (tenant.empty()) {
      allow_all_tenants(tx);
    } else {
      tx.set_tenant(tenant);
    }
    const auto before = counted();
    if (tenant.empty()) {
      read_platform(tx, search(""), people, request);
    } else {
      read_tenant(tx, tenant, search(""), people, request);
    }
    return static_cast<int>(counted() - before);
  }

  // All pages, one after another. `tenant` empty: across tenants.
  std::vector<std::string> all(const std::string& tenant, std::string_view text, Order order, int records_max = 7,
                               bool whole_transactions = false) {
    PageRequest request{.order = order, .records_max = records_max, .whole_transactions = whole_transactions};
    std::vector<std::string> out;
    const auto wanted = search(text);
    for (bool more = true; more;) {
      const auto found = page(tenant, wanted, request, more);
      out.insert(out.end(), found.begin(), found.end());
    }
    return out;
  }

  std::size_t count(const std::string& tenant, std::string_view text) {
    return all(tenant, text, Order::newest_first).size();
  }

  SystemClock clock;
  SystemIdGenerator ids{clock};
  TestDatabase database;
  db::Connection reader{database.url("gateway"), "test"};
  People people;
};

std::vector<Written> many(const std::string& tenant, int count, Written like = {}) {
  std::vector<Written> out;
  like.tenant = tenant;
  for (int i = 0; i < count; ++i) {
    like.resource_id = std::to_string(i);
    out.push_back(like);
  }
  return out;
}

TEST_F(AuditSearch, PagesHoldEveryRecordOnceInOrder) {
  for (int batch = 0; batch < 5; ++batch) {
    auto records = many("acme", 6);
    const auto others = many("globex", 3);
    records.insert(records.end(), others.begin(), others.end());
    write(records);
  }
  std::vector<std::string> rising, of_all;
  for (int i = 0; i < 30; ++i) rising.push_back("acme/" + std::to_string(i));
  for (int batch = 0; batch < 5; ++batch) {
    for (int i = 0; i < 6; ++i) of_all.push_back("acme/" + std::to_string(batch * 6 + i));
    for (int i = 0; i < 3; ++i) of_all.push_back("globex/" + std::to_string(batch * 3 + i));
  }
  for (const int size : {1, 7, 30, 200}) {
    SCOPED_TRACE(size);
    for (const char* text : {"", "crud:update"}) {
      EXPECT_EQ(all("acme", text, Order::oldest_first, size), rising) << text;
      EXPECT_EQ(all("acme", text, Order::newest_first, size), std::vector(rising.rbegin(), rising.rend())) << text;
      EXPECT_EQ(all("", text, Order::oldest_first, size), of_all) << text;
      EXPECT_EQ(all("", text, Order::newest_first, size), std::vector(of_all.rbegin(), of_all.rend())) << text;
    }
  }
}

// A page of whole transactions leaves the order within them to the reader; whoever mixes the two kinds sees no seam.
TEST_F(AuditSearch, WholeTransactionsComeInTheSameOrder) {
  const auto at = must(from_rfc3339("2026-03-02T00:00:00Z"));
  for (int batch = 0; batch < 4; ++batch) {
    std::vector<Written> records;
    const auto then = at + Seconds{batch / 2 * 10};  // as another transaction did
    for (const auto* tenant : {"globex", "globex", "ac-me", "aczme", "acme", "acme"}) {
      records.push_back({.tenant = tenant, .recorded_at = then});
    }
    if (batch % 2 == 1) records.push_back({.tenant = "acme", .recorded_at = then + Seconds{5}});
    write(records);
  }
  for (const auto order : {Order::oldest_first, Order::newest_first}) {
    const auto one_by_one = all("", "", order, 1);
    ASSERT_EQ(one_by_one.size(), 26U);
    EXPECT_EQ(all("", "", order, 200), one_by_one);
    for (const int size : {1, 5, 6, 8, 26, 200}) EXPECT_EQ(all("", "", order, size, true), one_by_one) << size;
    for (std::size_t first = 1; first < 15; ++first) {
      PageRequest request{.order = order, .records_max = static_cast<int>(first)};
      bool more = false;
      auto mixed = page("", search(""), request, more);
      request.records_max = 1;
      request.whole_transactions = true;
      while (more) {
        const auto found = page("", search(""), request, more);
        mixed.insert(mixed.end(), found.begin(), found.end());
      }
      EXPECT_EQ(mixed, one_by_one) << first;
    }
  }
  PageRequest request{.order = Order::oldest_first, .records_max = 2, .whole_transactions = true};
  bool more = false;
  EXPECT_EQ(page("", search(""), request, more).size(), 6U);
  EXPECT_EQ(page("", search("crud:update"), request, more).size(), 2U) << "terms leave little of a transaction";
}

// Numbers of transactions gain a digit now and then.
TEST_F(AuditSearch, TransactionsAreNumbersNotTexts) {
  write(many("acme", 1));
  for (const auto* xid : {"99", "100"}) {
    database.exec("superuser",
                  "INSERT INTO audit.records SELECT tenant_id, (SELECT count(*) FROM audit.records), event_id, type, "
                  "occurred_at, recorded_at, actor_kind, actor_id, actor_ip, actor_agent, action, crud, resource, "
                  "resource_id, outcome, correlation_id, causation_id, source, exchange, payload, leaf, leaf_hash, "
                  "$1::xid8, changes FROM audit.records WHERE sequence = 0",
                  {xid});
  }
  const std::vector<std::string> rising = {"acme/1", "acme/2", "acme/0"};
  EXPECT_EQ(all("", "", Order::oldest_first), rising);
  EXPECT_EQ(all("", "crud:update", Order::newest_first), std::vector(rising.rbegin(), rising.rend()));
  EXPECT_EQ(all("", "to:1d", Order::oldest_first), std::vector<std::string>{});
}

TEST_F(AuditSearch, NothingOfOthersIsSeen) {
  write(many("acme", 3));
  write(many("globex", 3));
  db::Transaction tx(reader);
  tx.set_tenant("acme");
  EXPECT_EQ(read_tenant(tx, "globex", search(""), people, {}).size, 0U);
  EXPECT_EQ(read_platform(tx, search("tenant:globex"), people, {}).size, 0U);
  EXPECT_EQ(read_platform(tx, search(""), people, {}).size, 3U);
}

TEST_F(AuditSearch, EachKeyFindsItsRecords) {
  write({{.type = "user.logged_in", .actor_id = "user-1", .ip = "203.0.113.7"},
         {.type = "payment.failed", .actor_kind = "stripe", .actor_id = "evt_1", .failure = true},
         {.type = "payment.succeeded", .actor_kind = "stripe", .actor_id = "evt_2"},
         {.actor_id = "user-2", .resource_id = "c-42", .payload = R"({"name":"Éric \"le Grand\"","plan":"a.b"})"},
         {.actor_kind = "service", .actor_id = "billing", .payload = "{\"nothing\":\"here, but Ele\u0301gance\"}"}});
  people["eric@example.com"] = {"user-2", "user-9"};
  const std::pair<const char*, std::size_t> rows[] = {{"", 5},
                                                      {"type:payment.*", 2},
                                                      {"type:payment.failed type:user.logged_in", 2},
                                                      {"-type:payment.*", 3},
                                                      {"action:login", 1},
                                                      {"actor:stripe", 2},
                                                      {"actor:stripe actor:user-1", 3},
                                                      {"actor:service:billing", 1},
                                                      {"actor:user:billing", 0},
                                                      {"actor:eric@example.com", 1},
                                                      {"-actor:eric@example.com", 4},
                                                      {"actor:nobody@example.com", 0},
                                                      {"actor:user-*", 2},
                                                      {"resource:client/c-42", 1},
                                                      {"resource:client/c*", 1},
                                                      {"resource:client", 5},
                                                      {"resource:user", 0},
                                                      {"outcome:failure", 1},
                                                      {"crud:update", 5},
                                                      {"crud:delete", 0},
                                                      {"ip:203.0.113.*", 1},
                                                      {"correlation:request-c-42", 1},
                                                      {"source:/test", 5},
                                                      {"GRAND", 1},
                                                      {R"("ric \"LE grand\"")", 1},
                                                      {"ÉRIC", 1},
                                                      {"éric", 1},
                                                      {"E\u0301ric", 1},
                                                      {"EL\u00C9GANCE", 1},
                                                      {"ele\u0301gance", 1},
                                                      {R"("\":\"")", 0},
                                                      {"a.b", 1},
                                                      {"aXb", 0},
                                                      {"nothing here", 1},
                                                      {"nothing grand", 0},
                                                      {"-nothing", 4},
                                                      {"payment", 2},
                                                      {"from:1h", 5},
                                                      {"to:1h", 0},
                                                      {"occurred_to:1h", 0},
                                                      {"id:0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", 0}};
  for (const auto& [text, found] : rows) {
    EXPECT_EQ(count("acme", text), found) << text;
    EXPECT_EQ(count("", text), found) << text;
  }
  const auto id = database.value("SELECT event_id::text FROM audit.records WHERE sequence = 3");
  EXPECT_EQ(all("acme", "id:" + id, Order::newest_first), std::vector<std::string>{"acme/3"});
}

TEST_F(AuditSearch, ErasedColumnsAreNobodys) {
  write(many("acme", 2));
  for (const char* sql :
       {"ALTER TABLE audit.records ALTER actor_id DROP NOT NULL", "ALTER TABLE audit.records DISABLE TRIGGER ALL",
        "UPDATE audit.records SET actor_id = NULL, payload = NULL WHERE sequence = 0"}) {
    database.exec("superuser", sql);
  }
  EXPECT_EQ(count("acme", "actor:user-1"), 1U);
  EXPECT_EQ(all("acme", "-actor:user-1", Order::newest_first), std::vector<std::string>{"acme/0"});
  EXPECT_EQ(count("acme", "-word"), 2U);
}

TEST_F(AuditSearch, TimesCutAcrossMonths) {
  for (int month = 1; month <= 6; ++month) {
    const auto at = must(from_rfc3339("2026-0" + std::to_string(month) + "-10T00:00:00Z"));
    write(many("acme", 4, {.recorded_at = at, .occurred_at = at - Days{60}}));
    write(many("globex", 1, {.recorded_at = at}));
  }
  for (const auto order : {Order::newest_first, Order::oldest_first}) {
    const auto found = [&](const char* tenant, const char* text) { return all(tenant, text, order, 3).size(); };
    EXPECT_EQ(found("acme", "from:2026-03 to:2026-05"), 8U);
    EXPECT_EQ(found("", "from:2026-03 to:2026-05"), 10U);
    EXPECT_EQ(found("acme", "from:2026-03-10 to:2026-05-10"), 8U);
    EXPECT_EQ(found("acme", "to:2026-01"), 0U);
    EXPECT_EQ(found("acme", "from:2026-07"), 0U);
    EXPECT_EQ(found("", "from:2026-07"), 0U);
    EXPECT_EQ(found("acme", "occurred_from:2026-04"), 4U);
    EXPECT_EQ(found("", "occurred_from:2026-04"), 7U);
  }
}

TEST_F(AuditSearch, WithoutPatienceAPageEndsEarlyAndGoesOn) {
  db::Session others(database.url("superuser"), "test");
  for (int batch = 0; batch < 30; ++batch) {
    write(many("globex", 1));
    others.exec_alone("DO $$ BEGIN FOR i IN 1..60 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
  }
  write(many("acme", 1, {.payload = R"({"word":"okapi"})"}));
  PageRequest request{.order = Order::oldest_first, .patience = Milliseconds{0}};
  const auto wanted = search("okapi");
  std::size_t pages = 0, found = 0;
  for (bool more = true; more; ++pages) found += page("", wanted, request, more).size();
  EXPECT_EQ(found, 1U);
  EXPECT_GT(pages, 2U);
}

// With row-level security the planner thinks that a search finds next to nothing, and would read and sort whole months.
// A leaf is of 36 bytes here.
TEST_F(AuditSearch, APageIsOfABoundedSizeAndGoesOn) {
  for (int batch = 0; batch < 4; ++batch) write(many("acme", 5));
  for (const std::string tenant : {"acme", ""}) {
    for (const char* text : {"", "crud:update"}) {
      for (const auto order : {Order::oldest_first, Order::newest_first}) {
        SCOPED_TRACE(tenant + " " + text);
        PageRequest request{.order = order, .records_max = 50, .bytes_max = 100};
        std::vector<std::string> out;
        for (bool more = true; more;) {
          const auto found = page(tenant, search(text), request, more);
          EXPECT_LE(found.size(), 3U) << "the third makes it of 108 bytes";
          out.insert(out.end(), found.begin(), found.end());
        }
        EXPECT_EQ(out, all(tenant, text, order, 50));
      }
    }
  }
}

// One such statement over all sixteen takes a second: 31 patterns over 240 KB each.
TEST_F(AuditSearch, ASearchThatCostsMuchIsCutIntoPiecesThatDoNot) {
  write(many("acme", 16, {.payload = R"({"text":")" + std::string(240'000, 'z') + R"("})"}));
  std::string dear;
  for (int i = 0; i < 31; ++i) dear += " -\"zq" + std::to_string(i) + "\"";
  for (const auto order : {Order::newest_first, Order::oldest_first}) {
    PageRequest request{.order = order, .records_max = 200};
    bool more = false;
    auto found = page("acme", search(dear), request, more);
    EXPECT_TRUE(more) << "a page ends where its patience does";
    while (more) {
      const auto next = page("acme", search(dear), request, more);
      found.insert(found.end(), next.begin(), next.end());
    }
    EXPECT_EQ(found, all("acme", "", order, 200));
  }
}

TEST_F(AuditSearch, NobodyReadsOnForWhoHasGone) {
  write(many("acme", 600));
  PageRequest request{.records_max = 50, .patience = Milliseconds{60'000}, .abandoned = [] { return true; }};
  bool more = false;
  EXPECT_TRUE(page("acme", search("a-word-of-no-record"), request, more).empty());
  EXPECT_TRUE(more);
}

TEST_F(AuditSearch, APageReadsNoFurtherThanItMust) {
  constexpr int months = 4, batches = 8, batch_size = 100;
  Written like;
  for (int month = 0; month < months; ++month) {
    for (int batch = 0; batch < batches; ++batch) {
      like.recorded_at = must(from_rfc3339("2026-0" + std::to_string(month + 1) + "-02T00:00:00Z")) + Seconds{batch};
      write(many("acme", batch_size, like));
    }
  }
  database.exec("superuser", "ANALYZE audit.records");
  for (const auto* tenant : {"", "acme"}) {
    for (const auto order : {Order::oldest_first, Order::newest_first}) {
      SCOPED_TRACE(std::string(tenant) + (order == Order::oldest_first ? " oldest first" : " newest first"));
      for (const bool whole : {false, true}) {
        PageRequest request{.order = order, .records_max = 150, .whole_transactions = whole};
        for (bool more = true; more;) {
          EXPECT_LE(records_looked_at(tenant, request), 150 + 2 * batch_size + 2 * months);
          page(tenant, search(""), request, more);
        }
      }
    }
  }
}

TEST_F(AuditSearch, WorkIsDoneWhileAPageIsRead) {
  write(many("acme", 3));
  int done = 0;
  for (const auto* text : {"", "crud:update"}) {
    for (const auto* tenant : {"", "acme"}) {
      PageRequest request{.order = Order::oldest_first, .records_max = 3, .meanwhile = [&] { ++done; }};
      bool more = false;
      EXPECT_EQ(page(tenant, search(text), request, more).size(), 3U);
    }
  }
  EXPECT_EQ(done, 4);
}

// ---- while others write

// Eight writers whose transactions stay open until the reader has read twice without them, each in its own tenant (and
// all of them in one, whose head passes from hand to hand).
// All goes, until nothing is left to look at.
TEST_F(AuditSearch, CountsAreOfAllRecordsWhateverAGoLooksAt) {
  const auto start = clock.now();
  db::Session others(database.url("superuser"), "test");
  std::vector<Written> records;
  for (int i = 0; i < 240; ++i) {
    records.push_back({.tenant = i % 3 == 0 ? "globex" : "acme",
                       .type = i % 2 == 0 ? "payment.failed" : "client.updated",
                       .recorded_at = start + Seconds{i}});
    if (records.size() < 20) continue;
    write(std::exchange(records, {}));
    others.exec_alone("DO $$ BEGIN FOR i IN 1..60 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
  }
  const auto counts = [&](const std::string& tenant, std::string_view text, int columns, Milliseconds patience,
                          int* goes = nullptr) {
    const auto wanted = search(text);
    CountRequest request{.columns = columns, .patience = patience};
    std::vector<std::int64_t> sums(static_cast<std::size_t>(columns));
    do {
      db::Transaction tx(reader);
      if (tenant.empty()) {
        allow_all_tenants(tx);
      } else {
        tx.set_tenant(tenant);
      }
      const auto extent = tenant.empty() ? extent_of_platform(tx, wanted.recorded, clock.now())
                                         : extent_of_tenant(tx, tenant, wanted.recorded, clock.now());
      request.from = extent.from;
      request.to = extent.to;
      const auto counted = tenant.empty() ? count_platform(tx, wanted, people, request)
                                          : count_tenant(tx, tenant, wanted, people, request);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += counted.columns.at(i);
      request.after = counted.next;
      if (goes != nullptr) ++*goes;
    } while (request.after);
    return sums;
  };
  using Sums = std::vector<std::int64_t>;
  EXPECT_EQ(counts("", "", 4, Milliseconds{1'000}), (Sums{60, 60, 60, 60}));
  EXPECT_EQ(counts("", "type:payment.failed", 2, Milliseconds{1'000}), (Sums{60, 60}));
  EXPECT_EQ(counts("globex", "", 1, Milliseconds{1'000}), Sums{80});
  EXPECT_EQ(counts("acme", "type:payment.failed", 1, Milliseconds{1'000}), Sums{80});
  EXPECT_EQ(counts("nobody", "", 3, Milliseconds{1'000}), (Sums{0, 0, 0}));
  const auto late = "from:" + to_rfc3339(start + Seconds{120}) + " to:" + to_rfc3339(start + Seconds{180});
  EXPECT_EQ(counts("", late, 2, Milliseconds{1'000}), (Sums{30, 30}));
  int goes = 0;
  EXPECT_EQ(counts("", "type:payment.failed", 2, Milliseconds{0}, &goes), (Sums{60, 60}));
  EXPECT_GT(goes, 1) << "without patience a go ends early";
}

class SlowWriters : public AuditSearch {
 protected:
  static constexpr int writers = 8;
  static constexpr int batches = 6;
  static constexpr int batch_size = 5;

  void write_slowly(const std::string& tenant) {
    db::Connection own(database.url("audit"), "writer");
    for (int batch = 0; batch < batches; ++batch) {
      db::Transaction tx(own);
      add(tx, many(tenant, batch_size));
      tx.transaction_id();  // everything sent has arrived
      await_reader();
      tx.commit();
    }
    --at_work_;
  }

  void await_reader() {
    std::unique_lock lock(mutex_);
    const auto until = reads_ + 2;
    read_.wait(lock, [&] { return reads_ >= until; });
  }

  // Reads until the writers are done and nothing is left; each record's sequences must rise.
  std::map<std::string, int> read_all(const std::string& tenant) {
    PageRequest request{.order = Order::oldest_first, .records_max = 3};
    std::map<std::string, int> seen;
    const auto wanted = search("");
    for (bool done = false;;) {
      bool more = true;
      const auto found = page(tenant, wanted, request, more);
      for (const auto& each : found) ++seen[each];
      if (done && !more) return seen;
      // Other tests' transactions hold the horizon back, too: that of the last writer's commit has to be passed.
      done = at_work_ == 0 && (tenant.empty() ? horizon_passed() : true);
      const std::lock_guard lock(mutex_);
      ++reads_;
      read_.notify_all();
    }
  }

  bool horizon_passed() {
    return database.value(
               "SELECT coalesce(max(xid::text::bigint), 0) < "
               "pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM audit.records") == "t";
  }

  void expect_each_once(const std::map<std::string, int>& seen) {
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(writers * batches * batch_size));
    for (const auto& [record, times] : seen) EXPECT_EQ(times, 1) << record;
  }

  std::atomic<int> at_work_{writers};
  std::mutex mutex_;
  std::condition_variable read_;
  std::uint64_t reads_ = 0;
};

TEST_F(SlowWriters, AcrossTenantsAReaderSeesEachRecordOnce) {
  std::vector<std::future<void>> all_writers;
  for (int i = 0; i < writers; ++i) {
    all_writers.push_back(std::async(std::launch::async, [this, i] { write_slowly("tenant-" + std::to_string(i)); }));
  }
  expect_each_once(read_all(""));
  for (auto& writer : all_writers) writer.get();
}

TEST_F(SlowWriters, WithinATenantAReaderSeesEachRecordOnce) {
  std::vector<std::future<void>> all_writers;
  for (int i = 0; i < writers; ++i) {
    all_writers.push_back(std::async(std::launch::async, [this] { write_slowly("acme"); }));
  }
  expect_each_once(read_all("acme"));
  for (auto& writer : all_writers) writer.get();
}

TEST_F(AuditSearch, NewestFirstIsStableWhileOthersWrite) {
  write(many("acme", 20));
  PageRequest request{.order = Order::newest_first, .records_max = 3};
  std::vector<std::string> seen;
  for (bool more = true; more;) {
    const auto found = page("acme", search(""), request, more);
    seen.insert(seen.end(), found.begin(), found.end());
    write(many("acme", 2));
  }
  ASSERT_EQ(seen.size(), 20U);
  EXPECT_EQ(seen.front(), "acme/19");
  EXPECT_EQ(seen.back(), "acme/0");
}

// ---- what a row looks like

TEST_F(AuditSearch, RowsAreJsonAndCsv) {
  write({{.type = "client.updated",
          .actor_id = "=1+1",
          .resource_id = "a,\"b\"\r\nc",
          .payload = R"({"x":"é"})",
          .recorded_at = must(from_rfc3339("2026-01-02T03:04:05.12Z")),
          .occurred_at = must(from_rfc3339("2026-01-02T03:04:05Z"))}});
  db::Transaction tx(reader);
  tx.set_tenant("acme");
  std::string json, csv;
  read_tenant(tx, "acme", {}, people, {}).for_each([&](const db::Row& row) {
    append_json(json, row);
    append_csv(csv, row);
  });
  const auto record = nlohmann::json::parse(json);
  EXPECT_EQ(record["recorded_at"], "2026-01-02T03:04:05.120000Z");
  EXPECT_EQ(record["occurred_at"], "2026-01-02T03:04:05Z");
  EXPECT_EQ(record["actor"]["id"], "=1+1");
  EXPECT_EQ(record["resource"]["id"], "a,\"b\"\r\nc");
  EXPECT_EQ(record["payload"]["x"], "é");
  EXPECT_EQ(record["changes"], nullptr);
  EXPECT_EQ(record["sequence"], 0);
  EXPECT_TRUE(csv.starts_with("acme,0,")) << csv;
  EXPECT_NE(csv.find(",\"'=1+1\","), csv.npos) << csv;
  EXPECT_NE(csv.find(",\"a,\"\"b\"\"\r\nc\","), csv.npos) << csv;
  EXPECT_TRUE(csv.ends_with(",\"{\"\"x\"\": \"\"é\"\"}\",\r\n")) << csv;
}

}  // namespace
}  // namespace tenantry::audit_search::audit_search_test
