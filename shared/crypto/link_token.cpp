#include "shared/crypto/link_token.h"

namespace tenantry::crypto {
namespace {

std::string_view prefix_of(LinkPurpose purpose) {
  switch (purpose) {
    case LinkPurpose::invitation:
      return "inv_";
    case LinkPurpose::password_reset:
      return "pwr_";
    case LinkPurpose::email_verification:
      return "emv_";
    case LinkPurpose::email_change:
      return "emc_";
    case LinkPurpose::email_undo:
      return "emu_";
  }
  return {};
}

}  // namespace

LinkTokens::LinkTokens(const MasterKey& master)
    : key_(SecretKey::from_bytes(hkdf_sha256(master.key().bytes(), {}, as_bytes("links in mails"), SecretKey::size))
               .value()) {}

std::string LinkTokens::make(LinkPurpose purpose, const Uuid& id, int sending) const {
  const std::string prefix{prefix_of(purpose)};
  const auto what = prefix + id.to_string() + "/" + std::to_string(sending);
  return prefix + to_base64url(hmac_sha256(key_.bytes(), as_bytes(what)));
}

Digest link_token_hash(std::string_view token) {
  return sha256(as_bytes(token));
}

}  // namespace tenantry::crypto
