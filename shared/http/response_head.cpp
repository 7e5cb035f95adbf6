#include "shared/http/response_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace tenantry::http {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

}  // namespace

std::string http_date(std::int64_t unix_seconds) {
  const std::time_t now = unix_seconds;
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  const auto start = static_cast<std::ptrdiff_t>(out.size());
  out.append(value);
  std::replace_if(out.begin() + start, out.end(), is_control, ' ');
  out.append("\r\n");
}

void append_field(std::string& out, std::string_view name, std::size_t value) {
  out.append(name).append(": ");
  append_number(out, value);
  out.append("\r\n");
}

void append_head(std::string& out, int status, const Headers& headers, std::string_view date, bool close) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::size_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\nServer: tenantry\r\nDate: ").append(date).append("\r\n");
  for (const auto& [name, value] : headers) append_field(out, name, value);
  if (close) out.append("Connection: close\r\n");
}

}  // namespace tenantry::http
