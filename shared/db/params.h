// Param: one bound value of a statement, in PostgreSQL's text form. Values are
// always bound, never pasted into SQL.
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
  Param(std::string text) : text_(std::move(text)) {}
  Param(std::string_view text) : text_(std::string(text)) {}
  Param(const char* text) : text_(text) {}
  Param(std::int64_t value) : text_(std::to_string(value)) {}
  Param(int value) : text_(std::to_string(value)) {}
  Param(double value);
  Param(bool value) : text_(value ? "true" : "false") {}
  Param(Timestamp at) : text_(to_rfc3339(at)) {}
  Param(const Uuid& id) : text_(id.to_string()) {}
  Param(ByteView bytes) : text_("\\x" + to_hex(bytes)) {}
  Param(const Bytes& bytes) : Param(ByteView{bytes}) {}
  template <class T>
  Param(const std::optional<T>& value) : text_(value ? Param(*value).text_ : std::nullopt) {}

  // One array per column is how a batch travels: one statement, one plan, any size.
  template <class T>
  static Param array(const std::vector<T>& values) {
    std::string out = "{";
    for (const auto& value : values) {
      if (out.size() > 1) out += ',';
      append_element(out, Param(value));
    }
    return Param(out + "}");
  }

  const std::optional<std::string>& text() const { return text_; }

 private:
  static void append_element(std::string& out, const Param& element);
  std::optional<std::string> text_;
};

}  // namespace tenantry::db
