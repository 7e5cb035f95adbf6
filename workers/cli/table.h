// Tables for people: columns as wide as they need, and no wider together than the terminal. Pure.
#pragma once

#include <string>
#include <vector>

namespace tenantry::cli {

using Row = std::vector<std::string>;

// One line per row under the header. `columns`: of the terminal; 0: as wide as it gets, for a pipe. What is cut (of the
// widest columns) ends with an ellipsis.
std::vector<std::string> table_lines(const Row& header, const std::vector<Row>& rows, std::size_t columns);

// "name   value" each, the names in one column; what has no value is left out.
std::vector<std::string> field_lines(const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace tenantry::cli
