// Ed25519 (RFC 8032) over OpenSSL: signatures of 64 bytes by keys of 32.
//
// A private key lives in a file in PKCS #8 PEM, as `openssl genpkey` writes it; a file
// that others may read is refused. Const use from any thread; keys cannot be printed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "shared/core/bytes.h"

struct evp_pkey_st;

namespace tenantry::crypto {

using Ed25519PublicKey = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

class Ed25519Key {
 public:
  static Ed25519Key generate();
  static Result<Ed25519Key> from_seed(ByteView seed);  // 32 bytes; Errc::invalid

  // Errc::refused, reason "key_file_open", where anyone but its owner may read or write it; not_found; invalid where it
  // holds no Ed25519 key or more than 4 KiB.
  static Result<Ed25519Key> read_file(const std::string& path);
  // A new file of mode 0600, on disk when this returns. Errc::conflict where one is there already.
  Result<void> write_new_file(const std::string& path) const;

  Ed25519PublicKey public_key() const;
  Ed25519Signature sign(ByteView message) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit Ed25519Key(evp_pkey_st* key) : key_(key) {}
  std::unique_ptr<evp_pkey_st, Free> key_;
};

bool verify_ed25519(const Ed25519PublicKey& key, ByteView message, ByteView signature);

}  // namespace tenantry::crypto
