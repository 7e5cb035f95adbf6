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

namespace {

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = from_hex(text[i] == '%' ? text.substr(i + 1, 2) : std::string_view{});
    if (byte && byte->size() == 1) {
      out += static_cast<char>(byte->front());
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Of "a=1 b='two words'"; "" where it is not said. Quoting by backslashes is left alone: it makes no password weaker.
std::string value_in(std::string_view text, std::string_view name, char between) {
  for (std::size_t at = 0; at < text.size();) {
    const bool quoted = [&] {
      const auto equals = text.find('=', at);
      return equals != text.npos && equals + 1 < text.size() && text[equals + 1] == '\'';
    }();
    const auto equals = std::min(text.find('=', at), text.size());
    const auto begin = std::min(equals + (quoted ? 2 : 1), text.size());
    const auto end = std::min(text.find(quoted ? '\'' : between, begin), text.size());
    if (text.substr(at, equals - at) == name) return std::string(text.substr(begin, end - begin));
    at = end + 1;
    while (at < text.size() && text[at] == between) ++at;
  }
  return {};
}

bool is_own_host(std::string_view host) {
  return host.empty() || host.front() == '/' || host == "localhost" || host == "::1" || host.starts_with("127.");
}

// Of a list, as libpq takes one: all of them.
bool are_own_hosts(std::string_view hosts) {
  while (!hosts.empty()) {
    auto host = hosts.substr(0, hosts.find(','));
    hosts.remove_prefix(std::min(host.size() + 1, hosts.size()));
    if (host.starts_with('[')) {
      host = host.substr(1, host.find(']') - 1);
    } else if (std::ranges::count(host, ':') == 1) {
      host = host.substr(0, host.find(':'));
    }
    if (!is_own_host(host)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> weakness_of_login(std::string_view url) {
  const auto scheme = url.find("://");
  std::string hosts, password;
  if (scheme == url.npos) {
    hosts = value_in(url, "host", ' ');
    password = value_in(url, "password", ' ');
  } else {
    const auto rest = url.substr(scheme + 3);
    const auto authority = rest.substr(0, rest.find_first_of("/?"));
    const auto at = authority.rfind('@');
    const auto user = at == authority.npos ? std::string_view{} : authority.substr(0, at);
    hosts = authority.substr(at == authority.npos ? 0 : at + 1);
    if (const auto colon = user.find(':'); colon != user.npos) password = percent_decoded(user.substr(colon + 1));
    if (const auto question = rest.find('?'); question != rest.npos) {
      const auto query = rest.substr(question + 1);
      if (const auto host = value_in(query, "host", '&'); !host.empty()) hosts = percent_decoded(host);
      if (password.empty()) password = percent_decoded(value_in(query, "password", '&'));
    }
  }
  if (password.empty() || are_own_hosts(hosts)) return std::nullopt;
  if (auto rule = weakness_of(password, server_password_min)) return "its password " + *rule;
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
