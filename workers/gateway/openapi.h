// docs/openapi.json: the gateway serves the document it was built with.
#pragma once

#include <span>

#include "shared/core/embedded.h"

namespace tenantry {
std::span<const EmbeddedFile> openapi_files();
}
