// Money: an amount in the currency's smallest unit, as Stripe and ISO 4217 count it.
#pragma once

#include <cstdint>
#include <string>

namespace tenantry {

struct Money {
  std::int64_t minor = 0;  // 4900 for 49.00 EUR
  std::string currency{};  // ISO 4217, upper case

  bool operator==(const Money&) const = default;
  std::string to_string() const;  // "49.00 EUR"; "500 JPY" where the currency has no minor unit
};

}  // namespace tenantry
