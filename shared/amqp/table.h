// Table: AMQP's typed name/value list (message headers, queue arguments, server
// properties), as plain values that own everything and may cross threads.
//
// A table is ordered and keeps what it is given, repeated names too; the limits on
// names, nesting and entries are the codec's.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tenantry::amqp {

struct Value;
struct Entry;
using Array = std::vector<Value>;

struct Table {
  std::vector<Entry> entries;

  // Defined below, where an entry is complete.
  Table() noexcept;
  Table(std::initializer_list<Entry> list);
  Table(const Table& other);
  Table(Table&& other) noexcept;
  Table& operator=(const Table& other);
  Table& operator=(Table&& other) noexcept;
  ~Table();

  bool empty() const;
  void add(std::string name, Value value);

  // The first entry of that name; null when there is none. Valid until the table changes.
  const Value* find(std::string_view name) const;

  // The same where it is a string, else nothing. A view into the table.
  std::optional<std::string_view> get_string(std::string_view name) const;

  bool operator==(const Table& other) const;
};

// On the wire integers of every width become int64, floats and decimals double,
// byte arrays strings; sent are 64-bit integers, doubles and long strings.
struct Value {
  using Data =
      std::variant<std::monostate, bool, std::int64_t, double, std::string, std::chrono::sys_seconds, Table, Array>;
  Data data;

  Value() = default;  // null
  Value(bool value) : data(value) {}
  Value(int value) : data(std::int64_t{value}) {}
  Value(std::int64_t value) : data(value) {}
  Value(double value) : data(value) {}
  Value(const char* value) : data(std::string(value)) {}
  Value(std::string_view value) : data(std::string(value)) {}
  Value(std::string value) : data(std::move(value)) {}
  Value(std::chrono::sys_seconds value) : data(value) {}
  Value(Table value) : data(std::move(value)) {}
  Value(Array value) : data(std::move(value)) {}

  bool operator==(const Value& other) const;
};

struct Entry {
  std::string name;
  Value value;

  bool operator==(const Entry& other) const;
};

inline Table::Table() noexcept = default;
inline Table::Table(const Table& other) = default;
inline Table::Table(Table&& other) noexcept = default;
inline Table& Table::operator=(const Table& other) = default;
inline Table& Table::operator=(Table&& other) noexcept = default;
inline Table::~Table() = default;

}  // namespace tenantry::amqp
