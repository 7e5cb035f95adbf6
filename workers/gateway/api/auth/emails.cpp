// A person's address: confirmed by who reads its mail, changed once the new one was, and changed back from the old one.
// Looking at a link uses nothing up (ADR 22): it is a page of the console's, which posts the token.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "workers/gateway/api/auth/admins.h"
#include "workers/gateway/api/auth/ended.h"
#include "workers/gateway/api/auth/requests.h"
#include "workers/gateway/api/auth/store.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using crypto::LinkPurpose;

constexpr int mails_a_day = 5;  // for a person
constexpr Days link_life{1};
constexpr Days undo_life{7};

Error too_many_mails() {
  return {.code = Errc::rate_limited,
          .reason = "too_many_sendings",
          .message = "at most " + std::to_string(mails_a_day) + " such mails a day"};
}

Error no_link() {
  return {.code = Errc::not_found,
          .reason = "link_not_found",
          .message = "the link is unknown, used up or too old: ask for another"};
}

Error taken() {
  return {.code = Errc::conflict, .reason = "email_taken", .message = "the address has an account of its own"};
}

std::string_view name_of(LinkPurpose purpose) {
  if (purpose == LinkPurpose::email_verification) return "verify";
  return purpose == LinkPurpose::email_change ? "change" : "undo";
}

// A new link; what the token in the mail is made of.
Uuid keep_link(Services& services, db::Transaction& tx, LinkPurpose purpose, const std::string& user_id,
               const std::string& email, Timestamp now) {
  const auto id = services.ids.next();
  const auto token = services.link_tokens.make(purpose, id, 1);
  const auto life = purpose == LinkPurpose::email_undo ? undo_life : link_life;
  store::put_email_link(tx, {id, user_id, std::string(name_of(purpose)), email},
                        ByteView{crypto::link_token_hash(token)}, now, now + life);
  return id;
}

template <class Event>
Event about(const store::Account& account, const std::string& email, const Uuid& link) {
  Event event;
  event.set_user_id(account.user_id);
  event.set_email(email);
  event.set_locale(account.locale);
  event.set_link_id(link.to_string());
  return event;
}

http::Response sent_answer() {
  return json_response(202, {{"sent", true}});
}

// ---- asked for

void verify_email(Services& services, const CallPtr& call) {
  change(services, call, [&services, call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto account = store::read_account(tx, call->claims->sub);
    if (!account) return nothing_here();
    if (account->email_verified) {
      return Error{.code = Errc::conflict, .reason = "already_verified", .message = "the address is confirmed"};
    }
    if (!store::may_send_email_link(tx, account->user_id, outbox.now() - Days{1}, mails_a_day)) return too_many_mails();
    const auto link =
        keep_link(services, tx, LinkPurpose::email_verification, account->user_id, account->email, outbox.now());
    outbox.publish(events::platform_tenant, about<v1::EmailVerificationRequested>(*account, account->email, link));
    return sent_answer();
  });
}

// Whether the new address has an account shows to who reads its mail, and to nobody before.
void change_email(Services& services, const CallPtr& call) {
  const auto email = parse_new_email(call->request().body);
  if (!email) return services.refuse(call, email.error());
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(services, call,
         [&services, call, email = *email](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto account = store::read_account(tx, call->claims->sub);
           if (!account) return nothing_here();
           if (account->email == email) return Error::invalid("/email", "unchanged", "is the present address");
           if (!store::may_send_email_link(tx, account->user_id, outbox.now() - Days{1}, mails_a_day)) {
             return too_many_mails();
           }
           const auto link = keep_link(services, tx, LinkPurpose::email_change, account->user_id, email, outbox.now());
           outbox.publish(events::platform_tenant, about<v1::EmailChangeRequested>(*account, email, link));
           return sent_answer();
         });
}

// ---- by a mailed link

// What a link leads to, by who has the mail: in one transaction with what it opens.
using Opened =
    std::function<Result<Ended>(db::Transaction&, messaging::Outbox&, const store::EmailLink&, const store::Account&)>;
void open_link(Services& services, const CallPtr& call, std::initializer_list<std::string_view> purposes, Opened work) {
  const auto token = parse_link_token(call->request().body);
  if (!token) return services.refuse(call, token.error());
  const auto place = services.password_tries.take(call->origin, unknown_links_a_minute, services.monotonic());
  if (!place.allowed) {
    return services.refuse(
        call,
        Error{.code = Errc::rate_limited, .reason = "too_many_attempts", .message = "too many links that are none"},
        place.resets_in);
  }
  services.on_lane(
      call,
      [&services, call, token = *token, purposes = std::vector<std::string_view>(purposes),
       work = std::move(work)](db::Connection& connection) -> Result<http::Response> {
        Ended ended;
        const auto done = services.commit(
            connection, *call, call->stranger(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
              const auto link = store::take_email_link(tx, crypto::link_token_hash(token), purposes, outbox.now());
              const auto account = link ? store::read_account(tx, link->user_id) : std::nullopt;
              if (!account) return no_link();
              outbox.set_cause(nullptr, call->actor("user", account->user_id));
              auto made = work(tx, outbox, *link, *account);
              if (!made) return made.error();
              ended = *std::move(made);
              return {};
            });
        if (!done) return done.error();
        services.loop.post([&services, ended, from = call->origin] {
          services.password_tries.give_back(from);
          forget_sessions(services, ended);
        });
        return http::Response{.status = 204};
      });
}

Result<Ended> confirm(Services& services, db::Transaction& tx, messaging::Outbox& outbox, const store::EmailLink& link,
                      const store::Account& account) {
  const auto now = outbox.now();
  if (link.purpose == "verify") {
    if (link.email != account.email) return no_link();  // changed since
    store::set_email(tx, account.user_id, account.email, now);
    v1::EmailVerified event;
    event.set_user_id(account.user_id);
    event.set_email(account.email);
    outbox.publish(events::platform_tenant, event);
    return Ended{};
  }
  if (!store::set_email(tx, account.user_id, link.email, now)) return taken();
  store::drop_mailed_links(tx, account.user_id);  // what was sent to the old address opens nothing
  const auto undo = keep_link(services, tx, LinkPurpose::email_undo, account.user_id, account.email, now);
  auto event = about<v1::EmailChanged>(account, account.email, undo);
  event.set_new_email(link.email);
  outbox.publish(events::platform_tenant, event);
  return Ended{};
}

void confirm_email(Services& services, const CallPtr& call) {
  open_link(services, call, {"verify", "change"},
            [&services](db::Transaction& tx, messaging::Outbox& outbox, const store::EmailLink& link,
                        const store::Account& account) { return confirm(services, tx, outbox, link, account); });
}

// Whoever changed it knows the password and is logged in: all sessions end, and the address is sent a link for another
// password. What was sent since, to whatever address, opens nothing.
Result<Ended> undo(Services& services, db::Transaction& tx, messaging::Outbox& outbox, const store::EmailLink& link,
                   const store::Account& account) {
  const auto now = outbox.now();
  if (!store::set_email(tx, account.user_id, link.email, now)) return taken();
  store::drop_mailed_links(tx, account.user_id);
  store::drop_undo_links(tx, account.user_id, link.sent_at);
  auto ended = store::end_sessions(tx, {.user_id = account.user_id}, now);
  store::end_admin_sessions(tx, account.user_id, "", "", now);
  tell_ended(outbox, account.user_id, ended);
  v1::EmailChangeUndone event;
  event.set_user_id(account.user_id);
  event.set_email(link.email);
  event.set_undone_email(account.email);
  outbox.publish(events::platform_tenant, event);

  const auto reset = services.ids.next();
  const auto token = services.link_tokens.make(LinkPurpose::password_reset, reset, 1);
  constexpr int whatever_was_sent = 1000;
  store::put_reset(tx, account.user_id, crypto::link_token_hash(token), now, now + reset_life, whatever_was_sent);
  v1::PasswordResetRequested mail;
  mail.set_user_id(account.user_id);
  mail.set_email(link.email);
  mail.set_reset_id(reset.to_string());
  mail.set_locale(account.locale);
  outbox.publish(events::platform_tenant, mail);
  return ended;
}

void undo_email(Services& services, const CallPtr& call) {
  open_link(services, call, {"undo"},
            [&services](db::Transaction& tx, messaging::Outbox& outbox, const store::EmailLink& link,
                        const store::Account& account) { return undo(services, tx, outbox, link, account); });
}

}  // namespace

namespace api {
Routes emails() {
  static constexpr Route routes[] = {
      {Method::post, "/v1/me/email/verify", "verifyEmail", Guard::billing, verify_email},
      {Method::post, "/v1/me/email", "changeEmail", Guard::billing, change_email},
      {Method::post, "/auth/email/confirm", "confirmEmail", Guard::open, confirm_email},
      {Method::post, "/auth/email/undo", "undoEmailChange", Guard::open, undo_email},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
