// Resolution: which tenant a request is about, and whether all it says agrees.
//
// Pure. Sources in order: the token's claim, X-Tenant-ID (or X-Tenant), a subdomain
// of the base domain, a tenant's custom domain, the path (/t/{tenant}/...). The first
// decides; any other that names another tenant is a mismatch, never a second choice.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"

namespace tenantry::gateway {

// Views of the request and of what is cached about it.
struct TenantSources {
  std::optional<std::string_view> claim{};  // of a token already verified
  std::vector<std::string_view> headers{};  // every X-Tenant-ID and X-Tenant field
  std::string_view host{};                  // as sent, with its port
  std::string_view custom_domain_tenant{};  // whose custom domain `host` is, "" for nobody's
  std::string_view path_tenant{};           // of /t/{tenant}/..., "" for other paths
};

// Errors: invalid "ambiguous_tenant" (400: an empty header, or two that differ); refused
// "tenant_mismatch" with the other tenant's name in fields[0].detail. "" when nothing names a tenant.
Result<std::string> resolve_tenant(const TenantSources& sources, std::string_view base_domain);

// Without port, lower case; "" where the field is not a host.
std::string host_name(std::string_view host);

// Whether the host may be a tenant's own domain: a dotted name that is neither an address, nor under
// the base domain, nor the platform's own.
bool may_be_custom_domain(std::string_view host, std::string_view base_domain, std::string_view public_url);

// "/t/acme/v1/me" -> {"acme", "/v1/me"}; other paths -> {"", path}.
struct TenantPath {
  std::string_view tenant_id;
  std::string_view rest;
};
TenantPath split_tenant_path(std::string_view path);

// The peer, or where it is a trusted proxy (an address or a network) the right-most address of X-Forwarded-For (all its
// lines, as one list) that is not one, in the one spelling of its kind. What is no address ends the look: nobody is to
// be told of, or bounded by, a text of a stranger's.
std::string client_address(std::string_view peer, std::string_view forwarded_for,
                           const std::vector<std::string>& trusted_proxies);

}  // namespace tenantry::gateway
