// bench_statements: one statement at a time over libpqxx and over ours (shared/db/connection.h), the same SQL on the
// same server, in turn: what libpqxx costs where nothing is pipelined. Arrays go in binary form over both, by
// pqxx::binarystring there, and both keep their statements prepared.
//
// Prints per way and figure the microseconds a call of each round took, of wall time and of this process's processor.
#include <time.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <pqxx/pqxx>
#include <random>

#include "shared/core/ids.h"
#include "shared/db/connection.h"

namespace {

using namespace tenantry;
using db::Param;

constexpr const char* insert_sql =
    "INSERT INTO statements (id, leaf, hash) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])";
constexpr const char* read_sql = "SELECT id, hash FROM statements WHERE id = $1::uuid";
constexpr const char* table_sql = "CREATE TEMP TABLE statements (id uuid PRIMARY KEY, leaf bytea, hash bytea)";
constexpr const char* empty_sql = "TRUNCATE statements";

struct Batch {
  std::vector<Uuid> ids;
  std::vector<Bytes> leaves, hashes;
};

class Way {
 public:
  virtual ~Way() = default;
  virtual void begin() = 0;
  virtual void insert(const Batch& batch) = 0;
  virtual Bytes read(const Uuid& id) = 0;
  virtual void empty() = 0;
  virtual void end(bool commits) = 0;
};

class OverLibpq : public Way {
 public:
  explicit OverLibpq(const std::string& url) : connection_(url, "bench") {
    db::Transaction tx(connection_);
    tx.exec(table_sql);
    tx.commit();
  }
  void begin() override { tx_.emplace(connection_); }
  void insert(const Batch& batch) override {
    tx_->exec(insert_sql, {Param::array(batch.ids), Param::array(batch.leaves), Param::array(batch.hashes)});
  }
  Bytes read(const Uuid& id) override { return tx_->exec(read_sql, {id})[0].bytes(1); }
  void empty() override { tx_->exec(empty_sql); }
  void end(bool commits) override {
    if (commits) tx_->commit();
    tx_.reset();
  }

 private:
  db::Connection connection_;
  std::optional<db::Transaction> tx_;
};

class OverLibpqxx : public Way {
 public:
  explicit OverLibpqxx(const std::string& url) : connection_(url) {
    pqxx::nontransaction(connection_).exec(table_sql);
    connection_.prepare("insert", insert_sql);
    connection_.prepare("read", read_sql);
  }
  void begin() override { tx_.emplace(connection_); }
  void insert(const Batch& batch) override {
    tx_->exec_prepared("insert", binary(Param::array(batch.ids)), binary(Param::array(batch.leaves)),
                       binary(Param::array(batch.hashes)));
  }
  Bytes read(const Uuid& id) override {
    const auto rows = tx_->exec_prepared("read", id.to_string());
    return *from_hex(std::string_view(rows[0][1].c_str(), rows[0][1].size()).substr(2));
  }
  void empty() override { tx_->exec(empty_sql); }
  void end(bool commits) override {
    if (commits) tx_->commit();
    tx_.reset();
  }

 private:
  static pqxx::binarystring binary(const Param& array) { return pqxx::binarystring(*array.value()); }

  pqxx::connection connection_;
  std::optional<pqxx::work> tx_;
};

double processor_us() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

struct Spent {
  double wall_us = 0, processor_us = 0;
};

template <class F>
Spent spent_by(int calls, const F& call) {
  const auto began = std::chrono::steady_clock::now();
  const double before = processor_us();
  for (int i = 0; i < calls; ++i) call(i);
  const double used = processor_us() - before;
  const std::chrono::duration<double, std::micro> wall = std::chrono::steady_clock::now() - began;
  return {wall.count() / calls, used / calls};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures statements that are not pipelined over libpqxx and over libpq"};
  std::string url;
  int rounds = 300, calls = 10, size = 200;
  app.add_option("--database", url, "As whom to connect")->required();
  app.add_option("--rounds", rounds, "How often each way has its turn");
  app.add_option("--calls", calls, "Of each kind in a turn");
  app.add_option("--batch", size, "Rows of an insert");
  CLI11_PARSE(app, argc, argv);

  std::mt19937 random(42);  // NOLINT: every run inserts the same
  const auto bytes = [&](std::size_t count) {
    Bytes out(count);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
  };
  const SystemClock clock;
  SystemIdGenerator ids(clock);
  std::vector<Batch> batches(static_cast<std::size_t>(calls));
  for (auto& batch : batches) {
    for (int i = 0; i < size; ++i) {
      batch.ids.push_back(ids.next());
      batch.leaves.push_back(bytes(600));
      batch.hashes.push_back(bytes(32));
    }
  }
  const auto batch = [&](int i) -> const Batch& { return batches[static_cast<std::size_t>(i)]; };

  OverLibpq libpq(url);
  OverLibpqxx libpqxx(url);
  nlohmann::json out = nlohmann::json::object();
  const auto note = [&](const char* figure, const char* way, const Spent& spent) {
    out[figure][way]["wall_us"].push_back(spent.wall_us);
    out[figure][way]["processor_us"].push_back(spent.processor_us);
  };
  const auto turn = [&](const char* name, Way& way) {
    way.begin();
    way.insert(batch(0));  // what the first of a connection costs is not measured
    way.end(false);
    way.begin();
    note("insert", name, spent_by(calls, [&](int i) { way.insert(batch(i)); }));
    note("read", name, spent_by(calls * 10, [&](int i) {
           if (way.read(batch(i % calls).ids[0]) != batch(i % calls).hashes[0])
             throw std::runtime_error("read wrongly");
         }));
    way.end(false);
    way.begin();
    way.insert(batch(0));
    way.end(true);
    note("transaction", name, spent_by(calls * 5, [&](int) {
           way.begin();
           way.read(batch(0).ids[0]);
           way.end(true);
         }));
    way.begin();
    way.empty();
    way.end(true);
  };
  for (int round = 0; round < rounds; ++round) {
    if (round % 2 == 0) turn("libpq", libpq);
    turn("libpqxx", libpqxx);
    if (round % 2 != 0) turn("libpq", libpq);
  }
  std::printf("%s\n", out.dump().c_str());
  return 0;
}
