#include "workers/gateway/edge/networks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace tenantry::gateway {
namespace {

struct Network {
  std::vector<std::uint8_t> bytes;  // 4 or 16
  int length = 0;                   // bits of them that say which it is
};

std::optional<Network> parse_address(std::string_view text) {
  const std::string address{text.substr(0, text.find('%'))};
  in6_addr six{};
  if (inet_pton(AF_INET, address.c_str(), &six) == 1) {
    const auto* const bytes = six.s6_addr;
    return Network{{bytes, bytes + 4}, 32};
  }
  if (inet_pton(AF_INET6, address.c_str(), &six) != 1) return std::nullopt;
  const std::vector<std::uint8_t> bytes{std::begin(six.s6_addr), std::end(six.s6_addr)};
  if (IN6_IS_ADDR_V4MAPPED(&six)) return Network{{bytes.begin() + 12, bytes.end()}, 32};
  return Network{bytes, 128};
}

void cut(Network& network, int length) {
  network.length = length;
  for (std::size_t i = 0; i < network.bytes.size(); ++i) {
    const int kept = std::clamp(length - static_cast<int>(i) * 8, 0, 8);
    network.bytes[i] &= static_cast<std::uint8_t>(0xFF00U >> static_cast<unsigned>(kept));
  }
}

std::optional<Network> parse(std::string_view text) {
  const auto slash = text.find('/');
  auto network = parse_address(text.substr(0, slash));
  if (!network || text.find('%') != text.npos) return std::nullopt;
  if (slash == text.npos) return network;
  const auto digits = text.substr(slash + 1);
  int length = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const int longest = static_cast<int>(network->bytes.size()) * 8;
  if (error != std::errc{} || end != digits.data() + digits.size() || length < 0 || length > longest) {
    return std::nullopt;
  }
  cut(*network, length);
  return network;
}

std::string written(const Network& network) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  inet_ntop(network.bytes.size() == 4 ? AF_INET : AF_INET6, network.bytes.data(), out.data(), out.size());
  return out.data();
}

}  // namespace

std::optional<std::string> network(std::string_view text) {
  const auto parsed = parse(text);
  if (!parsed) return std::nullopt;
  return written(*parsed) + "/" + std::to_string(parsed->length);
}

std::optional<std::string> one_address(std::string_view text) {
  if (text.find('/') != text.npos) return std::nullopt;
  const auto parsed = parse(text);
  return parsed ? std::optional(written(*parsed)) : std::nullopt;
}

bool in_networks(std::string_view address, const std::vector<std::string>& networks) {
  const auto whose = parse_address(address);
  return whose && std::ranges::any_of(networks, [&](const std::string& text) {
           const auto network = parse(text);
           if (!network || network->bytes.size() != whose->bytes.size()) return false;
           auto same = *whose;
           cut(same, network->length);
           return same.bytes == network->bytes;
         });
}

}  // namespace tenantry::gateway
