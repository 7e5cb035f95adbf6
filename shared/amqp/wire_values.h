// Strings and tables between our values and rabbitmq-c's: what codec.cpp builds methods of, and nobody else includes.
//
// Decoder and Encoder hold the first error and go on; Scratch is rabbitmq-c's memory, of the thread.
#pragma once

#include <amqp.h>
#include <amqp_framing.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "shared/amqp/codec.h"
#include "shared/core/assert.h"

namespace tenantry::amqp {

constexpr std::size_t short_string_max = 255;

inline Error malformed(std::string message) {
  return {Errc::invalid, "protocol_error", std::move(message)};
}

template <class T>
T read_be(const std::uint8_t* bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | bytes[i]);
  return value;
}

// What rabbitmq-c allocates while it builds or reads a table. Decoded values point into
// it and are copied out before the guard below recycles it.
struct ScratchPool {
  amqp_pool_t pool{};
  ScratchPool() { init_amqp_pool(&pool, 8192); }
  ~ScratchPool() { empty_amqp_pool(&pool); }
};

class Scratch {
 public:
  Scratch() : pool_(&thread_pool().pool) {}
  ~Scratch() { recycle_amqp_pool(pool_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  amqp_pool_t* get() const { return pool_; }

 private:
  static ScratchPool& thread_pool() {
    thread_local ScratchPool pool;
    return pool;
  }
  amqp_pool_t* pool_;
};

inline amqp_bytes_t native_bytes(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

inline amqp_bytes_t native_bytes(ByteView bytes) {
  return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
}

// Walks an encoded table without decoding it: rabbitmq-c recurses as deep as the input
// says and allocates as many entries as it claims.
class TableScan {
 public:
  explicit TableScan(ByteView input) : input_(input) {}

  Result<std::size_t> table_end(std::size_t at) {
    if (auto scanned = table(at, 1); !scanned) return scanned.error();
    return at_;
  }

 private:
  Result<void> table(std::size_t at, int depth) {
    if (depth > table_depth_max) return malformed("a table is nested deeper than 16 levels");
    at_ = at;
    std::size_t end = 0;
    if (auto opened = open(end); !opened) return opened;
    while (at_ < end) {
      const std::size_t name_size = input_[at_];
      if (end - at_ < 1 + name_size) return malformed("a name runs past the end of its table");
      at_ += 1 + name_size;
      if (auto scanned = value(end, depth); !scanned) return scanned;
    }
    return {};
  }

  Result<void> array(int depth) {
    if (depth > table_depth_max) return malformed("an array is nested deeper than 16 levels");
    std::size_t end = 0;
    if (auto opened = open(end); !opened) return opened;
    while (at_ < end) {
      if (auto scanned = value(end, depth); !scanned) return scanned;
    }
    return {};
  }

  Result<void> open(std::size_t& end) {
    if (at_ > input_.size() || input_.size() - at_ < 4) return malformed("a table is cut short");
    const std::size_t size = read_be<std::uint32_t>(&input_[at_]);
    at_ += 4;
    if (size > input_.size() - at_) return malformed("a table is longer than its frame");
    end = at_ + size;
    return {};
  }

  Result<void> value(std::size_t end, int depth) {
    if (++values_ > table_values_max) return malformed("a table holds more than 4096 values");
    if (at_ >= end) return malformed("a table entry has no value");
    const auto kind = static_cast<char>(input_[at_++]);
    std::size_t size = 0;
    switch (kind) {
      case 'V':
        break;
      case 't':
      case 'b':
      case 'B':
        size = 1;
        break;
      case 's':
      case 'u':
        size = 2;
        break;
      case 'I':
      case 'i':
      case 'f':
        size = 4;
        break;
      case 'D':
        size = 5;
        break;
      case 'l':
      case 'L':
      case 'd':
      case 'T':
        size = 8;
        break;
      case 'S':
      case 'x':
        if (end - at_ < 4) return malformed("a string in a table is cut short");
        size = 4 + std::size_t{read_be<std::uint32_t>(&input_[at_])};
        break;
      case 'F':
      case 'A': {
        auto scanned = kind == 'F' ? table(at_, depth + 1) : array(depth + 1);
        if (!scanned) return scanned;
        if (at_ > end) return malformed("a nested table runs past the end of its parent");
        return {};
      }
      default:
        return malformed("a table holds a value of an unknown kind");
    }
    if (end - at_ < size) return malformed("a value runs past the end of its table");
    at_ += size;
    return {};
  }

  ByteView input_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
};

class Decoder {
 public:
  static std::string text(amqp_bytes_t bytes) {
    return bytes.len == 0 ? std::string() : std::string(static_cast<const char*>(bytes.bytes), bytes.len);
  }

  Table table(const amqp_table_t& source) {
    Table result;
    result.entries.reserve(static_cast<std::size_t>(source.num_entries));
    for (int i = 0; i < source.num_entries; ++i) {
      result.entries.push_back({text(source.entries[i].key), value(source.entries[i].value)});
    }
    return result;
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  Value value(const amqp_field_value_t& source) {
    const auto& from = source.value;
    switch (source.kind) {
      case AMQP_FIELD_KIND_BOOLEAN:
        return from.boolean != 0;
      case AMQP_FIELD_KIND_I8:
        return std::int64_t{from.i8};
      case AMQP_FIELD_KIND_U8:
        return std::int64_t{from.u8};
      case AMQP_FIELD_KIND_I16:
        return std::int64_t{from.i16};
      case AMQP_FIELD_KIND_U16:
        return std::int64_t{from.u16};
      case AMQP_FIELD_KIND_I32:
        return std::int64_t{from.i32};
      case AMQP_FIELD_KIND_U32:
        return std::int64_t{from.u32};
      case AMQP_FIELD_KIND_I64:
        return std::int64_t{from.i64};
      case AMQP_FIELD_KIND_U64:
        return signed_of(from.u64);
      case AMQP_FIELD_KIND_F32:
        return double{from.f32};
      case AMQP_FIELD_KIND_F64:
        return from.f64;
      case AMQP_FIELD_KIND_DECIMAL:
        return from.decimal.value / std::pow(10.0, from.decimal.decimals);
      case AMQP_FIELD_KIND_UTF8:
      case AMQP_FIELD_KIND_BYTES:
        return text(from.bytes);
      case AMQP_FIELD_KIND_TIMESTAMP:
        return std::chrono::sys_seconds{std::chrono::seconds{signed_of(from.u64)}};
      case AMQP_FIELD_KIND_TABLE:
        return table(from.table);
      case AMQP_FIELD_KIND_ARRAY: {
        Array array;
        array.reserve(static_cast<std::size_t>(from.array.num_entries));
        for (int i = 0; i < from.array.num_entries; ++i) array.push_back(value(from.array.entries[i]));
        return array;
      }
      default:
        return {};
    }
  }

  std::int64_t signed_of(std::uint64_t number) {
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      error_ = malformed("an unsigned number in a table is out of range");
      return 0;
    }
    return static_cast<std::int64_t>(number);
  }

  std::optional<Error> error_;
};

// Builds rabbitmq-c's structs, which point into ours, and adds up the space they need.
class Encoder {
 public:
  explicit Encoder(amqp_pool_t* pool) : pool_(pool) {}

  amqp_bytes_t short_string(std::string_view text, const char* field) {
    if (text.size() > short_string_max) fail(std::string(field) + " is longer than 255 bytes");
    space_ += 1 + text.size();
    return native_bytes(text);
  }

  amqp_bytes_t long_string(std::string_view text) {
    space_ += 4 + text.size();
    return native_bytes(text);
  }

  amqp_table_t table(const Table& source) { return table(source, 1); }

  const std::optional<Error>& error() const { return error_; }
  std::size_t space() const { return space_; }

 private:
  amqp_table_t table(const Table& source, int depth) {
    space_ += 4;
    amqp_table_t result{};
    if (!within_limits(source.entries.size(), depth) || source.entries.empty()) return result;
    result.num_entries = static_cast<int>(source.entries.size());
    result.entries = allocate<amqp_table_entry_t>(source.entries.size());
    for (std::size_t i = 0; i < source.entries.size(); ++i) {
      result.entries[i].key = short_string(source.entries[i].name, "a name in a table");
      result.entries[i].value = value(source.entries[i].value, depth);
    }
    return result;
  }

  amqp_field_value_t value(const Value& source, int depth) {
    space_ += 9;  // kind, and the widest fixed value
    amqp_field_value_t result{};
    const auto& data = source.data;
    if (const auto* flag = std::get_if<bool>(&data)) {
      result.kind = AMQP_FIELD_KIND_BOOLEAN;
      result.value.boolean = *flag;
    } else if (const auto* integer = std::get_if<std::int64_t>(&data)) {
      result.kind = AMQP_FIELD_KIND_I64;
      result.value.i64 = *integer;
    } else if (const auto* number = std::get_if<double>(&data)) {
      result.kind = AMQP_FIELD_KIND_F64;
      result.value.f64 = *number;
    } else if (const auto* text = std::get_if<std::string>(&data)) {
      result.kind = AMQP_FIELD_KIND_UTF8;
      result.value.bytes = long_string(*text);
    } else if (const auto* at = std::get_if<std::chrono::sys_seconds>(&data)) {
      result.kind = AMQP_FIELD_KIND_TIMESTAMP;
      if (at->time_since_epoch().count() < 0) fail("a timestamp in a table is before 1970");
      result.value.u64 = static_cast<std::uint64_t>(at->time_since_epoch().count());
    } else if (const auto* nested = std::get_if<Table>(&data)) {
      result.kind = AMQP_FIELD_KIND_TABLE;
      result.value.table = table(*nested, depth + 1);
    } else if (const auto* array = std::get_if<Array>(&data)) {
      result.kind = AMQP_FIELD_KIND_ARRAY;
      if (within_limits(array->size(), depth + 1) && !array->empty()) {
        result.value.array.num_entries = static_cast<int>(array->size());
        result.value.array.entries = allocate<amqp_field_value_t>(array->size());
        for (std::size_t i = 0; i < array->size(); ++i) {
          result.value.array.entries[i] = value((*array)[i], depth + 1);
        }
      }
    } else {
      result.kind = AMQP_FIELD_KIND_VOID;
    }
    return result;
  }

  bool within_limits(std::size_t values, int depth) {
    values_ += values;
    if (depth > table_depth_max) fail("a table is nested deeper than 16 levels");
    if (values_ > table_values_max) fail("a table holds more than 4096 values");
    return !error_.has_value();
  }

  template <class T>
  T* allocate(std::size_t count) {
    void* memory = amqp_pool_alloc(pool_, count * sizeof(T));
    TENANTRY_ASSERT(memory != nullptr);
    return static_cast<T*>(memory);
  }

  void fail(std::string message) {
    if (!error_) error_ = Error{Errc::invalid, "amqp_limit", std::move(message)};
  }

  amqp_pool_t* pool_;
  std::optional<Error> error_;
  std::size_t space_ = 64;  // the fixed parts of any method
  std::size_t values_ = 0;
};

}  // namespace tenantry::amqp
