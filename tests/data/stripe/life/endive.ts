// The life as a version of 2026 tells it (stripe 23.1.0): the items of a subscription have periods, and an invoice's parent names
// its subscription; its charge it does not name, and a charge no invoice.
import type Stripe from "stripe-endive";
import { amounts, begins, previous, total, write } from "./story.js";
import type { Charge, Dispute, Invoice, Moment, Plan, Subscription } from "./story.js";

// The package reads decimals into a type of its own; on the wire they are text. It lets every enumeration be any text, as they
// grow; what we say must be one of the words that it knows.
type Decimal = NonNullable<Stripe.Price["unit_amount_decimal"]>;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Word<T extends string> = string extends T ? (Same<T, string> extends true ? T : never) : T;
type Wire<T> = T extends Decimal ? string
  : T extends string ? Word<T>
  : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;

type Told = Wire<
  | Stripe.CustomerCreatedEvent | Stripe.CustomerUpdatedEvent
  | Stripe.CustomerSubscriptionCreatedEvent | Stripe.CustomerSubscriptionUpdatedEvent
  | Stripe.CustomerSubscriptionTrialWillEndEvent | Stripe.CustomerSubscriptionDeletedEvent
  | Stripe.InvoiceFinalizedEvent | Stripe.InvoicePaidEvent | Stripe.InvoicePaymentSucceededEvent | Stripe.InvoicePaymentFailedEvent
  | Stripe.ChargeSucceededEvent | Stripe.ChargeFailedEvent | Stripe.ChargeRefundedEvent
  | Stripe.ChargeDisputeCreatedEvent | Stripe.ChargeDisputeClosedEvent
  | Stripe.CheckoutSessionCompletedEvent
>;

const version: Stripe.LatestApiVersion = "2026-10-28.endive";
const ours: Stripe.Metadata = { tenant_id: "TENANT" };
const email = "owner@TENANT.example";
const instant = (at: number) => begins + at;
const maybe = (at: number | undefined) => (at === undefined ? null : instant(at));
const period = (of: { start: number; end: number }) => ({ start: instant(of.start), end: instant(of.end) });

function customer(owes: boolean): Wire<Stripe.Customer> {
  return {
    id: "cus_TENANT", object: "customer", address: null, balance: 0, created: begins, currency: "eur", default_source: null,
    delinquent: owes, description: null, discount: null, email, invoice_prefix: "AB12CD34",
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false, metadata: {}, name: "Boulangerie", next_invoice_sequence: 1, phone: null, preferred_locales: ["fr"],
    shipping: null, tax_exempt: "none", test_clock: null,
  };
}

function plan(name: Plan): Wire<Stripe.Plan> {
  return {
    id: `price_${name}`, object: "plan", active: true, amount: amounts[name], amount_decimal: String(amounts[name]),
    billing_scheme: "per_unit", created: begins, currency: "eur", interval: "month", interval_count: 1, livemode: false, metadata: {},
    meter: null, nickname: null, product: `prod_${name}`, tiers_mode: null, transform_usage: null, trial_period_days: null,
    usage_type: "licensed",
  };
}

function price(name: Plan): Wire<Stripe.Price> {
  return {
    id: `price_${name}`, object: "price", active: true, billing_scheme: "per_unit", created: begins, currency: "eur",
    custom_unit_amount: null, livemode: false, lookup_key: null, metadata: {}, nickname: null, product: `prod_${name}`,
    recurring: { interval: "month", interval_count: 1, meter: null, trial_period_days: null, usage_type: "licensed" },
    tax_behavior: "exclusive", tiers_mode: null, transform_quantity: null, type: "recurring", unit_amount: amounts[name],
    unit_amount_decimal: String(amounts[name]),
  };
}

function subscription(now: Subscription): Wire<Stripe.Subscription> {
  return {
    id: "sub_TENANT", object: "subscription", application: null, application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null }, billing_cycle_anchor: instant(now.trial.end),
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: "included" }, type: "flexible" }, billing_schedules: [], billing_thresholds: null, cancel_at: maybe(now.cancel?.at),
    cancel_at_period_end: now.cancel !== undefined, canceled_at: maybe(now.cancel?.asked),
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: now.cancel ? "cancellation_requested" : null },
    collection_method: "charge_automatically", created: begins, currency: "eur", customer: "cus_TENANT",
    customer_account: null, days_until_due: null,
    default_payment_method: "pm_TENANT", default_source: null, default_tax_rates: [], description: null,
    discounts: [], ended_at: maybe(now.ended), invoice_settings: { account_tax_ids: null, custom_fields: null, description: null, footer: null, issuer: { type: "self" } },
    items: {
      object: "list", has_more: false, url: "/v1/subscription_items?subscription=sub_TENANT",
      data: [{
        id: "si_TENANT", object: "subscription_item", billing_thresholds: null, created: begins, current_period_end: instant(now.period.end),
        current_period_start: instant(now.period.start), current_trial: null, discounts: [], metadata: {}, plan: plan(now.plan), price: price(now.plan), quantity: 1, subscription: "sub_TENANT", tax_rates: [],
      }],
    },
    latest_invoice: `in_${now.invoice}_TENANT`, livemode: false, managed_payments: null, metadata: ours, next_pending_invoice_item_invoice: null,
    on_behalf_of: null, pause_collection: null,
    payment_settings: { payment_method_options: null, payment_method_types: null, save_default_payment_method: "off" },
    pending_invoice_item_interval: null, pending_setup_intent: null, pending_update: null, schedule: null, start_date: begins,
    status: now.status, test_clock: null, transfer_data: null, trial_end: instant(now.trial.end),
    trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method: "pause" } }, trial_start: instant(now.trial.start),
  };
}

function invoice(now: Invoice): Wire<Stripe.Invoice> {
  const sum = total(now);
  const left = now.paid ? 0 : sum;
  return {
    id: `in_${now.id}_TENANT`, object: "invoice", account_country: "FR", account_name: "Tenantry", account_tax_ids: null,
    amount_due: sum, amount_overpaid: 0, amount_paid: sum - left, amount_remaining: left, amount_shipping: 0, application: null,
    attempt_count: now.attempts, attempted: now.attempts > 0 || now.paid !== undefined, auto_advance: left > 0,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null }, automatically_finalizes_at: null,
    billing_reason: now.reason, collection_method: "charge_automatically",
    created: instant(now.created), currency: "eur", custom_fields: null, customer: "cus_TENANT", customer_account: null, customer_address: null,
    customer_email: email, customer_name: "Boulangerie", customer_phone: null, customer_shipping: null,
    customer_tax_exempt: "none", customer_tax_ids: [], default_payment_method: null, default_source: null, default_tax_rates: [],
    description: null, discounts: [], due_date: null, effective_at: instant(now.created), ending_balance: 0,
    footer: null, from_invoice: null, hosted_invoice_url: `https://invoice.stripe.com/i/${now.id}`,
    invoice_pdf: `https://pay.stripe.com/invoice/${now.id}/pdf`, issuer: { type: "self" }, last_finalization_error: null,
    latest_revision: null,
    lines: {
      object: "list", has_more: false, url: `/v1/invoices/in_${now.id}_TENANT/lines`,
      data: now.lines.map((line, place) => ({
        id: `il_${now.id}_${place}_TENANT`, object: "line_item", amount: line.amount, currency: "eur",
        description: line.text, discount_amounts: [], discountable: !line.proration, discounts: [], invoice: `in_${now.id}_TENANT`,
        livemode: false, metadata: ours,
        parent: {
          invoice_item_details: line.proration
            ? { invoice_item: `ii_${place}_TENANT`, proration: true, proration_details: { credited_items: null }, subscription: "sub_TENANT" } : null,
          subscription_item_details: line.proration
            ? null
            : { invoice_item: null, proration: false, proration_details: null, subscription: "sub_TENANT", subscription_item: "si_TENANT" },
          type: line.proration ? "invoice_item_details" : "subscription_item_details",
        },
        period: period(line.period), pretax_credit_amounts: [],
        pricing: {
          price_details: { price: `price_${line.plan}`, product: `prod_${line.plan}` }, type: "price_details",
          unit_amount_decimal: String(line.amount),
        },
        quantity: 1, quantity_decimal: "1", subscription: "sub_TENANT", subtotal: line.amount, taxes: [],
      })),
    },
    livemode: false, metadata: {}, next_payment_attempt: maybe(now.retry), number: `AB12CD34-${now.id}`, on_behalf_of: null,
    parent: {
      quote_details: null, subscription_details: { metadata: ours, subscription: "sub_TENANT" }, type: "subscription_details",
    },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: instant(now.period.end), period_start: instant(now.period.start), post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0, receipt_number: null, rendering: null, shipping_cost: null,
    shipping_details: null, starting_balance: 0, statement_descriptor: null, status: now.paid ? "paid" : "open",
    status_transitions: { finalized_at: instant(now.created), marked_uncollectible_at: null, paid_at: maybe(now.paid?.at), voided_at: null },
    subtotal: sum, subtotal_excluding_tax: sum, test_clock: null, total: sum, total_discount_amounts: [], total_excluding_tax: sum,
    total_pretax_credit_amounts: [], total_taxes: [], webhooks_delivered_at: instant(now.created),
  };
}

function charge(now: Charge): Wire<Stripe.Charge> {
  return {
    id: `ch_${now.id}_TENANT`, object: "charge", amount: now.amount, amount_captured: now.failed ? 0 : now.amount,
    amount_refunded: now.refunded, application: null, application_fee: null, application_fee_amount: null,
    balance_transaction: now.failed ? null : `txn_${now.id}_TENANT`,
    billing_details: { address: null, email, name: "Marie Martin", phone: null, tax_id: null }, calculated_statement_descriptor: "TENANTRY",
    captured: !now.failed, created: instant(now.created), currency: "eur", customer: "cus_TENANT", description: "Subscription update",
    disputed: now.disputed, failure_balance_transaction: null, failure_code: now.failed ? "card_declined" : null,
    failure_message: now.failed ? "Your card was declined." : null, fraud_details: {},
    livemode: false, metadata: {}, on_behalf_of: null,
    outcome: {
      advice_code: null, network_advice_code: null, network_decline_code: null,
      network_status: now.failed ? "declined_by_network" : "approved_by_network", reason: now.failed ? "generic_decline" : null,
      risk_level: "normal", risk_score: 7, seller_message: now.failed ? "The bank did not return any further details." : "Payment complete.",
      type: now.failed ? "issuer_declined" : "authorized",
    },
    paid: !now.failed, payment_intent: `pi_${now.invoice}_TENANT`, payment_method: "pm_TENANT",
    payment_method_details: {
      type: "card",
      card: {
        amount_authorized: now.amount, authorization_code: null, brand: "visa",
        checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: null }, country: "FR",
        electronic_commerce_indicator: null, exp_month: 3, exp_year: 2031, fingerprint: "Xt5EWLLDS7FJjR1c", funding: "credit", installments: null, last4: "4242", mandate: null, network: "visa",
        network_transaction_id: null, regulated_status: "unregulated", three_d_secure: null,
        transaction_link_id: null, wallet: null,
      },
    },
    receipt_email: null, receipt_number: null, receipt_url: `https://pay.stripe.com/receipts/${now.id}`,
    refunded: now.refunded === now.amount, review: null, shipping: null, source: null, source_transfer: null,
    statement_descriptor: null, statement_descriptor_suffix: null, status: now.failed ? "failed" : "succeeded",
    transfer_data: null, transfer_group: null,
  };
}

function dispute(now: Dispute): Wire<Stripe.Dispute> {
  return {
    id: "dp_TENANT", object: "dispute", amount: now.charge.amount, balance_transactions: [], charge: `ch_${now.charge.id}_TENANT`,
    created: instant(now.created), currency: "eur", enhanced_eligibility_types: [],
    evidence: {
      access_activity_log: null, billing_address: null, cancellation_policy: null, cancellation_policy_disclosure: null,
      cancellation_rebuttal: null, customer_communication: null, customer_email_address: email, customer_name: "Marie Martin",
      customer_purchase_ip: null, customer_signature: null, duplicate_charge_documentation: null, duplicate_charge_explanation: null,
      duplicate_charge_id: null, enhanced_evidence: {}, product_description: null, receipt: null, refund_policy: null,
      refund_policy_disclosure: null, refund_refusal_explanation: null, service_date: null, service_documentation: null,
      shipping_address: null, shipping_carrier: null, shipping_date: null, shipping_documentation: null,
      shipping_tracking_number: null, uncategorized_file: null, uncategorized_text: null,
    },
    evidence_details: {
      due_by: instant(now.created) + 604800, enhanced_eligibility: {}, has_evidence: now.status === "won", past_due: false,
      submission_count: now.status === "won" ? 1 : 0, submission_method: "manual",
    },
    intended_submission_method: "manual", is_charge_refundable: false, livemode: false, metadata: {}, payment_intent: `pi_${now.charge.invoice}_TENANT`,
    payment_method_details: { type: "card", card: { brand: "visa", case_type: "chargeback", network: "visa", network_reason_code: "10.4" } },
    reason: "fraudulent", status: now.status,
  };
}

function session(first: string): Wire<Stripe.Checkout.Session> {
  return {
    id: "cs_TENANT", object: "checkout.session", adaptive_pricing: null, after_expiration: null, allow_promotion_codes: null,
    allowed_payment_method_types: null,     amount_subtotal: 0, amount_total: 0, automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null, cancel_url: "https://tenantry.example/cancelled", client_reference_id: "TENANT",
    client_secret: null, collected_information: null, consent: null, consent_collection: null, created: begins, currency: "eur", currency_conversion: null,
    custom_fields: [], custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
    customer: "cus_TENANT", customer_account: null, customer_creation: "always",
    customer_details: { address: null, business_name: null, email, individual_name: null, name: "Marie Martin", phone: null, tax_exempt: "none", tax_ids: [] },
    customer_email: email, discounts: [], expires_at: begins + 86400, integration_identifier: null, invoice: `in_${first}_TENANT`, invoice_creation: null,
    livemode: false, locale: "fr", managed_payments: null, metadata: {}, mode: "subscription", optional_items: null, origin_context: null, payment_intent: null, payment_link: null,
    payment_method_collection: "always", payment_method_configuration_details: null, payment_method_options: {},
    payment_method_types: ["card"], payment_status: "no_payment_required", permissions: null, phone_number_collection: { enabled: false },
    recovered_from: null, saved_payment_method_options: null, setup_intent: null, shipping_address_collection: null,
    shipping_cost: null, shipping_options: [], status: "complete", submit_type: null,
    subscription: "sub_TENANT", success_url: "https://tenantry.example/welcome",
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 }, ui_mode: "hosted_page", url: null,
    wallet_options: null,
  };
}

function tell(moment: Moment, id: string): Told {
  const envelope = {
    id, object: "event" as const, api_version: version, created: instant(moment.at), livemode: false, pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
  };
  switch (moment.type) {
    case "customer.created":
      return { ...envelope, type: moment.type, data: { object: customer(moment.owes) } };
    case "customer.updated":
      return {
        ...envelope, type: moment.type,
        data: { object: customer(moment.owes), previous_attributes: previous(customer(moment.before === true), customer(moment.owes)) },
      };
    case "customer.subscription.created":
    case "customer.subscription.trial_will_end":
    case "customer.subscription.deleted":
      return { ...envelope, type: moment.type, data: { object: subscription(moment.now) } };
    case "customer.subscription.updated":
      return {
        ...envelope, type: moment.type,
        data: { object: subscription(moment.now), previous_attributes: previous(subscription(moment.before), subscription(moment.now)) },
      };
    case "invoice.finalized":
    case "invoice.paid":
    case "invoice.payment_succeeded":
    case "invoice.payment_failed":
      return { ...envelope, type: moment.type, data: { object: invoice(moment.now) } };
    case "charge.succeeded":
    case "charge.failed":
    case "charge.refunded":
      return { ...envelope, type: moment.type, data: { object: charge(moment.now) } };
    case "charge.dispute.created":
    case "charge.dispute.closed":
      return { ...envelope, type: moment.type, data: { object: dispute(moment.now) } };
    case "checkout.session.completed":
      return { ...envelope, type: moment.type, data: { object: session(moment.invoice) } };
  }
}

write(tell);
