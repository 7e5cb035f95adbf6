// Tokens of links in mails: whoever shows one has read the mail.
//
// A token is derived from the master key, from what it is for and from the number of its
// sending. So whoever sends the mail makes it at that moment; no table, event or queue
// holds it, and its SHA-256 is what it is found by. Const use from any thread.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/ids.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/hash.h"

namespace tenantry::crypto {

enum class LinkPurpose { invitation, password_reset, email_verification, email_change, email_undo };

class LinkTokens {
 public:
  explicit LinkTokens(const MasterKey& master);

  // "inv_" and 43 letters of base64url, for an invitation; "pwr_" for a password;
  // "emv_", "emc_", "emu_" for an address that is confirmed, changed, changed back. Another sending is another token.
  std::string make(LinkPurpose purpose, const Uuid& id, int sending) const;

 private:
  SecretKey key_;
};

// What is stored of a token; 256 bits that nobody chose need no slow hash.
Digest link_token_hash(std::string_view token);

}  // namespace tenantry::crypto
