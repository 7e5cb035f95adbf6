#include "workers/billing/worker.h"

#include "events/proto_time.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/usage.pb.h"
#include "workers/billing/account.h"
#include "workers/billing/store.h"

namespace tenantry::billing {
namespace {

namespace v1 = tenantry::events::v1;
using events::Event;
using events::from_proto;
using events::to_proto;
using messaging::on;
using messaging::Unit;

std::string dunning_timer(const std::string& tenant_id) {
  return tenant_id + "/dunning";
}

std::optional<Timestamp> optional_time(bool present, const google::protobuf::Timestamp& at) {
  return present ? std::optional(from_proto(at)) : std::nullopt;
}

Subscription subscription_from(const std::string& tenant_id, const v1::SubscriptionFacts& facts) {
  return {.stripe_subscription_id = facts.stripe_subscription_id(),
          .tenant_id = tenant_id,
          .stripe_customer_id = facts.stripe_customer_id(),
          .status = facts.status(),
          .price_id = facts.price_id(),
          .quantity = facts.quantity(),
          .current_period_start = optional_time(facts.has_current_period_start(), facts.current_period_start()),
          .current_period_end = optional_time(facts.has_current_period_end(), facts.current_period_end()),
          .cancel_at = optional_time(facts.has_cancel_at(), facts.cancel_at()),
          .canceled_at = optional_time(facts.has_canceled_at(), facts.canceled_at()),
          .ended_at = optional_time(facts.has_ended_at(), facts.ended_at()),
          .cancel_at_period_end = facts.cancel_at_period_end(),
          .stated_at = from_proto(facts.stated_at()),
          .stripe_event_id = facts.stripe_event_id()};
}

Payment payment_from(const std::string& tenant_id, PaymentState state, const v1::PaymentFacts& facts) {
  return {.stripe_object_id = facts.stripe_object_id(),
          .tenant_id = tenant_id,
          .state = state,
          .stripe_subscription_id = facts.stripe_subscription_id(),
          .amount_minor = facts.amount_minor(),
          .currency = facts.currency(),
          .stated_at = from_proto(facts.stated_at()),
          .stripe_event_id = facts.stripe_event_id()};
}

class BillingWorker final : public messaging::Worker {
 public:
  explicit BillingWorker(BillingConfig config) : config_(std::move(config)) {
    using W = BillingWorker;
    rows_ = {
        on<v1::TenantRegistered>(this, &W::tenant_registered),
        on<v1::TrialStarted>(this, &W::trial_started),
        on<v1::TrialEnded>(this, &W::trial_ended),
        on<v1::PaymentSucceeded>(this, &W::payment_succeeded),
        on<v1::PaymentFailed>(this, &W::payment_failed),
        on<v1::PaymentRefunded>(this, &W::payment_refunded),
        on<v1::PaymentDisputed>(this, &W::payment_disputed),
        on<v1::CheckoutCompleted>(this, &W::checkout_completed),
        on<v1::InvoiceFinalized>(this, &W::invoice_finalized),
        on<v1::SubscriptionCreated>(this, &W::subscription_stated<v1::SubscriptionCreated>),
        on<v1::SubscriptionUpdated>(this, &W::subscription_stated<v1::SubscriptionUpdated>),
        on<v1::SubscriptionDeleted>(this, &W::subscription_deleted),
        on<v1::SubscriptionPaused>(this, &W::subscription_stated<v1::SubscriptionPaused>),
        on<v1::SubscriptionResumed>(this, &W::subscription_stated<v1::SubscriptionResumed>),
        on<v1::DunningDue>(this, &W::dunning_due),
        on<v1::UsagePeriodClosed>(this, &W::period_closed),
    };
  }

  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

  void begin(Unit& unit, std::span<const messaging::Incoming* const> batch) override {
    std::set<std::string> tenant_ids;
    std::vector<std::string> invoice_ids;
    for (const auto* incoming : batch) {
      tenant_ids.insert(incoming->event.tenant_id);
      if (const auto* finalized = dynamic_cast<const v1::InvoiceFinalized*>(incoming->event.message.get())) {
        invoice_ids.push_back(finalized->payment().stripe_object_id());
      }
    }
    tenants_ = load_tenants(unit.tx, {tenant_ids.begin(), tenant_ids.end()}, unit.now);
    invoices_known_ = load_invoices(unit.tx, invoice_ids);
    for (auto& [tenant_id, tenant] : tenants_) derive(tenant.account, tenant.subscriptions);
    accounts_.clear();
    subscriptions_.clear();
    payments_.clear();
    invoices_.clear();
    customers_.clear();
  }

  Result<void> finish(Unit& unit) override {
    save_accounts(unit.tx, accounts_, unit.now);
    save_subscriptions(unit.tx, values(subscriptions_));
    save_payments(unit.tx, values(payments_));
    save_invoices(unit.tx, invoices_);
    save_customers(unit.tx, customers_, unit.now);
    return {};
  }

 private:
  template <class T>
  static std::vector<T> values(const std::map<std::string, T>& map) {
    std::vector<T> out;
    for (const auto& [key, value] : map) out.push_back(value);
    return out;
  }

  // ---- facts -------------------------------------------------------------------------------------------------

  Result<void> tenant_registered(Unit&, const Event& event, const v1::TenantRegistered&) {
    accounts_.insert_or_assign(event.tenant_id, tenants_[event.tenant_id].account);
    return {};
  }

  template <class M>
  Result<void> subscription_stated(Unit& unit, const Event& event, const M& message) {
    return book(unit, subscription_from(event.tenant_id, message.subscription()));
  }

  // The event says that it is over, whatever the object in it still says.
  Result<void> subscription_deleted(Unit& unit, const Event& event, const v1::SubscriptionDeleted& message) {
    auto statement = subscription_from(event.tenant_id, message.subscription());
    statement.status = "canceled";
    return book(unit, statement);
  }

  Result<void> book(Unit& unit, const Subscription& statement) {
    if (auto known = check_status(statement.status); !known) return known;
    remember_customer(statement.stripe_customer_id, statement.tenant_id);
    return change(unit, statement.tenant_id, [&](TenantBilling& tenant) {
      if (book_statement(tenant.account, tenant.subscriptions, statement)) {
        subscriptions_.insert_or_assign(statement.stripe_subscription_id, statement);
      }
    });
  }

  Result<void> payment_succeeded(Unit& unit, const Event& event, const v1::PaymentSucceeded& message) {
    return paid(unit, event.tenant_id, message.payment());
  }

  Result<void> checkout_completed(Unit& unit, const Event& event, const v1::CheckoutCompleted& message) {
    if (message.payment().amount_minor() > 0) return paid(unit, event.tenant_id, message.payment());
    remember_customer(message.payment().stripe_customer_id(), event.tenant_id);
    return {};
  }

  Result<void> paid(Unit& unit, const std::string& tenant_id, const v1::PaymentFacts& facts) {
    keep(payment_from(tenant_id, PaymentState::succeeded, facts), facts);
    return change(unit, tenant_id,
                  [&](TenantBilling& tenant) { book_payment(tenant.account, from_proto(facts.stated_at())); });
  }

  Result<void> payment_failed(Unit& unit, const Event& event, const v1::PaymentFailed& message) {
    keep(payment_from(event.tenant_id, PaymentState::failed, message.payment()), message.payment());
    return change(unit, event.tenant_id, [&](TenantBilling& tenant) {
      book_failure(tenant.account, from_proto(message.payment().stated_at()));
    });
  }

  Result<void> payment_refunded(Unit&, const Event& event, const v1::PaymentRefunded& message) {
    keep(payment_from(event.tenant_id, PaymentState::refunded, message.payment()), message.payment());
    return {};
  }

  Result<void> payment_disputed(Unit&, const Event& event, const v1::PaymentDisputed& message) {
    keep(payment_from(event.tenant_id, PaymentState::disputed, message.payment()), message.payment());
    return {};
  }

  Result<void> invoice_finalized(Unit& unit, const Event& event, const v1::InvoiceFinalized& message) {
    const auto& facts = message.payment();
    remember_customer(facts.stripe_customer_id(), event.tenant_id);
    if (!invoices_known_.insert(facts.stripe_object_id()).second) return {};
    invoices_.push_back({.stripe_invoice_id = facts.stripe_object_id(),
                         .tenant_id = event.tenant_id,
                         .number = facts.invoice_number(),
                         .amount_minor = facts.amount_minor(),
                         .currency = facts.currency(),
                         .url = facts.invoice_url(),
                         .issued_at = from_proto(facts.stated_at())});
    v1::InvoiceIssued issued;
    issued.set_stripe_invoice_id(facts.stripe_object_id());
    issued.set_amount_minor(facts.amount_minor());
    issued.set_currency(facts.currency());
    issued.set_number(facts.invoice_number());
    issued.set_url(facts.invoice_url());
    unit.outbox.publish(event.tenant_id, issued);
    return {};
  }

  // Acknowledged, so that the queue has it out of the way; statements read the counters themselves.
  Result<void> period_closed(Unit&, const Event&, const v1::UsagePeriodClosed&) { return {}; }

  // ---- our own timers ----------------------------------------------------------------------------------------

  // Before this the tenant was PENDING and took no transition: all that was heard meanwhile is asked for now.
  Result<void> trial_started(Unit& unit, const Event& event, const v1::TrialStarted&) {
    return apply(unit, event.tenant_id, Account{});
  }

  Result<void> trial_ended(Unit& unit, const Event& event, const v1::TrialEnded& message) {
    const auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const auto ask = on_trial_ended(tenant.account, *tenant.tenancy, from_proto(message.trial_ends_at()));
    return ask ? transition(unit, event.tenant_id, *ask) : Result<void>{};
  }

  Result<void> dunning_due(Unit& unit, const Event& event, const v1::DunningDue& due) {
    const auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const auto lapse = from_proto(due.past_due_since());
    const auto effects =
        on_dunning_due(tenant.account, lapse, Days{due.day()}, config_.dunning, tenant.tenancy->held_until);
    if (effects.remind) {
      v1::PaymentOverdue overdue;
      *overdue.mutable_past_due_since() = to_proto(lapse);
      overdue.set_day(static_cast<std::int32_t>(effects.remind->count()));
      *overdue.mutable_suspend_at() = to_proto(lapse + config_.dunning.suspend_on);
      unit.outbox.publish(event.tenant_id, overdue);
    }
    if (effects.next) schedule(unit, event.tenant_id, lapse, *effects.next);
    if (!effects.suspend) return {};
    return transition(unit, event.tenant_id, {tenancy::Trigger::unpaid, tenancy::reason_payment_failed});
  }

  // ---- effects -----------------------------------------------------------------------------------------------

  template <class F>
  Result<void> change(Unit& unit, const std::string& tenant_id, const F& book_fact) {
    auto& tenant = tenants_[tenant_id];
    const auto before = tenant.account;
    book_fact(tenant);
    derive(tenant.account, tenant.subscriptions);
    if (tenant.account == before) return {};
    accounts_.insert_or_assign(tenant_id, tenant.account);
    return apply(unit, tenant_id, before);
  }

  Result<void> apply(Unit& unit, const std::string& tenant_id, const Account& before) {
    const auto& tenant = tenants_[tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const auto decision = decide(before, tenant.account, *tenant.tenancy, config_.dunning);
    for (const auto& ask : decision.ask) {
      if (auto asked = transition(unit, tenant_id, ask); !asked) return asked;
    }
    if (decision.cancel_timer) unit.outbox.cancel(dunning_timer(tenant_id));
    if (decision.timer) schedule(unit, tenant_id, *tenant.account.past_due_since, *decision.timer);
    return {};
  }

  Result<void> transition(Unit& unit, const std::string& tenant_id, const Ask& ask) {
    const auto moved = tenancy::transition(
        unit.tx, unit.outbox, {.tenant_id = tenant_id, .trigger = ask.trigger, .reason = std::string(ask.reason)},
        unit.now, config_.lifecycle);
    if (!moved) return moved.error();
    if (moved->changed) {
      tenants_[tenant_id].tenancy->status = moved->to;
      tenants_[tenant_id].tenancy->reason = ask.reason;
    }
    return {};
  }

  void schedule(Unit& unit, const std::string& tenant_id, Timestamp lapse, const DunningTimer& timer) {
    v1::DunningDue due;
    *due.mutable_past_due_since() = to_proto(lapse);
    due.set_day(static_cast<std::int32_t>(timer.day.count()));
    unit.outbox.schedule(dunning_timer(tenant_id), timer.at, tenant_id, due);
  }

  void keep(const Payment& payment, const v1::PaymentFacts& facts) {
    remember_customer(facts.stripe_customer_id(), payment.tenant_id);
    const auto [known, inserted] = payments_.try_emplace(payment.stripe_object_id, payment);
    if (!inserted && is_newer(payment, known->second)) known->second = payment;
  }

  // The first tenant that a customer is seen with keeps it.
  void remember_customer(const std::string& stripe_customer_id, const std::string& tenant_id) {
    if (!stripe_customer_id.empty()) customers_.try_emplace(stripe_customer_id, tenant_id);
  }

  static Result<void> no_such_tenant() {
    return Error{.code = Errc::not_found, .reason = "tenant_not_found", .message = "no such tenant"};
  }

  const BillingConfig config_;
  std::vector<messaging::ConsumerRow> rows_;

  // Of the batch at hand: what was loaded, as changed since, and what of it is to be written.
  std::map<std::string, TenantBilling> tenants_;
  std::set<std::string> invoices_known_;
  std::map<std::string, Account> accounts_;
  std::map<std::string, Subscription> subscriptions_;  // by Stripe's id
  std::map<std::string, Payment> payments_;            // by Stripe's id
  std::vector<Invoice> invoices_;
  std::map<std::string, std::string> customers_;  // tenant by Stripe's id
};

}  // namespace

messaging::WorkerSpec worker_spec(const BillingConfig& config) {
  return {.name = "billing", .database_url = config.database_url, .make = [config](const messaging::LaneContext&) {
            return std::make_unique<BillingWorker>(config);
          }};
}

}  // namespace tenantry::billing
