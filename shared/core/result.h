// Result<T>: a value, or the Error that says why there is none. Shaped like
// std::expected, which g++ 12 offers only in C++23.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "shared/core/assert.h"
#include "shared/core/error.h"

namespace tenantry {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    TENANTRY_ASSERT(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    TENANTRY_ASSERT(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    TENANTRY_ASSERT(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    TENANTRY_ASSERT(!has_value());
    return *std::get_if<1>(&state_);
  }

  template <class F>
  auto and_then(F&& next) const& -> decltype(next(std::declval<const T&>())) {
    if (!has_value()) return error();
    return next(value());
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const {
    TENANTRY_ASSERT(error_.has_value());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace tenantry
