// Logs: one JSON object a line on standard error (OpenTelemetry's log data model),
// or a line for people on a terminal. Thread-safe; a line is one write.
//
// Never pass passwords, tokens, keys or e-mail addresses as fields.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tenantry::log {

enum class Level { debug = 5, info = 9, warn = 13, error = 17 };

class Field {
 public:
  Field(std::string_view key_text, std::string_view text) : key(key_text), value(std::string(text)) {}
  Field(std::string_view key_text, const std::string& text) : key(key_text), value(text) {}
  Field(std::string_view key_text, const char* text) : key(key_text), value(std::string(text)) {}
  template <class T>
  requires std::is_integral_v<T> Field(std::string_view key_text, T number)
      : key(key_text), value(static_cast<std::int64_t>(number)) {}
  Field(std::string_view key_text, double number) : key(key_text), value(number) {}

  std::string_view key;
  std::variant<std::string, std::int64_t, double> value;
};
using Fields = std::initializer_list<Field>;

// Once, before other threads start. `service`: "tenantry-billing".
void configure(std::string service, Level least);

void write(Level level, std::string_view body, Fields fields);
inline void debug(std::string_view body, Fields fields = {}) {
  write(Level::debug, body, fields);
}
inline void info(std::string_view body, Fields fields = {}) {
  write(Level::info, body, fields);
}
inline void warn(std::string_view body, Fields fields = {}) {
  write(Level::warn, body, fields);
}
inline void error(std::string_view body, Fields fields = {}) {
  write(Level::error, body, fields);
}

}  // namespace tenantry::log
