#include "shared/crypto/cbor.h"

#include <algorithm>
#include <limits>

namespace tenantry::crypto {
namespace {

constexpr int depth_max = 4;
constexpr std::uint64_t items_max = 64;  // of one array or map

Error refused(const char* why) {
  return {.code = Errc::invalid, .reason = "cbor", .message = why};
}

bool same(const Cbor& left, const Cbor& right) {
  return left.kind == right.kind && left.integer == right.integer && std::ranges::equal(left.bytes, right.bytes);
}

struct Reader {
  ByteView rest;

  Result<std::uint64_t> argument(std::uint8_t information) {
    if (information < 24) return std::uint64_t{information};
    if (information > 27) return refused("a length is indefinite or reserved");
    const std::size_t size = std::size_t{1} << (information - 24U);
    if (rest.size() < size) return refused("cut off");
    std::uint64_t value = 0;
    for (const auto byte : rest.first(size)) value = (value << 8U) | byte;
    rest = rest.subspan(size);
    const std::uint64_t smaller = information == 24 ? 24 : std::uint64_t{1} << (8U * (size / 2));
    if (value < smaller) return refused("a number is not in its shortest form");
    return value;
  }

  Result<Cbor> string(Cbor::Kind kind, std::uint64_t size) {
    if (size > rest.size()) return refused("cut off");
    Cbor out{.kind = kind, .bytes = rest.first(static_cast<std::size_t>(size))};
    rest = rest.subspan(static_cast<std::size_t>(size));
    return out;
  }

  Result<Cbor> items(Cbor::Kind kind, std::uint64_t count, int depth) {
    if (count > items_max) return refused("too many items");
    if (kind == Cbor::Kind::map) count *= 2;
    Cbor out{.kind = kind};
    for (std::uint64_t i = 0; i < count; ++i) {
      auto item = read(depth + 1);
      if (!item) return item;
      const bool key = kind == Cbor::Kind::map && i % 2 == 0;
      if (key && item->kind != Cbor::Kind::integer && item->kind != Cbor::Kind::text) return refused("a key of a map");
      for (std::size_t before = 0; key && before < out.items.size(); before += 2) {
        if (same(out.items[before], *item)) return refused("a key of a map twice");
      }
      out.items.push_back(*std::move(item));
    }
    return out;
  }

  Result<Cbor> read(int depth) {
    if (depth > depth_max) return refused("too deep");
    if (rest.empty()) return refused("cut off");
    const std::uint8_t major = rest[0] >> 5U;
    const std::uint8_t information = rest[0] & 31U;
    rest = rest.subspan(1);
    if (major == 7) {
      if (information == 20 || information == 21) {
        return Cbor{.kind = Cbor::Kind::boolean, .integer = information - 20};
      }
      if (information == 22) return Cbor{};
      return refused("neither true, false nor null");
    }
    const auto value = argument(information);
    if (!value) return value.error();
    switch (major) {
      case 0:
      case 1:
        if (*value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
          return refused("a number is too large");
        }
        return Cbor{.kind = Cbor::Kind::integer,
                    .integer = major == 0 ? static_cast<std::int64_t>(*value) : -1 - static_cast<std::int64_t>(*value)};
      case 2:
        return string(Cbor::Kind::bytes, *value);
      case 3:
        return string(Cbor::Kind::text, *value);
      case 4:
        return items(Cbor::Kind::array, *value, depth);
      case 5:
        return items(Cbor::Kind::map, *value, depth);
      default:
        return refused("a tag");
    }
  }
};

template <class Matches>
const Cbor* find_in(const Cbor& map, const Matches& matches) {
  if (map.kind != Cbor::Kind::map) return nullptr;
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (matches(map.items[i])) return &map.items[i + 1];
  }
  return nullptr;
}

}  // namespace

const Cbor* Cbor::find(std::string_view key) const {
  return find_in(*this, [&](const Cbor& item) { return item.kind == Kind::text && as_text(item.bytes) == key; });
}

const Cbor* Cbor::find(std::int64_t key) const {
  return find_in(*this, [&](const Cbor& item) { return item.kind == Kind::integer && item.integer == key; });
}

Result<CborRead> read_cbor(ByteView bytes) {
  Reader reader{bytes};
  auto item = reader.read(0);
  if (!item) return item.error();
  return CborRead{*std::move(item), bytes.size() - reader.rest.size()};
}

}  // namespace tenantry::crypto
