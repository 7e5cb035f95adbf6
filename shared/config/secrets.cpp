#include "shared/config/secrets.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "shared/core/bytes.h"

namespace tenantry::config {
namespace {

constexpr std::size_t different_min = 8;  // 32 random bytes or hex digits have more but for one in millions

// What examples, templates and manuals put in a secret's place.
bool is_placeholder(std::string_view secret) {
  constexpr std::array<std::string_view, 10> words = {"changeme",   "change-me", "change_me",   "placeholder",
                                                      "example",    "password",  "your-secret", "your_secret",
                                                      "replace-me", "replace_me"};
  const auto folded = ascii_lower(secret);
  return std::ranges::any_of(words, [&](std::string_view word) { return folded.find(word) != folded.npos; });
}

// "abcabcabc": the whole again after `period` letters.
bool repeats(std::string_view text) {
  for (std::size_t period = 1; period <= text.size() / 2; ++period) {
    if (text.substr(period) == text.substr(0, text.size() - period)) return true;
  }
  return false;
}

// "abcdefgh", "98765432": most letters follow the one before.
bool is_row(std::string_view text) {
  std::size_t steps = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const int step = text[i] - text[i - 1];
    if (step == 1 || step == -1) ++steps;
  }
  return steps * 2 > text.size();
}

std::optional<std::string> pattern_of(std::string_view bytes) {
  if (std::set(bytes.begin(), bytes.end()).size() < different_min) return "must not be a few letters, repeated";
  if (repeats(bytes)) return "must not be one text, repeated";
  if (is_row(bytes)) return "must not be a row of letters or digits";
  return std::nullopt;
}

bool is_name(std::string_view name) {
  constexpr std::string_view marks = "._-@";
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || marks.find(c) != marks.npos;
  });
}

}  // namespace

std::optional<std::string> weakness_of(std::string_view secret, std::size_t length_min) {
  if (secret.size() < length_min) return "must have at least " + std::to_string(length_min) + " characters";
  if (is_placeholder(secret)) return "must not be an example's: make one with `openssl rand -hex 32`";
  return pattern_of(secret);
}

std::optional<std::string> weakness_of_key(std::string_view base64) {
  constexpr std::size_t key_size = 32;
  const auto bytes = from_base64(base64);
  if (!bytes || bytes->size() != key_size) return "must be 32 bytes in base64: openssl rand -base64 32";
  if (pattern_of(as_text(*bytes))) return "must be random: openssl rand -base64 32";
  return std::nullopt;
}

std::optional<std::vector<NamedToken>> named_tokens(std::string_view text) {
  std::vector<NamedToken> out;
  std::set<std::string> names;
  while (!text.empty()) {
    const auto item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    if (item.empty()) continue;
    const auto colon = item.find(':');
    const std::string name{colon == item.npos ? "super-admin" : item.substr(0, colon)};
    if (!is_name(name) || !names.insert(name).second) return std::nullopt;
    out.push_back({name, std::string(colon == item.npos ? item : item.substr(colon + 1))});
  }
  return out;
}

}  // namespace tenantry::config
