#include "shared/crypto/envelope.h"

#include <openssl/evp.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <memory>

#include "shared/core/assert.h"
#include "shared/crypto/hash.h"

namespace tenantry::crypto {
namespace {

constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

// Fetched once, as the digest in hash.cpp: the audit worker seals each record.
const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const method = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return method;
}

int int_size(ByteView bytes) {
  TENANTRY_ASSERT(bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(bytes.size());
}

Error decryption_failed() {
  return {.code = Errc::refused, .reason = "decryption_failed", .message = "the sealed bytes do not open here"};
}

// Each part behind its length in 8 bytes, so that no two lists give the same bytes.
Bytes join(std::initializer_list<std::string_view> parts, std::uint32_t version) {
  Bytes joined;
  for (const auto part : parts) {
    const auto length = static_cast<std::uint64_t>(part.size());
    for (int shift = 56; shift >= 0; shift -= 8) joined.push_back(static_cast<std::uint8_t>(length >> shift));
    joined.insert(joined.end(), part.begin(), part.end());
  }
  for (int shift = 24; shift >= 0; shift -= 8) joined.push_back(static_cast<std::uint8_t>(version >> shift));
  return joined;
}

Bytes field_data(const DataKey& key, const FieldPlace& place) {
  return join({"field", place.tenant_id, place.table, place.row_id, place.field}, key.version());
}

}  // namespace

SecretKey SecretKey::generate() {
  SecretKey key;
  auto bytes = random_bytes(size);
  std::ranges::copy(bytes, key.bytes_.begin());
  zeroise(bytes);
  return key;
}

Result<SecretKey> SecretKey::from_bytes(ByteView bytes) {
  if (bytes.size() != size) return Error::invalid("", "length", "a key has 32 bytes");
  SecretKey key;
  std::ranges::copy(bytes, key.bytes_.begin());
  return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
  zeroise(other.bytes_);
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    zeroise(other.bytes_);
  }
  return *this;
}

SecretKey::~SecretKey() {
  zeroise(bytes_);
}

Bytes seal(const SecretKey& key, ByteView plaintext, ByteView additional_data) {
  Bytes sealed = random_bytes(nonce_size);
  sealed.resize(nonce_size + plaintext.size() + tag_size);
  auto* const ciphertext = sealed.data() + nonce_size;

  const Cipher cipher{EVP_CIPHER_CTX_new()};
  int written = 0;
  TENANTRY_ASSERT(cipher &&
                  EVP_EncryptInit_ex(cipher.get(), aes_256_gcm(), nullptr, key.bytes().data(), sealed.data()) == 1);
  TENANTRY_ASSERT(
      EVP_EncryptUpdate(cipher.get(), nullptr, &written, additional_data.data(), int_size(additional_data)) == 1);
  if (!plaintext.empty()) {
    TENANTRY_ASSERT(EVP_EncryptUpdate(cipher.get(), ciphertext, &written, plaintext.data(), int_size(plaintext)) == 1);
  }
  TENANTRY_ASSERT(EVP_EncryptFinal_ex(cipher.get(), ciphertext + plaintext.size(), &written) == 1);
  TENANTRY_ASSERT(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag_size),
                                      ciphertext + plaintext.size()) == 1);
  return sealed;
}

Result<Bytes> open(const SecretKey& key, ByteView sealed, ByteView additional_data) {
  if (sealed.size() < nonce_size + tag_size) return decryption_failed();
  const auto ciphertext = sealed.subspan(nonce_size, sealed.size() - nonce_size - tag_size);
  std::array<std::uint8_t, tag_size> tag{};
  std::ranges::copy(sealed.last(tag_size), tag.begin());

  Bytes plaintext(ciphertext.size());
  const Cipher cipher{EVP_CIPHER_CTX_new()};
  int written = 0;
  TENANTRY_ASSERT(cipher &&
                  EVP_DecryptInit_ex(cipher.get(), aes_256_gcm(), nullptr, key.bytes().data(), sealed.data()) == 1);
  TENANTRY_ASSERT(
      EVP_DecryptUpdate(cipher.get(), nullptr, &written, additional_data.data(), int_size(additional_data)) == 1);
  if (!ciphertext.empty()) {
    TENANTRY_ASSERT(
        EVP_DecryptUpdate(cipher.get(), plaintext.data(), &written, ciphertext.data(), int_size(ciphertext)) == 1);
  }
  TENANTRY_ASSERT(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag_size), tag.data()) == 1);
  std::array<std::uint8_t, tag_size> rest{};  // GCM writes nothing at the end
  if (EVP_DecryptFinal_ex(cipher.get(), rest.data(), &written) != 1) {
    zeroise(plaintext);
    return decryption_failed();
  }
  return plaintext;
}

Result<MasterKey> MasterKey::from_base64(std::string_view text) {
  auto bytes = tenantry::from_base64(text);
  if (!bytes) return Error::invalid("", "base64", "the master key is not base64");
  auto key = SecretKey::from_bytes(*bytes);
  zeroise(*bytes);
  if (!key) return Error::invalid("", "length", "the master key has 32 bytes");
  return MasterKey(std::move(*key));
}

Bytes SealingKeys::seal(ByteView plaintext, ByteView additional_data) const {
  return crypto::seal(current(), plaintext, additional_data);
}

Result<Bytes> SealingKeys::open(ByteView sealed, ByteView additional_data) const {
  Result<Bytes> opened = decryption_failed();
  for (const auto& key : keys_) {
    if ((opened = crypto::open(key, sealed, additional_data))) break;
  }
  return opened;
}

Result<MasterKeys> MasterKeys::from_base64(std::string_view current, std::span<const std::string> former) {
  auto first = MasterKey::from_base64(current);
  if (!first) return first.error();
  MasterKeys keys(std::move(*first));
  for (const auto& text : former) {
    auto key = MasterKey::from_base64(text);
    if (!key) return key.error();
    keys.keys_.push_back(std::move(*key));
  }
  return keys;
}

Result<Bytes> MasterKeys::open(ByteView sealed, ByteView additional_data) const {
  Result<Bytes> opened = decryption_failed();
  for (const auto& master : keys_) {
    if ((opened = crypto::open(master.key(), sealed, additional_data))) break;
  }
  return opened;
}

SealingKeys MasterKeys::derived(std::string_view purpose) const {
  std::vector<SecretKey> keys;
  for (const auto& master : keys_) {
    auto bytes = hkdf_sha256(master.key().bytes(), {}, as_bytes(purpose), SecretKey::size);
    keys.push_back(SecretKey::from_bytes(bytes).value());
    zeroise(bytes);
  }
  return SealingKeys(std::move(keys));
}

Bytes DataKey::wrap(const MasterKey& master, std::string_view tenant_id) const {
  return seal(master.key(), key_.bytes(), join({"data_key", tenant_id}, version_));
}

Result<DataKey> DataKey::unwrap(const MasterKeys& masters, std::string_view tenant_id, std::uint32_t version,
                                ByteView wrapped) {
  auto bytes = masters.open(wrapped, join({"data_key", tenant_id}, version));
  if (!bytes) return bytes.error();
  auto key = SecretKey::from_bytes(*bytes);
  zeroise(*bytes);
  if (!key) return decryption_failed();
  return DataKey(std::move(*key), version);
}

SecretKey DataKey::subkey(std::string_view purpose) const {
  auto bytes = hkdf_sha256(key_.bytes(), {}, as_bytes(purpose), SecretKey::size);
  auto key = SecretKey::from_bytes(bytes);
  zeroise(bytes);
  return std::move(*key);
}

Bytes seal_field(const DataKey& key, const FieldPlace& place, ByteView plaintext) {
  return seal(key.key(), plaintext, field_data(key, place));
}

Result<Bytes> open_field(const DataKey& key, const FieldPlace& place, ByteView sealed) {
  return open(key.key(), sealed, field_data(key, place));
}

}  // namespace tenantry::crypto
