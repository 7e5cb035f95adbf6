// Exports of the audit log: any number of records at a constant memory.
//
// A page at a time, in a transaction of its own: while the database reads one, the lane
// formats and writes the one before, and on it goes when the client has taken most of that.
// So two pages are in memory at most, a slow client holds neither a lane nor a transaction,
// and the server's write timeout ends one that stands still.
#include <algorithm>
#include <atomic>
#include <optional>

#include "shared/audit_search/record.h"
#include "shared/db/connection.h"
#include "shared/gzip/gzip.h"
#include "shared/telemetry/log.h"
#include "tenantry/events/v1/audit.pb.h"
#include "workers/gateway/api/audit/handlers.h"
#include "workers/gateway/api/audit/query.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/content.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

// A page is of so many bytes, as far as the last one lets expect: records may be of some hundred bytes, or of 256 KiB.
constexpr std::size_t bytes_at_once = 2'000'000;
constexpr int records_at_first = 250, records_min = 10, records_max = 2'000;
constexpr std::int64_t export_page_bytes_max = 4'000'000;  // where records may be large
constexpr int small_records = 500;             // so many are of few bytes: then a page may be of some hundred more
constexpr Milliseconds patience_at_once{500};  // of a lane, where few records match
constexpr std::chrono::hours deadline{1};      // of the whole export

enum class Format { ndjson, csv };

struct ExportOptions {
  Format format = Format::ndjson;
  bool compressed = false;
  bool marked = false;  // CSV that begins with a byte order mark, by which Excel knows UTF-8
};

Result<ExportOptions> export_options(const http::Request& request) {
  ExportOptions options{.compressed = prefers(request, "Accept-Encoding", "gzip")};
  const auto format = request.query_value("format");
  if (!format) {
    options.format = prefers(request, "Accept", "text/csv") ? Format::csv : Format::ndjson;
  } else if (*format == "csv") {
    options.format = Format::csv;
  } else if (*format != "ndjson") {
    return Error::invalid("/format", "choice", "must be ndjson or csv");
  }
  const auto bom = request.query_value("bom").value_or("0");
  if (bom != "0" && bom != "1") return Error::invalid("/bom", "choice", "must be 0 or 1");
  options.marked = bom == "1";
  if (options.marked && options.format != Format::csv) {
    return Error::invalid("/bom", "csv", "a byte order mark begins CSV alone: RFC 8259 forbids it in JSON");
  }
  return options;
}

http::Headers headers_of(const ExportOptions& options) {
  const bool csv = options.format == Format::csv;
  http::Headers headers{
      {"Content-Type", csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson"},
      {"Content-Disposition", csv ? "attachment; filename=\"audit.csv\"" : "attachment; filename=\"audit.ndjson\""},
      {"Cache-Control", "no-store"},
      {"Vary", "Accept, Accept-Encoding"}};
  if (options.compressed) headers.add("Content-Encoding", "gzip");
  return headers;
}

class Export : public std::enable_shared_from_this<Export> {
 public:
  Export(Services& services, CallPtr call, AuditQuery query, ExportOptions options, StreamCounts::Place place)
      : services_(services),
        call_(std::move(call)),
        query_(std::move(query)),
        options_(options),
        place_(std::move(place)),
        give_up_at_(std::chrono::steady_clock::now() + deadline) {
    query_.page.records_max = records_at_first;
    query_.page.patience = patience_at_once;
    query_.page.bytes_max = export_page_bytes_max;
    query_.page.abandoned = [exchange = call_->exchange] { return !exchange->connected(); };
    query_.page.meanwhile = [this] { write_page(); };
    if (options_.compressed) gzip_.emplace();
  }

  // On the loop. Nothing leaves before the audit log is sure to hear of it.
  void start() {
    standing_ = services_.standings.watch(call_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->fall();
    });
    const auto queued_at = std::chrono::steady_clock::now();
    const auto task = [self = shared_from_this(), queued_at](db::Connection& lane) {
      const auto announced = contained(self->call_->route->operation, [&] {
        const auto turn = in_time(queued_at);
        return turn ? self->announce(lane) : turn;
      });
      if (!announced) return self->services_.refuse(self->call_, announced.error());
      self->services_.start_stream(self->call_, headers_of(self->options_));
      self->begun_ = true;
      if (self->call_->request().method == http::Method::head) return self->call_->exchange->finish();
      if (self->options_.marked) self->text_ = "\xEF\xBB\xBF";
      if (self->options_.format == Format::csv) self->text_ += audit_search::csv_header();
      self->go_on(lane);
    };
    const auto answer = services_.searches.submit(call_->holder(), task);
    if (answer != BoundedPool::Answer::taken) services_.refuse_busy(call_, answer);
  }

 private:
  Result<void> announce(db::Connection& lane) {
    return services_.commit(lane, *call_, call_->caller(),
                            [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                              if (auto known = check_tenant(tx, query_, *call_); !known) return known;
                              v1::AuditExported event;
                              event.set_search(printable(query_.text, audit_search::search_size_max));
                              event.set_format(options_.format == Format::csv ? "csv" : "ndjson");
                              event.set_compressed(options_.compressed);
                              outbox.publish(audit_log_of(query_), event);
                              return {};
                            });
  }

  // On a lane: the next page. What fails here ends the connection: the client must not take the part for the whole.
  void go_on(db::Connection& lane) {
    if (!call_->exchange->connected()) return;
    if (fallen_) return give_up("its reader may read no more");
    if (std::chrono::steady_clock::now() > give_up_at_) return give_up("its hour is over");
    const auto written = contained(call_->route->operation, [&] { return write_next(lane); });
    if (!written) give_up(written.error().describe());
  }

  Result<void> write_next(db::Connection& lane) {
    audit_search::Page next;
    const auto done = services_.read(lane, [&](db::Transaction& tx) -> Result<void> {
      next = read_audit(tx, query_);
      return {};
    });
    if (!done) return done;
    write_page();  // where nothing had to be waited for
    page_ = std::move(next);
    query_.page.after = page_.next;
    query_.page.records_max = records_next_;
    query_.page.whole_transactions = records_next_ >= small_records;
    if (page_.more) {
      await_client();
      return {};
    }
    write_page();
    if (gzip_) call_->exchange->write_chunk(gzip_->finish());
    call_->exchange->finish();
    return {};
  }

  // The page at hand, and no longer at hand then.
  void write_page() {
    const auto page = std::exchange(page_, {});
    if (page.size == 0 && text_.empty()) return;
    text_.reserve(bytes_at_once + bytes_at_once / 4);
    page.for_each([&](const db::Row& row) { append(row); });
    if (page.size > 0) {
      const auto bytes_each = std::max<std::size_t>(1, text_.size() / page.size);
      records_next_ = std::clamp(static_cast<int>(bytes_at_once / bytes_each), records_min, records_max);
    }
    call_->exchange->write_chunk(gzip_ ? gzip_->compress(text_) : std::move(text_));
    text_.clear();
  }

  void append(const db::Row& row) {
    if (options_.format == Format::csv) return audit_search::append_csv(text_, row);
    audit_search::append_json(text_, row);
    text_ += '\n';
  }

  void await_client() {
    call_->exchange->on_writable([self = shared_from_this()] { self->submit(); });
  }

  // On the loop.
  void submit() {
    if (!call_->exchange->connected()) return;
    const auto answer = services_.searches.submit(
        call_->holder(), [self = shared_from_this()](db::Connection& lane) { self->go_on(lane); });
    if (answer != BoundedPool::Answer::taken) give_up("the lanes are full");
  }

  // Also what was made and not read yet is not for its reader any more.
  void fall() {
    fallen_ = true;
    if (begun_) give_up("its reader may read no more");
  }

  void give_up(std::string_view why) {
    log::warn("an export was broken off", {{"request_id", call_->request_id}, {"why", why}});
    call_->exchange->abort();
  }

  Services& services_;
  const CallPtr call_;
  AuditQuery query_;
  const ExportOptions options_;
  const StreamCounts::Place place_;
  const std::chrono::steady_clock::time_point give_up_at_;
  std::optional<Gzip> gzip_;
  Standings::Handle standing_{};
  std::atomic<bool> begun_ = false;
  std::atomic<bool> fallen_ = false;
  audit_search::Page page_{};  // read, not written yet
  int records_next_ = records_at_first;
  std::string text_;
};

}  // namespace

void export_audit(Services& services, const CallPtr& call) {
  const auto query = parse_audit_query(services, *call);
  if (!query) return services.refuse(call, query.error());
  const auto options = export_options(call->request());
  if (!options) return services.refuse(call, options.error());
  auto place = services.exports.take(call->holder());
  if (!place) {
    return services.refuse(call,
                           Error{.code = Errc::rate_limited,
                                 .reason = "rate_limited",
                                 .message = "at most two exports at a time, and as many as there is room for"},
                           Seconds{10});
  }
  std::make_shared<Export>(services, call, *query, *options, std::move(place))->start();
}

}  // namespace tenantry::gateway
