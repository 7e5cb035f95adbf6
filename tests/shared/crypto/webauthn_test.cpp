// Goal: a passkey is what its authenticator says, for this site, this challenge and this person's hand on it.
// Method: the vectors of WebAuthn level 3, section 16 ("none.ES256"), and each of their parts changed; Ed25519 by our
// own keys.
#include "shared/crypto/webauthn.h"

#include <gtest/gtest.h>

#include "shared/crypto/cbor.h"
#include "shared/crypto/ed25519.h"
#include "shared/crypto/hash.h"

namespace tenantry::crypto::webauthn_test {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}
Bytes bytes(std::string_view text) {
  return Bytes(text.begin(), text.end());
}
Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

const std::string credential_id = "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4";
const std::string x = "afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61";
const std::string y = "930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220";
const std::string attestation =
    "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f0"
    "1452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020" +
    credential_id + "a5010203262001215820" + x + "225820" + y;
const std::string creation =
    "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a22414d4d507434557878475453746e63647134"
    "313759447742466938767049612d7077386f4f755657345441222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f726722"
    "2c2263726f73734f726967696e223a66616c73652c22657874726144617461223a22636c69656e74446174614a534f4e206d61792062652065"
    "7874656e6465642077697468206164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869"
    "733a20426b5165446a646354427258426941774a544c4535513d3d227d";
const std::string authenticator_data = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000";
const std::string use_client_data =
    "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e55685158756c5455506f334a5558543049"
    "393770767a7a59425039745a63685879617630314167222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263"
    "726f73734f726967696e223a66616c73657d";
const std::string signature =
    "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93538174f575bf11a1dd5d78"
    "c6e486013f937295ea13653e331e87";

PasskeyExpectation expectation(std::string_view challenge) {
  return {.challenge = from_base64url(challenge).value(), .rp_id = "example.org", .origins = {"https://example.org"}};
}
PasskeyExpectation for_creation() {
  return expectation("AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA");
}
PasskeyExpectation for_use() {
  return expectation("OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag");
}
const PasskeyKey es256{PasskeyKey::Algorithm::es256, hex(x + y)};

template <class T>
std::string outcome(const Result<T>& result) {
  return result ? "ok" : result.error().message;
}
std::string created(const Bytes& client_data, const Bytes& object,
                    const PasskeyExpectation& expected = for_creation()) {
  return outcome(verify_new_passkey(client_data, object, expected));
}
std::string used(const Bytes& client_data, const Bytes& data, const Bytes& signed_by, const PasskeyKey& key = es256,
                 std::uint32_t counter = 0, const PasskeyExpectation& expected = for_use()) {
  return outcome(verify_passkey_use({client_data, data, signed_by}, key, counter, expected));
}

TEST(Passkey, OfTheSpecificationIsTaken) {
  const auto passkey = verify_new_passkey(hex(creation), hex(attestation), for_creation());
  ASSERT_TRUE(passkey) << outcome(passkey);
  EXPECT_EQ(passkey->credential_id, hex(credential_id));
  EXPECT_EQ(passkey->key.algorithm, PasskeyKey::Algorithm::es256);
  EXPECT_EQ(passkey->key.public_key, hex(x + y));
  EXPECT_EQ(passkey->counter, 0U);
  EXPECT_EQ(used(hex(use_client_data), hex(authenticator_data), hex(signature), passkey->key), "ok");
}

TEST(Passkey, IsOfOneSiteAndOneChallenge) {
  auto other = for_creation();
  other.challenge[0] ^= 1;
  EXPECT_EQ(created(hex(creation), hex(attestation), other), "the challenge is another");
  other = for_creation();
  other.origins = {"https://example.org:8443", "http://example.org", "https://example.org.evil.example"};
  EXPECT_EQ(created(hex(creation), hex(attestation), other), "it was made for another origin");
  other = for_creation();
  other.rp_id = "example.com";
  EXPECT_EQ(created(hex(creation), hex(attestation), other), "the passkey is of another site");
  EXPECT_EQ(created(hex(use_client_data), hex(attestation)), "the client's data is for something else");
  EXPECT_EQ(used(hex(creation), hex(authenticator_data), hex(signature)), "the client's data is for something else");
  auto cross = std::string(as_text(hex(use_client_data)));
  cross.replace(cross.find("false"), 5, "true");
  EXPECT_EQ(used(bytes(cross), hex(authenticator_data), hex(signature)), "it was made inside a page of another origin");
}

TEST(Passkey, NeedsAHandOnIt) {
  auto data = hex(authenticator_data);
  data[32] = 0x18;
  EXPECT_EQ(used(hex(use_client_data), data, hex(signature)), "nobody was present");
  auto asked = for_use();
  asked.user_verified = true;
  EXPECT_EQ(used(hex(use_client_data), hex(authenticator_data), hex(signature), es256, 0, asked),
            "the authenticator asked for nobody");
}

// Goal: no byte of what was signed, of the signature or of the key can be another.
TEST(Passkey, OneBitChangesItAll) {
  const auto client = hex(use_client_data), data = hex(authenticator_data), sig = hex(signature);
  for (std::size_t i = 0; i < data.size(); ++i) {
    auto changed = data;
    changed[i] ^= 2;
    EXPECT_NE(used(client, changed, sig), "ok") << i;
  }
  for (std::size_t i = 0; i < client.size(); ++i) {
    auto changed = client;
    changed[i] ^= 1;
    EXPECT_NE(used(changed, data, sig), "ok") << i;
  }
  for (std::size_t i = 0; i < sig.size(); ++i) {
    auto changed = sig;
    changed[i] ^= 1;
    EXPECT_NE(used(client, data, changed), "ok") << i;
  }
  auto other = es256;
  other.public_key[3] ^= 1;
  EXPECT_EQ(used(client, data, sig, other), "the signature is not the passkey's");
  EXPECT_EQ(used(client, data, {}), "the signature is not the passkey's");
  EXPECT_EQ(used(client, data, Bytes(10'000, 1)), "the signature is too large");
}

TEST(Passkey, CutOffAnywhereIsNone) {
  const auto object = hex(attestation);
  for (std::size_t size = 0; size < object.size(); ++size) {
    EXPECT_NE(created(hex(creation), Bytes(object.begin(), object.begin() + static_cast<std::ptrdiff_t>(size))), "ok");
  }
  EXPECT_EQ(created(hex(creation), joined({object, {0}})), "the attestation is no CBOR");
  EXPECT_EQ(created(hex(creation), Bytes(100'000, 0xA0)), "the attestation is too large");
  const auto replaced = [&](std::string_view from, std::string_view to) {
    auto text = attestation;
    text.replace(text.find(from), from.size(), to);
    return created(hex(creation), hex(text));
  };
  EXPECT_EQ(replaced("646e6f6e65", "6466696470"), "an attestation was not asked for");
  EXPECT_EQ(replaced("a0686175", "f6686175"), "the attestation is none");
  EXPECT_EQ(replaced("03262001", "03272001"), "the key is neither of ES256 nor of Ed25519");
  EXPECT_EQ(replaced(y, x), "the key's point is not on its curve");
  EXPECT_EQ(replaced("3a1f0020", "3a1f0000"), "the credential's id has a bad length");
  EXPECT_EQ(replaced("3a1f0020", "3a1fffff"), "the credential's id has a bad length");
}

Bytes client_data(std::string_view type, const Bytes& challenge) {
  return bytes(R"({"type":")" + std::string(type) + R"(","challenge":")" + to_base64url(challenge) +
               R"(","origin":"https://example.org"})");
}
Bytes head(std::uint8_t flags, std::uint8_t counter) {
  const auto hash = sha256(as_bytes("example.org"));
  return joined({Bytes(hash.begin(), hash.end()), {flags, 0, 0, 0, counter}});
}

TEST(Passkey, OfEd25519CountsAndIsNoCopy) {
  const auto pair = Ed25519Key::generate();
  const auto raw = pair.public_key();
  const auto data = joined(
      {head(0x45, 7), Bytes(16, 0), {0, 2, 0xAB, 0xCD}, hex("a4010103272006215820"), Bytes(raw.begin(), raw.end())});
  const auto object = joined({hex("a363666d74646e6f6e656761747453746d74a0686175746844617461"),
                              {0x58, static_cast<std::uint8_t>(data.size())},
                              data});
  const PasskeyExpectation expected{Bytes(32, 9), "example.org", {"https://example.org"}, true};
  const auto passkey = verify_new_passkey(client_data("webauthn.create", expected.challenge), object, expected);
  ASSERT_TRUE(passkey) << outcome(passkey);
  EXPECT_EQ(passkey->key.algorithm, PasskeyKey::Algorithm::ed25519);
  EXPECT_EQ(passkey->counter, 7U);
  const auto client = client_data("webauthn.get", expected.challenge);
  const auto hash = sha256(client);
  const auto use = [&](std::uint8_t now, std::uint32_t before) {
    const auto next = head(0x05, now);
    const auto made = pair.sign(joined({next, Bytes(hash.begin(), hash.end())}));
    return used(client, next, Bytes(made.begin(), made.end()), passkey->key, before, expected);
  };
  EXPECT_EQ(use(8, 7), "ok");
  EXPECT_EQ(use(7, 7), "the passkey was copied");
  EXPECT_EQ(use(0, 7), "the passkey was copied");
  EXPECT_EQ(use(0, 0), "ok");  // it does not count
}

TEST(Cbor, IsReadWholeOrRefused) {
  for (const char* good : {"00", "1818", "190100", "1a00010000", "1b0000000100000000", "20", "40", "60", "80", "a0",
                           "f4", "f6", "820102"}) {
    EXPECT_TRUE(read_cbor(hex(good))) << good;
  }
  for (const char* bad : {"",
                          "18",
                          "1817",
                          "1900ff",
                          "1a0000ffff",
                          "1b00000000ffffffff",
                          "1bffffffffffffffff",
                          "41",
                          "5f",
                          "7f",
                          "9f",
                          "bf",
                          "ff",
                          "c0",
                          "f7",
                          "f90000",
                          "fb",
                          "1c",
                          "a201000100",
                          "a14000",
                          "818181818100",
                          "9a00010000",
                          "bb0000000000000001"}) {
    const auto read = read_cbor(hex(bad));
    EXPECT_TRUE(!read || read->size != hex(bad).size()) << bad;
  }
  EXPECT_EQ(read_cbor(hex("3903e7"))->item.integer, -1000);
  const auto text = hex("a261610120f5");  // which the views are of
  const auto map = read_cbor(text);
  EXPECT_EQ(map->item.find("a")->integer, 1);
  EXPECT_EQ(map->item.find(-1)->integer, 1);
  EXPECT_EQ(map->item.find(-1)->kind, Cbor::Kind::boolean);
  EXPECT_EQ(map->item.find("b"), nullptr);
}

}  // namespace
}  // namespace tenantry::crypto::webauthn_test
