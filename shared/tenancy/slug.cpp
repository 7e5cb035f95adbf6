#include "shared/tenancy/slug.h"

#include <algorithm>
#include <array>

#include "shared/text/text.h"

namespace tenantry::tenancy {
namespace {

// What is the platform's own (hosts, paths, broker objects, roles), and what mail, web and DNS clients look for by
// themselves or trust whoever answers to: RFC 2142's mailboxes, names of certificate requests, wpad, autodiscover, ...
// In order.
// clang-format off
constexpr std::array<std::string_view, 190> reserved = {
    "about", "abuse", "account", "accounts", "acme-challenge", "admin", "administrator", "amq", "analytics", "api",
    "app", "apps", "assets", "audit", "auth", "autoconfig", "autodiscover", "backup", "beta", "billing", "blog",
    "broadcasthost", "cdn", "checkout", "client", "config", "console", "contact", "dashboard", "default", "demo",
    "dev", "dns", "docs", "download", "downloads", "email", "errors", "events", "example", "faq", "favicon",
    "feedback", "forum", "ftp", "guest", "health", "help", "host", "hostmaster", "http", "https", "images", "imap",
    "inbound", "info", "internal", "invalid", "invoice", "invoices", "isatap", "jobs", "js", "keys", "legal", "list",
    "lists", "listserv", "live", "livez", "local", "localhost", "login", "logout", "mail", "mailer-daemon",
    "mailerdaemon", "manage", "marketing", "me", "media", "metrics", "mobile", "mta-sts", "mx", "mx1", "mx2", "mysql",
    "net", "news", "no-reply", "nobody", "noc", "noreply", "notifications", "ns", "ns0", "ns1", "ns2", "ns3", "ns4",
    "ntp", "null", "oauth", "openapi", "openid", "operator", "ops", "owner", "partner", "partners", "pay", "payment",
    "payments", "platform", "pop", "pop3", "postmaster", "press", "pricing", "privacy", "problems", "proxy", "public",
    "readyz", "receipts", "register", "relay", "remote", "reports", "root", "router", "sales", "saml", "sandbox",
    "secure", "security", "server", "settings", "shop", "signin", "signout", "signup", "sip", "smtp", "ssl",
    "ssladmin", "ssladministrator", "sslwebmaster", "sso", "staff", "staging", "static", "stats", "status", "store",
    "stripe", "subscription", "support", "sysadmin", "system", "team", "tenant", "tenantry", "tenants", "terms",
    "test", "tests", "tls", "trust", "undefined", "update", "uploads", "usenet", "user", "users", "uucp", "vpn",
    "web", "webhooks", "webmail", "webmaster", "well-known", "wiki", "wpad", "www", "www1", "www2", "www3", "xmpp"};
// clang-format on

void trim_hyphens(std::string& slug) {
  while (slug.ends_with('-')) slug.pop_back();
}

}  // namespace

std::string slug_of(std::string_view company_name) {
  std::string slug;
  bool gap = false;
  for (const char c : text::to_plain_latin(company_name)) {
    if (slug.size() == slug_length_max) break;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      if (gap && !slug.empty()) slug += '-';
      gap = false;
      if (slug.size() < slug_length_max) slug += c;
    } else if (c == '-' || c == ' ') {
      gap = true;
    }
  }
  trim_hyphens(slug);
  return slug;
}

bool is_reserved_slug(std::string_view slug) {
  return std::ranges::binary_search(reserved, slug);
}

std::string random_slug(IdGenerator& ids) {
  std::array<std::uint8_t, 4> bytes{};
  ids.random(bytes);
  return "tenant-" + to_hex(bytes);
}

std::string slug_candidate(std::string_view base, int n) {
  if (n <= 1) return std::string(base);
  const std::string suffix = "-" + std::to_string(n);
  std::string slug{base.substr(0, slug_length_max - suffix.size())};
  trim_hyphens(slug);
  return slug + suffix;
}

bool is_slug(std::string_view text) {
  if (text.empty() || text.size() > slug_length_max || text.starts_with('-') || text.ends_with('-')) return false;
  return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace tenantry::tenancy
