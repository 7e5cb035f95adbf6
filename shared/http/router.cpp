#include "shared/http/router.h"

#include <algorithm>

#include "shared/core/assert.h"
#include "shared/http/problem.h"

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
  for (const auto& entry : entries_) {
    TENANTRY_ASSERT(entry.route.method != method || entry.route.path_template != path_template);
  }
  std::vector<std::string> segments;
  for (const auto segment : split(path_template)) {
    TENANTRY_ASSERT(is_parameter(segment) == segment.ends_with('}'));
    segments.emplace_back(segment);
  }
  entries_.push_back({{method, std::move(path_template)}, std::move(segments), std::move(handler)});
}

Router::Match Router::match(Method method, std::string_view path) const {
  const auto segments = split(path);
  const std::vector<std::string>* best = nullptr;  // the most specific template; its methods decide
  for (const auto& entry : entries_) {
    if (matches(entry.segments, segments) && (best == nullptr || more_specific(entry.segments, *best))) {
      best = &entry.segments;
    }
  }
  Match result;
  if (best == nullptr) return result;

  const Entry* chosen = nullptr;
  std::vector<std::string> allowed;
  for (const auto& entry : entries_) {
    if (!matches(entry.segments, segments) || more_specific(*best, entry.segments)) continue;
    allowed.emplace_back(to_string(entry.route.method));
    if (entry.route.method == Method::get) allowed.emplace_back("HEAD");
    const bool fits = entry.route.method == method;
    const bool serves_head = method == Method::head && entry.route.method == Method::get && chosen == nullptr;
    if (fits || serves_head) chosen = &entry;
  }
  std::ranges::sort(allowed);
  const auto repeated = std::ranges::unique(allowed);
  allowed.erase(repeated.begin(), repeated.end());
  for (const auto& name : allowed) result.allow += (result.allow.empty() ? "" : ", ") + name;
  if (chosen == nullptr) return result;

  result.handler = &chosen->handler;
  result.path_template = chosen->route.path_template;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string_view part = chosen->segments[i];
    if (is_parameter(part))
      result.parameters.add(std::string{part.substr(1, part.size() - 2)}, std::string{segments[i]});
  }
  return result;
}

void Router::dispatch(std::shared_ptr<Exchange> exchange) const {
  const auto& request = exchange->request();
  const auto found = match(request.method, request.path);
  if (found.handler != nullptr) return (*found.handler)(std::move(exchange), found.parameters);
  if (found.allow.empty()) {
    return exchange->respond(problem(404, "not_found", "There is nothing at this path.", request.path));
  }
  auto response = problem(405, "method_not_allowed", "This path has other methods.", request.path);
  response.headers.add("Allow", found.allow);
  exchange->respond(std::move(response));
}

std::vector<Router::Route> Router::routes() const {
  std::vector<Route> routes;
  for (const auto& entry : entries_) routes.push_back(entry.route);
  return routes;
}

}  // namespace tenantry::http
