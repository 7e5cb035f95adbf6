#include "workers/gateway/edge/resolve.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "shared/core/bytes.h"
#include "workers/gateway/edge/networks.h"

namespace tenantry::gateway {
namespace {

std::string subdomain_of(std::string_view host, std::string_view base_domain) {
  if (base_domain.empty()) return {};
  const std::string suffix = "." + std::string(base_domain);
  const auto name = host_name(host);
  if (!name.ends_with(suffix)) return {};
  const auto label = name.substr(0, name.size() - suffix.size());
  // Deeper names and the platform's own are no tenant's.
  if (label.find('.') != label.npos || label == "www" || label == "api" || label == "app") return {};
  return label;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<std::string> resolve_tenant(const TenantSources& sources, std::string_view base_domain) {
  std::optional<std::string_view> tenant = sources.claim;
  std::optional<std::string_view> other;
  const auto named = [&](std::string_view name) {
    if (!tenant) tenant = name;
    if (name != *tenant && !other) other = name;
  };
  for (const auto header : sources.headers) {
    const auto value = trim(header);
    if (value.empty() || value != trim(sources.headers.front())) {
      return Error{
          .code = Errc::invalid, .reason = "ambiguous_tenant", .message = "X-Tenant-ID must name one tenant, once"};
    }
    named(value);
  }
  const auto label = subdomain_of(sources.host, base_domain);
  if (!label.empty()) named(label);
  if (!sources.custom_domain_tenant.empty()) named(sources.custom_domain_tenant);
  if (!sources.path_tenant.empty()) named(sources.path_tenant);
  if (!other) return std::string(tenant.value_or(""));
  return Error{.code = Errc::refused,
               .reason = "tenant_mismatch",
               .message = "the request names another tenant than its token, header, host or path does",
               .fields = {{"", "tenant", std::string(*other)}}};
}

std::string host_name(std::string_view host) {
  std::string name;
  if (host.starts_with('[')) return {};
  for (const char c : host.substr(0, host.find(':'))) {
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  while (name.ends_with('.')) name.pop_back();
  return name;
}

bool may_be_custom_domain(std::string_view host, std::string_view base_domain, std::string_view public_url) {
  const auto name = host_name(host);
  if (name.find('.') == name.npos || name.size() > 253) return false;
  if (!std::isalpha(static_cast<unsigned char>(name.back()))) return false;  // an IPv4 address
  const auto scheme = public_url.find("://");
  const auto authority = scheme == public_url.npos ? public_url : public_url.substr(scheme + 3);
  if (name == host_name(authority.substr(0, authority.find('/')))) return false;
  return base_domain.empty() || (name != base_domain && !name.ends_with("." + std::string(base_domain)));
}

TenantPath split_tenant_path(std::string_view path) {
  if (!path.starts_with("/t/")) return {"", path};
  const auto rest = path.substr(3);
  const auto slash = rest.find('/');
  if (slash == rest.npos || slash == 0) return {"", path};
  return {rest.substr(0, slash), rest.substr(slash)};
}

std::string client_address(std::string_view peer, std::string_view forwarded_for,
                           const std::vector<std::string>& trusted_proxies) {
  std::string client(peer);
  while (!forwarded_for.empty() && in_networks(client, trusted_proxies)) {
    const auto comma = forwarded_for.rfind(',');
    const auto hop = trim(comma == forwarded_for.npos ? forwarded_for : forwarded_for.substr(comma + 1));
    auto address = one_address(hop);
    if (!address) break;
    client = *std::move(address);
    forwarded_for = comma == forwarded_for.npos ? std::string_view{} : forwarded_for.substr(0, comma);
  }
  return client;
}

}  // namespace tenantry::gateway
