#include "shared/json/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shared/core/bytes.h"

namespace tenantry {
namespace {

using nlohmann::json;

// RFC 6901 section 3.
std::string escape_token(const std::string& name) {
  std::string token;
  for (const char c : name) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return token;
}

Error malformed(std::string pointer, std::string rule, std::string detail) {
  auto error = Error::invalid(std::move(pointer), std::move(rule), std::move(detail));
  error.reason = "malformed_json";
  return error;
}

// Builds the value as the parser reports its parts. Open containers are on a
// stack, so depth is memory here and not calls.
class Builder final : public nlohmann::json_sax<json> {
 public:
  explicit Builder(std::size_t depth_max) : depth_max_(depth_max) {}

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return std::isfinite(value) ? add(value) != nullptr : refuse("number", "the number is too large");
  }
  bool string(string_t& value) override { return add(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const bool repeated = stack_.back().value->contains(name);
    stack_.back().key = std::move(name);
    return repeated ? refuse("duplicate_key", "the name appears twice in one object") : true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& failure) override {
    constexpr int number_out_of_range = 406;
    if (failure.id == number_out_of_range) return refuse("number", "the number is too large");
    return refuse("syntax", "not JSON at byte " + std::to_string(position));
  }

  json take() { return std::move(root_); }
  const Error& error() const { return error_; }

 private:
  struct Open {
    json* value;
    std::string key{};
  };

  template <class T>
  json* add(T&& value) {
    if (stack_.empty()) {
      root_ = json(std::forward<T>(value));
      return &root_;
    }
    auto& top = stack_.back();
    if (top.value->is_array()) return &top.value->emplace_back(std::forward<T>(value));
    return &((*top.value)[top.key] = json(std::forward<T>(value)));
  }

  bool open(json container) {
    if (stack_.size() >= depth_max_) {
      return refuse("depth", "nested deeper than " + std::to_string(depth_max_) + " levels");
    }
    stack_.push_back({add(std::move(container))});
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  bool refuse(std::string rule, std::string detail) {
    std::string pointer;
    for (const auto& open : stack_) {
      if (open.value->is_object() && open.key.empty() && open.value->empty()) continue;  // no name read yet
      // A container that is still open is in its array already; what the parser stopped at is not.
      const std::size_t index = open.value->size() - (&open == &stack_.back() ? 0 : 1);
      pointer += '/';
      pointer += open.value->is_array() ? std::to_string(index) : escape_token(open.key);
    }
    error_ = malformed(std::move(pointer), std::move(rule), std::move(detail));
    return false;
  }

  std::size_t depth_max_;
  json root_;
  std::vector<Open> stack_;
  Error error_;
};

}  // namespace

Result<json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.size) {
    return Error{.code = Errc::too_large,
                 .reason = "too_large",
                 .message = "JSON text is longer than " + std::to_string(limits.size) + " bytes"};
  }
  if (text.starts_with("\xEF\xBB\xBF")) return malformed("", "byte_order_mark", "JSON starts with no byte order mark");
  if (!is_utf8(text)) return malformed("", "utf8", "the text is not UTF-8");
  // The library takes a NUL for the end of the text, and would not see what follows.
  if (text.find('\0') != std::string_view::npos) return malformed("", "syntax", "the text holds a NUL byte");

  Builder builder(limits.depth);
  if (!json::sax_parse(text.begin(), text.end(), &builder)) return builder.error();
  return builder.take();
}

void append_json_string(std::string& out, std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\';
  });
  if (!plain) {
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

}  // namespace tenantry
