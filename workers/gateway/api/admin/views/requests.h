// Views that super-admins name. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

struct SavedView {
  std::string name;
  std::string address;  // a path of the console with its query: all that the view shows
};
Result<SavedView> parse_saved_view(std::string_view body);

}  // namespace tenantry::gateway
