#include "shared/json/raw.h"

#include <nlohmann/json.hpp>

#include "shared/core/assert.h"

namespace tenantry {
namespace {

// Walks over well-formed JSON. What could not stand in it stops the process: nobody may call this for text that
// parse_json has refused.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  char next() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (next() != c) return false;
    ++at_;
    return true;
  }
  std::string_view value() {
    const char first = next();
    const auto start = at_;
    if (first == '"') {
      skip_string();
    } else if (first == '{' || first == '[') {
      skip_container();
    } else {
      while (at_ < text_.size() && !ends_scalar(text_[at_])) ++at_;
    }
    TENANTRY_ASSERT(at_ > start);
    return text_.substr(start, at_ - start);
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool ends_scalar(char c) { return c == ',' || c == ']' || c == '}' || is_space(c); }

  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    TENANTRY_ASSERT(at_ < text_.size());
    ++at_;
  }

  void skip_container() {
    std::size_t open = 0;
    do {
      TENANTRY_ASSERT(at_ < text_.size());
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      if (c == '{' || c == '[') ++open;
      if (c == '}' || c == ']') --open;
      ++at_;
    } while (open > 0);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string unescaped(std::string_view quoted) {
  if (quoted.find('\\') == quoted.npos) return std::string(quoted.substr(1, quoted.size() - 2));
  return nlohmann::json::parse(quoted).get<std::string>();
}

}  // namespace

std::vector<RawPart> raw_parts(std::string_view text) {
  std::vector<RawPart> parts;
  Walker in{text};
  const bool object = in.next() == '{';
  if (!object && in.next() != '[') return parts;
  in.take(in.next());
  const char end = object ? '}' : ']';
  while (!in.take(end)) {
    RawPart part;
    if (object) {
      part.name = unescaped(in.value());
      TENANTRY_ASSERT(in.take(':'));
    }
    part.text = in.value();
    parts.push_back(std::move(part));
    in.take(',');
  }
  return parts;
}

std::string without_white_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    out += c;
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\' && at + 1 < text.size()) out += text[++at];
  }
  return out;
}

}  // namespace tenantry
