#include "shared/crypto/broker_password.h"

#include "shared/crypto/hash.h"

namespace tenantry::crypto {

std::string broker_password_hash(std::string_view password, const BrokerSalt& salt) {
  Sha256 hash;
  hash.update(salt).update(as_bytes(password));
  const auto digest = hash.finish();
  Bytes out(salt.begin(), salt.end());
  out.insert(out.end(), digest.begin(), digest.end());
  return to_base64(out);
}

std::string broker_password_of_nobody() {
  return to_base64(random_bytes(BrokerSalt{}.size() + Digest{}.size()));
}

}  // namespace tenantry::crypto
