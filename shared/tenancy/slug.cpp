#include "shared/tenancy/slug.h"

#include <unicode/translit.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <memory>

namespace tenantry::tenancy {
namespace {

// Names of hosts, paths, broker objects and roles that are the platform's own.
constexpr std::array<std::string_view, 44> reserved = {
    "about",    "account", "admin",    "administrator", "amq",       "api",      "app",    "assets",   "audit",
    "auth",     "billing", "blog",     "console",       "dashboard", "default",  "docs",   "guest",    "health",
    "help",     "host",    "internal", "localhost",     "login",     "logout",   "mail",   "metrics",  "null",
    "platform", "public",  "root",     "security",      "signup",    "smtp",     "static", "status",   "stripe",
    "support",  "system",  "tenant",   "tenants",       "tenantry",  "webhooks", "www",    "undefined"};

icu::Transliterator& transliterator() {
  // Not Any-Latin: a name in another script has no letters here, it gets a random slug. One per thread: not shareable.
  thread_local const std::unique_ptr<icu::Transliterator> instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::Transliterator> made(icu::Transliterator::createInstance(
        "NFKD; [:Nonspacing Mark:] Remove; Latin-ASCII; Lower", UTRANS_FORWARD, status));
    TENANTRY_ASSERT(U_SUCCESS(status));
    return made;
  }();
  return *instance;
}

void trim_hyphens(std::string& slug) {
  while (slug.ends_with('-')) slug.pop_back();
}

}  // namespace

std::string slug_of(std::string_view company_name) {
  auto text =
      icu::UnicodeString::fromUTF8(icu::StringPiece(company_name.data(), static_cast<int>(company_name.size())));
  transliterator().transliterate(text);
  std::string slug;
  bool gap = false;
  for (int i = 0; i < text.length() && slug.size() < slug_length_max; i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      if (gap && !slug.empty()) slug += '-';
      gap = false;
      if (slug.size() < slug_length_max) slug += static_cast<char>(c);
    } else if (c == '-' || u_isUWhiteSpace(c)) {
      gap = true;
    }
  }
  trim_hyphens(slug);
  return slug;
}

bool is_reserved_slug(std::string_view slug) {
  return std::ranges::find(reserved, slug) != reserved.end();
}

std::string random_slug(IdGenerator& ids) {
  std::array<std::uint8_t, 4> bytes{};
  ids.random(bytes);
  return "tenant-" + to_hex(bytes);
}

std::string slug_candidate(std::string_view base, int n) {
  if (n <= 1) return std::string(base);
  const std::string suffix = "-" + std::to_string(n);
  std::string slug{base.substr(0, slug_length_max - suffix.size())};
  trim_hyphens(slug);
  return slug + suffix;
}

bool is_slug(std::string_view text) {
  if (text.empty() || text.size() > slug_length_max || text.starts_with('-') || text.ends_with('-')) return false;
  return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace tenantry::tenancy
