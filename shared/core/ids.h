// Uuid (RFC 9562): version 7 for new things, so that ids sort by time and old
// partitions drop whole; a version 7 derived from a cause, so that a repeated
// decision yields the same event.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "shared/core/bytes.h"
#include "shared/core/clock.h"

namespace tenantry {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  bool is_nil() const { return *this == Uuid{}; }
  int version() const { return bytes[6] >> 4; }
  std::string to_string() const;  // lower-case, with hyphens

  // The instant in the first 48 bits of a version 7.
  Timestamp time() const;

  static Result<Uuid> parse(std::string_view text);  // 8-4-4-4-12 hex digits, either case
};

// A version 7 made of `at` (its milliseconds) and the first 74 bits of `digest`.
// The caller hashes what identifies the thing, e.g. cause id, type and ordinal.
Uuid derive_uuid_v7(Timestamp at, ByteView digest);

// Source of randomness and ids; passed in, so that a run replays from its seed.
// Thread-safe.
class IdGenerator {
 public:
  virtual ~IdGenerator() = default;
  virtual Uuid next() = 0;                               // version 7, strictly rising within a process
  virtual void random(std::span<std::uint8_t> out) = 0;  // not for keys: shared/crypto
};

class SystemIdGenerator final : public IdGenerator {
 public:
  explicit SystemIdGenerator(const Clock& clock) : clock_(clock) {}
  Uuid next() override;
  void random(std::span<std::uint8_t> out) override;

 private:
  const Clock& clock_;
  std::atomic<std::uint64_t> last_{0};  // 48 bits of milliseconds, 12 bits of counter (RFC 9562 6.2, method 1)
};

}  // namespace tenantry

template <>
struct std::hash<tenantry::Uuid> {
  std::size_t operator()(const tenantry::Uuid& id) const noexcept {
    std::size_t value = 0;  // the last bytes are the random ones
    for (std::size_t i = 8; i < 16; ++i) value = (value << 8) | id.bytes[i];
    return value;
  }
};
