// Goal: what was compressed comes back, in pieces of any size, and other bytes are refused.
#include "shared/gzip/gzip.h"

#include <gtest/gtest.h>

namespace tenantry::gzip_test {
namespace {

std::string compressed(const std::string& text) {
  Gzip gzip;
  auto out = gzip.compress(text);
  return out += gzip.finish();
}

// The text, or the error's reason; "cut off" where the stream has no end.
std::string expanded(const std::string& bytes, std::size_t piece_size) {
  Gunzip gunzip;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece_size) {
    const auto done = gunzip.expand(bytes.substr(at, piece_size), [&](std::string_view piece) -> Result<void> {
      EXPECT_LE(piece.size(), 64UL * 1024);
      out += piece;
      return {};
    });
    if (!done) return done.error().reason;
  }
  return gunzip.finished() ? out : "cut off";
}

TEST(Gunzip, GivesBackWhatWasCompressed) {
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += std::to_string(i * i) + "\n";
  const auto bytes = compressed(text);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1'000}, bytes.size()}) {
    EXPECT_EQ(expanded(bytes, piece), text) << piece;
  }
  EXPECT_EQ(expanded(compressed(""), 7), "");
}

// A few bytes may expand to very many: they come in pieces, and whoever takes them may stop.
TEST(Gunzip, ALargeExpansionComesInPiecesAndCanBeStopped) {
  const auto bytes = compressed(std::string(10'000'000, 'x'));
  EXPECT_LT(bytes.size(), 100'000U);
  EXPECT_EQ(expanded(bytes, bytes.size()).size(), 10'000'000U);
  Gunzip gunzip;
  std::size_t taken = 0;
  const auto stopped = gunzip.expand(bytes, [&](std::string_view piece) -> Result<void> {
    taken += piece.size();
    if (taken < 100'000) return {};
    return Error{.code = Errc::too_large, .reason = "enough"};
  });
  EXPECT_EQ(stopped.error().reason, "enough");
  EXPECT_LT(taken, 200'000U);
}

TEST(Gunzip, RefusesOtherBytes) {
  const auto bytes = compressed("a text that is long enough to be changed");
  auto changed = bytes;
  changed[bytes.size() - 6] = static_cast<char>(changed[bytes.size() - 6] ^ 1);  // of its checksum
  EXPECT_EQ(expanded(changed, 8), "malformed_gzip");
  EXPECT_EQ(expanded("no gzip stream", 8), "malformed_gzip");
  EXPECT_EQ(expanded(bytes + "x", 8), "malformed_gzip");
  EXPECT_EQ(expanded(bytes + "x", bytes.size() + 1), "malformed_gzip");
  EXPECT_EQ(expanded(bytes.substr(0, bytes.size() - 1), 8), "cut off");
}

}  // namespace
}  // namespace tenantry::gzip_test
