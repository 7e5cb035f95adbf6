#include "shared/tenancy/permissions.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tenantry::tenancy {
namespace {

constexpr std::string_view anything = "*";
constexpr std::string_view own_suffix = ":own";
constexpr std::size_t grant_size_max = 100;
constexpr std::array<std::string_view, 4> resources_of_people = {"users", "roles", "api_keys", "subscription"};

struct Grant {
  std::string_view resource;
  std::string_view action;
  bool own = false;
};

bool is_word(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::optional<Grant> parse(std::string_view text) {
  Grant grant;
  if (text.ends_with(own_suffix)) {
    grant.own = true;
    text.remove_suffix(own_suffix.size());
  }
  if (text == anything) {
    grant.resource = grant.action = anything;
    return grant;
  }
  const auto colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  grant.resource = text.substr(0, colon);
  grant.action = text.substr(colon + 1);
  if (!is_word(grant.resource) || (grant.action != anything && !is_word(grant.action))) return std::nullopt;
  if (grant.action == "own") return std::nullopt;  // "clients:own:own", or a suffix without its action
  return grant;
}

// Each part is compared whole: "client:*" is nothing of "clients:read".
bool reaches(const Grant& grant, const Grant& wanted) {
  return (grant.resource == anything || grant.resource == wanted.resource) &&
         (grant.action == anything || grant.action == wanted.action);
}

}  // namespace

Reach reach_of(std::span<const std::string> granted, std::string_view needed) {
  const auto wanted = parse(needed);
  if (!wanted) return Reach::none;
  Reach reach = Reach::none;
  for (const auto& text : granted) {
    const auto grant = parse(text);
    if (!grant || !reaches(*grant, *wanted)) continue;
    if (!grant->own) return Reach::all;
    reach = Reach::own;
  }
  return reach;
}

bool covers(std::span<const std::string> held, std::span<const std::string> wanted) {
  return std::ranges::all_of(wanted, [&](const std::string& text) {
    const auto want = parse(text);
    return want && std::ranges::any_of(held, [&](const std::string& other) {
             const auto have = parse(other);
             return have && reaches(*have, *want) && (!have->own || want->own);
           });
  });
}

bool is_for_people(std::string_view permission) {
  const auto wanted = parse(permission);
  return !wanted || std::ranges::find(resources_of_people, wanted->resource) != resources_of_people.end();
}

bool fits_a_key(std::string_view grant) {
  const auto parsed = parse(grant);
  return parsed && parsed->resource != anything && !is_for_people(grant);
}

std::string one_text(std::span<const std::string> grants) {
  std::string out;
  for (const auto& grant : grants) out += (out.empty() ? "" : " ") + grant;
  return out;
}

Result<void> check_grant(std::string_view text, std::string_view pointer) {
  if (text.size() <= grant_size_max && parse(text)) return {};
  return Error::invalid(
      std::string(pointer), "permission",
      "must be resource:action in small letters, resource:* or *, with :own where it is for one's own");
}

}  // namespace tenantry::tenancy
