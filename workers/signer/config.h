// What the signer reads from its environment.
#pragma once

#include <string>
#include <vector>

#include "shared/config/config.h"
#include "shared/core/time.h"
#include "shared/crypto/ed25519.h"

namespace tenantry::signer {

struct SignerConfig {
  std::string database_url;  // role tenantry_signer
  std::string deployment;
  std::vector<crypto::Ed25519Key> keys;  // each signs; two while one takes over from the other
  std::string state_path;
  Milliseconds interval{};
  std::int64_t recheck_records = 0;  // a round; 0: old records are not read again
};

SignerConfig read_signer_config(config::Reader& reader);

}  // namespace tenantry::signer
