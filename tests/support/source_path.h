// Where the checkout lies that a test was built from: for tests that read its files.
#pragma once

#include <string>
#include <string_view>

namespace tenantry {

// `path` is relative to the project's root; without one, the root itself.
std::string source_path(std::string_view path = {});

}  // namespace tenantry
