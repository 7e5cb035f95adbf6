#include "shared/crypto/envelope.h"

#include <gtest/gtest.h>

#include <ostream>
#include <type_traits>

#include "shared/crypto/hash.h"

namespace tenantry::crypto::envelope_test {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Printable<SecretKey> && !Printable<MasterKey> && !Printable<DataKey>);
static_assert(!std::is_copy_constructible_v<SecretKey>);

TEST(Seal, OpensWithTheSameKeyAndDataOnly) {
  const auto key = SecretKey::generate();
  for (const std::string_view plaintext : {"", "x", "a longer text that fills more than one block of AES"}) {
    const auto sealed = seal(key, as_bytes(plaintext), as_bytes("data"));
    EXPECT_EQ(sealed.size(), 12 + plaintext.size() + 16);
    const auto opened = open(key, sealed, as_bytes("data"));
    ASSERT_TRUE(opened);
    EXPECT_EQ(as_text(*opened), plaintext);
    EXPECT_FALSE(open(key, sealed, as_bytes("Data")));
    EXPECT_FALSE(open(key, sealed, {}));
    EXPECT_FALSE(open(SecretKey::generate(), sealed, as_bytes("data")));
    EXPECT_NE(sealed, seal(key, as_bytes(plaintext), as_bytes("data")));
  }
}

TEST(Seal, RefusesEveryChangedByteAndEveryCut) {
  const auto key = SecretKey::generate();
  const auto sealed = seal(key, as_bytes("secret"), as_bytes("data"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(open(key, changed, as_bytes("data"))) << i;
    EXPECT_FALSE(open(key, ByteView(sealed).first(i), as_bytes("data"))) << i;
  }
  auto longer = sealed;
  longer.push_back(0);
  EXPECT_EQ(open(key, longer, as_bytes("data")).error().reason, "decryption_failed");
}

// GCM specification (McGrew, Viega), test case 16 with a 256-bit key.
TEST(Seal, OpensThePublishedVector) {
  const auto key = SecretKey::from_bytes(*from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
  const auto sealed = from_hex(
      "cafebabefacedbaddecaf888"
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
      "bcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
  const auto opened = open(*key, *sealed, *from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(
      to_hex(*opened),
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de65"
      "7ba637b39");
}

MasterKey master_key() {
  auto key = MasterKey::from_base64(to_base64(random_bytes(32)));
  EXPECT_TRUE(key);
  return std::move(*key);
}

TEST(MasterKey, RefusesAnythingButBase64Of32Bytes) {
  EXPECT_FALSE(MasterKey::from_base64(""));
  EXPECT_FALSE(MasterKey::from_base64("correct horse battery staple"));
  EXPECT_FALSE(MasterKey::from_base64(to_base64(Bytes(31))));
  EXPECT_FALSE(MasterKey::from_base64(to_base64(Bytes(33))));
}

TEST(DataKey, UnwrapsForItsTenantAndVersionOnly) {
  const MasterKeys master = master_key();
  const auto key = DataKey::generate(3);
  const auto wrapped = key.wrap(master.current(), "acme");
  const auto same = DataKey::unwrap(master, "acme", 3, wrapped);
  ASSERT_TRUE(same);
  EXPECT_TRUE(constant_time_equal(same->key().bytes(), key.key().bytes()));
  EXPECT_FALSE(DataKey::unwrap(master, "other", 3, wrapped));
  EXPECT_FALSE(DataKey::unwrap(master, "acme", 2, wrapped));
  EXPECT_FALSE(DataKey::unwrap(master_key(), "acme", 3, wrapped));
}

TEST(DataKey, UnwrapsUnderAMasterKeyOfBefore) {
  const auto text = to_base64(random_bytes(32));
  const auto wrapped = DataKey::generate(1).wrap(*MasterKey::from_base64(text), "acme");
  const std::vector<std::string> former{to_base64(random_bytes(32)), text};
  EXPECT_TRUE(DataKey::unwrap(*MasterKeys::from_base64(to_base64(random_bytes(32)), former), "acme", 1, wrapped));
  EXPECT_FALSE(DataKey::unwrap(*MasterKeys::from_base64(to_base64(random_bytes(32)), {}), "acme", 1, wrapped));
  EXPECT_FALSE(MasterKeys::from_base64(text, std::vector<std::string>{"short"}));
}

TEST(DataKey, SubkeysDependOnThePurpose) {
  const auto key = DataKey::generate(1);
  EXPECT_TRUE(constant_time_equal(key.subkey("a").bytes(), key.subkey("a").bytes()));
  EXPECT_FALSE(constant_time_equal(key.subkey("a").bytes(), key.subkey("b").bytes()));
}

// K3, with the pairs that plain concatenation would confuse.
TEST(SealField, OpensInItsPlaceOnly) {
  const auto key = DataKey::generate(1);
  const FieldPlace place{"acme", "users", "42", "email"};
  const auto sealed = seal_field(key, place, as_bytes("ann@example.org"));
  ASSERT_TRUE(open_field(key, place, sealed));
  for (const FieldPlace other :
       {FieldPlace{"acmf", "users", "42", "email"}, FieldPlace{"acmeu", "sers", "42", "email"},
        FieldPlace{"acme", "users4", "2", "email"}, FieldPlace{"acme", "users", "43", "email"},
        FieldPlace{"acme", "users", "42", "name"}, FieldPlace{"acme", "users", "42e", "mail"}}) {
    EXPECT_FALSE(open_field(key, other, sealed));
  }
  const auto master = master_key();
  EXPECT_FALSE(open_field(DataKey::generate(2), place, sealed));
}

}  // namespace
}  // namespace tenantry::crypto::envelope_test
