#include "workers/cli/table.h"

#include <algorithm>
#include <numeric>

namespace tenantry::cli {
namespace {

constexpr std::size_t gap = 2;         // between columns
constexpr std::size_t width_min = 10;  // of a column that is cut: narrower, it would say nothing

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Columns a terminal uses for UTF-8 text of the scripts we print.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::size_t end = 0;
  for (std::size_t shown = 0; end < text.size(); ++end) {
    if (!continues(text[end]) && ++shown == width) break;
  }
  return text.substr(0, end) + "\u2026";
}

// What an application wrote may hold an escape that a terminal obeys, or a line's end.
std::string harmless(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

// The widest give way, to one another's width first.
void fit(std::vector<std::size_t>& widths, std::size_t columns) {
  const auto whole = std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
  for (std::size_t over = whole > columns ? whole - columns : 0; over > 0; --over) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= width_min) return;
    --*widest;
  }
}

}  // namespace

std::vector<std::string> table_lines(const Row& header, const std::vector<Row>& rows, std::size_t columns) {
  std::vector<Row> all{header};
  all.insert(all.end(), rows.begin(), rows.end());
  std::vector<std::size_t> widths(header.size());
  for (auto& row : all) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = harmless(std::move(row[i]));
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  if (columns > 0) fit(widths, columns);
  std::vector<std::string> out;
  for (const auto& row : all) {
    auto& line = out.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto shown = cut(row[i], widths[i]);
      line += shown;
      if (i + 1 < row.size()) line.append(widths[i] - width_of(shown) + gap, ' ');
    }
  }
  return out;
}

std::vector<std::string> field_lines(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t widest = 0;
  for (const auto& [name, value] : fields) widest = std::max(widest, value.empty() ? 0 : width_of(name));
  std::vector<std::string> out;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) out.push_back(name + std::string(widest - width_of(name) + gap, ' ') + harmless(value));
  }
  return out;
}

}  // namespace tenantry::cli
