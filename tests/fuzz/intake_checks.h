// What holds of every event that an intake took, whatever way it came.
#pragma once

#include "events/codec.h"

namespace tenantry::fuzz {

// That it can be published, taken again behind the broker as the same event, printed and stored.
void check_taken(const events::Event& event, std::string_view tenant_id);

}  // namespace tenantry::fuzz
