#include "shared/core/media_type.h"

#include <algorithm>

#include "shared/core/bytes.h"

namespace tenantry {
namespace {

bool is_token_character(char c) {
  constexpr std::string_view signs = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || signs.find(c) != signs.npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void skip_white_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view token() {
    const auto end = std::ranges::find_if_not(rest_, is_token_character);
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }
  // Behind its opening quote; nothing where it does not end.
  std::optional<std::string> quoted() {
    std::string out;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t') return std::nullopt;
      out += c;
    }
    return std::nullopt;
  }
  // The next element of a list: up to a comma that is in no quotes. Takes the comma.
  std::string_view element() {
    bool quoted = false;
    std::size_t at = 0;
    for (; at < rest_.size() && (quoted || rest_[at] != ','); ++at) {
      if (rest_[at] == '"') quoted = !quoted;
      if (rest_[at] == '\\' && quoted) ++at;
    }
    const auto found = rest_.substr(0, at);
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
    return found;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

// *( OWS ";" OWS [ name "=" value ] ) up to the end.
std::optional<Parameters> parse_parameters(Reader& in) {
  Parameters out;
  for (;;) {
    in.skip_white_space();
    if (in.done()) return out;
    if (!in.take(';')) return std::nullopt;
    in.skip_white_space();
    const auto name = in.token();
    if (name.empty()) continue;
    if (!in.take('=')) return std::nullopt;
    if (in.take('"')) {
      auto value = in.quoted();
      if (!value) return std::nullopt;
      out.emplace_back(ascii_lower(name), *std::move(value));
    } else {
      const auto value = in.token();
      if (value.empty()) return std::nullopt;
      out.emplace_back(ascii_lower(name), value);
    }
  }
}

// "0.8" is 800. qvalue of RFC 9110: at most three digits behind the point, at most 1.
std::optional<int> parse_weight(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5 || (text.size() > 1 && text[1] != '.')) {
    return std::nullopt;
  }
  int weight = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (c < '0' || c > '9') return std::nullopt;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  return weight <= 1000 ? std::optional(weight) : std::nullopt;
}

}  // namespace

bool MediaType::is(std::string_view type_and_subtype) const {
  return type_and_subtype.size() == type.size() + 1 + subtype.size() && type_and_subtype.starts_with(type) &&
         type_and_subtype[type.size()] == '/' && type_and_subtype.ends_with(subtype);
}

std::optional<std::string_view> MediaType::parameter(std::string_view name) const {
  const auto at = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
  return at == parameters.end() ? std::nullopt : std::optional<std::string_view>(at->second);
}

std::optional<MediaType> parse_media_type(std::string_view text) {
  Reader in{text};
  in.skip_white_space();
  MediaType out;
  out.type = ascii_lower(in.token());
  if (out.type.empty() || !in.take('/')) return std::nullopt;
  out.subtype = ascii_lower(in.token());
  if (out.subtype.empty()) return std::nullopt;
  auto parameters = parse_parameters(in);
  if (!parameters) return std::nullopt;
  out.parameters = *std::move(parameters);
  return out;
}

bool is_json_type(std::string_view content_type) {
  // What every event of ours says; asked for each of them.
  if (content_type == "application/json") return true;
  if (content_type == "application/protobuf") return false;
  const auto media = parse_media_type(content_type);
  return media && (media->is("application/json") || media->is("text/json") || media->subtype.ends_with("+json"));
}

std::vector<Preference> parse_preferences(std::string_view list) {
  std::vector<Preference> out;
  Reader in{list};
  while (!in.done()) {
    Reader element{in.element()};
    element.skip_white_space();
    std::string range = ascii_lower(element.token());
    if (element.take('/')) range += "/" + ascii_lower(element.token());
    const auto parameters = parse_parameters(element);
    if (range.empty() || !parameters) continue;
    Preference preference{.range = std::move(range)};
    bool legal = true;
    for (const auto& [name, value] : *parameters) {
      if (name != "q") continue;
      const auto weight = parse_weight(value);
      legal = legal && weight;
      preference.weight = weight.value_or(0);
    }
    if (legal) out.push_back(std::move(preference));
  }
  return out;
}

std::optional<int> weight_of(const std::vector<Preference>& accept, std::string_view media_type) {
  const std::string exact = ascii_lower(media_type);
  const std::string any_of_type = exact.substr(0, exact.find('/')) + "/*";
  for (const std::string_view range :
       {std::string_view(exact), std::string_view(any_of_type), std::string_view("*/*")}) {
    std::optional<int> weight;
    for (const auto& preference : accept) {
      if (preference.range == range) weight = std::max(weight.value_or(0), preference.weight);
    }
    if (weight) return weight;
  }
  return std::nullopt;
}

}  // namespace tenantry
