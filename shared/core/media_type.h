// Media types and the lists of preferences that requests carry (RFC 9110 sections 8.3.1 and 12.5): one reader for
// content types of events and requests, Accept, Accept-Encoding and Accept-Language.
//
// Pure. Names compare without case, parameters may be quoted; what breaks the grammar is nothing, never half of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenantry {

struct MediaType {
  std::string type;                                               // in lower case
  std::string subtype;                                            // in lower case
  std::vector<std::pair<std::string, std::string>> parameters{};  // names in lower case, values unquoted

  bool is(std::string_view type_and_subtype) const;  // "application/json"
  std::optional<std::string_view> parameter(std::string_view name) const;
};

std::optional<MediaType> parse_media_type(std::string_view text);

// application/json, text/json and every type with the suffix +json (RFC 6839).
bool is_json_type(std::string_view content_type);

// One element of a list of preferences, its weight in thousandths: "en;q=0.8" is {"en", 800}.
struct Preference {
  std::string range;  // in lower case, without its parameters
  int weight = 1000;
};

// In the order given. Elements with a weight that is none are left out.
std::vector<Preference> parse_preferences(std::string_view list);

// What Accept says of a media type: the weight of the most specific range that names it; nothing where none does.
std::optional<int> weight_of(const std::vector<Preference>& accept, std::string_view media_type);

}  // namespace tenantry
