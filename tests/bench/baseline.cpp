// bench_baseline: the least a durable, deduplicating drain can do, as fast as we can make
// it. What audit is measured against (docs/HACKING.md, "Benchmarks").
//
// One connection, one queue, prefetch wide open. A reader turns deliveries into rows of
// COPY's binary format; a writer sends a batch of up to 1,000 in one round trip: COPY
// into a temporary table, one INSERT ... SELECT that skips known event ids, commit. Then
// one multiple acknowledgement. The next batch is read meanwhile. No tenants, no order,
// no hash tree, no retries, no checks of what came.
//
// Of several tenants it does the same with a connection, and an acknowledgement a batch,
// for each: what their vhosts cost before anybody does anything for it.
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <libpq-fe.h>
#include <poll.h>
#include <CLI/CLI.hpp>

#include <atomic>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "shared/core/ids.h"
#include "shared/core/time.h"
#include "tests/bench/tenant_names.h"

namespace {

using namespace tenantry;

constexpr int batch_max = 1'000;
constexpr std::uint16_t prefetch = 10'000;  // ten batches: the broker never waits for us; 1,000 to 4,000 were no faster
constexpr std::uint16_t prefetch_of_many = 1'000;
constexpr std::size_t batches_max = 4;  // one is written, one is being read, the others wait

constexpr const char* columns =
    "tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id, actor_ip, actor_agent, "
    "action, crud, resource, resource_id, outcome, correlation_id, causation_id, source, exchange, payload, leaf, "
    "leaf_hash";
constexpr int column_count = 22;

struct Batch {
  std::string rows;
  int count = 0;
  std::map<std::size_t, std::uint64_t> last_tags;  // by the number of the queue
};

// Rows in the binary format of COPY: big-endian lengths and numbers.
class RowWriter {
 public:
  explicit RowWriter(std::string& out) : out_(out) {}
  template <class T>
  void number(T value) {
    auto bits = static_cast<std::make_unsigned_t<T>>(value);
    char bytes[sizeof(T)];
    for (std::size_t i = sizeof(T); i-- > 0; bits = static_cast<std::make_unsigned_t<T>>(bits >> 8)) {
      bytes[i] = static_cast<char>(bits & 0xFF);
    }
    out_.append(bytes, sizeof bytes);
  }
  void text(std::string_view value) {
    number(static_cast<std::int32_t>(value.size()));
    out_ += value;
  }
  void integer(std::int64_t value) {
    number(std::int32_t{8});
    number(value);
  }
  void time(Timestamp at) {
    constexpr std::int64_t epoch_2000 = 946'684'800'000'000;
    integer(to_unix_micros(at) - epoch_2000);
  }
  void json(std::string_view value) {
    number(static_cast<std::int32_t>(value.size() + 1));
    out_ += '\1';  // jsonb's version
    out_ += value;
  }

 private:
  std::string& out_;
};

std::string_view view(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

// ---- the database --------------------------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(const std::string& url, const std::string& table) : connection_(PQconnectdb(url.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_.get()));
    run("CREATE TEMPORARY TABLE staging ON COMMIT DELETE ROWS AS SELECT " + std::string(columns) + " FROM " + table +
        " LIMIT 0");
    run("PREPARE put AS INSERT INTO " + table + " (" + columns + ") SELECT " + columns +
        " FROM staging ON CONFLICT DO NOTHING");
  }

  // Returns how many were new. One round trip, whatever is in it.
  int write(const std::string& rows) {
    static constexpr char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
    auto* raw = connection_.get();
    if (PQsendQuery(raw, "BEGIN; COPY staging FROM STDIN (FORMAT binary); EXECUTE put; COMMIT") != 1) give_up();
    int fresh = 0;
    while (PGresult* result = PQgetResult(raw)) {
      const auto status = PQresultStatus(result);
      if (std::strncmp(PQcmdStatus(result), "INSERT", 6) == 0) fresh = std::atoi(PQcmdTuples(result));
      PQclear(result);
      if (status == PGRES_COPY_IN) {
        if (PQputCopyData(raw, header, sizeof header - 1) != 1 ||
            PQputCopyData(raw, rows.data(), static_cast<int>(rows.size())) != 1 ||
            PQputCopyData(raw, "\377\377", 2) != 1 || PQputCopyEnd(raw, nullptr) != 1) {
          give_up();
        }
      } else if (status != PGRES_COMMAND_OK) {
        give_up();
      }
    }
    return fresh;
  }

 private:
  void run(const std::string& sql) {
    PGresult* result = PQexec(connection_.get(), sql.c_str());
    const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!good) give_up();
  }
  [[noreturn]] void give_up() { throw std::runtime_error(PQerrorMessage(connection_.get())); }

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

// ---- the broker ----------------------------------------------------------------------------------------------------

class Reader {
 public:
  Reader(std::string url, const std::string& vhost, const std::string& queue, std::uint16_t window)
      : connection_(amqp_new_connection(), &amqp_destroy_connection) {
    amqp_connection_info info;
    if (amqp_parse_url(url.data(), &info) != AMQP_STATUS_OK) throw std::runtime_error("the broker's URL is not one");
    auto* socket = amqp_tcp_socket_new(connection_.get());
    check(amqp_socket_open(socket, info.host, info.port), "connect");
    check(amqp_login(connection_.get(), vhost.c_str(), 1, 131'072, 0, AMQP_SASL_METHOD_PLAIN, info.user, info.password),
          "log in");
    amqp_channel_open(connection_.get(), 1);
    check(amqp_get_rpc_reply(connection_.get()), "open a channel");
    amqp_basic_qos(connection_.get(), 1, 0, window, 0);
    check(amqp_get_rpc_reply(connection_.get()), "set the prefetch");
    amqp_basic_consume(connection_.get(), 1, amqp_cstring_bytes(queue.c_str()), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    check(amqp_get_rpc_reply(connection_.get()), "consume");
  }

  // Into the batch, the delivery's tag; nothing where none came in time.
  std::optional<std::uint64_t> read(Batch& batch, std::int64_t sequence, std::chrono::microseconds patience_for) {
    amqp_maybe_release_buffers(connection_.get());
    amqp_envelope_t envelope;
    timeval patience{0, static_cast<suseconds_t>(patience_for.count())};
    const auto reply = amqp_consume_message(connection_.get(), &envelope, &patience, 0);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT) return {};
    check(reply, "read");
    add_row(batch.rows, envelope, sequence);
    ++batch.count;
    const auto tag = envelope.delivery_tag;
    amqp_destroy_envelope(&envelope);
    return tag;
  }

  int socket() const { return amqp_get_sockfd(connection_.get()); }
  bool holds_more() const {
    return amqp_frames_enqueued(connection_.get()) != 0 || amqp_data_in_buffer(connection_.get()) != 0;
  }

  void ack_to(std::uint64_t tag) { check(amqp_basic_ack(connection_.get(), 1, tag, 1), "acknowledge"); }

 private:
  static void add_row(std::string& out, const amqp_envelope_t& envelope, std::int64_t sequence) {
    const auto& properties = envelope.message.properties;
    std::string_view id, type, time, tenant, source, subject, correlation, actor;
    std::string leaf;  // what came, as it came: the row is as wide as an event is
    for (int i = 0; i < properties.headers.num_entries; ++i) {
      const auto& entry = properties.headers.entries[i];
      if (entry.value.kind != AMQP_FIELD_KIND_UTF8) continue;
      const auto name = view(entry.key);
      const auto value = view(entry.value.value.bytes);
      leaf.append(name).append(1, '=').append(value).append(1, '\n');
      if (name == "cloudEvents_id")
        id = value;
      else if (name == "cloudEvents_type")
        type = value;
      else if (name == "cloudEvents_time")
        time = value;
      else if (name == "cloudEvents_tenantid")
        tenant = value;
      else if (name == "cloudEvents_source")
        source = value;
      else if (name == "cloudEvents_subject")
        subject = value;
      else if (name == "cloudEvents_correlationid")
        correlation = value;
      else if (name == "cloudEvents_actor")
        actor = value;
    }
    const auto body = view(envelope.message.body);
    leaf.append(body);
    static constexpr char no_hash[32] = {};
    RowWriter row(out);
    row.number(static_cast<std::int16_t>(column_count));
    row.text(tenant);
    row.integer(sequence);
    const auto uuid = Uuid::parse(id).value();
    row.text(as_text(uuid.bytes));
    row.text(type);
    row.time(from_rfc3339(time).value());
    row.time(std::chrono::time_point_cast<Microseconds>(std::chrono::system_clock::now()));
    row.text(actor.substr(0, actor.find(':')));
    row.text(actor.substr(actor.find(':') + 1));
    row.text("");
    row.text("");
    row.text(type);
    row.text("");
    row.text(type.substr(0, type.find('.')));
    row.text(subject);
    row.text("success");
    row.text(correlation);
    row.text("");
    row.text(source);
    row.text(view(envelope.exchange));
    row.json(body);
    row.text(leaf);
    row.text({no_hash, sizeof no_hash});
  }

  static void check(int status, const char* what) {
    if (status < 0) throw std::runtime_error(std::string(what) + ": " + amqp_error_string2(status));
  }
  static void check(const amqp_rpc_reply_t& reply, const char* what) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    throw std::runtime_error(std::string(what) + ": " +
                             (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                                  ? amqp_error_string2(reply.library_error)
                                  : "the broker refused"));
  }

  std::unique_ptr<amqp_connection_state_t_, decltype(&amqp_destroy_connection)> connection_;
};

// The queues of all tenants as one.
class Readers {
 public:
  Readers(const std::string& url, const std::vector<std::string>& tenants) {
    for (const auto& tenant : tenants) {
      readers_.push_back(std::make_unique<Reader>(url, "tenant-" + tenant, tenant + ".audit",
                                                  tenants.size() == 1 ? prefetch : prefetch_of_many));
    }
    acked_.resize(tenants.size());
  }

  // At least one where one comes within a millisecond, at most up to `end`. How many came.
  std::int64_t read(Batch& batch, std::int64_t sequence, std::int64_t end) {
    constexpr std::chrono::microseconds patience{1'000};
    if (readers_.size() == 1) return read_of(0, batch, sequence, sequence + 1, patience);
    poll_.clear();
    bool waits = true;
    for (const auto& reader : readers_) {
      poll_.push_back({.fd = reader->socket(), .events = POLLIN, .revents = 0});
      waits = waits && !reader->holds_more();
    }
    poll(poll_.data(), poll_.size(), waits ? 1 : 0);
    const auto first = sequence;
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      const auto at = (i + next_) % readers_.size();
      if (poll_[at].revents == 0 && !readers_[at]->holds_more()) continue;
      sequence += read_of(at, batch, sequence, end, std::chrono::microseconds{0});
      if (batch.count == batch_max) {
        next_ = at;
        break;
      }
    }
    return sequence - first;
  }

  // What it had is in the database: the number of events acknowledged now.
  std::int64_t ack(const std::map<std::size_t, std::uint64_t>& last_tags) {
    std::int64_t events = 0;
    for (const auto& [at, tag] : last_tags) {
      readers_[at]->ack_to(tag);
      events += static_cast<std::int64_t>(tag - acked_[at]);
      acked_[at] = tag;
    }
    return events;
  }

 private:
  std::int64_t read_of(std::size_t at, Batch& batch, std::int64_t sequence, std::int64_t end,
                       std::chrono::microseconds patience) {
    const auto first = sequence;
    while (sequence < end && batch.count < batch_max) {
      const auto tag = readers_[at]->read(batch, sequence, patience);
      if (!tag) break;
      batch.last_tags[at] = *tag;
      ++sequence;
    }
    return sequence - first;
  }

  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::uint64_t> acked_;  // tags
  std::vector<pollfd> poll_;
  std::size_t next_ = 0;
};

double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// From the reader to the writer and back.
struct Handover {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Batch> batches;  // guarded by mutex
  bool over = false;          // guarded by mutex
  std::string failure;        // guarded by mutex
  std::atomic<bool> failed{false};
  std::map<std::size_t, std::uint64_t> committed;  // last tags, not acknowledged yet; guarded by mutex
  // Of the writer, read once it has ended.
  double first_commit_at = 0, last_commit_at = 0;
  int first_count = 0;
  int batches_written = 0;
  std::int64_t fresh = 0;

  // Waits while the writer has enough to do.
  void push(Batch& batch) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return batches.size() + 2 < batches_max || failed; });
    batches.push_back(std::move(batch));
    changed.notify_all();
    batch = {};
    batch.rows.reserve(batch_max * 1'536UL);
  }
  std::map<std::size_t, std::uint64_t> take_committed() {
    const std::lock_guard lock(mutex);
    return std::exchange(committed, {});
  }
  bool idle() {
    const std::lock_guard lock(mutex);
    return batches.empty();
  }
  void wait_a_little() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds{1});
  }
  void end() {
    const std::lock_guard lock(mutex);
    over = true;
    changed.notify_all();
  }
};

void write_batches(Writer& writer, Handover& handover) {
  for (;;) {
    std::unique_lock lock(handover.mutex);
    handover.changed.wait(lock, [&] { return handover.over || !handover.batches.empty(); });
    if (handover.batches.empty()) return;
    const Batch batch = std::move(handover.batches.front());
    handover.batches.pop_front();
    handover.changed.notify_all();
    lock.unlock();
    handover.fresh += writer.write(batch.rows);
    ++handover.batches_written;
    handover.last_commit_at = unix_now();
    if (handover.first_count == 0) {
      handover.first_count = batch.count;
      handover.first_commit_at = handover.last_commit_at;
    }
    lock.lock();
    for (const auto& [at, tag] : batch.last_tags) handover.committed[at] = tag;
    lock.unlock();
    handover.changed.notify_all();
  }
}

void read_batches(Readers& readers, Handover& handover, std::int64_t events, double until) {
  std::int64_t acked = 0, read = 0;
  Batch batch;
  while (acked < events && !handover.failed) {
    acked += readers.ack(handover.take_committed());
    const auto count = read < events ? readers.read(batch, read, events) : 0;
    const bool came = count > 0;
    read += count;
    if (batch.count == batch_max || (!came && batch.count > 0 && handover.idle())) {
      handover.push(batch);
    } else if (!came) {
      handover.wait_a_little();
      if (unix_now() > until) throw std::runtime_error("its deadline came at " + std::to_string(read) + " events");
    }
  }
}

nlohmann::json drain(Readers& readers, Writer& writer, std::int64_t events, double deadline) {
  Handover handover;
  std::thread thread([&] {
    try {
      write_batches(writer, handover);
    } catch (const std::exception& error) {
      const std::lock_guard lock(handover.mutex);
      handover.failure = error.what();
      handover.failed = true;
      handover.changed.notify_all();
    }
  });
  std::string failure;
  try {
    read_batches(readers, handover, events, unix_now() + deadline);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  handover.end();
  thread.join();
  if (handover.failed) failure = handover.failure;
  if (!failure.empty()) throw std::runtime_error(failure);
  return {{"events", events},
          {"fresh", handover.fresh},
          {"batches", handover.batches_written},
          {"first_count", handover.first_count},
          {"first_commit_at", handover.first_commit_at},
          {"last_commit_at", handover.last_commit_at}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Drains audit queues into a table: the baseline of the audit bench"};
  std::string broker, database, table;
  bench::TenantRange tenants;
  std::int64_t events = 0;
  double deadline = 120;
  app.add_option("--broker", broker)->required()->envname("TENANTRY_WORKERS_AMQP_URL");
  tenants.add_options(app);
  app.add_option("--database", database)->required();
  app.add_option("--table", table)->required();
  app.add_option("--events", events)->required();
  app.add_option("--deadline", deadline, "Seconds for everything");
  CLI11_PARSE(app, argc, argv);
  try {
    Writer writer(database, table);
    Readers readers(broker, tenants.names());
    std::puts("{\"ready\":1}");
    std::fflush(stdout);
    std::puts(drain(readers, writer, events, deadline).dump().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_baseline: %s\n", error.what());
    return 1;
  }
}
