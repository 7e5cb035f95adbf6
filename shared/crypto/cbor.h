// CBOR (RFC 8949) as authenticators write it: the form of CTAP2, read whole or refused.
//
// Whole numbers, byte and text strings, arrays, maps and simple true, false, null; all of a definite length, each
// number in its shortest form, nothing nested deeper than four levels, no map with a key twice. No tags, floats or
// streams. Pure; views of what was read, which outlives them.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/result.h"

namespace tenantry::crypto {

struct Cbor {
  enum class Kind { integer, bytes, text, array, map, boolean, null };
  Kind kind = Kind::null;
  std::int64_t integer = 0;   // also of a boolean
  ByteView bytes{};           // also of a text
  std::vector<Cbor> items{};  // of an array; of a map keys and values in turn

  // Of a map; null: it has none. The kind is for the caller to look at.
  const Cbor* find(std::string_view key) const;
  const Cbor* find(std::int64_t key) const;
};

// One item at the beginning, and how many bytes it takes: an authenticator's data goes on behind one.
// Errc::invalid, reason "cbor".
struct CborRead {
  Cbor item;
  std::size_t size = 0;
};
Result<CborRead> read_cbor(ByteView bytes);

}  // namespace tenantry::crypto
