#include "shared/text/text.h"

#include <unicode/idna.h>
#include <unicode/normalizer2.h>
#include <unicode/translit.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uspoof.h>

#include <algorithm>
#include <memory>

#include "shared/core/assert.h"
#include "shared/core/bytes.h"

namespace tenantry::text {
namespace {

icu::UnicodeString decoded(std::string_view utf8) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(utf8.data(), static_cast<int>(utf8.size())));
}

std::string encoded(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

icu::UnicodeString composed(const icu::UnicodeString& text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* const nfc = icu::Normalizer2::getNFCInstance(status);
  auto out = nfc->normalize(text, status);
  TENANTRY_ASSERT(U_SUCCESS(status));
  return out;
}

bool joins(UChar32 c) {
  constexpr int virama = 9;  // the canonical combining class of what Indic scripts join by
  const auto type = u_getIntPropertyValue(c, UCHAR_JOINING_TYPE);
  return u_getCombiningClass(c) == virama || type == U_JT_DUAL_JOINING || type == U_JT_RIGHT_JOINING ||
         type == U_JT_LEFT_JOINING;
}

bool is_picture(UChar32 c) {
  return u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC) != 0 || u_hasBinaryProperty(c, UCHAR_EMOJI_MODIFIER) != 0;
}

constexpr UChar32 non_joiner = 0x200C, joiner = 0x200D, emoji_style = 0xFE0F, text_style = 0xFE0E;

// After `before`, the character that stands before it; 0: none.
bool is_invisible(UChar32 c, UChar32 before) {
  if (c == non_joiner || c == joiner) return !joins(before) && !is_picture(before) && before != emoji_style;
  if (c == emoji_style || c == text_style) return u_hasBinaryProperty(before, UCHAR_EMOJI) == 0;
  if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0) return true;
  switch (u_charType(c)) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_SURROGATE:
      return true;
    default:
      return false;
  }
}

icu::Transliterator& plain_latin() {
  // Signs go before they are taken apart; a set at the very beginning would be a filter of all the steps. Not
  // Any-Latin: a name in another script has no letters here. One per thread: not shareable.
  thread_local const std::unique_ptr<icu::Transliterator> instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::Transliterator> made(icu::Transliterator::createInstance(
        "Null; [[:So:][:Sc:][:Sm:][:Sk:][:No:]] Remove; NFKD; [:Nonspacing Mark:] Remove; Latin-ASCII; Lower",
        UTRANS_FORWARD, status));
    TENANTRY_ASSERT(U_SUCCESS(status));
    return made;
  }();
  return *instance;
}

const USpoofChecker& spoof_checker() {  // shared by threads, as ICU allows
  static const std::unique_ptr<USpoofChecker, decltype(&uspoof_close)> instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<USpoofChecker, decltype(&uspoof_close)> made(uspoof_open(&status), &uspoof_close);
    TENANTRY_ASSERT(U_SUCCESS(status));
    return made;
  }();
  return *instance;
}

icu::UnicodeString letters_and_digits(const icu::UnicodeString& text) {
  icu::UnicodeString out;
  for (int i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const auto c = text.char32At(i);
    if (u_isalnum(c) || u_charType(c) == U_NON_SPACING_MARK || u_charType(c) == U_COMBINING_SPACING_MARK) out.append(c);
  }
  return out;
}

const icu::IDNA& idna() {
  static const std::unique_ptr<const icu::IDNA> instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<const icu::IDNA> made(icu::IDNA::createUTS46Instance(
        UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_CHECK_CONTEXTO |
            UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
        status));
    TENANTRY_ASSERT(U_SUCCESS(status));
    return made;
  }();
  return *instance;
}

}  // namespace

std::string to_nfc(std::string_view utf8) {
  if (!is_utf8(utf8)) return std::string(utf8);
  return encoded(composed(decoded(utf8)));
}

std::string opaque_string(std::string_view utf8) {
  if (!is_utf8(utf8)) return std::string(utf8);
  auto text = decoded(utf8);
  for (int i = 0; i < text.length(); ++i) {
    if (u_charType(text.charAt(i)) == U_SPACE_SEPARATOR) text.setCharAt(i, u' ');  // all of them are in the BMP
  }
  return encoded(composed(text));
}

bool has_invisible(std::string_view utf8) {
  if (!is_utf8(utf8)) return true;
  const auto text = decoded(utf8);
  UChar32 before = 0;
  for (int i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if (is_invisible(c, before)) return true;
    before = c;
  }
  return false;
}

bool is_blank(std::string_view utf8) {
  const auto text = decoded(utf8);
  for (int i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    if (!u_isUWhiteSpace(text.char32At(i))) return false;
  }
  return true;
}

std::string to_plain_latin(std::string_view utf8) {
  auto text = decoded(utf8);
  plain_latin().transliterate(text);
  icu::UnicodeString out;
  for (int i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    out.append(u_isUWhiteSpace(c) ? UChar32{' '} : c);
  }
  return encoded(out);
}

std::vector<std::string> look_alike_forms(std::string_view utf8) {
  const auto bare = letters_and_digits(composed(decoded(utf8)));
  const auto form = [](const icu::UnicodeString& text) {
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeString skeleton;
    uspoof_getSkeletonUnicodeString(&spoof_checker(), 0, text, skeleton, &status);
    TENANTRY_ASSERT(U_SUCCESS(status));
    return encoded(letters_and_digits(skeleton.foldCase()));
  };
  std::vector<std::string> forms{form(bare), form(icu::UnicodeString(bare).foldCase())};
  std::erase(forms, "");
  if (forms.size() == 2 && forms[0] == forms[1]) forms.pop_back();
  if (forms.empty()) forms.emplace_back("-");  // a name of signs alone
  return forms;
}

std::optional<std::string> ascii_domain(std::string_view utf8) {
  if (!is_utf8(utf8)) return std::nullopt;
  UErrorCode status = U_ZERO_ERROR;
  icu::IDNAInfo info;
  icu::UnicodeString out;
  idna().nameToASCII(decoded(utf8), out, info, status);
  if (U_FAILURE(status) || info.hasErrors() || out.isEmpty()) return std::nullopt;
  return encoded(out);
}

std::string shown_domain(std::string_view ascii) {
  UErrorCode status = U_ZERO_ERROR;
  icu::IDNAInfo info;
  icu::UnicodeString out;
  idna().nameToUnicode(decoded(ascii), out, info, status);
  return U_FAILURE(status) || info.hasErrors() ? std::string(ascii) : encoded(out);
}

std::string compared_email(std::string_view email) {
  const auto at = email.rfind('@');
  const auto out = ascii_lower(email);
  if (at == email.npos) return out;
  const auto domain = ascii_domain(email.substr(at + 1));
  return domain ? out.substr(0, at + 1) + *domain : out;
}

std::string shown_email(std::string_view email) {
  const auto at = email.rfind('@');
  if (at == email.npos) return std::string(email);
  return std::string(email.substr(0, at + 1)) + shown_domain(email.substr(at + 1));
}

}  // namespace tenantry::text
