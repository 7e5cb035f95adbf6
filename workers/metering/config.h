// What the metering worker reads from its environment.
#pragma once

#include <string>

#include "shared/config/config.h"

namespace tenantry::metering {

struct MeteringConfig {
  std::string database_url;
  bool test_clock = false;
};

MeteringConfig read_metering_config(config::Reader& reader);

}  // namespace tenantry::metering
