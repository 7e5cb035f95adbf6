#include "workers/gateway/api/admin/views/requests.h"

#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t view_name_max = 60, view_address_max = 1'000;

// A path of the console's and of nobody else: it becomes a link.
bool is_of_console(std::string_view address) {
  constexpr std::string_view console = "/console";
  if (!address.starts_with(console)) return false;
  const auto rest = address.substr(console.size());
  return rest.empty() || rest[0] == '/' || rest[0] == '?';
}

}  // namespace

Result<SavedView> parse_saved_view(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  SavedView view{.name = fields.line("name", true, view_name_max),
                 .address = fields.line("address", true, view_address_max)};
  if (!view.address.empty() && !is_of_console(view.address)) {
    fields.fail("address", "address", "must be a path below /console");
  }
  return fields.finish(std::move(view));
}

}  // namespace tenantry::gateway
