#include "shared/db/rows.h"

#include <charconv>

#include "shared/core/assert.h"

namespace tenantry::db {

Row Rows::operator[](std::size_t index) const {
  TENANTRY_ASSERT(index < size());
  return {*cells_, static_cast<int>(index)};
}

bool Row::is_null(int column) const {
  return cells_->is_null(row_, column);
}
std::string_view Row::text(int column) const {
  return cells_->text(row_, column);
}
std::int64_t Row::int64(int column) const {
  const auto value = text(column);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  TENANTRY_ASSERT(error == std::errc{} && end == value.data() + value.size());
  return number;
}
double Row::real(int column) const {
  const auto value = text(column);
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  TENANTRY_ASSERT(error == std::errc{} && end == value.data() + value.size());
  return number;
}
bool Row::boolean(int column) const {
  return text(column) == "t";
}
Timestamp Row::timestamp(int column) const {
  // "2026-11-21 09:04:34.123456+00": the session runs in UTC, so the offset is always "+00".
  std::string value{text(column)};
  TENANTRY_ASSERT(value.ends_with("+00"));
  value.replace(value.size() - 3, 3, "Z");
  const auto at = from_rfc3339(value);
  TENANTRY_ASSERT(at);
  return *at;
}
std::optional<Timestamp> Row::optional_timestamp(int column) const {
  if (is_null(column)) return std::nullopt;
  return timestamp(column);
}
Uuid Row::uuid(int column) const {
  const auto id = Uuid::parse(text(column));
  TENANTRY_ASSERT(id);
  return *id;
}
Bytes Row::bytes(int column) const {
  auto value = text(column);
  if (value.empty()) return {};
  TENANTRY_ASSERT(value.starts_with("\\x"));
  value.remove_prefix(2);
  auto bytes = from_hex(value);
  TENANTRY_ASSERT(bytes);
  return *std::move(bytes);
}
// A text[] as the server writes it: {one,"two, three","with \\"quotes\\""}. Without nulls and of one dimension.
std::vector<std::string> Row::texts(int column) const {
  std::vector<std::string> out;
  const auto value = text(column);
  if (value.size() <= 2) return out;  // NULL or {}
  TENANTRY_ASSERT(value.front() == '{' && value.back() == '}');
  std::string element;
  bool quoted = false;
  for (std::size_t i = 1; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\') {
      element += value[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ',' || i + 1 == value.size())) {
      out.push_back(std::move(element));
      element.clear();
    } else {
      element += c;
    }
  }
  return out;
}

}  // namespace tenantry::db
