#include "workers/billing/worker.h"

#include <algorithm>
#include <set>
#include <utility>

#include "events/proto_time.h"
#include "shared/core/rare.h"
#include "shared/tenancy/terms.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tenantry/events/v1/usage.pb.h"
#include "workers/billing/account.h"
#include "workers/billing/payment_method.h"
#include "workers/billing/statement.h"
#include "workers/billing/store.h"

namespace tenantry::billing {
namespace {

namespace v1 = tenantry::events::v1;
using events::Event;
using events::from_proto;
using events::to_proto;
using messaging::on;
using messaging::Unit;

std::string expiry_timer(const PaymentMethod& method) {
  return method.tenant_id + "/payment_method/" + method.stripe_payment_method_id;
}

std::string dunning_timer(const std::string& tenant_id) {
  return tenant_id + "/dunning";
}

std::optional<Timestamp> optional_time(bool present, const google::protobuf::Timestamp& at) {
  return present ? std::optional(from_proto(at)) : std::nullopt;
}

Subscription subscription_from(const std::string& tenant_id, const v1::SubscriptionFacts& facts) {
  Subscription out{
      .stripe_subscription_id = facts.stripe_subscription_id(),
      .tenant_id = tenant_id,
      .stripe_customer_id = facts.stripe_customer_id(),
      .status = facts.status(),
      .current_period_start = optional_time(facts.has_current_period_start(), facts.current_period_start()),
      .current_period_end = optional_time(facts.has_current_period_end(), facts.current_period_end()),
      .cancel_at = optional_time(facts.has_cancel_at(), facts.cancel_at()),
      .canceled_at = optional_time(facts.has_canceled_at(), facts.canceled_at()),
      .ended_at = optional_time(facts.has_ended_at(), facts.ended_at()),
      .trial_end = optional_time(facts.has_trial_end(), facts.trial_end()),
      .cancel_at_period_end = facts.cancel_at_period_end(),
      .pause_reason = facts.pause_reason(),
      .stated_at = from_proto(facts.stated_at()),
      .stripe_event_id = facts.stripe_event_id()};
  for (const auto& item : facts.items()) out.items.push_back({item.stripe_item_id(), item.price_id(), item.quantity()});
  // Written before there were items.
  if (out.items.empty() && !facts.price_id().empty()) out.items.push_back({{}, facts.price_id(), facts.quantity()});
  out.history = {{out.stated_at, out.status, facts.confirms_status()}};
  return out;
}

PaymentMethod payment_method_from(const std::string& tenant_id, const v1::PaymentMethodFacts& facts, bool detached) {
  return {.stripe_payment_method_id = facts.stripe_payment_method_id(),
          .tenant_id = tenant_id,
          .kind = facts.kind(),
          .brand = facts.brand(),
          .last4 = facts.last4(),
          .expires_at = expiry_of(facts.exp_month(), facts.exp_year()),
          .detached = detached,
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

Invoice invoice_from(const std::string& tenant_id, const v1::PaymentFacts& facts) {
  return {.stripe_invoice_id = facts.stripe_object_id(),
          .tenant_id = tenant_id,
          .stripe_subscription_id = facts.stripe_subscription_id(),
          .billing_reason = facts.billing_reason(),
          .next_attempt_at = optional_time(facts.has_next_attempt_at(), facts.next_attempt_at()),
          .number = facts.invoice_number(),
          .amount_minor = facts.amount_minor(),
          .currency = facts.currency(),
          .url = facts.invoice_url(),
          .stated_at = from_proto(facts.stated_at()),
          .stripe_event_id = facts.stripe_event_id()};
}

Invoice closed_invoice_from(const std::string& tenant_id, InvoiceStatus status, const v1::PaymentFacts& facts) {
  auto invoice = invoice_from(tenant_id, facts);
  invoice.status = status;
  invoice.closed_at = invoice.stated_at;
  return invoice;
}

Invoice failed_invoice_from(const std::string& tenant_id, const v1::PaymentFacts& facts) {
  auto invoice = invoice_from(tenant_id, facts);
  invoice.failed_at = invoice.failed_last_at = invoice.stated_at;
  return invoice;
}

// Else it is a checkout session, or a charge or dispute.
bool is_of_invoice(const v1::PaymentFacts& facts) {
  return !facts.invoice_status().empty() || facts.stripe_object_id().starts_with("in_");
}

const v1::PaymentFacts* payment_of(const Event& event) {
  const auto* field = event.message->GetDescriptor()->FindFieldByName("payment");
  if (field == nullptr) return nullptr;
  return dynamic_cast<const v1::PaymentFacts*>(&event.message->GetReflection()->GetMessage(*event.message, field));
}

bool is_of_subscription(const Event& event) {
  return event.message->GetDescriptor()->FindFieldByName("subscription") != nullptr;
}

// A statement of Stripe's about one of its objects.
struct Stated {
  std::string tenant_id;
  std::string object_id;
  std::string stripe_event_id;
};

Stated stated_in(const std::string& tenant_id, const v1::PaymentFacts& facts) {
  return {tenant_id, facts.stripe_object_id(), facts.stripe_event_id()};
}

// Whose statement is what is known of the object; "" where there is none.
std::string event_of(const Facts& facts, const std::string& object_id) {
  const auto subscription = std::ranges::find(facts.subscriptions, object_id, &Subscription::stripe_subscription_id);
  if (subscription != facts.subscriptions.end()) return subscription->stripe_event_id;
  const auto invoice = std::ranges::find(facts.invoices, object_id, &Invoice::stripe_invoice_id);
  return invoice == facts.invoices.end() ? "" : invoice->stripe_event_id;
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
        on<v1::PaymentDisputeClosed>(this, &W::dispute_closed),
        on<v1::CheckoutCompleted>(this, &W::checkout_completed),
        on<v1::InvoiceFinalized>(this, &W::invoice_finalized),
        on<v1::InvoiceClosed>(this, &W::invoice_closed),
        on<v1::SubscriptionCreated>(this, &W::subscription_stated<v1::SubscriptionCreated>),
        on<v1::SubscriptionUpdated>(this, &W::subscription_stated<v1::SubscriptionUpdated>),
        on<v1::SubscriptionDeleted>(this, &W::subscription_deleted),
        on<v1::SubscriptionPaused>(this, &W::subscription_stated<v1::SubscriptionPaused>),
        on<v1::SubscriptionResumed>(this, &W::subscription_stated<v1::SubscriptionResumed>),
        on<v1::DunningDue>(this, &W::dunning_due),
        on<v1::DunningTermsSet>(this, &W::dunning_terms_changed<v1::DunningTermsSet>),
        on<v1::DunningTermsRemoved>(this, &W::dunning_terms_changed<v1::DunningTermsRemoved>),
        on<v1::AccountReviewRequested>(this, &W::review_requested),
        on<v1::PaymentMethodStated>(this, &W::payment_method_stated),
        on<v1::PaymentMethodDetached>(this, &W::payment_method_detached),
        on<v1::PaymentMethodExpiryDue>(this, &W::payment_method_expiry_due),
        on<v1::PlanChangeDue>(this, &W::plan_change_due),
        on<v1::UsagePeriodClosed>(this, &W::period_closed),
    };
  }

  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

  void begin(Unit& unit, std::span<const messaging::Incoming* const> batch) override {
    std::set<std::string> tenant_ids;
    std::vector<std::string> invoice_ids;
    bool prices_matter = false;
    bool methods_matter = false;
    for (const auto* incoming : batch) {
      const auto& event = incoming->event;
      tenant_ids.insert(event.tenant_id);
      if (const auto* facts = payment_of(event)) invoice_ids.push_back(facts->stripe_object_id());
      prices_matter = prices_matter || is_of_subscription(event) || event.type == "trial.started" ||
                      event.type == "account.review_requested";
      methods_matter = methods_matter || event.type.starts_with("payment_method.");
    }
    tenants_ = load_tenants(unit.tx, {tenant_ids.begin(), tenant_ids.end()}, invoice_ids, unit.now);
    plans_ = prices_matter ? load_plans(unit.tx) : std::vector<PricedPlan>{};
    methods_.clear();
    changed_methods_.clear();
    if (methods_matter) {
      for (auto& method : load_payment_methods(unit.tx, {tenant_ids.begin(), tenant_ids.end()})) {
        methods_[method.tenant_id].push_back(std::move(method));
      }
    }
    accounts_.clear();
    subscriptions_.clear();
    invoices_.clear();
    payments_.clear();
  }

  Result<void> finish(Unit& unit) override {
    save_accounts(unit.tx, tenants_, {accounts_.begin(), accounts_.end()}, unit.now);
    save_subscriptions(unit.tx, values(subscriptions_));
    save_invoices(unit.tx, values(invoices_));
    save_payments(unit.tx, values(payments_));
    save_payment_methods(unit.tx, values(changed_methods_), unit.now);
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

  // Its account is made when it is first loaded.
  Result<void> tenant_registered(Unit&, const Event&, const v1::TenantRegistered&) { return {}; }

  template <class M>
  Result<void> subscription_stated(Unit& unit, const Event& event, const M& message) {
    return stated(unit, subscription_from(event.tenant_id, message.subscription()));
  }

  // The event says that it is over, whatever the object in it still says.
  Result<void> subscription_deleted(Unit& unit, const Event& event, const v1::SubscriptionDeleted& message) {
    auto statement = subscription_from(event.tenant_id, message.subscription());
    statement.status = "canceled";
    return stated(unit, statement);
  }

  Result<void> stated(Unit& unit, const Subscription& statement) {
    if (auto known = check_known(statement); !known) return known;
    const Stated stated{statement.tenant_id, statement.stripe_subscription_id, statement.stripe_event_id};
    return change(unit, stated, [&](Facts& facts) {
      if (!book(facts.subscriptions, statement)) return;
      const auto& id = statement.stripe_subscription_id;
      subscriptions_.insert_or_assign(
          id, *std::ranges::find(facts.subscriptions, id, &Subscription::stripe_subscription_id));
    });
  }

  Result<void> payment_succeeded(Unit& unit, const Event& event, const v1::PaymentSucceeded& message) {
    return paid(unit, event.tenant_id, message.payment());
  }

  Result<void> checkout_completed(Unit& unit, const Event& event, const v1::CheckoutCompleted& message) {
    if (message.payment().amount_minor() == 0) return {};
    return paid(unit, event.tenant_id, message.payment());
  }

  Result<void> paid(Unit& unit, const std::string& tenant_id, const v1::PaymentFacts& facts) {
    keep(payment_from(tenant_id, PaymentState::succeeded, facts));
    return change(unit, stated_in(tenant_id, facts), [&](Facts& known) {
      const auto at = from_proto(facts.stated_at());
      known.received_at = std::max(known.received_at.value_or(at), at);
      if (is_of_invoice(facts)) book_invoice(known, closed_invoice_from(tenant_id, InvoiceStatus::paid, facts));
    });
  }

  // A checkout session that fails leaves nothing owed.
  Result<void> payment_failed(Unit& unit, const Event& event, const v1::PaymentFailed& message) {
    keep(payment_from(event.tenant_id, PaymentState::failed, message.payment()));
    if (!is_of_invoice(message.payment())) return {};
    return change(unit, stated_in(event.tenant_id, message.payment()),
                  [&](Facts& known) { book_invoice(known, failed_invoice_from(event.tenant_id, message.payment())); });
  }

  Result<void> payment_refunded(Unit&, const Event& event, const v1::PaymentRefunded& message) {
    keep(payment_from(event.tenant_id, PaymentState::refunded, message.payment()));
    return {};
  }

  Result<void> payment_disputed(Unit&, const Event& event, const v1::PaymentDisputed& message) {
    keep(payment_from(event.tenant_id, PaymentState::disputed, message.payment()));
    return {};
  }

  Result<void> dispute_closed(Unit&, const Event& event, const v1::PaymentDisputeClosed& message) {
    if (rare::is(rare::Mutant::dispute_goes_on)) return {};
    const bool lost = message.payment().outcome() == "lost";
    keep(payment_from(event.tenant_id, lost ? PaymentState::dispute_lost : PaymentState::dispute_won,
                      message.payment()));
    return {};
  }

  Result<void> invoice_closed(Unit& unit, const Event& event, const v1::InvoiceClosed& message) {
    const auto& facts = message.payment();
    const auto status = facts.invoice_status() == "void"            ? InvoiceStatus::voided
                        : facts.invoice_status() == "uncollectible" ? InvoiceStatus::uncollectible
                                                                    : InvoiceStatus::paid;
    return change(unit, stated_in(event.tenant_id, facts),
                  [&](Facts& known) { book_invoice(known, closed_invoice_from(event.tenant_id, status, facts)); });
  }

  Result<void> invoice_finalized(Unit& unit, const Event& event, const v1::InvoiceFinalized& message) {
    const auto& facts = message.payment();
    auto invoice = invoice_from(event.tenant_id, facts);
    invoice.issued_at = invoice.stated_at;
    auto& known = tenants_[event.tenant_id].facts;
    const auto before = std::ranges::find(known.invoices, invoice.stripe_invoice_id, &Invoice::stripe_invoice_id);
    const bool issued_before = before != known.invoices.end() && before->issued_at;
    book_invoice(known, invoice);
    if (issued_before || facts.amount_minor() == 0) return {};  // of nothing there is nothing to tell
    v1::InvoiceIssued issued;
    issued.set_stripe_invoice_id(facts.stripe_object_id());
    issued.set_amount_minor(facts.amount_minor());
    issued.set_currency(facts.currency());
    issued.set_number(facts.invoice_number());
    issued.set_url(facts.invoice_url());
    unit.outbox.publish(event.tenant_id, issued);
    return {};
  }

  Result<void> payment_method_stated(Unit& unit, const Event& event, const v1::PaymentMethodStated& message) {
    return book_method(unit, payment_method_from(event.tenant_id, message.payment_method(), false));
  }

  Result<void> payment_method_detached(Unit& unit, const Event& event, const v1::PaymentMethodDetached& message) {
    return book_method(unit, payment_method_from(event.tenant_id, message.payment_method(), true));
  }

  Result<void> book_method(Unit& unit, const PaymentMethod& statement) {
    if (!tenants_[statement.tenant_id].tenancy) return no_such_tenant();
    auto& methods = methods_[statement.tenant_id];
    if (!book(methods, statement)) return {};
    const auto& id = statement.stripe_payment_method_id;
    const auto& method = *std::ranges::find(methods, id, &PaymentMethod::stripe_payment_method_id);
    changed_methods_.insert_or_assign(id, method);
    schedule(unit, method, next_expiry_timer(method, unit.now));
    return {};
  }

  // Acknowledged, so that the queue has it out of the way; statements read the counters themselves.
  Result<void> period_closed(Unit&, const Event&, const v1::UsagePeriodClosed&) { return {}; }

  // ---- our own timers ----------------------------------------------------------------------------------------

  // Before this the tenant was PENDING and took no transition: all that was heard meanwhile is asked for now.
  Result<void> trial_started(Unit& unit, const Event& event, const v1::TrialStarted&) {
    if (!tenants_[event.tenant_id].tenancy) return no_such_tenant();
    if (auto followed = follow_price(unit, event.tenant_id); !followed) return followed;
    return apply(unit, event.tenant_id, Account{});
  }

  Result<void> trial_ended(Unit& unit, const Event& event, const v1::TrialEnded& message) {
    const auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    if (tenant.tenancy->unbilled_until && tenant.account.state != AccountState::current) {
      return end_trial_at(unit, event.tenant_id, *tenant.tenancy->unbilled_until);
    }
    const auto ask = on_trial_ended(tenant.account, *tenant.tenancy, from_proto(message.trial_ends_at()));
    return ask ? transition(unit, event.tenant_id, *ask) : Result<void>{};
  }

  Result<void> dunning_due(Unit& unit, const Event& event, const v1::DunningDue& message) {
    const auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const DunningDay due{.lapse = from_proto(message.past_due_since()),
                         .day = Days{message.day()},
                         .warned_at = optional_time(message.has_warned_at(), message.warned_at()),
                         .next_attempt_at = next_attempt(tenant.facts)};
    const auto effects = on_dunning_due(tenant.account, *tenant.tenancy, due, policy_of(tenant), unit.now);
    if (effects.remind) {
      v1::PaymentOverdue overdue;
      *overdue.mutable_past_due_since() = to_proto(due.lapse);
      overdue.set_day(static_cast<std::int32_t>(effects.remind->count()));
      *overdue.mutable_suspend_at() = to_proto(*effects.suspend_at);
      if (due.next_attempt_at > unit.now) *overdue.mutable_next_attempt_at() = to_proto(*due.next_attempt_at);
      if (!tenant.because.rule.empty()) *overdue.mutable_because() = tenancy::to_proto(tenant.because);
      unit.outbox.publish(event.tenant_id, overdue);
    }
    if (effects.next) schedule(unit, event.tenant_id, due.lapse, *effects.next);
    if (!effects.suspend) return {};
    return transition(unit, event.tenant_id, {tenancy::Trigger::unpaid, tenancy::reason_payment_failed});
  }

  template <class M>
  Result<void> dunning_terms_changed(Unit& unit, const Event& event, const M&) {
    const auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const auto lapse = tenant.account.past_due_since;
    if (!lapse || !takes_reminders(tenant.tenancy->status)) return {};
    schedule(unit, event.tenant_id, *lapse, next_dunning_timer(*lapse, policy_of(tenant), unit.now));
    return {};
  }

  Result<void> review_requested(Unit& unit, const Event& event, const v1::AccountReviewRequested&) {
    auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    accounts_.insert(event.tenant_id);
    find_because(tenant, {}, {});
    if (auto followed = follow_price(unit, event.tenant_id); !followed) return followed;
    const auto decision = decide_anew(tenant.stored, tenant.account, *tenant.tenancy, policy_of(tenant));
    return act(unit, event.tenant_id, decision);
  }

  Result<void> payment_method_expiry_due(Unit& unit, const Event& event, const v1::PaymentMethodExpiryDue& message) {
    const auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const auto& methods = methods_[event.tenant_id];
    const auto method =
        std::ranges::find(methods, message.stripe_payment_method_id(), &PaymentMethod::stripe_payment_method_id);
    const auto expires_at = from_proto(message.expires_at());
    if (method == methods.end() || method->detached || method->expires_at != expires_at) return {};
    if (warns(*method, methods, *tenant.tenancy)) {
      v1::PaymentMethodExpiring expiring;
      expiring.set_stripe_payment_method_id(method->stripe_payment_method_id);
      expiring.set_brand(method->brand);
      expiring.set_last4(method->last4);
      *expiring.mutable_expires_at() = message.expires_at();
      expiring.set_days_before(message.days_before());
      unit.outbox.publish(event.tenant_id, expiring);
    }
    schedule(unit, *method, next_expiry_timer(*method, unit.now));
    return {};
  }

  Result<void> plan_change_due(Unit& unit, const Event& event, const v1::PlanChangeDue& message) {
    auto& tenant = tenants_[event.tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const auto applied = tenancy::apply_pending_plan(unit.tx, unit.outbox, event.tenant_id, message.to_plan(),
                                                     from_proto(message.due_at()));
    if (!applied) return applied.error();
    if (*applied) read_tenancy_again(unit, event.tenant_id);
    return {};
  }

  // ---- effects -----------------------------------------------------------------------------------------------

  DunningPolicy policy_of(const TenantBilling& tenant) const {
    return with_terms(config_.dunning, tenant.tenancy->dunning);
  }

  // `beaten`: whose statement about the same object was known before.
  static void find_because(TenantBilling& tenant, const Stated& stated, const std::string& beaten) {
    const auto why = because_of(tenant.facts, tenant.account);
    tenancy::Because because{.rule = std::string(why.rule),
                             .object_id = why.object_id,
                             .stripe_event_id = event_of(tenant.facts, why.object_id)};
    // A payment that is of no invoice is not kept: what is at hand is the one.
    if (why.rule == "payment_received" && why.object_id.empty()) {
      if (tenant.because.rule == why.rule && stated.object_id.empty()) return;
      because.object_id = stated.object_id;
      because.stripe_event_id = stated.stripe_event_id;
    }
    if (because.object_id == stated.object_id && beaten != because.stripe_event_id) because.beaten_event_id = beaten;
    tenant.because = std::move(because);
  }

  template <class F>
  Result<void> change(Unit& unit, const Stated& stated, const F& book_fact) {
    const auto& tenant_id = stated.tenant_id;
    auto& tenant = tenants_[tenant_id];
    if (!tenant.tenancy) return no_such_tenant();
    const auto before = tenant.account;
    const auto received_before = tenant.facts.received_at;
    const auto beaten = event_of(tenant.facts, stated.object_id);
    book_fact(tenant.facts);
    tenant.account = account_of(tenant.facts);
    if (tenant.account != before || tenant.facts.received_at != received_before) {
      accounts_.insert(tenant_id);
      find_because(tenant, stated, beaten);
    }
    if (auto followed = follow_price(unit, tenant_id); !followed) return followed;
    if (tenant.account == before) return {};
    return apply(unit, tenant_id, before);
  }

  Result<void> apply(Unit& unit, const std::string& tenant_id, const Account& before) {
    const auto& tenant = tenants_[tenant_id];
    return act(unit, tenant_id, decide(before, tenant.account, *tenant.tenancy, policy_of(tenant)));
  }

  Result<void> act(Unit& unit, const std::string& tenant_id, const Decision& decision) {
    const auto& tenant = tenants_[tenant_id];
    for (const auto& ask : decision.ask) {
      if (auto asked = transition(unit, tenant_id, ask); !asked) return asked;
    }
    if (decision.cancel_timer) unit.outbox.cancel(dunning_timer(tenant_id));
    if (decision.timer) schedule(unit, tenant_id, *tenant.account.past_due_since, *decision.timer);
    return follow_trial(unit, tenant_id);
  }

  // The price decides the plan when it changes; what somebody chose since then stands.
  Result<void> follow_price(Unit& unit, const std::string& tenant_id) {
    if (plans_.empty() || rare::is(rare::Mutant::price_ignored)) return {};
    auto& tenant = tenants_[tenant_id];
    const auto named = plan_of(tenant.facts, *tenant.tenancy, plans_);
    const auto heard = std::exchange(tenant.priced_plan, written(named));
    if (heard == tenant.priced_plan) return {};
    accounts_.insert(tenant_id);
    if (!is_news(named, heard)) return {};
    const auto* plan = named.plan;
    const auto withdrawn = tenancy::withdraw_pending_plan(unit.tx, unit.outbox, tenant_id, "stripe_price");
    if (!withdrawn) return withdrawn.error();
    if (plan->plan == tenant.tenancy->plan) return {};
    const auto changed = tenancy::change_plan(unit.tx, unit.outbox,
                                              {.tenant_id = tenant_id,
                                               .plan = plan->plan,
                                               .version = plan->version,
                                               .reason = "stripe_price",
                                               .because = {.rule = "price_decides_plan",
                                                           .object_id = named.by->stripe_subscription_id,
                                                           .stripe_event_id = named.by->stripe_event_id}},
                                              unit.now);
    if (!changed) return changed.error();
    read_tenancy_again(unit, tenant_id);
    return {};
  }

  // Of what a change of the plan brings along.
  void read_tenancy_again(Unit& unit, const std::string& tenant_id) {
    tenants_[tenant_id].tenancy = load_tenants(unit.tx, {tenant_id}, {}, unit.now).at(tenant_id).tenancy;
  }

  // A trial ends at the later of our end and the subscription's.
  Result<void> follow_trial(Unit& unit, const std::string& tenant_id) {
    auto& tenant = tenants_[tenant_id];
    if (!tenant.account.trial_until) return {};
    const auto own = tenant.own_trial_ends_at.value_or(tenant.tenancy->trial_ends_at);
    return end_trial_at(unit, tenant_id, std::max(own, *tenant.account.trial_until));
  }

  Result<void> end_trial_at(Unit& unit, const std::string& tenant_id, Timestamp ends_at) {
    auto& tenant = tenants_[tenant_id];
    if (ends_at == tenant.tenancy->trial_ends_at) return {};
    const auto own = tenant.own_trial_ends_at.value_or(tenant.tenancy->trial_ends_at);
    const auto moved = tenancy::move_trial_end(unit.tx, unit.outbox, tenant_id, ends_at, unit.now, config_.lifecycle);
    if (!moved) return moved.error();
    if (!*moved) return {};
    tenant.own_trial_ends_at = own;
    tenant.tenancy->trial_ends_at = ends_at;
    tenant.tenancy->status = tenancy::Status::trial;
    tenant.tenancy->reason.clear();
    accounts_.insert(tenant_id);
    return {};
  }

  Result<void> transition(Unit& unit, const std::string& tenant_id, const Ask& ask) {
    const auto moved = tenancy::transition(unit.tx, unit.outbox,
                                           {.tenant_id = tenant_id,
                                            .trigger = ask.trigger,
                                            .reason = std::string(ask.reason),
                                            .because = tenants_[tenant_id].because},
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
    if (timer.warned_at) *due.mutable_warned_at() = to_proto(*timer.warned_at);
    unit.outbox.schedule(dunning_timer(tenant_id), timer.at, tenant_id, due);
  }

  static void schedule(Unit& unit, const PaymentMethod& method, const std::optional<ExpiryTimer>& timer) {
    if (!timer) return unit.outbox.cancel(expiry_timer(method));
    v1::PaymentMethodExpiryDue due;
    due.set_stripe_payment_method_id(method.stripe_payment_method_id);
    *due.mutable_expires_at() = to_proto(*method.expires_at);
    due.set_days_before(static_cast<std::int32_t>(timer->before.count()));
    unit.outbox.schedule(expiry_timer(method), timer->at, method.tenant_id, due);
  }

  void keep(const Payment& payment) {
    const auto [known, inserted] = payments_.try_emplace(payment.stripe_object_id, payment);
    if (!inserted && is_newer(payment, known->second)) known->second = payment;
  }

  void book_invoice(Facts& facts, const Invoice& statement) {
    if (!book(facts.invoices, statement)) return;
    const auto& id = statement.stripe_invoice_id;
    invoices_.insert_or_assign(id, *std::ranges::find(facts.invoices, id, &Invoice::stripe_invoice_id));
  }

  static Result<void> no_such_tenant() {
    return Error{.code = Errc::not_found, .reason = "tenant_not_found", .message = "no such tenant"};
  }

  const BillingConfig config_;
  std::vector<messaging::ConsumerRow> rows_;

  // Of the batch at hand: what was loaded, as changed since, and what of it is to be written.
  std::map<std::string, TenantBilling> tenants_;
  std::vector<PricedPlan> plans_;
  std::set<std::string> accounts_;
  std::map<std::string, Subscription> subscriptions_;          // by Stripe's id
  std::map<std::string, Invoice> invoices_;                    // by Stripe's id
  std::map<std::string, Payment> payments_;                    // by Stripe's id
  std::map<std::string, std::vector<PaymentMethod>> methods_;  // by tenant
  std::map<std::string, PaymentMethod> changed_methods_;       // by Stripe's id
};

}  // namespace

messaging::WorkerSpec worker_spec(const BillingConfig& config) {
  return {.name = "billing", .database_url = config.database_url, .make = [config](const messaging::LaneContext&) {
            return std::make_unique<BillingWorker>(config);
          }};
}

service::Entry entry() {
  return {.name = "billing",
          .purpose = "The billing worker: subscriptions, invoices, dunning.",
          .read = [](config::Reader& reader) { return worker_spec(read_billing_config(reader)); }};
}

}  // namespace tenantry::billing
