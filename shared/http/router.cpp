#include "shared/http/router.h"

#include <algorithm>
#include <set>

#include "shared/core/assert.h"

namespace tenantry::http {
namespace {

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{');
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    segments.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(segments.back().size());
  }
  return segments;
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string_view>& segments) {
  return std::ranges::equal(pattern, segments, [](const std::string& part, std::string_view segment) {
    return is_parameter(part) ? !segment.empty() : part == segment;
  });
}

// Whether two templates differ in the names of their parameters only.
bool same_paths(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  return std::ranges::equal(left, right, [](const std::string& a, const std::string& b) {
    return is_parameter(a) ? is_parameter(b) : a == b;
  });
}

// Literal before parameter, from the left.
bool more_specific(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  return std::ranges::lexicographical_compare(left, right, {}, is_parameter, is_parameter);
}

}  // namespace

const std::string& PathParameters::at(std::string_view name) const {
  const auto found = std::ranges::find(values_, name, &std::pair<std::string, std::string>::first);
  TENANTRY_ASSERT(found != values_.end());
  return found->second;
}

void Router::add(Method method, std::string path_template, RouteHandler handler) {
  TENANTRY_ASSERT(path_template.starts_with('/'));
  std::vector<std::string> segments;
  for (const auto segment : split(path_template)) {
    TENANTRY_ASSERT(is_parameter(segment) == segment.ends_with('}'));
    segments.emplace_back(segment);
  }
  Group* group = nullptr;
  if (std::ranges::none_of(segments, is_parameter)) {
    group = &literal_[path_template];
  } else {
    const auto segments_of = [&](const Group& of) -> const auto& {
      return entries_[of.front()].segments;
    };
    auto place = std::ranges::find_if(with_parameters_,
                                      [&](const Group& other) { return same_paths(segments_of(other), segments); });
    if (place == with_parameters_.end()) {
      place = std::ranges::find_if(with_parameters_,
                                   [&](const Group& other) { return more_specific(segments, segments_of(other)); });
      place = with_parameters_.insert(place, Group{});
    }
    group = &*place;
  }
  for (const auto index : *group) TENANTRY_ASSERT(entries_[index].method != method);
  group->push_back(entries_.size());
  entries_.push_back({method, std::move(path_template), std::move(segments), std::move(handler)});
}

Router::Match Router::match(Method method, std::string_view path) const {
  if (const auto exact = literal_.find(path); exact != literal_.end()) return choose(method, path, exact->second);
  const auto segments = split(path);
  const auto group = std::ranges::find_if(with_parameters_, [&](const Group& candidates) {
    return matches(entries_[candidates.front()].segments, segments);
  });
  return group == with_parameters_.end() ? Match{} : choose(method, path, *group);
}

Router::Match Router::choose(Method method, std::string_view path, const Group& group) const {
  const auto find = [&](Method wanted) {
    const auto at = std::ranges::find_if(group, [&](std::size_t index) { return entries_[index].method == wanted; });
    return at == group.end() ? nullptr : &entries_[*at];
  };
  const Entry* chosen = find(method);
  if (chosen == nullptr && method == Method::head) chosen = find(Method::get);
  Match result;
  if (chosen == nullptr) {
    std::set<std::string_view> allowed;
    for (const auto index : group) {
      const auto served = entries_[index].method;
      allowed.insert(to_string(served));
      if (served == Method::get) allowed.insert("HEAD");
    }
    for (const auto name : allowed) result.allow.append(result.allow.empty() ? "" : ", ").append(name);
    return result;
  }
  result.handler = &chosen->handler;
  result.path_template = chosen->path_template;
  if (std::ranges::none_of(chosen->segments, is_parameter)) return result;
  const auto segments = split(path);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string_view part = chosen->segments[i];
    if (is_parameter(part))
      result.parameters.add(std::string{part.substr(1, part.size() - 2)}, std::string{segments[i]});
  }
  return result;
}

}  // namespace tenantry::http
