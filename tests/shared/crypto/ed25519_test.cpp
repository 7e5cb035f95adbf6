// Goal: signatures are RFC 8032's; a key file that others can read is no key file.
#include "shared/crypto/ed25519.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace tenantry::crypto::ed25519_test {
namespace {

TEST(Ed25519, HasTheVectorsOfRfc8032) {
  const auto key = Ed25519Key::from_seed(*from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->public_key()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const auto signature = key->sign(*from_hex("72"));
  EXPECT_EQ(to_hex(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(verify_ed25519(key->public_key(), *from_hex("72"), signature));
  EXPECT_FALSE(verify_ed25519(key->public_key(), *from_hex("73"), signature));
  EXPECT_FALSE(verify_ed25519(key->public_key(), *from_hex("72"), ByteView(signature).first(63)));
  EXPECT_FALSE(Ed25519Key::from_seed(Bytes(31)));
}

class KeyFile : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }
  const std::string folder = ::testing::TempDir() + "tenantry_key_" + to_hex(Ed25519Key::generate().public_key());
  const std::string path = folder + "/key.pem";
};

TEST_F(KeyFile, IsForItsOwnerAloneAndReadsBack) {
  const auto key = Ed25519Key::generate();
  ASSERT_TRUE(key.write_new_file(path));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto back = Ed25519Key::read_file(path);
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(back->public_key(), key.public_key());
  EXPECT_EQ(key.write_new_file(path).error().reason, "key_file_exists");
}

TEST_F(KeyFile, IsRefusedWhereOthersMayReadIt) {
  ASSERT_TRUE(Ed25519Key::generate().write_new_file(path));
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(Ed25519Key::read_file(path).error().reason, "key_file_open") << std::oct << mode;
  }
}

TEST_F(KeyFile, HoldsAnEd25519KeyOrIsRefused) {
  EXPECT_EQ(Ed25519Key::read_file(path).error().reason, "key_file_missing");
  EXPECT_FALSE(Ed25519Key::read_file(folder));
  for (const auto& content :
       {std::string(), std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n"), std::string(5000, 'a')}) {
    std::ofstream(path) << content;
    ::chmod(path.c_str(), 0600);
    EXPECT_EQ(Ed25519Key::read_file(path).error().reason, "key_file_malformed");
  }
}

}  // namespace
}  // namespace tenantry::crypto::ed25519_test
