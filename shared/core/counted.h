// counted(): how many of something there are, in English words.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace tenantry {

// "1 event", "2 events", "0 dead letters": `what` is one of them, and its plural ends with an s.
template <std::integral N>
std::string counted(N count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace tenantry
