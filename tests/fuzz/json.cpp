// JSON, and its parts as they were written: an accepted text has one meaning, whoever reads it.
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/db/jsonb.h"
#include "shared/json/json.h"
#include "shared/json/raw.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::json {
namespace {

// The parts lie in the text, one behind the other, and are JSON of the same values.
void check_parts(std::string_view text, const nlohmann::json& document) {
  const auto parts = raw_parts(text);
  TENANTRY_ASSERT(parts.size() == (document.is_structured() ? document.size() : 0));
  const char* end = text.data();
  std::size_t index = 0;
  for (const auto& part : parts) {
    TENANTRY_ASSERT(part.text.data() >= end && part.text.data() + part.text.size() <= text.data() + text.size());
    end = part.text.data() + part.text.size();
    const auto value = parse_json(part.text);
    TENANTRY_ASSERT(value);
    const auto& same = document.is_array() ? document[index] : document.at(part.name);
    TENANTRY_ASSERT(*value == same);
    ++index;
  }
}

void run(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) {
    TENANTRY_ASSERT(!document.error().describe().empty());
    return;
  }
  TENANTRY_ASSERT(is_utf8(bytes));
  check_parts(bytes, *document);
  const auto dense = without_white_space(bytes);
  TENANTRY_ASSERT(dense.size() <= bytes.size() && without_white_space(dense) == dense);
  const auto again = parse_json(dense);
  TENANTRY_ASSERT(again && *again == *document);
  TENANTRY_ASSERT(db::fits_jsonb(dense) == db::fits_jsonb(bytes));
  if (!document->is_string()) return;
  std::string quoted;
  append_json_string(quoted, document->get_ref<const std::string&>());
  const auto read = parse_json(quoted);
  TENANTRY_ASSERT(read && *read == *document);
}

const Registered target{{"json", run}};

}  // namespace
}  // namespace tenantry::fuzz::json
