// Trace exporter: sends the spans of this process to an OTLP receiver over HTTP, from a thread of its own.
//
// A receiver that is slow, away or hostile costs spans and nothing else: they wait in the tracer's bounded queue, and
// what does not fit there is dropped and counted. Only what OTLP calls retryable is sent again.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "shared/config/config.h"
#include "shared/core/ids.h"
#include "shared/http/client.h"
#include "shared/telemetry/otlp.h"

namespace tenantry::service {

struct TraceSettings {
  std::string url{};  // "http://collector:4318", to which /v1/traces is added; "": nothing is traced
  bool json = false;
  std::string authorization{};  // a secret: the header's value; "": none
  double share = 0.01;
};
TraceSettings read_trace_settings(config::Reader& reader);

struct TraceExporterLimits {
  std::size_t spans_max = 512;  // of a request
  std::size_t bytes_max = 1024UL * 1024;
  Milliseconds every{5'000};
  Milliseconds retry_floor{1'000};  // doubling
  Milliseconds retry_cap{30'000};
  Milliseconds request_timeout{10'000};
  Milliseconds farewell{2'000};  // for what waits when the process ends
};

// What becomes of a batch that was answered with `status` (0: not at all).
enum class Delivery { taken, again, refused };
Delivery judge(int status);

class TraceExporter {
 public:
  TraceExporter(TraceSettings settings, tracing::Origin origin, TraceExporterLimits limits = {});
  ~TraceExporter();  // sends what waits, for as long as a farewell may take

  void start();

 private:
  enum class Outcome { done, again };
  void run();
  bool wait(Milliseconds time);  // false: it is to end
  Outcome send(const std::vector<tracing::Span>& batch, Milliseconds timeout);
  void note_rejected(const http::ClientResponse& answer);

  const TraceSettings settings_;
  const tracing::Origin origin_;
  const TraceExporterLimits limits_;
  http::HttpClient client_;  // the thread's
  Milliseconds asked_to_wait_{0};
  std::chrono::steady_clock::time_point may_log_at_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

// Tracing for as long as it lives; of settings without a URL nothing. `ids` outlives it.
class Tracing {
 public:
  Tracing(const TraceSettings& settings, const std::string& service, IdGenerator& ids);
  ~Tracing();

 private:
  std::unique_ptr<TraceExporter> exporter_;
};

}  // namespace tenantry::service
