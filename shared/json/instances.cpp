#define TENANTRY_JSON_DEFINE
#include "shared/json/instances.h"

TENANTRY_JSON_INSTANCES()
