#include "shared/crypto/ed25519.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shared/core/assert.h"
#include "shared/crypto/hash.h"

namespace tenantry::crypto {
namespace {

constexpr std::size_t file_size_max = 4096;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

struct File {
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd;
};

Error file_error(Errc code, const char* reason, const std::string& path, const std::string& what) {
  return {.code = code, .reason = reason, .message = path + ": " + what};
}

// Without a passphrase: a question on the terminal would hang a service.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

void Ed25519Key::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

Ed25519Key Ed25519Key::generate() {
  auto seed = random_bytes(32);
  auto key = from_seed(seed);
  zeroise(seed);
  return std::move(key).value();
}

Result<Ed25519Key> Ed25519Key::from_seed(ByteView seed) {
  if (seed.size() != 32) return Error::invalid("/seed", "length", "must be 32 bytes");
  auto* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
  TENANTRY_ASSERT(key != nullptr);
  return Ed25519Key(key);
}

Result<Ed25519Key> Ed25519Key::read_file(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return file_error(Errc::not_found, "key_file_missing", path, std::strerror(errno));
  struct stat status {};
  if (::fstat(file.fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return file_error(Errc::invalid, "key_file_malformed", path, "is not a file");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return file_error(Errc::refused, "key_file_open", path, "must be readable by its owner only: chmod 600");
  }
  Bytes text(file_size_max);
  const auto size = ::read(file.fd, text.data(), text.size());
  if (size < 0 || static_cast<std::size_t>(size) == text.size()) {
    zeroise(text);
    return file_error(Errc::invalid, "key_file_malformed", path, "must be below 4 KiB");
  }
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(size)));
  std::unique_ptr<EVP_PKEY, FreeKey> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  zeroise(text);
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return file_error(Errc::invalid, "key_file_malformed", path, "must hold an Ed25519 key in PEM (PKCS #8)");
  }
  return Ed25519Key(key.release());
}

Result<void> Ed25519Key::write_new_file(const std::string& path) const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  TENANTRY_ASSERT(bio != nullptr &&
                  PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.fd < 0) {
    return file_error(errno == EEXIST ? Errc::conflict : Errc::invalid,
                      errno == EEXIST ? "key_file_exists" : "key_file_unwritable", path, std::strerror(errno));
  }
  if (::write(file.fd, data, static_cast<std::size_t>(size)) != size || ::fsync(file.fd) != 0) {
    return file_error(Errc::unavailable, "key_file_unwritable", path, std::strerror(errno));
  }
  return {};
}

Ed25519PublicKey Ed25519Key::public_key() const {
  Ed25519PublicKey out;
  std::size_t size = out.size();
  TENANTRY_ASSERT(EVP_PKEY_get_raw_public_key(key_.get(), out.data(), &size) == 1 && size == out.size());
  return out;
}

Ed25519Signature Ed25519Key::sign(ByteView message) const {
  const Context context(EVP_MD_CTX_new());
  Ed25519Signature out;
  std::size_t size = out.size();
  TENANTRY_ASSERT(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                  EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1 &&
                  size == out.size());
  return out;
}

bool verify_ed25519(const Ed25519PublicKey& key, ByteView message, ByteView signature) {
  if (signature.size() != sizeof(Ed25519Signature)) return false;
  const std::unique_ptr<EVP_PKEY, FreeKey> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Context context(EVP_MD_CTX_new());
  TENANTRY_ASSERT(context != nullptr);
  return public_key != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

}  // namespace tenantry::crypto
