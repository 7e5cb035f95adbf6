#include "shared/core/ids.h"

#include <sys/random.h>

#include <algorithm>

namespace tenantry {
namespace {

void set_version_and_variant(Uuid& id) {
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x70);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
}

void set_milliseconds(Uuid& id, std::uint64_t milliseconds) {
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
}

std::uint64_t milliseconds_of(Timestamp at) {
  return static_cast<std::uint64_t>(std::chrono::floor<Milliseconds>(at).time_since_epoch().count());
}

}  // namespace

std::string Uuid::to_string() const {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
    text[at++] = digits[bytes[i] >> 4];
    text[at++] = digits[bytes[i] & 0x0F];
  }
  return text;
}

Timestamp Uuid::time() const {
  std::int64_t milliseconds = 0;
  for (std::size_t i = 0; i < 6; ++i) milliseconds = (milliseconds << 8) | bytes[i];
  return Timestamp{Milliseconds{milliseconds}};
}

Result<Uuid> Uuid::parse(std::string_view text) {
  const auto bad = [] { return Error::invalid("", "uuid", "not a UUID"); };
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return bad();
  const auto value = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  Uuid id;
  std::size_t at = 0;
  for (auto& byte : id.bytes) {
    if (at == 8 || at == 13 || at == 18 || at == 23) ++at;
    const int high = value(text[at++]);
    const int low = value(text[at++]);
    if (high < 0 || low < 0) return bad();
    byte = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

Uuid derive_uuid_v7(Timestamp at, ByteView digest) {
  TENANTRY_ASSERT(digest.size() >= 10);
  Uuid id;
  std::copy_n(digest.begin(), 10, id.bytes.begin() + 6);
  set_milliseconds(id, milliseconds_of(at));
  set_version_and_variant(id);
  return id;
}

Uuid SystemIdGenerator::next() {
  const std::uint64_t fresh = milliseconds_of(clock_.now()) << 12;
  std::uint64_t last = last_.load();
  std::uint64_t value = 0;
  do {
    value = std::max(fresh, last + 1);  // past 4,096 ids in a millisecond the counter runs into the next one
  } while (!last_.compare_exchange_weak(last, value));
  Uuid id;
  random(std::span(id.bytes).subspan(8));
  set_milliseconds(id, value >> 12);
  id.bytes[6] = static_cast<std::uint8_t>((value >> 8) & 0x0F);
  id.bytes[7] = static_cast<std::uint8_t>(value);
  set_version_and_variant(id);
  return id;
}

// Bytes are taken from the system a block at a time: a call for each id would cost as much as all else about it.
void SystemIdGenerator::random(std::span<std::uint8_t> out) {
  struct Block {
    std::array<std::uint8_t, 1024> bytes;
    std::size_t used = sizeof bytes;
  };
  thread_local Block block;
  while (!out.empty()) {
    if (block.used == block.bytes.size()) {
      for (std::size_t done = 0; done < block.bytes.size();) {
        const auto got = getrandom(block.bytes.data() + done, block.bytes.size() - done, 0);
        if (got > 0) done += static_cast<std::size_t>(got);
      }
      block.used = 0;
    }
    const auto part = std::min(out.size(), block.bytes.size() - block.used);
    std::copy_n(block.bytes.begin() + static_cast<std::ptrdiff_t>(block.used), part, out.begin());
    block.used += part;
    out = out.subspan(part);
  }
}

}  // namespace tenantry
