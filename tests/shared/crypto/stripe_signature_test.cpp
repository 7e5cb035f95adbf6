#include "shared/crypto/stripe_signature.h"

#include <gtest/gtest.h>

namespace tenantry::crypto::stripe_signature_test {
namespace {

const std::string secret = "whsec_test_secret";
const std::string body = R"({"id":"evt_test","object":"event"})";
const std::string right = "8042376f6ca064adbe037642a718227dfd59047137eb49497a54c49eb0cfb724";
const auto signed_at = from_unix_seconds(1700000000);

TEST(StripeSignature, MatchesTheVectors) {
  EXPECT_EQ(sign_stripe(secret, signed_at, body), "t=1700000000,v1=" + right);
  EXPECT_EQ(sign_stripe("whsec_test", signed_at, R"({"id":"evt_1","type":"invoice.paid"})"),
            "t=1700000000,v1=4aa90aa69730f112c87accbf54203d1076675eae3b18a5cb82b5ab9e7f5cd5bc");
}

struct Row {
  const char* name;
  std::string header;
  std::string reason{};  // empty: accepted
  Seconds later{0};
  std::string sent = body;
  std::vector<std::string> secrets = {secret};
};
class StripeSignature : public testing::TestWithParam<Row> {};

TEST_P(StripeSignature, Verifies) {
  const auto& row = GetParam();
  const auto result = verify_stripe_signature(row.header, row.sent, row.secrets, signed_at + row.later);
  EXPECT_EQ(result ? "" : result.error().reason, row.reason);
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}
std::string many(int count) {
  std::string header = "t=1700000000";
  for (int i = 0; i < count; ++i) header += ",v1=" + std::string(64, '0');
  return header + ",v1=" + right;
}
const std::string good = "t=1700000000,v1=" + right;
const std::string invalid = "signature_invalid";
const std::string expired = "signature_expired";

INSTANTIATE_TEST_SUITE_P(
    W1toW4, StripeSignature,
    testing::Values(
        Row{"Now", good}, Row{"Late299", good, "", Seconds{299}}, Row{"Late300", good, "", Seconds{300}},
        Row{"Late301", good, expired, Seconds{301}}, Row{"Early301", good, expired, Seconds{-301}},
        Row{"SignatureBeforeAge", "t=1700000000,v1=00", invalid, Seconds{301}}, Row{"NoHeader", "", invalid},
        Row{"NoTime", "v1=" + right, invalid}, Row{"TimeTwice", "t=1700000000," + good, invalid},
        Row{"TimeText", "t=abc,v1=" + right, invalid}, Row{"TimeHuge", "t=18446744073709551616,v1=" + right, invalid},
        Row{"TimeNegative", "t=-1,v1=" + right, invalid}, Row{"TimePlus", "t=+1700000000,v1=" + right, invalid},
        Row{"TimeSpaced", "t= 1700000000,v1=" + right, invalid}, Row{"NoSignature", "t=1700000000", invalid},
        Row{"OnlyV0", "t=1700000000,v0=" + right, invalid},
        Row{"UpperCase", "t=1700000000,v1=" + upper(right), invalid},
        Row{"OddLength", good.substr(0, good.size() - 1), invalid},
        Row{"Short", good.substr(0, good.size() - 2), invalid}, Row{"Empty", "t=1700000000,v1=", invalid},
        Row{"SecondOfTwo", many(1)}, Row{"SixteenthOfSixteen", many(15)},
        Row{"SeventeenthIsNotCompared", many(16), invalid}, Row{"TenThousand", many(10000), invalid},
        Row{"OtherFields", good + ",v0=1,x,=,"}, Row{"TwoSecrets", good, "", Seconds{0}, body, {"whsec_new", secret}},
        Row{"RetiredSecret", good, invalid, Seconds{0}, body, {"whsec_new"}},
        Row{"NoSecret", good, invalid, Seconds{0}, body, {}},
        Row{"EmptySecret", sign_stripe("", signed_at, body), invalid, Seconds{0}, body, {""}},
        Row{"ByteChanged", good, invalid, Seconds{0}, R"({"id":"evt_tesu","object":"event"})"},
        Row{"Respaced", good, invalid, Seconds{0}, R"({"id": "evt_test", "object": "event"})"},
        Row{"NewlineAdded", good, invalid, Seconds{0}, body + "\n"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tenantry::crypto::stripe_signature_test
