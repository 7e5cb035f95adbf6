// The life as the last API version before 2025-03-31 tells it (stripe 17.7.0): a subscription has a period, an invoice names
// its subscription and its charge.
/// <reference types="stripe-acacia" />
import type Stripe from "stripe";
import { amounts, begins, previous, total, write } from "./story.js";
import type { Charge, Dispute, Invoice, Moment, Plan, Subscription } from "./story.js";

type Told =
  | Stripe.CustomerCreatedEvent | Stripe.CustomerUpdatedEvent
  | Stripe.CustomerSubscriptionCreatedEvent | Stripe.CustomerSubscriptionUpdatedEvent
  | Stripe.CustomerSubscriptionTrialWillEndEvent | Stripe.CustomerSubscriptionDeletedEvent
  | Stripe.InvoiceFinalizedEvent | Stripe.InvoicePaidEvent | Stripe.InvoicePaymentSucceededEvent | Stripe.InvoicePaymentFailedEvent
  | Stripe.ChargeSucceededEvent | Stripe.ChargeFailedEvent | Stripe.ChargeRefundedEvent
  | Stripe.ChargeDisputeCreatedEvent | Stripe.ChargeDisputeClosedEvent
  | Stripe.CheckoutSessionCompletedEvent;

const version: Stripe.LatestApiVersion = "2025-02-24.acacia";
const ours: Stripe.Metadata = { tenant_id: "TENANT" };
const email = "owner@TENANT.example";
const instant = (at: number) => begins + at;
const maybe = (at: number | undefined) => (at === undefined ? null : instant(at));
const period = (of: { start: number; end: number }) => ({ start: instant(of.start), end: instant(of.end) });

function customer(owes: boolean): Stripe.Customer {
  return {
    id: "cus_TENANT", object: "customer", address: null, balance: 0, created: begins, currency: "eur", default_source: null,
    delinquent: owes, description: null, discount: null, email, invoice_prefix: "AB12CD34",
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false, metadata: {}, name: "Boulangerie", next_invoice_sequence: 1, phone: null, preferred_locales: ["fr"],
    shipping: null, tax_exempt: "none", test_clock: null,
  };
}

function plan(name: Plan): Stripe.Plan {
  return {
    id: `price_${name}`, object: "plan", active: true, aggregate_usage: null, amount: amounts[name], amount_decimal: String(amounts[name]),
    billing_scheme: "per_unit", created: begins, currency: "eur", interval: "month", interval_count: 1, livemode: false, metadata: {},
    meter: null, nickname: null, product: `prod_${name}`, tiers_mode: null, transform_usage: null, trial_period_days: null,
    usage_type: "licensed",
  };
}

function price(name: Plan): Stripe.Price {
  return {
    id: `price_${name}`, object: "price", active: true, billing_scheme: "per_unit", created: begins, currency: "eur",
    custom_unit_amount: null, livemode: false, lookup_key: null, metadata: {}, nickname: null, product: `prod_${name}`,
    recurring: { aggregate_usage: null, interval: "month", interval_count: 1, meter: null, trial_period_days: null, usage_type: "licensed" },
    tax_behavior: "exclusive", tiers_mode: null, transform_quantity: null, type: "recurring", unit_amount: amounts[name],
    unit_amount_decimal: String(amounts[name]),
  };
}

function subscription(now: Subscription): Stripe.Subscription {
  return {
    id: "sub_TENANT", object: "subscription", application: null, application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null }, billing_cycle_anchor: instant(now.trial.end),
    billing_cycle_anchor_config: null, billing_thresholds: null, cancel_at: maybe(now.cancel?.at),
    cancel_at_period_end: now.cancel !== undefined, canceled_at: maybe(now.cancel?.asked),
    cancellation_details: { comment: null, feedback: null, reason: now.cancel ? "cancellation_requested" : null },
    collection_method: "charge_automatically", created: begins, currency: "eur", current_period_end: instant(now.period.end),
    current_period_start: instant(now.period.start), customer: "cus_TENANT", days_until_due: null,
    default_payment_method: "pm_TENANT", default_source: null, default_tax_rates: [], description: null, discount: null,
    discounts: [], ended_at: maybe(now.ended), invoice_settings: { account_tax_ids: null, issuer: { type: "self" } },
    items: {
      object: "list", has_more: false, url: "/v1/subscription_items?subscription=sub_TENANT",
      data: [{
        id: "si_TENANT", object: "subscription_item", billing_thresholds: null, created: begins, discounts: [], metadata: {},
        plan: plan(now.plan), price: price(now.plan), quantity: 1, subscription: "sub_TENANT", tax_rates: [],
      }],
    },
    latest_invoice: `in_${now.invoice}_TENANT`, livemode: false, metadata: ours, next_pending_invoice_item_invoice: null,
    on_behalf_of: null, pause_collection: null,
    payment_settings: { payment_method_options: null, payment_method_types: null, save_default_payment_method: "off" },
    pending_invoice_item_interval: null, pending_setup_intent: null, pending_update: null, schedule: null, start_date: begins,
    status: now.status, test_clock: null, transfer_data: null, trial_end: instant(now.trial.end),
    trial_settings: { end_behavior: { missing_payment_method: "pause" } }, trial_start: instant(now.trial.start),
  };
}

function invoice(now: Invoice): Stripe.Invoice {
  const sum = total(now);
  const left = now.paid ? 0 : sum;
  const charge = now.paid?.charge;
  return {
    id: `in_${now.id}_TENANT`, object: "invoice", account_country: "FR", account_name: "Tenantry", account_tax_ids: null,
    amount_due: sum, amount_paid: sum - left, amount_remaining: left, amount_shipping: 0, application: null,
    application_fee_amount: null, attempt_count: now.attempts, attempted: now.attempts > 0 || now.paid !== undefined, auto_advance: left > 0,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, status: null }, automatically_finalizes_at: null,
    billing_reason: now.reason, charge: charge ? `ch_${charge}_TENANT` : null, collection_method: "charge_automatically",
    created: instant(now.created), currency: "eur", custom_fields: null, customer: "cus_TENANT", customer_address: null,
    customer_email: email, customer_name: "Boulangerie", customer_phone: null, customer_shipping: null,
    customer_tax_exempt: "none", customer_tax_ids: [], default_payment_method: null, default_source: null, default_tax_rates: [],
    description: null, discount: null, discounts: [], due_date: null, effective_at: instant(now.created), ending_balance: 0,
    footer: null, from_invoice: null, hosted_invoice_url: `https://invoice.stripe.com/i/${now.id}`,
    invoice_pdf: `https://pay.stripe.com/invoice/${now.id}/pdf`, issuer: { type: "self" }, last_finalization_error: null,
    latest_revision: null,
    lines: {
      object: "list", has_more: false, url: `/v1/invoices/in_${now.id}_TENANT/lines`,
      data: now.lines.map((line, place) => ({
        id: `il_${now.id}_${place}_TENANT`, object: "line_item", amount: line.amount, amount_excluding_tax: line.amount, currency: "eur",
        description: line.text, discount_amounts: [], discountable: !line.proration, discounts: [], invoice: `in_${now.id}_TENANT`,
        livemode: false, metadata: ours, period: period(line.period), plan: plan(line.plan), pretax_credit_amounts: [],
        price: price(line.plan), proration: line.proration, proration_details: { credited_items: null }, quantity: 1,
        subscription: "sub_TENANT", subscription_item: "si_TENANT", tax_amounts: [], tax_rates: [],
        type: line.proration ? "invoiceitem" : "subscription", unit_amount_excluding_tax: String(line.amount),
      })),
    },
    livemode: false, metadata: {}, next_payment_attempt: maybe(now.retry), number: `AB12CD34-${now.id}`, on_behalf_of: null,
    paid: now.paid !== undefined, paid_out_of_band: false, payment_intent: sum > 0 ? `pi_${now.id}_TENANT` : null,
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: instant(now.period.end), period_start: instant(now.period.start), post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0, quote: null, receipt_number: null, rendering: null, shipping_cost: null,
    shipping_details: null, starting_balance: 0, statement_descriptor: null, status: now.paid ? "paid" : "open",
    status_transitions: { finalized_at: instant(now.created), marked_uncollectible_at: null, paid_at: maybe(now.paid?.at), voided_at: null },
    subscription: "sub_TENANT", subscription_details: { metadata: ours }, subtotal: sum, subtotal_excluding_tax: sum, tax: null,
    test_clock: null, total: sum, total_discount_amounts: [], total_excluding_tax: sum, total_pretax_credit_amounts: [],
    total_tax_amounts: [], transfer_data: null, webhooks_delivered_at: instant(now.created),
  };
}

function charge(now: Charge): Stripe.Charge {
  return {
    id: `ch_${now.id}_TENANT`, object: "charge", amount: now.amount, amount_captured: now.failed ? 0 : now.amount,
    amount_refunded: now.refunded, application: null, application_fee: null, application_fee_amount: null,
    balance_transaction: now.failed ? null : `txn_${now.id}_TENANT`,
    billing_details: { address: null, email, name: "Marie Martin", phone: null }, calculated_statement_descriptor: "TENANTRY",
    captured: !now.failed, created: instant(now.created), currency: "eur", customer: "cus_TENANT", description: "Subscription update",
    disputed: now.disputed, failure_balance_transaction: null, failure_code: now.failed ? "card_declined" : null,
    failure_message: now.failed ? "Your card was declined." : null, fraud_details: {}, invoice: `in_${now.invoice}_TENANT`,
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
        checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: null }, country: "FR", exp_month: 3,
        exp_year: 2031, fingerprint: "Xt5EWLLDS7FJjR1c", funding: "credit", installments: null, last4: "4242", mandate: null, network: "visa",
        network_transaction_id: null, regulated_status: "unregulated", three_d_secure: null, wallet: null,
      },
    },
    receipt_email: null, receipt_number: null, receipt_url: `https://pay.stripe.com/receipts/${now.id}`,
    refunded: now.refunded === now.amount, review: null, shipping: null, source: null, source_transfer: null,
    statement_descriptor: null, statement_descriptor_suffix: null, status: now.failed ? "failed" : "succeeded",
    transfer_data: null, transfer_group: null,
  };
}

function dispute(now: Dispute): Stripe.Dispute {
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
      submission_count: now.status === "won" ? 1 : 0,
    },
    is_charge_refundable: false, livemode: false, metadata: {}, payment_intent: `pi_${now.charge.invoice}_TENANT`,
    payment_method_details: { type: "card", card: { brand: "visa", case_type: "chargeback", network_reason_code: "10.4" } },
    reason: "fraudulent", status: now.status,
  };
}

function session(first: string): Stripe.Checkout.Session {
  return {
    id: "cs_TENANT", object: "checkout.session", adaptive_pricing: null, after_expiration: null, allow_promotion_codes: null,
    amount_subtotal: 0, amount_total: 0, automatic_tax: { enabled: false, liability: null, status: null },
    billing_address_collection: null, cancel_url: "https://tenantry.example/cancelled", client_reference_id: "TENANT",
    client_secret: null, consent: null, consent_collection: null, created: begins, currency: "eur", currency_conversion: null,
    custom_fields: [], custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
    customer: "cus_TENANT", customer_creation: "always",
    customer_details: { address: null, email, name: "Marie Martin", phone: null, tax_exempt: "none", tax_ids: [] },
    customer_email: email, discounts: [], expires_at: begins + 86400, invoice: `in_${first}_TENANT`, invoice_creation: null,
    livemode: false, locale: "fr", metadata: {}, mode: "subscription", payment_intent: null, payment_link: null,
    payment_method_collection: "always", payment_method_configuration_details: null, payment_method_options: {},
    payment_method_types: ["card"], payment_status: "no_payment_required", phone_number_collection: { enabled: false },
    recovered_from: null, saved_payment_method_options: null, setup_intent: null, shipping_address_collection: null,
    shipping_cost: null, shipping_details: null, shipping_options: [], status: "complete", submit_type: null,
    subscription: "sub_TENANT", success_url: "https://tenantry.example/welcome",
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 }, ui_mode: "hosted", url: null,
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
