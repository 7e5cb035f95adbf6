// The form in which RabbitMQ keeps a login's password, so that it can be told to the broker by who never saw it.
// Pure.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "shared/core/bytes.h"

namespace tenantry::crypto {

using BrokerSalt = std::array<std::uint8_t, 4>;

// rabbit_password_hashing_sha256: base64(salt || SHA-256(salt || password)). One fast round: only for passwords that
// nobody can guess.
std::string broker_password_hash(std::string_view password, const BrokerSalt& salt);

// A hash of nothing: no password fits it.
std::string broker_password_of_nobody();

}  // namespace tenantry::crypto
