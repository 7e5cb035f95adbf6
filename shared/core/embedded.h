// Files of the project that a binary carries with it (cmake/EmbedFiles.cmake).
#pragma once

#include <string_view>

namespace tenantry {

struct EmbeddedFile {
  std::string_view name;  // relative to the folder given to tenantry_embed
  std::string_view content;
};

}  // namespace tenantry
