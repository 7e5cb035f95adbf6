#include "workers/metering/config.h"

namespace tenantry::metering {

MeteringConfig read_metering_config(config::Reader& reader) {
  return {.database_url = reader.required_secret(config::service_database_variable("metering")),
          .test_clock = reader.flag("TENANTRY_TEST_CLOCK")};
}

}  // namespace tenantry::metering
