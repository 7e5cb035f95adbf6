#include "shared/messaging/shard.h"

#include <charconv>
#include <cstdint>

namespace tenantry::messaging {
namespace {

constexpr int count_max = 1024;

// FNV-1a over the name, then MurmurHash3's finisher, so that every bit of both counts. Replicas of one release must
// agree on it: it may change only together with all of them.
std::uint64_t score(std::string_view tenant_id, int replica) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : tenant_id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash ^= static_cast<std::uint64_t>(replica + 1) * 0x9e3779b97f4a7c15;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

}  // namespace

bool Shard::serves(std::string_view tenant_id) const {
  const auto own = score(tenant_id, index);
  for (int other = 0; other < count; ++other) {
    const auto theirs = score(tenant_id, other);
    if (theirs > own || (theirs == own && other < index)) return false;
  }
  return true;
}

Result<Shard> Shard::parse(std::string_view text) {
  const auto number = [](std::string_view digits) {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? value : 0;
  };
  const auto slash = text.find('/');
  const int which = slash == text.npos ? 0 : number(text.substr(0, slash));
  const int count = slash == text.npos ? 0 : number(text.substr(slash + 1));
  if (which < 1 || count < which || count > count_max) {
    return Error::invalid("", "shard", "must be i/n, the i-th of n replicas, such as 1/2");
  }
  return Shard{which - 1, count};
}

}  // namespace tenantry::messaging
