#include "shared/telemetry/log.h"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/core/clock.h"
#include "shared/telemetry/trace.h"

namespace tenantry::log {
namespace {

struct Settings {
  std::string service = "tenantry";
  Level least = Level::info;
  bool pretty = isatty(STDERR_FILENO) != 0;
};

Settings& settings() {
  static Settings instance;
  return instance;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO";
    case Level::warn:
      return "WARN";
    case Level::error:
      return "ERROR";
  }
  return "?";
}

std::string dump(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string pretty_line(Timestamp at, Level level, std::string_view body, Fields fields) {
  std::string line = to_rfc3339(at).substr(11, 12) + " " + std::string(name_of(level)) + " " + std::string(body);
  for (const auto& field : fields) {
    line += " " + std::string(field.key) + "=";
    std::visit([&](const auto& value) { line += dump(nlohmann::ordered_json(value)); }, field.value);
  }
  return line + "\n";
}

std::string json_line(Timestamp at, Level level, std::string_view body, Fields fields) {
  nlohmann::ordered_json line;
  line["timestamp"] = to_rfc3339(at);
  line["severity_text"] = name_of(level);
  line["severity_number"] = static_cast<int>(level);
  line["body"] = body;
  if (const auto& about = tracing::current()) {
    line["trace_id"] = to_hex(about->trace_id);
    line["span_id"] = to_hex(about->span_id);
  }
  auto& attributes = line["attributes"] = nlohmann::ordered_json::object();
  for (const auto& field : fields) {
    std::visit([&](const auto& value) { attributes[std::string(field.key)] = value; }, field.value);
  }
  line["resource"] = {{"service.name", settings().service}};
  return dump(line) + "\n";
}

}  // namespace

void configure(std::string service, Level least) {
  settings().service = std::move(service);
  settings().least = least;
}

void write(Level level, std::string_view body, Fields fields) {
  if (level < settings().least) return;
  // The machine's own time, whatever clock the tests have moved: logs are read beside other logs.
  const Timestamp at = SystemClock{}.now();
  const std::string line =
      settings().pretty ? pretty_line(at, level, body, fields) : json_line(at, level, body, fields);
  // A full pipe loses the line, not the process.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace tenantry::log
