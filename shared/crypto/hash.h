// Hashes, message authentication, key derivation and randomness for keys, over
// OpenSSL. Pure but for random_bytes; any thread. A failure of OpenSSL itself (out
// of memory, no entropy) is not an answer anybody can use: it asserts.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

#include "shared/core/bytes.h"

struct evp_md_ctx_st;

namespace tenantry::crypto {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(ByteView data);

// Of what this process alone looks up: SipHash-2-4 (Aumasson, Bernstein) of 128 bits under a key of its own, so that
// nobody outside can make two inputs meet.
class LookupHash {
 public:
  using Value = std::array<std::uint8_t, 16>;
  LookupHash();
  Value operator()(ByteView data) const;

 private:
  std::array<std::uint8_t, 16> key_{};
};

// SHA-256 of data that arrives in pieces. One digest per object.
class Sha256 {
 public:
  Sha256();
  Sha256& update(ByteView data);
  Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest hmac_sha256(ByteView key, ByteView data);

// In a time that depends on the lengths only; different lengths are unequal.
bool constant_time_equal(ByteView left, ByteView right);

// RFC 5869 with SHA-256; `length` at most 8160 bytes.
Bytes hkdf_sha256(ByteView key, ByteView salt, ByteView info, std::size_t length);

// From the operating system's generator by way of OpenSSL: fit for keys.
Bytes random_bytes(std::size_t count);

// Overwrites memory in a way the compiler may not remove.
void zeroise(std::span<std::uint8_t> secret);

}  // namespace tenantry::crypto
