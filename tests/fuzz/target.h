// A fuzz target: takes any bytes, gives them to one of our parsers, and asserts what it promises of them.
//
// Built twice: by clang with libFuzzer (./dev fuzz), and into the unit tests, which replay the corpora
// (corpus_test.cpp). A target keeps no state from one call to the next.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/core/assert.h"

namespace tenantry::fuzz {

struct Target {
  const char* name;  // of its file, and of its folder under corpus/
  void (*run)(std::string_view bytes);
};

std::vector<Target>& targets();  // of the binary

struct Registered {
  explicit Registered(const Target& target) { targets().push_back(target); }
};

// The bytes taken apart, where a target wants more than one text: each ends with a zero byte, the last at the end.
class Parts {
 public:
  explicit Parts(std::string_view bytes) : rest_(bytes) {}

  std::string_view text() {
    const auto end = rest_.find('\0');
    const auto part = rest_.substr(0, end);
    rest_ = end == rest_.npos ? std::string_view{} : rest_.substr(end + 1);
    return part;
  }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view rest() const { return rest_; }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace tenantry::fuzz
