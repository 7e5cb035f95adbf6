#include "shared/text/text.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tenantry::text::text_test {
namespace {

TEST(Text, FormsOfOnePasswordAreOne) {
  EXPECT_EQ(opaque_string("caf\u00E9"), opaque_string("cafe\u0301"));
  EXPECT_EQ(opaque_string("a\u00A0b\u3000c"), "a b c");
  EXPECT_EQ(opaque_string(std::string("a\0b", 3)), std::string("a\0b", 3));
  EXPECT_NE(opaque_string("\uFF21"), "A");  // of width and case nothing is folded
  EXPECT_EQ(opaque_string("\xC0\xAF"), "\xC0\xAF");
}

TEST(Text, WhatNobodySeesIsFound) {
  for (const char* text : {"a\u202Eb", "\u2066a", "a\u200Bb", "a\u00ADb", "a\uFEFF", "\u3164", "a\u2028b", "a\u0085b",
                           "a\u200Db", "a\uFE0F", "a\U000E0041", "\u061C", "\u200F"}) {
    EXPECT_TRUE(has_invisible(text)) << text;
  }
}

TEST(Text, WhatScriptsNeedIsNoFault) {
  for (const char* text :
       {"L'\u00C9picerie du Coin", "\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645", "\u0915\u094D\u200D\u0937",
        "\u2764\uFE0F", "\U0001F469\u200D\U0001F373", "\u682A\u5F0F\u4F1A\u793E", "\u05D0\u05D1 Ltd", "a\u00A0b"}) {
    EXPECT_FALSE(has_invisible(text)) << text;
  }
}

TEST(Text, BlankIsBlankInEveryWidth) {
  EXPECT_TRUE(is_blank(" \u00A0\u3000\u2003"));
  EXPECT_FALSE(is_blank(" \u00E9"));
}

bool look_alike(std::string_view one, std::string_view other) {
  const auto forms = look_alike_forms(one);
  const auto others = look_alike_forms(other);
  return std::ranges::any_of(forms, [&](const auto& form) { return std::ranges::find(others, form) != others.end(); });
}

TEST(Text, NamesThatMayBeTakenForEachOtherShareAForm) {
  for (const auto& [one, other] :
       {std::pair{"Acme", "Acrne"}, std::pair{"Acme", "ACME!"}, std::pair{"Studio", "Studi0"},
        std::pair{"Google", "GooGIe"}, std::pair{"Lumiere 1", "Lumiere l"},
        std::pair{"Acme", "\u0410\u0441m\u0435"},  // with letters of Cyrillic
        std::pair{"Boulangerie Martin", "Boulangerie  Martin."}, std::pair{"?!", "--"}}) {
    EXPECT_TRUE(look_alike(one, other)) << one << " and " << other;
  }
  for (const auto& [one, other] : {std::pair{"Acme", "Acne"}, std::pair{"Martin", "Durand"},
                                   std::pair{"Acme", "Acme 2"}, std::pair{"\u682A\u5F0F", "\u4F1A\u793E"}}) {
    EXPECT_FALSE(look_alike(one, other)) << one << " and " << other;
  }
  for (const char* any : {"", " ", "\xFF", "\u0301"}) {
    for (const auto& form : look_alike_forms(any)) EXPECT_FALSE(form.empty());
  }
}

TEST(Text, DomainsHaveOneAsciiForm) {
  EXPECT_EQ(ascii_domain("b\u00FCcher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ascii_domain("B\u00DCCHER.Example"), "xn--bcher-kva.example");
  EXPECT_EQ(ascii_domain("bu\u0308cher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ascii_domain("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(shown_domain("xn--bcher-kva.example"), "b\u00FCcher.example");
  EXPECT_EQ(shown_domain("xn--\xFF"), "xn--\xFF");
  for (const char* name :
       {"", "a..b", "a_b.example", "a b.example", "xn--zz.example", "a\u202E.example", "-a.example"}) {
    EXPECT_FALSE(ascii_domain(name)) << name;
  }
}

TEST(Text, AnAddressIsComparedInAsciiAndShownAsWritten) {
  EXPECT_EQ(compared_email("Jo+X@B\u00DCCHER.example"), "jo+x@xn--bcher-kva.example");
  EXPECT_EQ(compared_email("Jo@ACME.example"), "jo@acme.example");
  EXPECT_EQ(compared_email("no address"), "no address");
  EXPECT_EQ(compared_email("Jo@a b"), "jo@a b");
  EXPECT_EQ(shown_email("jo@xn--bcher-kva.example"), "jo@b\u00FCcher.example");
  EXPECT_EQ(shown_email("jo"), "jo");
}

}  // namespace
}  // namespace tenantry::text::text_test
