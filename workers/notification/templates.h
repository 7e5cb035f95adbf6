// The templates as data: Mustache texts whose first line is "Subject: ...", then an
// empty line, then the body. Embedded from templates/ at build time.
#pragma once

#include <span>

#include "shared/core/embedded.h"

namespace tenantry {
std::span<const EmbeddedFile> notification_templates();  // named "welcome.fr.txt"
}
