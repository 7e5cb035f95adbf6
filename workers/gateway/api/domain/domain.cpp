// The tenant's own domain: named here, proven by the DNS (domains/checker.h).
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/crypto/hash.h"
#include "shared/db/connection.h"
#include "shared/text/text.h"
#include "tenantry/events/v1/domain.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/api/domain/requests.h"
#include "workers/gateway/domains/claim.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr std::size_t challenge_bytes = 20;
constexpr Seconds asked_again_after{
    10};  // somebody who presses the button again and again asks no name server so often

std::optional<json> load_domain(db::Transaction& tx, const std::string& tenant_id, const char* lock = "") {
  const auto rows =
      tx.exec(std::string("SELECT domain, token, state, problem, set_at, checked_at, verified_at, missing_since, "
                          "next_check_at FROM platform.domains WHERE tenant_id = $1 ") +
                  lock,
              {tenant_id});
  if (rows.empty()) return std::nullopt;
  const auto& row = rows[0];
  return json{{"domain", row.text(0)},
              {"shown", text::shown_domain(row.text(0))},
              {"state", row.text(2)},
              {"record", {{"type", "TXT"}, {"name", proof_name(row.text(0))}, {"value", proof_text(row.text(1))}}},
              {"problem", row.text(3).empty() ? json(nullptr) : json(row.text(3))},
              {"set_at", instant(row, 4)},
              {"checked_at", instant(row, 5)},
              {"verified_at", instant(row, 6)},
              {"missing_since", instant(row, 7)},
              {"next_check_at", instant(row, 8)}};
}

Error no_domain() {
  return {.code = Errc::not_found, .reason = "no_domain", .message = "this tenant has no domain of its own"};
}

void read_domain(Services& services, const CallPtr& call) {
  read(services, call, [call](db::Transaction& tx) -> Result<http::Response> {
    const auto domain = load_domain(tx, call->tenant_id());
    return domain ? Result<http::Response>(json_response(200, *domain)) : no_domain();
  });
}

void stop_serving(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id) {
  tx.send("UPDATE platform.tenants SET custom_domain = NULL WHERE tenant_id = $1", {tenant_id});
  outbox.signal(tenant_id, v1::TenantChanged());
}

// A name that was proven stays in force until another is named; that one is proven anew.
void set_domain(Services& services, const CallPtr& call) {
  const OwnDomains ours{services.config.base_domain, services.config.public_url};
  change(
      services, call, parse_domain(call->request().body, ours),
      [call](const std::string& domain, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->tenant_id();
        const auto before = load_domain(tx, tenant_id, "FOR UPDATE");
        if (before && before->at("domain") == domain) return json_response(200, *before);
        tx.send(
            "INSERT INTO platform.domains (tenant_id, domain, token, state, set_at, asked_at, next_check_at) VALUES "
            "($1, $2, $3, 'pending', $4, $4, $4) ON CONFLICT (tenant_id) DO UPDATE SET domain = excluded.domain, "
            "token = excluded.token, state = 'pending', problem = '', set_at = excluded.set_at, "
            "asked_at = excluded.asked_at, checks = 0, checked_at = NULL, verified_at = NULL, missing_since = NULL, "
            "next_check_at = excluded.next_check_at",
            {tenant_id, domain, to_base64url(crypto::random_bytes(challenge_bytes)), outbox.now()});
        stop_serving(tx, outbox, tenant_id);
        v1::DomainSet event;
        event.set_domain(domain);
        if (before) event.set_from_domain(before->at("domain"));
        outbox.publish(tenant_id, event);
        return json_response(200, *load_domain(tx, tenant_id));
      },
      [&services] { services.domain_asked(); });
}

void verify_domain(Services& services, const CallPtr& call) {
  change(
      services, call,
      [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto now = outbox.now();
        const auto asked = tx.exec(
            "UPDATE platform.domains SET asked_at = $2, checks = 0, next_check_at = CASE WHEN checked_at > $3 THEN "
            "greatest($2, checked_at + ($2 - $3)) ELSE $2 END WHERE tenant_id = $1",
            {call->tenant_id(), now, now - asked_again_after});
        if (asked.affected() == 0) return no_domain();
        return json_response(202, *load_domain(tx, call->tenant_id()));
      },
      [&services] { services.domain_asked(); });
}

void remove_domain(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->tenant_id();
    const auto before = load_domain(tx, tenant_id, "FOR UPDATE");
    if (!before) return no_domain();
    tx.send("DELETE FROM platform.domains WHERE tenant_id = $1", {tenant_id});
    stop_serving(tx, outbox, tenant_id);
    v1::DomainRemoved event;
    event.set_domain(before->at("domain"));
    outbox.publish(tenant_id, event);
    return http::Response{.status = 204};
  });
}

}  // namespace

namespace api {
Routes domain() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/domain", "readDomain", Guard::live, read_domain, {.permission = "settings:read"}},
      {Method::put, "/v1/domain", "setDomain", Guard::live, set_domain, {.permission = "settings:update"}},
      {Method::post,
       "/v1/domain/verify",
       "verifyDomain",
       Guard::live,
       verify_domain,
       {.permission = "settings:update"}},
      {Method::delete_,
       "/v1/domain",
       "removeDomain",
       Guard::live,
       remove_domain,
       {.permission = "settings:update", .recent = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
