// Goal: a manifest is read as it was written, a foreign one names its broken rule, and its
// signature is of every byte.
#include "workers/archive/manifest.h"

#include <gtest/gtest.h>

namespace tenantry::archive::manifest_test {
namespace {

Manifest manifest() {
  Manifest out{.deployment = "default", .month = "2025-01"};
  out.logs.push_back({.tenant_id = "acme",
                      .first = 7,
                      .count = 3,
                      .checkpoint_size = 12,
                      .file = file_name_of("acme"),
                      .bytes = 99,
                      .sha256 = crypto::sha256(as_bytes("x"))});
  return out;
}

TEST(Manifest, IsReadAsItWasWritten) {
  const auto text = manifest().to_text();
  const auto read = parse_manifest(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_text(), text);
  EXPECT_EQ(read->logs[0].count, 3U);
}

struct Foreign {
  const char* name;
  const char* from;
  const char* to;
  const char* pointer;
};
class ForeignManifest : public ::testing::TestWithParam<Foreign> {};

TEST_P(ForeignManifest, NamesTheField) {
  auto text = manifest().to_text();
  const std::string from = GetParam().from;
  ASSERT_NE(text.find(from), text.npos);
  text.replace(text.find(from), from.size(), GetParam().to);
  const auto read = parse_manifest(text);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().describe().find(GetParam().pointer), std::string::npos) << read.error().describe();
}

INSTANTIATE_TEST_SUITE_P(, ForeignManifest,
                         ::testing::Values(Foreign{"AnotherFormat", "archive/1", "archive/2", "/format"},
                                           Foreign{"NoMonth", "2025-01", "2025-13", "/month"},
                                           Foreign{"AMonthThatIsAPath", "2025-01", "../../x", "/month"},
                                           Foreign{"AFileElsewhere", "acme.ndjson.gz", "../acme.ndjson.gz",
                                                   "/logs/0/file"},
                                           Foreign{"ANegativeNumber", "\"first\":7", "\"first\":-7", "/logs/0/first"},
                                           Foreign{"AShortHash", "\"sha256\":\"2d", "\"sha256\":\"", "/logs/0/sha256"},
                                           Foreign{"ADeploymentOfTwoLines", "default", "a\\nb", "/deployment"},
                                           Foreign{"NoList", "\"logs\":[", "\"logs\":3,\"x\":[", "/logs"}),
                         [](const auto& row) { return std::string(row.param.name); });

// Names that are no file's, such as those of foreign vhosts, become one.
TEST(Manifest, FilesStayInTheirFolder) {
  EXPECT_EQ(file_name_of("acme-2"), "acme-2.ndjson.gz");
  for (const auto* odd : {"../x", "A", "", "-x", "a/b", "a.b", "manifest.json"}) {
    const auto name = file_name_of(odd);
    EXPECT_EQ(name.substr(0, 4), "log-") << odd;
    EXPECT_EQ(name.find('/'), name.npos);
  }
  EXPECT_NE(file_name_of("A"), file_name_of("B"));
}

TEST(Manifest, ItsSignatureIsOfEveryByte) {
  const auto key = *crypto::Ed25519Key::from_seed(Bytes(32, 3));
  const auto keys = *audit::KeyRing::parse(audit::public_key_text(key.public_key()));
  const auto text = manifest().to_text();
  const auto note = signature_of(manifest(), text, key);
  EXPECT_TRUE(verify_signature(manifest(), text, note, keys));
  EXPECT_EQ(verify_signature(manifest(), text + " ", note, keys).error().reason, "manifest_changed");
  auto other = manifest();
  other.month = "2025-02";
  EXPECT_EQ(verify_signature(other, text, note, keys).error().reason, "manifest_changed");
  const auto strangers =
      *audit::KeyRing::parse(audit::public_key_text(crypto::Ed25519Key::from_seed(Bytes(32, 4))->public_key()));
  EXPECT_EQ(verify_signature(manifest(), text, note, strangers).error().reason, "note_unverified");
}

TEST(Month, IsAYearAndAMonth) {
  EXPECT_TRUE(is_month("2025-01"));
  EXPECT_TRUE(is_month("2025-12"));
  for (const auto* text : {"", "2025-1", "2025-00", "2025-13", "2025/01", "2025-01-01", "abcd-01"}) {
    EXPECT_FALSE(is_month(text)) << text;
  }
}

}  // namespace
}  // namespace tenantry::archive::manifest_test
