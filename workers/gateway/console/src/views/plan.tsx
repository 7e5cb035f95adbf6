import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api } from "../core/api.ts";
import { money, number, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { Payment } from "../core/payment.tsx";
import { closed, may, refreshSession } from "../core/session.ts";
import { kindOf, Standing } from "../core/standing.tsx";
import { Act, Answer, Button, Card, Copyable, Facts, Moment, Notice, Page, Status } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import { PlanCards, type Plan } from "./signup.tsx";

const t = words({
  en: { title: "Plan and billing", current: "Your plan", price: "Price", month: "a month", trialEnds: "Trial ends", paid: "Paid last", pastDue: "Owed since", pastDueTitle: "A payment is overdue", pastDueHint: "Access is closed where it stays unpaid.", toPay: "To be paid", next: "Change that is due", from: "{plan} from", cancelled: "Everything is deleted", choose: "Change plan", take: "Take {plan}", takeWhat: "Your company is on {plan} from then on: what it costs and allows follows.", keep: "Keep the present plan", keepWhat: "The change that is due does not happen.", cancel: "Cancel the subscription", cancelWhat: "Your people can only export and come back. After the grace period all data is deleted for good.", reactivate: "Come back", reactivateWhat: "Everything is open again as it was.", invoices: "All invoices", subscription: "Subscription at Stripe", stripeStatus: "Stripe's status", items: "Items", ends: "Ends", endsHint: "The subscription ends then, and the company is cancelled.", renews: "Paid until", mayNot: "Your role sees billing and changes nothing here: ask an owner." },
  fr: { title: "Offre et facturation", current: "Votre offre", price: "Prix", month: "par mois", trialEnds: "Fin de l'essai", paid: "Dernier paiement", pastDue: "Dû depuis", pastDueTitle: "Un paiement est en retard", pastDueHint: "L'accès est fermé s'il reste impayé.", toPay: "À payer", next: "Changement prévu", from: "{plan} à partir du", cancelled: "Tout est supprimé", choose: "Changer d'offre", take: "Prendre {plan}", takeWhat: "Votre entreprise passe à {plan} : le prix et les limites suivent.", keep: "Garder l'offre actuelle", keepWhat: "Le changement prévu n'a pas lieu.", cancel: "Résilier", cancelWhat: "Vos membres ne peuvent plus qu'exporter et revenir. Après le délai de grâce, toutes les données sont supprimées.", reactivate: "Revenir", reactivateWhat: "Tout est rouvert comme avant.", invoices: "Toutes les factures", subscription: "Abonnement chez Stripe", stripeStatus: "Statut chez Stripe", items: "Éléments", ends: "Fin", endsHint: "L'abonnement prend alors fin et l'entreprise est résiliée.", renews: "Payé jusqu'au", mayNot: "Votre rôle voit la facturation et n'y change rien : adressez-vous à un propriétaire." },
});
export interface Subscription {
  plan: string; status: string; status_reason: string; price: { amount_minor: number; currency: string }; trial_ends_at: string; deletion_due_at: string | null; plan_change: { plan: string; due_at: string } | null;
  billing: { paid_at: string | null; past_due_since: string | null; state: string } | null; invoices: number;
  stripe_subscription: { id: string; status: string; current_period_end: string | null; ends_at: string | null; items: { id: string; price_id: string; quantity: number }[] } | null;
}
type Deed = "take" | "keep" | "cancel" | "reactivate";

function AtStripe({ of }: { of: NonNullable<Subscription["stripe_subscription"]> }) {
  const over = of.status === "canceled" || of.status === "incomplete_expired";
  return (
    <Card title={t("subscription")}>
      <div class="stack">
        {of.ends_at && !over && <Notice tone="warn" icon="clock"><span data-ends><strong>{t("ends")}: <Moment at={of.ends_at} />.</strong> {t("endsHint")}</span></Notice>}
        <Facts of={[
          [t("stripeStatus"), of.status], [t("renews"), <Moment at={of.current_period_end} />],
          [t("items"), of.items.map((one) => <div key={one.id || one.price_id}>{number(one.quantity)} × <Copyable text={one.price_id} short={24} /></div>)],
        ]} />
      </div>
    </Card>
  );
}

function Show() {
  const subscription = useLoad("subscription", () => api.get<Subscription>("/v1/subscription"));
  const plans = useLoad("plans", () => api.get<{ plans: Plan[] }>("/signup/plans"));
  const [chosen, setChosen] = useState("");
  const [deed, setDeed] = useState<Deed>();
  const close = () => setDeed(undefined);
  const done = () => { close(); subscription.again(); void refreshSession(); };
  return (
    <Page title={t("title")} actions={<a href="/console/invoices">{t("invoices")}</a>}>
      <Answer of={subscription}>{(data) => {
        const wanted = chosen || data.plan;
        const kind = kindOf(data, closed.value?.code);
        const owed = data.billing?.past_due_since;
        const over = data.status === "CANCELLED";
        const changes = may("subscription:change_plan") && !over;
        const facts: [string, ComponentChildren][] = [[t("current"), <div class="row"><strong>{data.plan}</strong><Status of={data.status} /></div>], [t("price"), `${money(data.price)} ${t("month")}`], [t("trialEnds"), <Moment at={data.trial_ends_at} />], [t("paid"), <Moment at={data.billing?.paid_at} />]];
        if (owed) facts.push([t("pastDue"), <Moment at={owed} />]);
        if (data.plan_change) facts.push([t("next"), <span data-plan-change>{t("from", { plan: data.plan_change.plan })} <Moment at={data.plan_change.due_at} /></span>]);
        if (data.deletion_due_at) facts.push([t("cancelled"), <Moment at={data.deletion_due_at} />]);
        return (
          <>
            {kind ? <Standing kind={kind} reason={data.status_reason} deletion={data.deletion_due_at} /> : owed && <Notice tone="bad"><strong>{t("pastDueTitle")}.</strong> {t("pastDueHint")}</Notice>}
            {(owed || kind === "unpaid" || (kind === "trial" && data.invoices > 0)) && <Card title={t("toPay")}><Payment /></Card>}
            <Card title={t("current")} actions={<>
              {data.plan_change && changes && <Button small onClick={() => setDeed("keep")}>{t("keep")}</Button>}
              {over && may("subscription:reactivate") && <Button small kind="primary" onClick={() => setDeed("reactivate")}>{t("reactivate")}…</Button>}
              {!over && may("subscription:cancel") && <Button small kind="quiet" onClick={() => setDeed("cancel")}>{t("cancel")}…</Button>}
            </>}>
              <div class="stack">
                <Facts of={facts} />
                {!may("subscription:change_plan") && !may("subscription:cancel") && !may("subscription:reactivate") && <p class="muted">{t("mayNot")}</p>}
              </div>
            </Card>
            {data.stripe_subscription && <AtStripe of={data.stripe_subscription} />}
            {changes && <Card title={t("choose")} actions={<Button kind="primary" disabled={wanted === data.plan} onClick={() => setDeed("take")}>{t("take", { plan: wanted })}</Button>}>
              <Answer of={plans}>{(list) => <PlanCards plans={list.plans} chosen={wanted} onChoose={setChosen} />}</Answer>
            </Card>}
            {deed === "take" && <Act title={t("choose")} verb={t("take", { plan: wanted })} reason={false} what={t("takeWhat", { plan: wanted })} act={() => api.put("/v1/subscription/plan", { plan: wanted })} onDone={done} onClose={close} />}
            {deed === "keep" && <Act title={t("keep")} verb={t("keep")} reason={false} what={t("keepWhat")} act={() => api.remove("/v1/subscription/plan")} onDone={done} onClose={close} />}
            {deed === "cancel" && <Act title={t("cancel")} verb={t("cancel")} danger reason={false} confirm={data.plan} what={<Notice tone="bad">{t("cancelWhat")}</Notice>} act={() => api.post("/v1/subscription/cancel", {})} onDone={done} onClose={close} />}
            {deed === "reactivate" && <Act title={t("reactivate")} verb={t("reactivate")} reason={false} what={t("reactivateWhat")} act={() => api.post("/v1/subscription/reactivate", {})} onDone={done} onClose={close} />}
          </>
        );
      }}</Answer>
    </Page>
  );
}

export const view: View = { path: "/console/plan", root: "tenant", title: () => t("title"), icon: "card", order: 20, permission: "subscription:read", show: Show };
