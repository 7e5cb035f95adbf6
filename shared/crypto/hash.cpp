#include "shared/crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sodium.h>

#include <algorithm>

#include "shared/core/assert.h"

namespace tenantry::crypto {

Digest sha256(ByteView data) {
  return Sha256{}.update(data).finish();
}

LookupHash::LookupHash() {
  static_assert(crypto_shorthash_siphashx24_KEYBYTES == std::tuple_size_v<decltype(key_)>);
  static_assert(crypto_shorthash_siphashx24_BYTES == std::tuple_size_v<Value>);
  std::ranges::copy(random_bytes(key_.size()), key_.begin());
}

LookupHash::Value LookupHash::operator()(ByteView data) const {
  Value out{};
  crypto_shorthash_siphashx24(out.data(), data.data(), data.size(), key_.data());
  return out;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

namespace {

// Fetched once: OpenSSL 3 otherwise looks the algorithm up for every digest, which costs more than a short one.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return method;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  TENANTRY_ASSERT(context_ && EVP_DigestInit_ex(context_.get(), sha256_method(), nullptr) == 1);
}

Sha256& Sha256::update(ByteView data) {
  TENANTRY_ASSERT(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
  return *this;
}

Digest Sha256::finish() {
  Digest digest{};
  TENANTRY_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  return digest;
}

Digest hmac_sha256(ByteView key, ByteView data) {
  Digest digest{};
  static constexpr std::uint8_t nothing = 0;  // HMAC() takes a null key for "the last one"
  const auto* result = HMAC(EVP_sha256(), key.empty() ? &nothing : key.data(), static_cast<int>(key.size()),
                            data.data(), data.size(), digest.data(), nullptr);
  TENANTRY_ASSERT(result != nullptr);
  return digest;
}

bool constant_time_equal(ByteView left, ByteView right) {
  if (left.size() != right.size()) return false;
  return left.empty() || CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

Bytes hkdf_sha256(ByteView key, ByteView salt, ByteView info, std::size_t length) {
  TENANTRY_ASSERT(length <= 255 * sizeof(Digest));
  auto pseudo_random_key = hmac_sha256(salt, key);

  Bytes output;
  Bytes block;
  for (std::uint8_t counter = 1; output.size() < length; ++counter) {
    block.insert(block.end(), info.begin(), info.end());
    block.push_back(counter);
    const auto digest = hmac_sha256(pseudo_random_key, block);
    block.assign(digest.begin(), digest.end());
    output.insert(output.end(), digest.begin(),
                  digest.begin() + static_cast<std::ptrdiff_t>(std::min(digest.size(), length - output.size())));
  }
  zeroise(pseudo_random_key);
  zeroise(block);
  return output;
}

Bytes random_bytes(std::size_t count) {
  Bytes bytes(count);
  TENANTRY_ASSERT(count == 0 || RAND_bytes(bytes.data(), static_cast<int>(count)) == 1);
  return bytes;
}

void zeroise(std::span<std::uint8_t> secret) {
  if (!secret.empty()) OPENSSL_cleanse(secret.data(), secret.size());
}

}  // namespace tenantry::crypto
