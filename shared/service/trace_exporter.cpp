#include "shared/service/trace_exporter.h"

#include <charconv>

#include "shared/service/process.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"
#include "shared/telemetry/trace.h"

namespace tenantry::service {
namespace {

constexpr std::chrono::minutes log_every{1};
constexpr std::size_t answer_size_max = 4UL * 1024 * 1024;  // OTLP's own
constexpr Seconds retry_after_max{300};

// Seconds; a date is not worth its parsing here, and then our own pause holds.
Milliseconds retry_after(const http::ClientResponse& answer) {
  const auto text = answer.headers.get("Retry-After").value_or("");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0) return Milliseconds{0};
  return std::min(Seconds{seconds}, retry_after_max);
}

}  // namespace

TraceSettings read_trace_settings(config::Reader& reader) {
  TraceSettings settings;
  settings.url = reader.text("TENANTRY_TRACES_URL");
  while (settings.url.ends_with('/')) settings.url.pop_back();
  if (!settings.url.empty() && !settings.url.starts_with("http://") && !settings.url.starts_with("https://")) {
    reader.fail("TENANTRY_TRACES_URL", "must begin with http:// or https://");
  }
  settings.json = reader.word("TENANTRY_TRACES_FORMAT") == "json";
  settings.authorization = reader.secret("TENANTRY_TRACES_AUTHORIZATION").value_or("");
  settings.share = static_cast<double>(reader.integer("TENANTRY_TRACES_PERCENT")) / 100;
  return settings;
}

Delivery judge(int status) {
  if (status >= 200 && status < 300) return Delivery::taken;
  if (status == 0 || status == 429 || status == 502 || status == 503 || status == 504) return Delivery::again;
  return Delivery::refused;
}

TraceExporter::TraceExporter(TraceSettings settings, tracing::Origin origin, TraceExporterLimits limits)
    : settings_(std::move(settings)), origin_(std::move(origin)), limits_(limits) {}

TraceExporter::~TraceExporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void TraceExporter::start() {
  thread_ = std::thread([this] { run(); });
}

bool TraceExporter::wait(Milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [&] { return stopping_; });
}

void TraceExporter::run() {
  std::vector<tracing::Span> batch;
  auto pause = limits_.retry_floor;
  bool goes_on = true;
  while (goes_on) {
    goes_on = wait(batch.empty() ? limits_.every : std::max(pause, asked_to_wait_));
    if (!goes_on) break;
    bool sent = true;
    while (sent) {
      if (batch.empty()) batch = tracing::take(limits_.spans_max, limits_.bytes_max);
      if (batch.empty()) break;
      sent = send(batch, limits_.request_timeout) == Outcome::done;
      if (sent) {
        batch.clear();
        pause = limits_.retry_floor;
      } else {
        pause = std::min(pause * 2, limits_.retry_cap);
      }
    }
  }
  const auto until = std::chrono::steady_clock::now() + limits_.farewell;
  while (true) {
    if (batch.empty()) batch = tracing::take(limits_.spans_max, limits_.bytes_max);
    if (batch.empty()) return;
    const auto left = std::chrono::ceil<Milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= Milliseconds{0} || send(batch, left) == Outcome::again) break;
    batch.clear();
  }
  tracing::count_dropped("process_ended", batch.size() + tracing::waiting());
}

TraceExporter::Outcome TraceExporter::send(const std::vector<tracing::Span>& batch, Milliseconds timeout) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = settings_.url + "/v1/traces";
  request.headers.set("Content-Type", settings_.json ? "application/json" : "application/x-protobuf");
  if (!settings_.authorization.empty()) request.headers.set("Authorization", settings_.authorization);
  request.body = settings_.json ? tracing::encode_json(origin_, batch) : tracing::encode_protobuf(origin_, batch);
  request.timeout = timeout;
  request.response_size_max = answer_size_max;
  const auto answer = client_.perform(request);
  asked_to_wait_ = answer ? retry_after(*answer) : Milliseconds{0};
  // An answer that is too large to read is final, as any that OTLP does not call retryable.
  const bool too_large = !answer && answer.error().code == Errc::too_large;
  const auto delivery = too_large ? Delivery::refused : judge(answer ? answer->status : 0);
  if (delivery == Delivery::again) {
    metrics::counter("tenantry_trace_export_retries_total", "Batches of spans that have to be sent again");
    return Outcome::again;
  }
  if (delivery == Delivery::refused) {
    tracing::count_dropped("refused", batch.size());
    const auto at = std::chrono::steady_clock::now();
    if (at >= may_log_at_) {
      may_log_at_ = at + log_every;
      log::warn("the traces' receiver refused spans",
                {{"status", answer ? answer->status : 0}, {"spans", static_cast<std::int64_t>(batch.size())}});
    }
    return Outcome::done;
  }
  metrics::counter("tenantry_trace_spans_exported_total", "Spans that the traces' receiver was given", {},
                   static_cast<double>(batch.size()));
  note_rejected(*answer);
  return Outcome::done;
}

void TraceExporter::note_rejected(const http::ClientResponse& answer) {
  const auto rejected =
      settings_.json ? tracing::read_json_answer(answer.body) : tracing::read_protobuf_answer(answer.body);
  if (rejected.spans <= 0 && rejected.message.empty()) return;
  if (rejected.spans > 0) tracing::count_dropped("rejected", static_cast<std::size_t>(rejected.spans));
  const auto at = std::chrono::steady_clock::now();
  if (at < may_log_at_) return;
  may_log_at_ = at + log_every;
  log::warn("the traces' receiver took only a part",
            {{"rejected", rejected.spans}, {"says", rejected.message.substr(0, tracing::value_size_max)}});
}

Tracing::Tracing(const TraceSettings& settings, const std::string& service, IdGenerator& ids) {
  if (settings.url.empty()) return;
  tracing::enable({.share = settings.share}, ids);
  const auto version = version_number();
  exporter_ = std::make_unique<TraceExporter>(
      settings, tracing::Origin{.resource = {{"service.name", service},
                                             {"service.namespace", std::string("tenantry")},
                                             {"service.version", version},
                                             {"service.instance.id", ids.next().to_string()}},
                                .scope = "tenantry",
                                .scope_version = version});
  exporter_->start();
}

Tracing::~Tracing() {
  if (!exporter_) return;
  exporter_.reset();
  tracing::disable();
}

}  // namespace tenantry::service
