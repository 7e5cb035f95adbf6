#include "shared/db/params.h"

#include <array>
#include <bit>
#include <charconv>
#include <concepts>

namespace tenantry::db {
namespace {

// Of pg_type; the same in every PostgreSQL (src/include/catalog/pg_type.dat).
struct ArrayType {
  unsigned element;
  unsigned array;
};
constexpr ArrayType bool_type{16, 1000};
constexpr ArrayType bytea_type{17, 1001};
constexpr ArrayType int4_type{23, 1007};
constexpr ArrayType int8_type{20, 1016};
constexpr ArrayType text_type{25, 1009};
constexpr ArrayType float8_type{701, 1022};
constexpr ArrayType timestamptz_type{1184, 1185};
constexpr ArrayType uuid_type{2950, 2951};

// timestamptz counts microseconds from here.
constexpr std::int64_t year_2000_us = 946'684'800'000'000;

template <std::integral T>
void append_integer(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift);
  }
}

void append_bytes(std::string& out, std::string_view bytes) {
  append_integer(out, static_cast<std::int32_t>(bytes.size()));
  out += bytes;
}

void append_int64(std::string& out, std::int64_t value) {
  append_integer(out, std::int32_t{8});
  append_integer(out, value);
}

template <class T>
bool is_null(const T&) {
  return false;
}
template <class T>
bool is_null(const std::optional<T>& value) {
  return !value;
}

// array_send's form (src/backend/utils/adt/arrayfuncs.c): dimensions, whether there are nulls, the element's type,
// the one dimension's length and lower bound, then each element after its length.
template <class T, class Append>
std::string array_bytes(const std::vector<T>& values, unsigned element_type, const Append& append) {
  std::string out;
  append_integer(out, std::int32_t{values.empty() ? 0 : 1});
  bool nulls = false;
  for (const auto& value : values) nulls = nulls || is_null(value);
  append_integer(out, std::int32_t{nulls});
  append_integer(out, element_type);
  if (values.empty()) return out;
  append_integer(out, static_cast<std::int32_t>(values.size()));
  append_integer(out, std::int32_t{1});
  for (const auto& value : values) {
    if (is_null(value)) {
      append_integer(out, std::int32_t{-1});
    } else {
      append(out, value);
    }
  }
  return out;
}

void append_text(std::string& out, std::string_view text) {
  append_bytes(out, text);
}
void append_timestamp(std::string& out, Timestamp at) {
  append_int64(out, to_unix_micros(at) - year_2000_us);
}
void append_uuid(std::string& out, const Uuid& id) {
  append_bytes(out, as_text(id.bytes));
}

}  // namespace

Param::Param(double value) {
  std::array<char, 64> out{};
  const auto end =
      std::to_chars(out.data(), out.data() + out.size(), value).ptr;  // shortest text that reads back equal
  value_ = std::string(out.data(), end);
}

template <class T, class Append>
Param Param::array_of(const std::vector<T>& values, unsigned element_type, unsigned array_type, const Append& append) {
  return {array_bytes(values, element_type, append), array_type};
}

Param Param::array(const std::vector<std::string>& values) {
  return array_of(values, text_type.element, text_type.array, append_text);
}
Param Param::array(const std::vector<std::string_view>& values) {
  return array_of(values, text_type.element, text_type.array, append_text);
}
Param Param::array(const std::vector<Bytes>& values) {
  return array_of(values, bytea_type.element, bytea_type.array,
                  [](std::string& out, const Bytes& bytes) { append_bytes(out, as_text(bytes)); });
}
Param Param::array(const std::vector<ByteView>& values) {
  return array_of(values, bytea_type.element, bytea_type.array,
                  [](std::string& out, ByteView bytes) { append_bytes(out, as_text(bytes)); });
}
Param Param::array(const std::vector<int>& values) {
  return array_of(values, int4_type.element, int4_type.array, [](std::string& out, int value) {
    append_integer(out, std::int32_t{4});
    append_integer(out, value);
  });
}
Param Param::array(const std::vector<std::int64_t>& values) {
  return array_of(values, int8_type.element, int8_type.array, append_int64);
}
Param Param::array(const std::vector<double>& values) {
  return array_of(values, float8_type.element, float8_type.array,
                  [](std::string& out, double value) { append_int64(out, std::bit_cast<std::int64_t>(value)); });
}
Param Param::array(const std::vector<bool>& values) {
  return array_of(values, bool_type.element, bool_type.array,
                  [](std::string& out, bool value) { append_bytes(out, std::string_view(value ? "\1" : "\0", 1)); });
}
Param Param::array(const std::vector<Timestamp>& values) {
  return array_of(values, timestamptz_type.element, timestamptz_type.array, append_timestamp);
}
Param Param::array(const std::vector<Uuid>& values) {
  return array_of(values, uuid_type.element, uuid_type.array, append_uuid);
}
Param Param::array(const std::vector<std::optional<std::string>>& values) {
  return array_of(values, text_type.element, text_type.array,
                  [](std::string& out, const std::optional<std::string>& text) { append_text(out, *text); });
}
Param Param::array(const std::vector<std::optional<Timestamp>>& values) {
  return array_of(values, timestamptz_type.element, timestamptz_type.array,
                  [](std::string& out, const std::optional<Timestamp>& at) { append_timestamp(out, *at); });
}
Param Param::array(const std::vector<std::optional<Uuid>>& values) {
  return array_of(values, uuid_type.element, uuid_type.array,
                  [](std::string& out, const std::optional<Uuid>& id) { append_uuid(out, *id); });
}

}  // namespace tenantry::db
