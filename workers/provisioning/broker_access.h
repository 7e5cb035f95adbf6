// Broker access: when a login of a tenant's applications ends because a newer one took its place, and when to look
// again whether it did.
//
// Logins are numbered and a number is never used again. The newest stays for good. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/topology.h"
#include "shared/core/time.h"

namespace tenantry::provisioning {

struct BrokerUser {
  int number = 0;
  std::string password_hash{};
  std::optional<Timestamp> valid_at{};  // since when the broker knows it
  std::optional<Timestamp> used_at{};   // when it was seen to be used
  std::string ended{};                  // why it shall be taken from the broker; "": it shall not
};

struct AccessPolicy {
  Seconds overlap{events::application_overlap};  // how long an older one is good beside a newer that nobody uses
  Milliseconds look_first{1'000};                // looks are on record, so they get rarer
  Milliseconds look_at_last{60'000};
};

// Why a login ends at `now`; "" where it does not. `users`: all, by number.
std::string_view end_of(const BrokerUser& user, std::span<const BrokerUser> users, Timestamp now,
                        const AccessPolicy& policy);

// Nothing while there is one only.
std::optional<Timestamp> next_look(std::span<const BrokerUser> users, Timestamp now, const AccessPolicy& policy);

}  // namespace tenantry::provisioning
