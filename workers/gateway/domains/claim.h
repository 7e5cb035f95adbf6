// Claim: what becomes of a tenant's word that a domain is its own, once the DNS was asked.
//
// The DNS proves it by a TXT record beside the domain (`_tenantry.crm.acme.fr`). A proof that is gone counts as lost
// after three days alone, and silence of the DNS is no proof of anything. Pure: no clock, database or network.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/core/time.h"
#include "shared/dns/resolver.h"

namespace tenantry::gateway {

enum class DomainState { pending, verified, lost };
std::string_view to_string(DomainState state);
DomainState domain_state_from(std::string_view text);  // one of those

struct DomainClaim {
  DomainState state = DomainState::pending;
  Timestamp asked_at{};  // somebody last wanted it checked
  int checks = 0;        // since then
  std::optional<Timestamp> missing_since{};
};

struct DomainVerdict {
  DomainState state = DomainState::pending;
  std::string_view problem{};  // "", not_found, wrong, no_answer
  std::optional<Timestamp> missing_since{};
  std::optional<Timestamp> next_check_at{};
};

std::string proof_name(std::string_view domain);
std::string proof_text(std::string_view token);

DomainVerdict judge(const DomainClaim& claim, const dns::TxtAnswer& answer, std::string_view token, Timestamp now);

// When what is proven, and somebody else's at the same time, is looked at again.
std::optional<Timestamp> look_again(const DomainClaim& claim, Timestamp now);

}  // namespace tenantry::gateway
