// What happens in a tenant's life, whatever version of Stripe's API tells it: acacia.ts and endive.ts say the same in theirs.
//
// Times are seconds since the life began and become instants by `begins`; a test moves the whole life to where its clock
// is. TENANT stands wherever a tenant's own id belongs.

export const begins = 1735689600; // 2025-01-01T00:00:00Z
const hour = 3600;
const day = 24 * hour;

export type Plan = "starter" | "professional";
export const amounts: Record<Plan, number> = { starter: 4900, professional: 14900 };

export interface Subscription {
  status: "trialing" | "active" | "past_due" | "canceled";
  plan: Plan;
  period: { start: number; end: number };
  trial: { start: number; end: number };
  cancel?: { asked: number; at: number };
  ended?: number;
  invoice: string; // the latest
}

export interface Invoice {
  id: string;
  reason: "subscription_create" | "subscription_cycle" | "subscription_update";
  created: number;
  period: { start: number; end: number };
  lines: { amount: number; plan: Plan; proration: boolean; period: { start: number; end: number }; text: string }[];
  attempts: number;
  retry?: number; // when Stripe tries next
  paid?: { at: number; charge?: string };
}

export interface Charge {
  id: string;
  amount: number;
  refunded: number;
  created: number;
  disputed: boolean;
  invoice: string;
  failed: boolean;
}

export interface Dispute {
  charge: Charge;
  created: number;
  status: "needs_response" | "won";
}

export type Moment = { at: number } & (
  | { type: "customer.created" | "customer.updated"; owes: boolean; before?: boolean }
  | { type: "customer.subscription.created" | "customer.subscription.trial_will_end" | "customer.subscription.deleted"; now: Subscription }
  | { type: "customer.subscription.updated"; now: Subscription; before: Subscription }
  | { type: "invoice.finalized" | "invoice.paid" | "invoice.payment_succeeded" | "invoice.payment_failed"; now: Invoice }
  | { type: "charge.succeeded" | "charge.failed" | "charge.refunded"; now: Charge }
  | { type: "charge.dispute.created" | "charge.dispute.closed"; now: Dispute }
  | { type: "checkout.session.completed"; invoice: string }
);

export function total(invoice: Invoice): number {
  return invoice.lines.reduce((sum, line) => sum + line.amount, 0);
}

// What an update says that it was before.
export function previous<T extends object>(before: T, now: T): Partial<T> {
  const changed: Partial<T> = {};
  for (const key in now) {
    if (JSON.stringify(before[key]) !== JSON.stringify(now[key])) changed[key] = before[key];
  }
  return changed;
}

function bill(id: string, reason: Invoice["reason"], created: number, period: Invoice["period"], plan: Plan, amount: number): Invoice {
  return { id, reason, created, period, attempts: 0, lines: [{ amount, plan, proration: false, period, text: `1 × ${plan}` }] };
}

// Stripe tells of a payment in this order, within the second.
function paid(open: Invoice, at: number, charge: string): Moment[] {
  const now: Invoice = { ...open, attempts: open.attempts + 1, retry: undefined, paid: { at, charge } };
  return [
    { at, type: "charge.succeeded", now: { id: charge, amount: total(open), refunded: 0, created: at, disputed: false, invoice: open.id, failed: false } },
    { at: at + 1, type: "invoice.paid", now },
    { at: at + 1, type: "invoice.payment_succeeded", now },
  ];
}

function life(): Moment[] {
  const trial = { start: 0, end: 14 * day };
  const first = { start: trial.end, end: 44 * day };
  const second = { start: first.end, end: 74 * day };

  const trying: Subscription = { status: "trialing", plan: "starter", period: trial, trial, invoice: "trial" };
  const nothing = { ...bill("trial", "subscription_create", 0, trial, "starter", 0), paid: { at: 0 } };

  const began: Subscription = { ...trying, status: "active", period: first, invoice: "first" };
  const firstBill = bill("first", "subscription_cycle", first.start, first, "starter", amounts.starter);

  const upgradedAt = 20 * day;
  const rest = { start: upgradedAt, end: first.end };
  const share = (amount: number) => Math.round((amount * (rest.end - rest.start)) / (first.end - first.start));
  const upgraded: Subscription = { ...began, plan: "professional", invoice: "upgrade" };
  const upgradeBill: Invoice = {
    id: "upgrade", reason: "subscription_update", created: upgradedAt, period: { start: upgradedAt, end: upgradedAt }, attempts: 0,
    lines: [
      { amount: -share(amounts.starter), plan: "starter", proration: true, period: rest, text: "Unused time on starter" },
      { amount: share(amounts.professional), plan: "professional", proration: true, period: rest, text: "Remaining time on professional" },
    ],
  };

  const renewed: Subscription = { ...upgraded, period: second, invoice: "renewal" };
  const renewalBill = bill("renewal", "subscription_cycle", second.start, second, "professional", amounts.professional);
  const failedAt = second.start + hour;
  const retriedAt = failedAt + 3 * day;
  const failedBill: Invoice = { ...renewalBill, attempts: 1, retry: retriedAt };
  const owing: Subscription = { ...renewed, status: "past_due" };
  const charge = (id: string, of: Invoice, created: number): Charge => ({
    id, amount: total(of), refunded: 0, created, disputed: false, invoice: of.id, failed: false,
  });
  const firstCharge = charge("first", firstBill, first.start + hour);
  const renewalCharge = charge("renewal", renewalBill, retriedAt);

  const askedAt = 72 * day;
  const leaving: Subscription = { ...renewed, cancel: { asked: askedAt, at: second.end } };
  const left: Subscription = { ...leaving, status: "canceled", ended: second.end };

  return [
    // A trial, by the checkout.
    { at: 0, type: "customer.created", owes: false },
    { at: 2, type: "customer.subscription.created", now: trying },
    { at: 2, type: "invoice.finalized", now: { ...nothing } },
    { at: 3, type: "invoice.paid", now: nothing },
    { at: 3, type: "invoice.payment_succeeded", now: nothing },
    { at: 4, type: "checkout.session.completed", invoice: "trial" },
    { at: trial.end - 3 * day, type: "customer.subscription.trial_will_end", now: trying },
    // It ends, and is paid for.
    { at: first.start, type: "customer.subscription.updated", now: began, before: trying },
    { at: first.start + hour - 1, type: "invoice.finalized", now: firstBill },
    ...paid(firstBill, first.start + hour, "first"),
    // More is wanted, and paid for at once.
    { at: upgradedAt, type: "customer.subscription.updated", now: upgraded, before: began },
    { at: upgradedAt, type: "invoice.finalized", now: upgradeBill },
    ...paid(upgradeBill, upgradedAt + 1, "upgrade"),
    // The renewal fails, and is paid for at the second attempt.
    { at: second.start, type: "customer.subscription.updated", now: renewed, before: upgraded },
    { at: failedAt - 1, type: "invoice.finalized", now: renewalBill },
    { at: failedAt, type: "charge.failed", now: { ...charge("declined", renewalBill, failedAt), failed: true } },
    { at: failedAt + 1, type: "invoice.payment_failed", now: failedBill },
    { at: failedAt + 1, type: "customer.subscription.updated", now: owing, before: renewed },
    { at: failedAt + 1, type: "customer.updated", owes: true, before: false },
    ...paid(failedBill, retriedAt, "renewal"),
    { at: retriedAt + 1, type: "customer.subscription.updated", now: renewed, before: owing },
    { at: retriedAt + 1, type: "customer.updated", owes: false, before: true },
    // Some of it comes back; the first payment is disputed, and the dispute won.
    { at: 50 * day, type: "charge.refunded", now: { ...renewalCharge, refunded: 1000 } },
    { at: 55 * day, type: "charge.dispute.created", now: { charge: { ...firstCharge, disputed: true }, created: 55 * day, status: "needs_response" } },
    { at: 70 * day, type: "charge.dispute.closed", now: { charge: { ...firstCharge, disputed: true }, created: 55 * day, status: "won" } },
    // The end, asked for and come.
    { at: askedAt, type: "customer.subscription.updated", now: leaving, before: renewed },
    { at: second.end, type: "customer.subscription.deleted", now: left },
  ];
}

export const moments = life();

// As it is committed: one event a line.
export function write<E>(tell: (moment: Moment, id: string) => E): void {
  const events = moments.map((moment, place) => tell(moment, `evt_${String(place + 1).padStart(2, "0")}_TENANT`));
  console.log("[\n" + events.map((event) => JSON.stringify(event)).join(",\n") + "\n]");
}
