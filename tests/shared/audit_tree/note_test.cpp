// Goal: notes and checkpoints are those of C2SP, byte for byte, and nothing else passes.
// Method: the example of golang.org/x/mod; our own head signed with RFC 8032's first key;
// a row per malformed note.
#include "shared/audit_tree/note.h"

#include <gtest/gtest.h>

namespace tenantry::audit::note_test {
namespace {

const std::string name = "tenantry.example/audit/acme-corporation";
const std::string dash = "\xE2\x80\x94 ";

// RFC 8032 section 7.1, test 1.
crypto::Ed25519Key key() {
  return *crypto::Ed25519Key::from_seed(*from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
}

Note head(std::uint64_t size, const std::string& root) {
  Note note{.text = Checkpoint{name, size, *to_hash(*from_hex(root))}.to_text()};
  sign_note(note, name, key());
  return note;
}
Note head_of_eight() {
  return head(8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST(Note, OfOthersVerifies) {
  const auto known = NoteKey::from_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->id(), 0xc74f20a3U);
  const std::string text =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const std::string signature =
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
  const auto note = parse_note(text + "\n" + dash + "PeterNeumann " + signature + "\n");
  ASSERT_TRUE(note) << note.error().describe();
  EXPECT_EQ(note->text, text);
  EXPECT_TRUE(verify_note(*note, {&*known, 1}));
  EXPECT_EQ(note->to_string(), text + "\n" + dash + "PeterNeumann " + signature + "\n");
}

TEST(Note, OfOursHasThePublishedBytes) {
  EXPECT_EQ(NoteKey(name, key().public_key()).vkey(), name + "+a84d0a87+" + public_key_text(key().public_key()));
  const auto eight = head_of_eight();
  EXPECT_EQ(eight.to_string(), name + "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n" + dash + name +
                                   " qE0Kh/CX1c0O62mJC5S/01PAuIOCvNFH7FWup486Svjw0RHpCXWR5cGfDc/"
                                   "Dgd+Gf+VUuGn4Uf354gYHDn4SAkiSdgI=\n");
  EXPECT_EQ(eight.to_string().size(), 225U);
  const auto none = head(0, to_hex(empty_root()));
  EXPECT_TRUE(none.to_string().ends_with(
      " qE0Kh6ELITiVd73mNaWpko6jeYgkq2Aw41wSWYhlPT8WJC7TYYSWFU23oqwQgyQTzXxvEBQSsB7Rq4EZgc6FoX21Vwg=\n"));
}

TEST(Note, ReadsBackAsWritten) {
  const auto note = parse_note(head_of_eight().to_string());
  ASSERT_TRUE(note);
  const NoteKey known(name, key().public_key());
  EXPECT_TRUE(verify_note(*note, {&known, 1}));
  const auto checkpoint = parse_checkpoint(note->text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, name);
  EXPECT_EQ(checkpoint->size, 8U);
  EXPECT_EQ(to_hex(checkpoint->root), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
  EXPECT_EQ(checkpoint_origin("example", "acme-corporation"), name);
}

// Rotation: while both keys sign, who knows either accepts; a wrong signature of a known key is never overlooked.
TEST(Note, KnownKeysDecide) {
  const auto other = crypto::Ed25519Key::generate();
  const NoteKey old_key(name, key().public_key()), new_key(name, other.public_key());
  const NoteKey elsewhere("tenantry.example/audit/globex", key().public_key());
  auto note = head_of_eight();
  EXPECT_FALSE(verify_note(note, {&new_key, 1}));
  EXPECT_FALSE(verify_note(note, {&elsewhere, 1})) << "a key counts under its own name only";
  EXPECT_FALSE(verify_note(note, {}));
  sign_note(note, name, other);
  const std::vector both{old_key, new_key};
  EXPECT_TRUE(verify_note(note, {&old_key, 1}));
  EXPECT_TRUE(verify_note(note, {&new_key, 1}));
  EXPECT_TRUE(verify_note(note, both));
  for (int i = 0; i < 14; ++i) note.signatures.push_back({"witness-" + std::to_string(i), 7, Bytes(72)});
  EXPECT_TRUE(verify_note(*parse_note(note.to_string()), {&new_key, 1})) << "16 signatures, 14 of them unknown";
  note.signatures[1].bytes[0] ^= 1;
  EXPECT_FALSE(verify_note(note, both));
  EXPECT_TRUE(verify_note(note, {&old_key, 1}));
}

TEST(Note, EveryChangedByteIsRefused) {
  const NoteKey known(name, key().public_key());
  const auto text = head_of_eight().to_string();
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto note = parse_note(changed);
    EXPECT_FALSE(note && verify_note(*note, {&known, 1})) << i;
  }
}

struct Malformed {
  const char* name;
  std::string text;
  std::string rule;
};
class MalformedNote : public ::testing::TestWithParam<Malformed> {};
TEST_P(MalformedNote, IsRefusedWithItsRule) {
  const auto note = parse_note(GetParam().text);
  ASSERT_FALSE(note);
  EXPECT_EQ(note.error().fields[0].code, GetParam().rule);
}
const std::string good_line = dash + "k " + to_base64(Bytes(68)) + "\n";
INSTANTIATE_TEST_SUITE_P(, MalformedNote,
                         ::testing::Values(Malformed{"Empty", "", "blank_line"},
                                           Malformed{"NoBlankLine", "a\n" + good_line, "blank_line"},
                                           Malformed{"NoSignature", "a\n\n", "signature"},
                                           Malformed{"LastLineOpen", "a\n\n" + dash + "k AAAAAAA=", "signature"},
                                           Malformed{"HyphenForDash", "a\n\n- k AAAAAAA=\n", "signature"},
                                           Malformed{"NoName", "a\n\n" + dash + " AAAAAAA=\n", "signature"},
                                           Malformed{"PlusInName", "a\n\n" + dash + "k+k AAAAAAA=\n", "signature"},
                                           Malformed{"NoBase64", "a\n\n" + dash + "k A*==\n", "signature"},
                                           Malformed{"IdAlone", "a\n\n" + dash + "k AAAAAA==\n", "signature"},
                                           Malformed{"Tab", "a\tb\n\n" + good_line, "control"},
                                           Malformed{"CarriageReturn", "a\r\n\n" + good_line, "control"},
                                           Malformed{"NoUtf8", "\xFF\n\n" + good_line, "utf8"},
                                           Malformed{"TooLong", std::string(70'000, 'a') + "\n\n" + good_line, "size"},
                                           Malformed{"TooManySignatures",
                                                     [] {
                                                       std::string text = "a\n\n";
                                                       for (int i = 0; i < 65; ++i) text += good_line;
                                                       return text;
                                                     }(),
                                                     "signatures"}),
                         [](const auto& row) { return std::string(row.param.name); });

class MalformedCheckpoint : public ::testing::TestWithParam<Malformed> {};
TEST_P(MalformedCheckpoint, IsRefusedWithItsRule) {
  const auto checkpoint = parse_checkpoint(GetParam().text);
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().fields[0].code, GetParam().rule);
}
const std::string root = to_base64(Bytes(32));
INSTANTIATE_TEST_SUITE_P(, MalformedCheckpoint,
                         ::testing::Values(Malformed{"Empty", "", "lines"}, Malformed{"Open", "o\n1\n" + root, "lines"},
                                           Malformed{"NoOrigin", "\n1\n" + root + "\n", "origin"},
                                           Malformed{"NoSize", "o\n\n" + root + "\n", "size"},
                                           Malformed{"Sign", "o\n+1\n" + root + "\n", "size"},
                                           Malformed{"Negative", "o\n-1\n" + root + "\n", "size"},
                                           Malformed{"LeadingZero", "o\n01\n" + root + "\n", "size"},
                                           Malformed{"Hex", "o\n0x1\n" + root + "\n", "size"},
                                           Malformed{"Space", "o\n1 \n" + root + "\n", "size"},
                                           Malformed{"TwoTo63", "o\n9223372036854775808\n" + root + "\n", "size"},
                                           Malformed{"TwoTo64", "o\n18446744073709551616\n" + root + "\n", "size"},
                                           Malformed{"ShortRoot", "o\n1\n" + to_base64(Bytes(31)) + "\n", "root"},
                                           Malformed{"NoRoot", "o\n1\n", "root"},
                                           Malformed{"EmptyExtension", "o\n1\n" + root + "\n\n", "extension"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Checkpoint, ExtensionsAreTolerated) {
  EXPECT_TRUE(parse_checkpoint("o\n9223372036854775807\n" + root + "\nmore\nand more\n"));
}

TEST(Vkey, IsStrict) {
  const auto good = NoteKey(name, key().public_key()).vkey();
  EXPECT_EQ(NoteKey::from_vkey(good)->vkey(), good);
  const auto key_text = public_key_text(key().public_key());
  for (const auto& bad : {std::string(), name, name + "+a84d0a87", name + "+a84d0a88+" + key_text,
                          name + "+A84D0A87+" + key_text, "+a84d0a87+" + key_text, "a b+a84d0a87+" + key_text,
                          name + "+a84d0a87+" + to_base64(Bytes(33)), name + "+a84d0a87+" + key_text + "="}) {
    EXPECT_FALSE(NoteKey::from_vkey(bad)) << bad;
  }
}

}  // namespace
}  // namespace tenantry::audit::note_test
