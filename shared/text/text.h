// Text as people write it: which of its forms are the same, and what of it nobody sees.
//
// Unicode by ICU, which no other folder includes. Pure; any thread. What is not UTF-8 is
// nobody's text: it is given back as it came, or refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenantry::text {

// Composed (NFC).
std::string to_nfc(std::string_view utf8);

// As a password is compared (RFC 8265 OpaqueString): composed, every kind of space one of ASCII's.
std::string opaque_string(std::string_view utf8);

// Whether it holds what cannot be seen or turns the order of what can: bidirectional controls, zero-width and other
// ignorable characters, controls and line separators. Joiners count only where they join nothing.
bool has_invisible(std::string_view utf8);

// Whether nothing but white space is there.
bool is_blank(std::string_view utf8);

// A name in Latin letters as ASCII, in lower case: accents stripped, ligatures taken apart, signs (TM, EUR,
// No, 1/2 and their like) left out instead of spelled out. What is in another script stays as it is.
std::string to_plain_latin(std::string_view utf8);

// What a name may be taken for at a glance: two names that share a form look alike ("Acme" and "Acrne", "Société 0" and
// "Societe O" in Cyrillic letters). The skeletons of UTS 39 section 4 of it as written and of its lower case, without
// what is no letter or digit. One or two, none empty.
std::vector<std::string> look_alike_forms(std::string_view utf8);

// A domain name in its ASCII form ("xn--..."), lower case; nullopt where it is none (UTS 46, strict).
std::optional<std::string> ascii_domain(std::string_view utf8);
// The same name as people read it; what is none comes back as it is.
std::string shown_domain(std::string_view ascii);

// An e-mail address as it is compared: lower case, its domain in ASCII form. Whether it is one is the caller's
// question.
std::string compared_email(std::string_view email);
// The same as people read it.
std::string shown_email(std::string_view email);

}  // namespace tenantry::text
