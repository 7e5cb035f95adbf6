// Envelope encryption: a random data key per tenant seals that tenant's fields;
// the master key, kept apart from the database, wraps the data keys. Forgetting a
// tenant's data key erases what it sealed (security.md K1 to K6).
//
// AES-256-GCM with random 96-bit nonces: at most 2^32 seals per key. Counting them
// and rotating at 2^31 belongs to whoever stores the keys. Pure but for randomness;
// const use from any thread. Keys cannot be printed or copied and are zeroised.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"

namespace tenantry::crypto {

// 32 secret bytes.
class SecretKey {
 public:
  static constexpr std::size_t size = 32;

  static SecretKey generate();
  static Result<SecretKey> from_bytes(ByteView bytes);  // exactly `size`; Errc::invalid

  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  ~SecretKey();

  ByteView bytes() const { return bytes_; }

 private:
  SecretKey() = default;
  std::array<std::uint8_t, size> bytes_{};
};

// nonce (12 bytes) || ciphertext || tag (16 bytes).
Bytes seal(const SecretKey& key, ByteView plaintext, ByteView additional_data);

// Errc::refused, reason "decryption_failed", for another key, other additional data or a changed byte.
Result<Bytes> open(const SecretKey& key, ByteView sealed, ByteView additional_data);

class MasterKey {
 public:
  // Base64 (RFC 4648 section 4) of exactly 32 bytes, as configuration holds it.
  static Result<MasterKey> from_base64(std::string_view text);

  const SecretKey& key() const { return key_; }

 private:
  explicit MasterKey(SecretKey key) : key_(std::move(key)) {}
  SecretKey key_;
};

// Keys one of which seals; what any of them sealed is opened.
class SealingKeys {
 public:
  explicit SealingKeys(std::vector<SecretKey> keys) : keys_(std::move(keys)) {}  // at least one: the first seals

  Bytes seal(ByteView plaintext, ByteView additional_data) const;
  Result<Bytes> open(ByteView sealed, ByteView additional_data) const;
  const SecretKey& current() const { return keys_.front(); }
  const std::vector<SecretKey>& all() const { return keys_; }

 private:
  std::vector<SecretKey> keys_;
};

// The master key, and those of before under which something may still be sealed: while it is changed
// (docs/keys.md), and after, until `tenantry keys rewrap` is through.
class MasterKeys {
 public:
  MasterKeys(MasterKey only) { keys_.push_back(std::move(only)); }  // NOLINT: a master key is a set of one
  static Result<MasterKeys> from_base64(std::string_view current, std::span<const std::string> former);

  const MasterKey& current() const { return keys_.front(); }
  const std::vector<MasterKey>& all() const { return keys_; }  // the current one first
  // What seal() made under one of them.
  Result<Bytes> open(ByteView sealed, ByteView additional_data) const;
  // HKDF-SHA256 of each.
  SealingKeys derived(std::string_view purpose) const;

 private:
  std::vector<MasterKey> keys_;
};

// A tenant's key and its version, which grows by one with each rotation.
class DataKey {
 public:
  static DataKey generate(std::uint32_t version) { return DataKey(SecretKey::generate(), version); }

  // The wrap is bound to the tenant and the version: it opens as nothing else.
  Bytes wrap(const MasterKey& master, std::string_view tenant_id) const;
  static Result<DataKey> unwrap(const MasterKeys& masters, std::string_view tenant_id, std::uint32_t version,
                                ByteView wrapped);

  std::uint32_t version() const { return version_; }
  const SecretKey& key() const { return key_; }

  // HKDF-SHA256; another purpose gives an unrelated key.
  SecretKey subkey(std::string_view purpose) const;

 private:
  DataKey(SecretKey key, std::uint32_t version) : key_(std::move(key)), version_(version) {}
  SecretKey key_;
  std::uint32_t version_;
};

// Where a sealed field lives. All of it, with the key's version, is the additional
// data (K3): a blob moved to another tenant, row or field does not open.
struct FieldPlace {
  std::string_view tenant_id;
  std::string_view table;
  std::string_view row_id;
  std::string_view field;
};

Bytes seal_field(const DataKey& key, const FieldPlace& place, ByteView plaintext);
Result<Bytes> open_field(const DataKey& key, const FieldPlace& place, ByteView sealed);

}  // namespace tenantry::crypto
