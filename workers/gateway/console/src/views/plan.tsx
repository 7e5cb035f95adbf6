import { useState } from "preact/hooks";
import { api } from "../core/api.ts";
import { money, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { may, refreshSession } from "../core/session.ts";
import { Act, Answer, Button, Card, Facts, Moment, Notice, Page, Status } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import { PlanCards, type Plan } from "./signup.tsx";

const t = words({
  en: { title: "Plan and billing", current: "Your plan", price: "Price", month: "a month", trialEnds: "Trial ends", paid: "Paid last", pastDue: "Owed since", next: "Change that is due", cancelled: "Everything is deleted", choose: "Change plan", take: "Take {plan}", takeWhat: "Your company is on {plan} from then on: what it costs and allows follows.", keep: "Keep the present plan", keepWhat: "The change that is due does not happen.", cancel: "Cancel the subscription", cancelWhat: "Your people can only export and come back. After the grace period all data is deleted for good.", reactivate: "Come back", reactivateWhat: "Everything is open again as it was.", suspended: "Something is to be paid. Pay the open invoice and everything is as it was.", invoices: "Invoices", owes: "Owed" },
  fr: { title: "Offre et facturation", current: "Votre offre", price: "Prix", month: "par mois", trialEnds: "Fin de l'essai", paid: "Dernier paiement", pastDue: "Dû depuis", next: "Changement prévu", cancelled: "Tout est supprimé", choose: "Changer d'offre", take: "Prendre {plan}", takeWhat: "Votre entreprise passe à {plan} : le prix et les limites suivent.", keep: "Garder l'offre actuelle", keepWhat: "Le changement prévu n'a pas lieu.", cancel: "Résilier", cancelWhat: "Vos membres ne peuvent plus qu'exporter et revenir. Après le délai de grâce, toutes les données sont supprimées.", reactivate: "Revenir", reactivateWhat: "Tout est rouvert comme avant.", suspended: "Un paiement est attendu. Réglez la facture ouverte et tout redevient comme avant.", invoices: "Factures", owes: "Dû" },
});
interface Subscription { plan: string; status: string; status_reason: string; price: { amount_minor: number; currency: string }; trial_ends_at: string; deletion_due_at: string | null; plan_change: { plan: string; due_at: string } | null; billing: { paid_at: string | null; past_due_since: string | null; state: string } | null; invoices: number }

function Show() {
  const subscription = useLoad("subscription", () => api.get<Subscription>("/v1/subscription"));
  const plans = useLoad("plans", () => api.get<{ plans: Plan[] }>("/signup/plans"));
  const [chosen, setChosen] = useState("");
  const [deed, setDeed] = useState<"take" | "keep" | "cancel" | "reactivate">();
  const done = () => { setDeed(undefined); subscription.again(); void refreshSession(); };
  const changes = may("subscription:change_plan");
  return (
    <Page title={t("title")}>
      <Answer of={subscription}>{(data) => {
        const wanted = chosen || data.plan;
        return (
          <>
            {data.status === "SUSPENDED" && <Notice tone="bad">{t("suspended")} <a href="/console/invoices">{t("invoices")}</a></Notice>}
            <Card title={t("current")} actions={changes && <>{data.plan_change && <Button small onClick={() => setDeed("keep")}>{t("keep")}</Button>}{data.status === "CANCELLED" ? <Button small kind="primary" onClick={() => setDeed("reactivate")}>{t("reactivate")}…</Button> : <Button small kind="quiet" onClick={() => setDeed("cancel")}>{t("cancel")}…</Button>}</>}>
              <Facts of={[[t("current"), <div class="row"><strong>{data.plan}</strong><Status of={data.status} /></div>], [t("price"), `${money(data.price)} ${t("month")}`], [t("trialEnds"), <Moment at={data.trial_ends_at} />], [t("paid"), <Moment at={data.billing?.paid_at} />],
                ...(data.billing?.past_due_since ? [[t("pastDue"), <Moment at={data.billing.past_due_since} />] as [string, preact.ComponentChildren]] : []),
                ...(data.plan_change ? [[t("next"), <>{data.plan_change.plan} · <Moment at={data.plan_change.due_at} /></>] as [string, preact.ComponentChildren]] : []),
                ...(data.deletion_due_at ? [[t("cancelled"), <Moment at={data.deletion_due_at} />] as [string, preact.ComponentChildren]] : [])]} />
            </Card>
            {changes && <Card title={t("choose")} actions={<Button kind="primary" disabled={wanted === data.plan} onClick={() => setDeed("take")}>{t("take", { plan: wanted })}</Button>}>
              <Answer of={plans}>{(list) => <PlanCards plans={list.plans} chosen={wanted} onChoose={setChosen} />}</Answer>
            </Card>}
            {deed === "take" && <Act title={t("choose")} verb={t("take", { plan: wanted })} reason={false} what={t("takeWhat", { plan: wanted })} act={() => api.put("/v1/subscription/plan", { plan: wanted })} onDone={done} onClose={() => setDeed(undefined)} />}
            {deed === "keep" && <Act title={t("keep")} verb={t("keep")} reason={false} what={t("keepWhat")} act={() => api.remove("/v1/subscription/plan")} onDone={done} onClose={() => setDeed(undefined)} />}
            {deed === "cancel" && <Act title={t("cancel")} verb={t("cancel")} danger reason={false} confirm={data.plan} what={<Notice tone="bad">{t("cancelWhat")}</Notice>} act={() => api.post("/v1/subscription/cancel", {})} onDone={done} onClose={() => setDeed(undefined)} />}
            {deed === "reactivate" && <Act title={t("reactivate")} verb={t("reactivate")} reason={false} what={t("reactivateWhat")} act={() => api.post("/v1/subscription/reactivate", {})} onDone={done} onClose={() => setDeed(undefined)} />}
          </>
        );
      }}</Answer>
    </Page>
  );
}

export const view: View = { path: "/console/plan", root: "tenant", title: () => t("title"), icon: "card", order: 20, permission: "subscription:read", show: Show };
