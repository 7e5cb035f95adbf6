// Param: one bound value of a statement. Values are always bound, never pasted into
// SQL.
//
// Single values travel as text, of whatever type the statement gives them; byte
// strings and arrays in PostgreSQL's binary form, because a batch is mostly those.
// An array has the type of its elements (text[], int8[], ...): where the statement
// needs another one it casts, as in $1::uuid[].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/core/time.h"

namespace tenantry::db {

class Param {
 public:
  Param(std::nullptr_t) {}
  Param(std::string text) : value_(std::move(text)) {}
  Param(std::string_view text) : value_(std::string(text)) {}
  Param(const char* text) : value_(text) {}
  Param(std::int64_t value) : value_(std::to_string(value)) {}
  Param(int value) : value_(std::to_string(value)) {}
  Param(double value);
  Param(bool value) : value_(value ? "true" : "false") {}
  Param(Timestamp at) : value_(to_rfc3339(at)) {}
  Param(const Uuid& id) : value_(id.to_string()) {}
  Param(ByteView bytes) : value_(std::string(as_text(bytes))), binary_(true) {}
  Param(const Bytes& bytes) : Param(ByteView{bytes}) {}
  template <class T>
  Param(const std::optional<T>& value) : Param(value ? Param(*value) : Param(nullptr)) {}

  // One array per column is how a batch travels: one statement, one plan, any size.
  static Param array(const std::vector<std::string>& values);
  static Param array(const std::vector<std::string_view>& values);
  static Param array(const std::vector<Bytes>& values);
  static Param array(const std::vector<ByteView>& values);
  static Param array(const std::vector<int>& values);
  static Param array(const std::vector<std::int64_t>& values);
  static Param array(const std::vector<double>& values);
  static Param array(const std::vector<bool>& values);
  static Param array(const std::vector<Timestamp>& values);
  static Param array(const std::vector<Uuid>& values);
  static Param array(const std::vector<std::optional<std::string>>& values);
  static Param array(const std::vector<std::optional<Timestamp>>& values);
  static Param array(const std::vector<std::optional<Uuid>>& values);

  const std::optional<std::string>& value() const { return value_; }
  bool is_binary() const { return binary_; }
  unsigned type() const { return type_; }  // of pg_type; 0: the statement's

 private:
  Param(std::string value, unsigned type) : value_(std::move(value)), binary_(true), type_(type) {}
  template <class T, class Append>
  static Param array_of(const std::vector<T>& values, unsigned element_type, unsigned array_type, const Append& append);

  std::optional<std::string> value_;
  bool binary_ = false;
  unsigned type_ = 0;
};

}  // namespace tenantry::db
