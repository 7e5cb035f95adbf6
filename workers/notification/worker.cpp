#include "workers/notification/worker.h"

#include <algorithm>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/db/run.h"
#include "shared/http/client.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/trace.h"
#include "tenantry/events/v1/notification.pb.h"
#include "workers/notification/compose.h"

namespace tenantry::notification {
namespace {

namespace v1 = tenantry::events::v1;
using events::Event;
using messaging::Incoming;
using messaging::Unit;

constexpr int attempts_max = 12;  // with the runtime's delays, about a quarter of an hour of a mail server that is away
constexpr int recipients_max = 20;  // owners of one tenant

struct Audience {
  std::string tenant_id;
  std::string company;
  Sender sender{};
  std::vector<Reader> readers;
};

struct Outcome {
  Uuid notification_id;
  std::string template_name;
  Reader reader;
  std::string error{};  // empty: sent
};

class NotificationWorker final : public messaging::Worker {
 public:
  NotificationWorker(NotificationConfig config, SendMail send, const messaging::LaneContext& context)
      : config_(std::move(config)),
        tokens_(crypto::MasterKey::from_base64(config_.master_keys.current).value()),
        send_(std::move(send)),
        clock_(context.clock),
        connection_(context.connection) {
    for (const auto type : notified_types()) {
      rows_.push_back({.type = std::string(type),
                       .options = {.attempts_max = attempts_max},
                       .act = [this](const Incoming& incoming) -> Result<std::any> {
                         auto outcomes = act(incoming.event);
                         if (!outcomes) return outcomes.error();
                         return std::any(*std::move(outcomes));
                       },
                       .handle =
                           [](Unit& unit, const Incoming& incoming, const std::any& acted) {
                             return handle(unit, incoming.event, std::any_cast<const std::vector<Outcome>&>(acted));
                           }});
    }
  }

  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

 private:
  // Sends what has not been sent, outside any transaction, and notes each mail at once.
  Result<std::vector<Outcome>> act(const Event& event) {
    std::vector<Outcome> outcomes;
    if (!notice_for(event, locale_default) || has_passed(event, clock_.now())) return outcomes;
    const auto audience = read_audience(event);
    if (!audience) return audience.error();
    for (const auto& reader : audience->readers) {
      const auto notice = notice_for(event, reader.locale);
      if (!notice->only_to.empty() && notice->only_to != reader.email) continue;
      Outcome outcome{notification_id(event, notice->template_name, reader.email), notice->template_name, reader};
      const auto noted = find_delivery(outcome);
      if (!noted) return noted.error();
      if (!*noted) {
        const auto withheld = why_withheld(event, outcome);
        if (!withheld) return withheld.error();
        outcome.error = *withheld;
        if (!outcome.error.empty()) {
          log::warn("a mail is withheld", {{"tenant_id", event.tenant_id}, {"template", outcome.template_name}});
        } else if (auto sent = send(*notice, *audience, outcome); !sent) {
          return sent.error();
        }
        if (auto kept = note_delivery(event, outcome); !kept) return kept.error();
      }
      outcomes.push_back(std::move(outcome));
    }
    return outcomes;
  }

  static Result<void> handle(Unit& unit, const Event& event, const std::vector<Outcome>& outcomes) {
    for (const auto& outcome : outcomes) {
      if (outcome.error.empty()) {
        publish<v1::NotificationSent>(unit, event, outcome, [](v1::NotificationSent&) {});
      } else {
        publish<v1::NotificationFailed>(unit, event, outcome,
                                        [&](v1::NotificationFailed& failed) { failed.set_error(outcome.error); });
      }
    }
    return {};
  }

  template <class M, class F>
  static void publish(Unit& unit, const Event& event, const Outcome& outcome, const F& fill) {
    M message;
    message.set_notification_id(outcome.notification_id.to_string());
    message.set_template_(outcome.template_name);
    message.set_channel("email");
    message.set_recipient(outcome.reader.email);
    message.set_about_event_id(event.id.to_string());
    fill(message);
    unit.outbox.publish(event.tenant_id, message);
  }

  // An error only where a later try may succeed.
  Result<void> send(const Notice& notice, const Audience& audience, Outcome& outcome) {
    // Who signs up with another's address says nothing to that person by our mails.
    const auto& reader = outcome.reader;
    const auto& company = reader.confirmed ? audience.company : audience.tenant_id;
    const auto message = compose({.from = config_.mail_from,
                                  .to = reader.email,
                                  .sender = reader.confirmed ? audience.sender : Sender{},
                                  .text = render(notice, reader, company, config_.public_url, tokens_),
                                  .notification_id = outcome.notification_id,
                                  .date = clock_.now()});
    if (!message) {
      outcome.error = message.error().describe();
    } else if (!send_) {
      outcome.error = "no mail server is configured";
    } else if (const auto sent = send_(config_.mail_from, outcome.reader.email, *message); !sent) {
      if (is_transient(sent.error().code)) return sent;
      outcome.error = sent.error().describe();
    }
    return {};
  }

  // ---- database, each in a transaction of its own ------------------------------------------------------------

  Result<void> run(const std::function<Result<void>(db::Transaction&)>& work) {
    return db::run(connection_, {.in_doubt = db::InDoubtCommit::rerun}, work);
  }

  // Of a tenant that is gone, or has no owner, there is nobody to tell. Who was named owner and has not come yet is
  // one.
  Result<Audience> read_audience(const Event& event) {
    Audience audience;
    const auto addressee = addressee_of(event);
    const auto read = run([&](db::Transaction& tx) -> Result<void> {
      audience = {.tenant_id = event.tenant_id};
      const auto company = tx.exec("SELECT company_name FROM platform.tenants WHERE tenant_id = $1", {event.tenant_id});
      const bool of_platform = event.tenant_id == events::platform_tenant;  // what concerns a person in all tenants
      if (company.empty() && !of_platform) return {};
      if (!company.empty()) audience.company = company[0].text(0);
      if (!of_platform) audience.sender = read_sender(tx, event.tenant_id);
      if (addressee) {
        audience.readers.push_back(*addressee);
        return {};
      }
      const auto rows = tx.exec(
          "SELECT u.email, u.first_name, u.locale, u.email_verified_at IS NOT NULL FROM platform.memberships AS m "
          "JOIN platform.users AS u ON u.user_id = m.user_id WHERE m.tenant_id = $1 AND m.role = 'owner' "
          "AND m.state IN ('invited', 'active') ORDER BY m.created_at, u.user_id LIMIT $2",
          {event.tenant_id, recipients_max});
      for (const auto row : rows) {
        const bool confirmed = row.boolean(3);
        audience.readers.push_back({.email = std::string(row.text(0)),
                                    .first_name = confirmed ? std::string(row.text(1)) : "",
                                    .locale = std::string(supported_locale(row.text(2))),
                                    .confirmed = confirmed});
      }
      return {};
    });
    if (!read) return read.error();
    return audience;
  }

  static Sender read_sender(db::Transaction& tx, const std::string& tenant_id) {
    const auto rows = tx.exec(
        "SELECT max(value) FILTER (WHERE name = 'sender/name'), max(value) FILTER (WHERE name = 'branding/name'), "
        "max(value) FILTER (WHERE name = 'sender/reply_to') FROM platform.settings WHERE tenant_id = $1",
        {tenant_id});
    const auto row = rows[0];
    return {.name = std::string(row.text(row.is_null(0) ? 1 : 0)), .reply_to = std::string(row.text(2))};
  }

  Result<bool> find_delivery(Outcome& outcome) {
    bool found = false;
    const auto read = run([&](db::Transaction& tx) -> Result<void> {
      const auto rows = tx.exec("SELECT state, error FROM notification.deliveries WHERE notification_id = $1",
                                {outcome.notification_id});
      found = !rows.empty();
      if (found && rows[0].text(0) == "failed") outcome.error = rows[0].text(1);
      return {};
    });
    if (!read) return read.error();
    return found;
  }

  // Empty: it goes. Two lanes at once may be one mail above.
  Result<std::string> why_withheld(const Event& event, const Outcome& outcome) {
    const auto bounded = templates_asked_for();
    if (std::ranges::find(bounded, outcome.template_name) == bounded.end()) return std::string();
    std::int64_t to_address = 0;
    std::int64_t by_tenant = 0;
    const auto counted = run([&](db::Transaction& tx) -> Result<void> {
      const std::vector<std::string> names(bounded.begin(), bounded.end());
      const auto since = clock_.now() - Days{1};
      to_address =
          tx.exec(
                "SELECT count(*) FROM notification.deliveries WHERE recipient = $1 AND at > $2 AND state = 'sent' AND "
                "template = ANY ($3::text[])",
                {outcome.reader.email, since, db::Param::array(names)})[0]
              .int64(0);
      if (event.tenant_id == events::platform_tenant) return {};
      by_tenant =
          tx.exec(
                "SELECT count(*) FROM notification.deliveries WHERE tenant_id = $1 AND at > $2 AND state = 'sent' AND "
                "template = ANY ($3::text[])",
                {event.tenant_id, since, db::Param::array(names)})[0]
              .int64(0);
      return {};
    });
    if (!counted) return counted.error();
    if (to_address >= asked_for_a_day) return std::string("the address had as many such mails as it gets within a day");
    if (by_tenant >= asked_for_by_tenant_a_day)
      return std::string("the tenant asked for as many as it may within a day");
    return std::string();
  }

  Result<void> note_delivery(const Event& event, const Outcome& outcome) {
    return run([&](db::Transaction& tx) -> Result<void> {
      tx.send(
          "INSERT INTO notification.deliveries (notification_id, tenant_id, event_id, template, channel, recipient, "
          "locale, state, error, at) VALUES ($1, $2, $3, $4, 'email', $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
          {outcome.notification_id, event.tenant_id, event.id, outcome.template_name, outcome.reader.email,
           outcome.reader.locale, outcome.error.empty() ? "sent" : "failed", outcome.error, clock_.now()});
      return {};
    });
  }

  const NotificationConfig config_;
  const crypto::LinkTokens tokens_;
  const SendMail send_;  // empty: none is configured
  const Clock& clock_;
  db::Connection& connection_;
  std::vector<messaging::ConsumerRow> rows_;
};

}  // namespace

messaging::WorkerSpec worker_spec(const NotificationConfig& config, SendMail send) {
  if (!send && !config.smtp_url.empty()) {
    send = [url = config.smtp_url](const std::string& from, const std::string& recipient, const std::string& message) {
      tracing::ClientCall call("send mail", {{"network.protocol.name", std::string("smtp")}});
      auto sent = http::send_mail({.url = url}, from, {recipient}, message);
      if (!sent) call.failed(sent.error().reason.empty() ? to_string(sent.error().code) : sent.error().reason);
      return sent;
    };
  }
  return {.name = "notification",
          .database_url = config.database_url,
          .batch_max = 1,
          .make = [config, send](const messaging::LaneContext& context) {
            return std::make_unique<NotificationWorker>(config, send, context);
          }};
}

service::Entry entry(SendMail send) {
  return {.name = "notification",
          .purpose = "The notification worker: mails to people.",
          .read = [send = std::move(send)](config::Reader& reader) {
            return worker_spec(read_notification_config(reader), send);
          }};
}

}  // namespace tenantry::notification
