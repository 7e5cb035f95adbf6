// Keys of the platform: under which master key what is sealed lies, and moving it; new
// data keys, new signing keys. docs/keys.md tells when. As the database's owner; blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/crypto/envelope.h"

namespace tenantry::db {
class Connection;
}

namespace tenantry::cli {

struct Session;

// TENANTRY_MASTER_KEY, and TENANTRY_FORMER_MASTER_KEYS where there are some.
Result<crypto::MasterKeys> master_keys(const Session& session);

// What lies in one table under the master key, or under one that is derived of it.
struct Sealed {
  std::string table;
  std::int64_t current = 0;     // under the key of now
  std::int64_t former = 0;      // under one of before
  std::int64_t unreadable = 0;  // under none that we have
};
// With `move`: what lies under a former key comes below the current one, some hundred rows a transaction: cut anywhere,
// it goes on where it was. What is unreadable stays as it is. `looked`: is told how many more rows were looked at.
std::vector<Sealed> look_at_sealed(db::Connection& connection, const crypto::MasterKeys& masters, bool move,
                                   Timestamp now, const std::function<void(std::uint64_t rows)>& looked);
std::uint64_t count_sealed(db::Connection& connection);

// How often keys have sealed: the most used of each kind. One of AES-256-GCM with random nonces does so at most 2^32
// times (NIST SP 800-38D); at half of that it is time for another.
constexpr std::int64_t seals_max = std::int64_t{1} << 31;
struct KeyUse {
  std::string kind;
  std::string key;
  std::int64_t seals = 0;
};
std::vector<KeyUse> count_uses(db::Connection& connection, int most);

// A data key more for the tenant, or with "" for each that has one: what comes is sealed under it, what is there stays
// readable. How many were made.
std::int64_t rotate_data_keys(db::Connection& connection, const crypto::MasterKeys& masters,
                              const std::string& tenant_id, Timestamp now);

// A key that signs access tokens once every gateway knows it. Those before it verify on; which are of no use any more,
// since the one after them has signed for longer than a token lives, or all with `at_once`, are retired.
struct SigningRotation {
  std::string kid;
  std::vector<std::string> retired;
};
SigningRotation rotate_signing_key(db::Connection& connection, const crypto::MasterKeys& masters, bool at_once,
                                   Timestamp now);

}  // namespace tenantry::cli
