// What who was invited does with the link: look, accept, decline. Looking changes nothing, however often a mail scanner
// does it; only a POST uses the token up.
#include <nlohmann/json.hpp>

#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "shared/tenancy/members.h"
#include "shared/text/text.h"
#include "workers/gateway/api/invitations/requests.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/guard.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

constexpr int unknown_tokens_a_minute = 60;  // of an address
constexpr std::size_t invitation_token_size_max = 64;

// One try with a token. Its place among the tries with unknown ones is given back where the token was one of ours: who
// guesses is limited, not who was invited behind the same address.
struct Try {
  Services& services;
  const std::string origin;
  bool unknown = false;

  Try(Services& of, std::string from) : services(of), origin(std::move(from)) {}
  Try(const Try&) = delete;
  Try& operator=(const Try&) = delete;
  ~Try() {
    if (unknown) return;
    services.loop.post([&of = services, from = origin] { of.invitation_tries.give_back(from); });
  }

  Error refused(Error why) {
    unknown = why.reason == "invitation_not_found";
    return why;
  }
};
using TryPtr = std::shared_ptr<Try>;

// Null where the address has tried too many: then it is answered.
TryPtr admit(Services& services, const CallPtr& call) {
  const auto place = services.invitation_tries.take(call->origin, unknown_tokens_a_minute, services.monotonic());
  if (place.allowed) return std::make_shared<Try>(services, call->origin);
  services.refuse(call,
                  Error{.code = Errc::rate_limited,
                        .reason = "rate_limited",
                        .message = "at most " + std::to_string(unknown_tokens_a_minute) + " unknown tokens a minute"},
                  place.resets_in);
  return nullptr;
}

std::string token_of(const Call& call) {
  const auto& token = call.path.at("token");
  return token.size() <= invitation_token_size_max ? token : "";
}

struct Accepting {
  std::string user_id{};  // who is logged in
  std::optional<tenancy::NewPerson> person{};
};

void accept(Services& services, const CallPtr& call, const TryPtr& attempt, const Accepting& accepting) {
  const auto joined = std::make_shared<std::string>();
  change(
      services, call,
      [&services, call, attempt, accepting, joined](db::Transaction& tx,
                                                    messaging::Outbox& outbox) -> Result<http::Response> {
        const auto accepted = tenancy::accept_invitation(
            tx, outbox, services.ids,
            {.token = token_of(*call), .user_id = accepting.user_id, .person = accepting.person, .by = call->caller()});
        if (!accepted) return attempt->refused(accepted.error());
        *joined = accepted->tenant_id;
        return json_response(
            201, {{"tenant_id", accepted->tenant_id}, {"user_id", accepted->user_id}, {"role", accepted->role}});
      },
      [&services, joined] { services.tenant_changed(*joined); });
}

void open_invitation(Services& services, const CallPtr& call) {
  const auto attempt = admit(services, call);
  if (attempt == nullptr) return;
  read(services, call, [&services, call, attempt](db::Transaction& tx) -> Result<http::Response> {
    const auto opened = tenancy::open_invitation(tx, token_of(*call), services.clock.now());
    if (!opened) return attempt->refused(opened.error());
    const auto& invitation = opened->invitation;
    return json_response(200, {{"tenant_id", invitation.tenant_id},
                               {"company_name", opened->company_name},
                               {"inviter_name", opened->inviter_name},
                               {"email", text::shown_email(invitation.email)},
                               {"role", invitation.role},
                               {"expires_at", to_rfc3339(invitation.expires_at)},
                               {"account", opened->has_account}});
  });
}

void accept_as_new(Services& services, const CallPtr& call, const TryPtr& attempt) {
  auto person = parse_new_person(call->request().body);
  if (!person) return services.refuse(call, person.error());
  const auto task = [&services, call, attempt, person = *person]() mutable {
    auto hash = crypto::hash_password(person.password);
    if (!hash) return services.refuse(call, hash.error());
    accept(services, call, attempt,
           {.person = tenancy::NewPerson{person.first_name, person.last_name,
                                         person.locale.empty() ? std::string(to_string(call->language)) : person.locale,
                                         *std::move(hash), services.config.terms_version}});
  };
  const auto answer = services.passwords.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

// A visit is no login of the person's own in any company.
void accept_by_cookie(Services& services, const CallPtr& call, const TryPtr& attempt) {
  if (const auto ours = from_console(call->request()); !ours) return services.refuse(call, ours.error());
  with_cookie(services, call, [&services, call, attempt](const std::shared_ptr<const CookieEntry>& entry) {
    if (entry == nullptr || entry->claims == nullptr || entry->admin_session != nullptr) {
      return services.refuse(call, unauthenticated("session_ended", "no member's session is there"));
    }
    accept(services, call, attempt, {.user_id = entry->claims->sub});
  });
}

// Who is logged in joins as that person, by a token or by the console's cookie; who has no account chooses names and a
// password.
void accept_invitation(Services& services, const CallPtr& call) {
  const auto attempt = admit(services, call);
  if (attempt == nullptr) return;
  const auto cookie = cookie_token(call->request());
  if (!cookie) return services.refuse(call, cookie.error());
  if (*cookie) return accept_by_cookie(services, call, attempt);
  const auto who = person_of_token(services, *call);
  if (!who) return services.refuse(call, who.error());
  if (*who) return accept(services, call, attempt, {.user_id = **who});
  accept_as_new(services, call, attempt);
}

void decline_invitation(Services& services, const CallPtr& call) {
  const auto attempt = admit(services, call);
  if (attempt == nullptr) return;
  change(services, call, [call, attempt](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    if (auto ok = tenancy::decline_invitation(tx, outbox, token_of(*call)); !ok) return attempt->refused(ok.error());
    return http::Response{.status = 204};
  });
}

}  // namespace

namespace api {
Routes invitations() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/invitations/{token}", "openInvitation", Guard::open, open_invitation},
      {Method::post, "/v1/invitations/{token}/accept", "acceptInvitation", Guard::open, accept_invitation},
      {Method::post, "/v1/invitations/{token}/decline", "declineInvitation", Guard::open, decline_invitation},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
