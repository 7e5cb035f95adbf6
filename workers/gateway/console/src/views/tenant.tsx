import { useState } from "preact/hooks";
import { api, part } from "../core/api.ts";
import { money, number, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { go, query, withQuery } from "../core/router.ts";
import { refreshSession, session } from "../core/session.ts";
import { term } from "../core/text.ts";
import { Act, Answer, Button, Card, Check, Chip, Copyable, Empty, Facts, Field, Foreign, Json, LinkButton, Moment, Notice, Page, Status, Table, Tabs, Time, type Tone } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import { TenantKeys, TenantPeople, TenantUsage } from "../core/tenant-tabs.tsx";
import { TenantCharts } from "./analytics.tsx";
import { OwnAvailability } from "./availability.tsx";
import type { Summary } from "./tenants.tsx";

const t = words({
  en: {
    lookAlikes: "At a glance this name may be taken for that of", title: "Tenant", overview: "Overview", timeline: "Timeline", resources: "Resources", limits: "Limits", flags: "Flags", people: "People", usage: "Usage", keys: "API keys", analytics: "Analytics", availability: "Availability", billing: "Billing", standing: "What Stripe has said", because: "Because", noPlanPrice: "none", pricedPlan: "Plan of the price", invoice: "Invoice", noInvoices: "No invoices", noInvoicesHint: "Stripe has told us of none for this tenant.", subscriptions: "Subscriptions", noSubscriptions: "No subscription", cards: "What it pays with", noCards: "Nothing on file", expires: "Expires", reminders: "Reminders on day", suspendDay: "Suspended on day", graceDays: "Days from cancellation to deletion", noticeDays: "Days of notice at least", due: "What is due", nothingDue: "No timers run", usual: "as set up for all", account_none: "Nothing said", account_current: "Paid", account_past_due: "Past due", account_ended: "Ended", amount: "Amount", issued: "Stated", since: "since", plan: "Plan", owner: "Company e-mail", created: "Signed up", isolation: "Isolation", cell: "Cell", locale: "Language", domain: "Own domain", vhost: "Broker vhost", trialEnds: "Trial ends", deletion: "Deletion due", none: "—", ready: "Ready", notReady: "Not there",
    nextTitle: "What happens next", nextTrial: "The trial ends; then the plan is to be paid.", nextDeletion: "All data of the tenant is deleted.", nextNothing: "Nothing is due: the tenant stays as it is.", nextSuspended: "Nothing by itself: the tenant comes back when what it is suspended for is over.", nextDunning: "A payment is overdue: the next step of dunning, which reminds and in the end suspends.", nextSuspension: "It is suspended, where nothing is paid by then.", nextPlan: "Another plan takes force.", nextEnd: "The subscription ends at Stripe; the tenant is cancelled.", nextPending: "The set-up goes on; it is retried where a step fails.",
    visit: "Visit", visitWhat: "For half an hour you see what the people of {name} see, and change nothing. That you were there, why, and each look are in the company's own log.",
    suspend: "Suspend", suspendWhat: "Everybody of {name} loses access at once, but for billing. Its data stays. It ends with “Reactivate”.", reactivate: "Reactivate", reactivateWhat: "{name} is open again at once.", cancel: "Cancel subscription", cancelWhat: "{name} is cancelled: its people can only export and resume; its data is deleted when its grace period is over.", erase: "Erase", eraseWhat: "All data of {name} is erased and cannot be brought back by anybody. A sealed final backup is kept as the policy says.", retry: "Retry set-up", retryWhat: "The failed steps are tried again.", changePlan: "Change plan", changePlanWhat: "Limits and price of {name} follow the new plan.", atOnce: "At once, not at the end of what is paid", hold: "Place a hold", holdWhat: "What the hold forbids does not happen to {name} before it ends.", release: "Release", holds: "Holds", until: "until", kind: "Kind", endsAt: "Ends at",
    no_suspend: "Never suspended", no_billing: "Not billed", legal: "Legal hold", step: "Step", state: "State", duration: "Took", updated: "Updated", error: "Error", attempt: "Attempt {n}", noSteps: "No steps on record", auditOf: "Audit log", auditTail: "Live tail", record: "Record", by: "by", reasonIs: "Reason", note: "Note", name: "Limit", value: "Value", ends: "Ends", overrides: "Overrides", noOverrides: "The plan's own limits hold", noOverridesHint: "An override raises or lowers one of them for this tenant, with a reason.", setOverride: "Set an override", removeOverride: "Remove", on: "On", off: "Off", flag: "Flag", set: "Override", unset: "Remove override", turnOn: "Turn on", turnOff: "Turn off", noFlags: "No flags are defined", planLimits: "Limits of the plan", unlimited: "unlimited", overridden: "overridden", doMenu: "Acts",
  },
  fr: {
    lookAlikes: "D'un coup d'œil, ce nom peut être pris pour celui de", title: "Locataire", overview: "Résumé", timeline: "Chronologie", resources: "Ressources", limits: "Limites", flags: "Options", people: "Personnes", usage: "Utilisation", keys: "Clés d'API", analytics: "Analyses", availability: "Disponibilité", billing: "Facturation", standing: "Ce que Stripe a dit", because: "Parce que", noPlanPrice: "aucune", pricedPlan: "Offre du prix", invoice: "Facture", noInvoices: "Aucune facture", noInvoicesHint: "Stripe n'en a signalé aucune pour ce locataire.", subscriptions: "Abonnements", noSubscriptions: "Aucun abonnement", cards: "Moyens de paiement", noCards: "Aucun", expires: "Expire", reminders: "Rappels au jour", suspendDay: "Suspension au jour", graceDays: "Jours de la résiliation à la suppression", noticeDays: "Jours de préavis au moins", due: "Ce qui est prévu", nothingDue: "Aucun minuteur", usual: "comme réglé pour tous", account_none: "Rien de dit", account_current: "Payé", account_past_due: "En retard", account_ended: "Terminé", amount: "Montant", issued: "Déclarée", since: "depuis", plan: "Offre", owner: "Adresse de l'entreprise", created: "Inscription", isolation: "Isolation", cell: "Cellule", locale: "Langue", domain: "Domaine propre", vhost: "Vhost du courtier", trialEnds: "Fin de l'essai", deletion: "Suppression prévue", none: "—", ready: "Prêt", notReady: "Absent",
    nextTitle: "Ce qui va se passer", nextTrial: "L'essai se termine ; l'offre est alors à payer.", nextDeletion: "Toutes les données du locataire sont supprimées.", nextNothing: "Rien n'est prévu : le locataire reste tel quel.", nextSuspended: "Rien de soi-même : le locataire revient quand la cause de sa suspension disparaît.", nextDunning: "Un paiement est en retard : la prochaine étape des relances, qui rappellent et suspendent à la fin.", nextSuspension: "Il est suspendu si rien n'est payé d'ici là.", nextPlan: "Une autre offre prend effet.", nextEnd: "L'abonnement prend fin chez Stripe ; le locataire est résilié.", nextPending: "La création continue ; une étape qui échoue est retentée.",
    visit: "Visiter", visitWhat: "Pendant une demi-heure, vous voyez ce que voient les membres de {name} et ne changez rien. Votre passage, son motif et chaque regard figurent dans le journal de l'entreprise.",
    suspend: "Suspendre", suspendWhat: "Tous les membres de {name} perdent l'accès aussitôt, sauf à la facturation. Les données restent. « Réactiver » y met fin.", reactivate: "Réactiver", reactivateWhat: "{name} est rouvert aussitôt.", cancel: "Résilier", cancelWhat: "{name} est résilié : ses membres ne peuvent plus qu'exporter et reprendre ; ses données sont supprimées au terme du délai de grâce.", erase: "Effacer", eraseWhat: "Toutes les données de {name} sont effacées et personne ne pourra les rétablir. Une sauvegarde finale scellée est conservée selon la règle.", retry: "Relancer la création", retryWhat: "Les étapes en échec sont retentées.", changePlan: "Changer d'offre", changePlanWhat: "Les limites et le prix de {name} suivent la nouvelle offre.", atOnce: "Tout de suite, et non à la fin de la période payée", hold: "Poser une protection", holdWhat: "Ce que la protection interdit n'arrive pas à {name} avant son terme.", release: "Lever", holds: "Protections", until: "jusqu'au", kind: "Nature", endsAt: "Fin",
    no_suspend: "Jamais suspendu", no_billing: "Non facturé", legal: "Conservation légale", step: "Étape", state: "État", duration: "Durée", updated: "Mise à jour", error: "Erreur", attempt: "Tentative {n}", noSteps: "Aucune étape consignée", auditOf: "Journal d'audit", auditTail: "Suivi en direct", record: "Enregistrement", by: "par", reasonIs: "Motif", note: "Note", name: "Limite", value: "Valeur", ends: "Fin", overrides: "Dérogations", noOverrides: "Les limites de l'offre s'appliquent", noOverridesHint: "Une dérogation en relève ou en abaisse une pour ce locataire, avec un motif.", setOverride: "Poser une dérogation", removeOverride: "Retirer", on: "Activée", off: "Désactivée", flag: "Option", set: "Dérogation", unset: "Retirer la dérogation", turnOn: "Activer", turnOff: "Désactiver", noFlags: "Aucune option n'est définie", planLimits: "Limites de l'offre", unlimited: "illimité", overridden: "dérogation", doMenu: "Actions",
  },
});

interface Step { step: string; state: string; error: string; duration_ms: number; updated_at: string }
interface Tenant extends Summary {
  company_email: string; custom_domain: string | null; isolation_mode: string; cell: string; locale: string; plan_version: number; status_note: string; trial_ends_at: string; deletion_due_at: string | null; vhost_ready: boolean;
  history: { at: string; event_id: string; from: string | null; to: string; trigger: string; reason: string }[];
  holds: { hold: "no_suspend" | "no_billing" | "legal"; reason: string; ends_at: string }[];
  sagas: { saga: string; state: string; attempt: number; error: string; started_at: string; updated_at: string; steps: Step[] }[];
}
type Deed = "suspend" | "reactivate" | "cancel" | "erase" | "retry" | "plan" | "hold";

function future(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

function Deeds({ of, deed, onDone, onClose }: { of: Tenant; deed: Deed; onDone: () => void; onClose: () => void }) {
  const base = `/v1/admin/tenants/${part(of.tenant_id)}`;
  const [plan, setPlan] = useState(of.plan);
  const [atOnce, setAtOnce] = useState(false);
  const [hold, setHold] = useState("no_suspend");
  const [ends, setEnds] = useState(future(30));
  const plans = useLoad("plans", () => api.get<{ plans: { plan: string }[] }>("/signup/plans"));
  const name = of.company_name;
  const shared = { onDone, onClose };
  switch (deed) {
    case "suspend": return <Act {...shared} title={t("suspend")} verb={t("suspend")} danger what={t("suspendWhat", { name })} act={(note) => api.post(`${base}/suspend`, { reason: "admin", note })} />;
    case "reactivate": return <Act {...shared} title={t("reactivate")} verb={t("reactivate")} what={t("reactivateWhat", { name })} act={(reason) => api.post(`${base}/reactivate`, { note: reason })} />;
    case "cancel": return <Act {...shared} title={t("cancel")} verb={t("cancel")} danger confirm={of.tenant_id} what={t("cancelWhat", { name })} act={(reason) => api.post(`${base}/cancel`, { note: reason })} />;
    case "erase": return <Act {...shared} title={t("erase")} verb={t("erase")} danger confirm={of.tenant_id} what={<Notice tone="bad">{t("eraseWhat", { name })}</Notice>} act={(reason) => api.post(`${base}/erase`, { note: reason })} />;
    case "retry": return <Act {...shared} title={t("retry")} verb={t("retry")} what={t("retryWhat")} act={(reason) => api.post(`${base}/retry-provisioning`, { note: reason })} />;
    case "plan": return <Act {...shared} title={t("changePlan")} verb={t("changePlan")} what={t("changePlanWhat", { name })} act={(reason) => api.put(`${base}/plan`, { plan, at_once: atOnce, reason })}
      extra={<><Field label={t("plan")} value={plan} onInput={setPlan} options={(plans.data?.plans ?? [{ plan: of.plan }]).map((one) => [one.plan, one.plan])} /><Check label={t("atOnce")} checked={atOnce} onChange={setAtOnce} /></>} />;
    case "hold": return <Act {...shared} title={t("hold")} verb={t("hold")} what={t("holdWhat", { name })} act={(reason) => api.post(`${base}/hold`, { hold, reason, ends_at: `${ends}T00:00:00Z` })}
      extra={<><Field label={t("kind")} value={hold} onInput={setHold} options={[["no_suspend", t("no_suspend")], ["no_billing", t("no_billing")], ["legal", t("legal")]]} /><Field label={t("endsAt")} type="date" value={ends} onInput={setEnds} /></>} />;
  }
}

export interface Due { what: "nextDunning" | "nextSuspension" | "nextPlan" | "nextEnd"; at: string | null }
/** What comes to an active tenant, the next first: what its timers and its subscription say, and the day by which dunning suspends. */
export function dueOf(of: Pick<Account, "account" | "timers" | "subscriptions">, suspendDay: number | undefined): Due[] {
  const at = (type: string) => of.timers.find((one) => one.type === type)?.at;
  const found: Due[] = [];
  const owed = of.account.past_due_since;
  if (owed) {
    const reminder = at("dunning.due") ?? null;
    const suspension = suspendDay === undefined ? null : new Date(Date.parse(owed) + suspendDay * 86_400_000).toISOString();
    const last = reminder !== null && suspension !== null && Date.parse(reminder) >= Date.parse(suspension);
    if (!last) found.push({ what: "nextDunning", at: reminder });
    if (suspension) found.push({ what: "nextSuspension", at: suspension });
  }
  const plan = at("plan.change_due");
  if (plan) found.push({ what: "nextPlan", at: plan });
  for (const one of of.subscriptions) if (one.cancel_at && !["canceled", "incomplete_expired"].includes(one.status)) found.push({ what: "nextEnd", at: one.cancel_at });
  return found.sort((a, b) => (a.at ?? "9999").localeCompare(b.at ?? "9999"));
}

function Coming({ of }: { of: Tenant }) {
  const base = `/v1/admin/tenants/${part(of.tenant_id)}`;
  const account = useLoad(`account ${of.tenant_id}`, (signal) => api.get<Account>(`${base}/account`, undefined, signal));
  const owed = account.data?.account.past_due_since;
  const dunning = useLoad(`dunning ${of.tenant_id} ${owed ?? ""}`, async (signal) => (owed ? api.get<{ in_force: Terms }>(`${base}/dunning`, undefined, signal) : undefined));
  return (
    <Answer of={account} rows={1}>{(data) => {
      const due = dueOf(data, dunning.data?.in_force.suspend_day);
      if (due.length === 0) return <div>{t("nextNothing")}</div>;
      return <>{due.map((one) => <div key={one.what + one.at} data-due={one.what}>{t(one.what)}{one.at && <div class="small"><Moment at={one.at} /></div>}</div>)}</>;
    }}</Answer>
  );
}

function Next({ of }: { of: Tenant }) {
  const due: [string, string | null] | undefined = of.status === "ACTIVE" ? undefined : of.status === "TRIAL" ? [t("nextTrial"), of.trial_ends_at] : of.status === "CANCELLED" && of.deletion_due_at ? [t("nextDeletion"), of.deletion_due_at]
    : of.status === "SUSPENDED" ? [t("nextSuspended"), null] : of.status === "PENDING" ? [t("nextPending"), null] : [t("nextNothing"), null];
  return <li class="next"><strong>{t("nextTitle")}</strong>{due ? <><div>{due[0]}</div>{due[1] && <div class="small"><Moment at={due[1]} /></div>}</> : <Coming of={of} />}</li>;
}

function Timeline({ of }: { of: Tenant }) {
  return (
    <Card title={t("timeline")}>
      <ol class="timeline">
        <Next of={of} />
        {[...of.history].reverse().map((one) => (
          <li key={one.event_id}>
            <div class="row">{one.from && <><Status of={one.from} /><span class="muted">→</span></>}<Status of={one.to} /><span class="muted small">{one.trigger}{one.reason && ` · ${one.reason}`}</span></div>
            <div class="small row"><Moment at={one.at} /><a href={`/console/audit?q=${part(`${term("tenant", of.tenant_id)} ${term("id", one.event_id)}`)}`}>{t("record")}</a></div>
          </li>
        ))}
      </ol>
    </Card>
  );
}

const tones: Record<string, Tone> = { done: "good", completed: "good", failed: "bad", running: "info", pending: "calm", waiting: "calm" };
function State({ of }: { of: string }) {
  const tone = tones[of] ?? "calm";
  return <Chip tone={tone} icon={tone === "good" ? "check" : tone === "bad" ? "cross" : "clock"}>{of}</Chip>;
}

function Resources({ of }: { of: Tenant }) {
  if (of.sagas.length === 0) return <Card><Empty icon="inbox" title={t("noSteps")} /></Card>;
  return <>{of.sagas.map((saga) => (
    <Card key={saga.saga} flush title={<div class="row">{saga.saga}<State of={saga.state} /><span class="muted small">{t("attempt", { n: saga.attempt })}</span></div>}>
      {saga.error && <div class="pad"><Notice tone="bad"><Foreign text={saga.error} longest={600} /></Notice></div>}
      <Table label={saga.saga} rows={saga.steps} id={(row) => row.step} columns={[
        { name: t("step"), show: (row) => <code>{row.step}</code> },
        { name: t("state"), show: (row) => <State of={row.state} /> },
        { name: t("duration"), kind: "number", show: (row) => `${number(row.duration_ms)} ms` },
        { name: t("updated"), show: (row) => <Time at={row.updated_at} /> },
        { name: t("error"), show: (row) => <Foreign text={row.error} /> },
      ]} />
    </Card>
  ))}</>;
}

interface Account {
  account: { state: "none" | "current" | "past_due" | "ended"; paid_at: string | null; past_due_since: string | null; ended_at: string | null; priced_plan: string; because: unknown };
  timers: { type: string; at: string | null }[];
  invoices: { id: string; status: string; amount_minor: number; currency: string; stated_at: string | null; billing_reason: string }[];
  subscriptions: { id: string; status: string; current_period_end: string | null; cancel_at: string | null }[];
  payment_methods: { id: string; kind: string; brand: string; last4: string; expires_at: string | null }[];
}
interface Terms { remind_days?: number[]; suspend_day?: number; notice_days?: number; grace_days?: number }
/** What neither plan nor tenant says is as the platform is set up. */
const days = (count: number | undefined) => (count === undefined ? t("usual") : number(count));
const standing: Record<Account["account"]["state"], Tone> = { none: "calm", current: "good", past_due: "bad", ended: "warn" };

function Billing({ of }: { of: Tenant }) {
  const base = `/v1/admin/tenants/${part(of.tenant_id)}`;
  const account = useLoad(`account ${of.tenant_id}`, (signal) => api.get<Account>(`${base}/account`, undefined, signal));
  const dunning = useLoad(`dunning ${of.tenant_id}`, (signal) => api.get<{ in_force: Terms }>(`${base}/dunning`, undefined, signal));
  return (
    <Answer of={account}>{(data) => (
      <>
        <div class="grid">
          <Card title={t("standing")} actions={<Chip tone={standing[data.account.state]} icon={data.account.state === "current" ? "check" : data.account.state === "past_due" ? "alert" : "clock"}>{t(`account_${data.account.state}`)}</Chip>}>
            <Facts of={[[t("pricedPlan"), data.account.priced_plan || t("noPlanPrice")], [t("since"), <Moment at={data.account.past_due_since ?? data.account.ended_at ?? data.account.paid_at} />],
              [t("subscriptions"), data.subscriptions.length === 0 ? t("noSubscriptions") : data.subscriptions.map((one) => <div key={one.id}><Copyable text={one.id} short={18} /> {one.status} <Time at={one.current_period_end} />{one.cancel_at && <div class="muted small">{t("endsAt")} <Moment at={one.cancel_at} /></div>}</div>)],
              [t("cards"), data.payment_methods.length === 0 ? t("noCards") : data.payment_methods.map((one) => <div key={one.id}>{one.brand || one.kind} •••• {one.last4} <span class="muted small">{t("expires")} <Time at={one.expires_at} /></span></div>)]]} />
          </Card>
          <Card title={t("due")}>
            {data.timers.length === 0 ? <p class="muted">{t("nothingDue")}</p> : <ol class="timeline">{data.timers.map((one) => <li key={one.type + one.at} class="next"><code>{one.type}</code><div class="small"><Moment at={one.at} /></div></li>)}</ol>}
            {dunning.data && <Facts of={[[t("reminders"), dunning.data.in_force.remind_days?.join(", ") || t("usual")], [t("suspendDay"), days(dunning.data.in_force.suspend_day)], [t("noticeDays"), days(dunning.data.in_force.notice_days)], [t("graceDays"), days(dunning.data.in_force.grace_days)]]} />}
          </Card>
        </div>
        <Card flush title={t("invoice")}>
          {data.invoices.length === 0 ? <Empty icon="card" title={t("noInvoices")}>{t("noInvoicesHint")}</Empty> : (
            <Table label={t("invoice")} rows={data.invoices} id={(row) => row.id} columns={[
              { name: t("invoice"), show: (row) => <><code>{row.id}</code><span class="sub">{row.billing_reason}</span></> }, { name: t("state"), show: (row) => row.status },
              { name: t("amount"), kind: "number", show: (row) => money(row) }, { name: t("issued"), show: (row) => <Time at={row.stated_at} /> },
            ]} />
          )}
        </Card>
        {data.account.because !== null && <Card title={t("because")}><Json value={data.account.because} /></Card>}
      </>
    )}</Answer>
  );
}

interface Override { name: string; value: number; reason: string; ends_at: string | null }
function Limits({ of }: { of: Tenant }) {
  const base = `/v1/admin/tenants/${part(of.tenant_id)}`;
  const overrides = useLoad(`overrides ${of.tenant_id}`, () => api.get<{ overrides: Override[] }>(`${base}/overrides`));
  const plans = useLoad("plans", () => api.get<{ plans: { plan: string; limits: Record<string, number> }[] }>("/signup/plans"));
  const [acts, setActs] = useState<"set" | Override>();
  const limits = plans.data?.plans.find((one) => one.plan === of.plan)?.limits ?? {};
  const [name, setName] = useState("users");
  const [value, setValue] = useState("10");
  const show = (count: number) => (count < 0 ? t("unlimited") : number(count));
  const done = () => { setActs(undefined); overrides.again(); };
  return (
    <Answer of={overrides}>{({ overrides: list }) => (
      <>
        <Card title={t("planLimits")} flush actions={<Button small icon="plus" onClick={() => { setName(Object.keys(limits)[0] ?? "users"); setActs("set"); }}>{t("setOverride")}</Button>}>
          <Table label={t("planLimits")} rows={Object.entries(limits)} id={([limit]) => limit} columns={[
            { name: t("name"), show: ([limit]) => <code>{limit}</code> },
            { name: t("value"), kind: "number", show: ([limit, count]) => { const over = list.find((one) => one.name === limit); return over ? <><s class="muted">{show(count)}</s> <strong>{show(over.value)}</strong></> : show(count); } },
            { name: t("state"), show: ([limit]) => list.some((one) => one.name === limit) ? <Chip tone="info" icon="bolt">{t("overridden")}</Chip> : null },
          ]} />
        </Card>
        <Card title={t("overrides")} flush>
          {list.length === 0 ? <Empty icon="chart" title={t("noOverrides")}>{t("noOverridesHint")}</Empty> : (
            <Table label={t("overrides")} rows={list} id={(row) => row.name} columns={[
              { name: t("name"), show: (row) => <code>{row.name}</code> },
              { name: t("value"), kind: "number", show: (row) => show(row.value) },
              { name: t("reasonIs"), kind: "wide", show: (row) => <Foreign text={row.reason} /> },
              { name: t("ends"), show: (row) => <Time at={row.ends_at} /> },
              { name: "", kind: "tight", show: (row) => <Button small onClick={() => setActs(row)}>{t("removeOverride")}</Button> },
            ]} />
          )}
        </Card>
        {acts === "set" && <Act title={t("setOverride")} verb={t("setOverride")} what={t("noOverridesHint")} onClose={() => setActs(undefined)} onDone={done} act={(reason) => api.post(`${base}/overrides`, { name, value: Number(value), reason })}
          extra={<><Field label={t("name")} value={name} onInput={setName} options={Object.keys(limits).map((one) => [one, one])} /><Field label={t("value")} type="number" value={value} onInput={setValue} required /></>} />}
        {acts && acts !== "set" && <Act title={`${t("removeOverride")}: ${acts.name}`} verb={t("removeOverride")} what={t("noOverrides")} onClose={() => setActs(undefined)} onDone={done} act={(reason) => api.post(`${base}/remove-override`, { name: acts.name, reason })} />}
      </>
    )}</Answer>
  );
}

interface TenantFlag { flag: string; on: boolean; override: { value: boolean; reason: string; ends_at: string | null } | null }
function Flags({ of }: { of: Tenant }) {
  const base = `/v1/admin/tenants/${part(of.tenant_id)}/flags`;
  const flags = useLoad(`flags ${of.tenant_id}`, () => api.get<{ flags: TenantFlag[] }>(base));
  const [acts, setActs] = useState<{ flag: TenantFlag; to: boolean | null }>();
  return (
    <Card flush title={t("flags")}>
      <Answer of={flags}>{({ flags: list }) => list.length === 0 ? <Empty icon="flag" title={t("noFlags")} /> : (
        <Table label={t("flags")} rows={list} id={(row) => row.flag} columns={[
          { name: t("flag"), show: (row) => <code>{row.flag}</code> },
          { name: t("state"), show: (row) => row.on ? <Chip tone="good" icon="check">{t("on")}</Chip> : <Chip tone="calm" icon="cross">{t("off")}</Chip> },
          { name: t("set"), show: (row) => row.override && <><Foreign text={row.override.reason} /> <span class="sub"><Time at={row.override.ends_at} /></span></> },
          { name: "", kind: "tight", show: (row) => <div class="row">
            <Button small onClick={() => setActs({ flag: row, to: !row.on })}>{row.on ? t("turnOff") : t("turnOn")}</Button>
            {row.override && <Button small onClick={() => setActs({ flag: row, to: null })}>{t("unset")}</Button>}
          </div> },
        ]} />
      )}</Answer>
      {acts && <Act title={acts.flag.flag} verb={acts.to === null ? t("unset") : acts.to ? t("turnOn") : t("turnOff")} what={of.company_name} onClose={() => setActs(undefined)} onDone={() => { setActs(undefined); flags.again(); }}
        act={(reason) => acts.to === null ? api.post(`${base}/${part(acts.flag.flag)}/unset`, { reason }) : api.put(`${base}/${part(acts.flag.flag)}`, { value: acts.to, reason })} />}
    </Card>
  );
}

/** Who has logged in as a person, and does more than look. */
const mayVisit = () => session.value?.kind === "admin" && session.value.token === null && session.value.role !== "analyst";

function Show({ parameters }: { parameters: Record<string, string> }) {
  const id = parameters["id"]!;
  const tab = query("tab") || "overview";
  const tenant = useLoad(`tenant ${id}`, (signal) => api.get<Tenant>(`/v1/admin/tenants/${part(id)}`, undefined, signal));
  const [deed, setDeed] = useState<Deed>();
  const [visiting, setVisiting] = useState(false);
  const [released, setReleased] = useState<Tenant["holds"][number]>();
  const done = () => { setDeed(undefined); setReleased(undefined); tenant.again(); };
  return (
    <Answer of={tenant} rows={8}>{(data) => {
      const open = data.status === "TRIAL" || data.status === "ACTIVE";
      const acts: [Deed, boolean, string][] = [
        ["retry", data.provisioning_failed, t("retry")], ["reactivate", data.status === "SUSPENDED" || data.status === "CANCELLED", t("reactivate")], ["plan", open, t("changePlan")], ["hold", data.status !== "DELETED", t("hold")],
        ["suspend", open, t("suspend")], ["cancel", open || data.status === "SUSPENDED", t("cancel")], ["erase", data.status === "DELETED", t("erase")],
      ];
      return (
        <Page title={data.company_name}
          lead={<><Status of={data.status} />{data.status_reason && <span>{data.status_reason}</span>}<span>{t("since")} <Time at={data.status_since} /></span><span>{data.plan}</span><Copyable text={data.tenant_id} /></>}
          actions={<>{mayVisit() && data.status !== "DELETED" && <Button small icon="people" onClick={() => setVisiting(true)}>{t("visit")}…</Button>}<LinkButton small icon="shield" href={`/console/audit?q=${part(term("tenant", id))}`}>{t("auditOf")}</LinkButton><LinkButton small icon="pulse" href={`/console/tail?q=${part(term("tenant", id))}`}>{t("auditTail")}</LinkButton></>}>
          <Tabs at={tab} href={(key) => withQuery({ tab: key === "overview" ? "" : key })} of={[["overview", t("overview")], ["timeline", t("timeline")], ["billing", t("billing")], ["resources", t("resources")], ["usage", t("usage")], ["limits", t("limits")], ["flags", t("flags")], ["people", t("people")], ["keys", t("keys")], ["analytics", t("analytics")], ["availability", t("availability")]]} />
          {visiting && <Act title={t("visit")} verb={t("visit")} what={t("visitWhat", { name: data.company_name })} act={(reason) => api.post(`/v1/admin/tenants/${part(id)}/act`, { reason })} onDone={async () => { await refreshSession(); go("/console"); }} onClose={() => setVisiting(false)} />}
          {data.provisioning_failed && <Notice tone="bad">{data.sagas.find((saga) => saga.error)?.error ?? t("retryWhat")}</Notice>}
          {data.look_alikes.length > 0 && <Notice tone="warn">{t("lookAlikes")}{data.look_alikes.map((one) => <span key={one}> <a href={`/console/tenants/${part(one)}`}>{one}</a></span>)}</Notice>}
          {tab === "overview" && (
            <div class="grid">
              <Card title={t("overview")}>
                <div class="stack">
                  <Facts of={[
                    [t("owner"), <Foreign text={data.company_email} />], [t("plan"), `${data.plan} (v${data.plan_version})`], [t("created"), <Moment at={data.created_at} />], [t("trialEnds"), <Moment at={data.trial_ends_at} />],
                    [t("deletion"), <Moment at={data.deletion_due_at} />], [t("isolation"), data.isolation_mode], [t("cell"), data.cell || t("none")], [t("locale"), data.locale], [t("domain"), data.custom_domain || t("none")],
                    [t("vhost"), data.vhost_ready ? <Chip tone="good" icon="check">{t("ready")}</Chip> : <Chip tone="calm" icon="clock">{t("notReady")}</Chip>],
                  ]} />
                  {data.status_note && <Notice><Foreign text={data.status_note} longest={600} /></Notice>}
                  <div class="row">{acts.filter(([, can]) => can).map(([key, , name]) => <Button key={key} small kind={key === "erase" || key === "suspend" || key === "cancel" ? "quiet" : "plain"} onClick={() => setDeed(key)}>{name}…</Button>)}</div>
                  {data.holds.length > 0 && <div class="stack"><h3>{t("holds")}</h3>{data.holds.map((one) => (
                    <div class="row" key={one.hold}><Chip tone="warn" icon="lock">{t(one.hold)}</Chip><Foreign text={one.reason} /><span class="muted small">{t("until")} <Time at={one.ends_at} /></span><span class="right"><Button small onClick={() => setReleased(one)}>{t("release")}</Button></span></div>
                  ))}</div>}
                </div>
              </Card>
              <Timeline of={data} />
            </div>
          )}
          {tab === "timeline" && <Timeline of={data} />}
          {tab === "billing" && <Billing of={data} />}
          {tab === "resources" && <Resources of={data} />}
          {tab === "limits" && <Limits of={data} />}
          {tab === "flags" && <Flags of={data} />}
          {tab === "analytics" && <TenantCharts base={`/v1/admin/tenants/${part(id)}/analytics`} />}
          {tab === "availability" && <Card><OwnAvailability path={`/v1/admin/tenants/${part(id)}/availability`} /></Card>}
          {tab === "usage" && <TenantUsage id={id} />}
          {tab === "people" && <TenantPeople id={id} />}
          {tab === "keys" && <TenantKeys id={id} />}
          {deed && <Deeds of={data} deed={deed} onDone={done} onClose={() => setDeed(undefined)} />}
          {released && <Act title={t("release")} verb={t("release")} what={t(released.hold)} onDone={done} onClose={() => setReleased(undefined)} act={(reason) => api.post(`/v1/admin/tenants/${part(id)}/release-hold`, { hold: released.hold, reason })} />}
        </Page>
      );
    }}</Answer>
  );
}

export const view: View = { path: "/console/tenants/{id}", root: "admin", title: () => t("title"), show: Show };
