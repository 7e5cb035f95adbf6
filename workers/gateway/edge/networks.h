// Networks that a key may come from. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenantry::gateway {

// "192.0.2.0/24", "2001:db8::/32", or an address alone, as it is kept: without what its length does not say. nullopt
// for what is none.
std::optional<std::string> network(std::string_view text);

// An address alone, as it is written: "2001:DB8:0::1" is "2001:db8::1", "::ffff:192.0.2.1" is "192.0.2.1". nullopt for
// what is none.
std::optional<std::string> one_address(std::string_view text);

// Whether the address is in one of them, as network() wrote them. An IPv4 address within IPv6 is the IPv4 address.
bool in_networks(std::string_view address, const std::vector<std::string>& networks);

}  // namespace tenantry::gateway
