import { api } from "../core/api.ts";
import { money, number, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { Answer, Card, Chip, Empty, Page, Stat, Status, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: {
    title: "Overview", lead: "All tenants and what wants somebody's attention.", tenants: "tenants", attention: "Needs attention", allQuiet: "Nothing needs you", allQuietHint: "No failed set-ups, no dead letters, no parked Stripe events.",
    provisioning: "Set-ups that failed", payment: "Suspended for payment", dead: "Dead letters", stripe: "Stripe events parked", outbox: "Oldest event to publish", seconds: "{n} s",
    day: "Signups today", week: "Signups in 7 days", month: "Signups in 30 days", trials: "Trials ending in 3 days", plans: "Plans", plan: "Plan", count: "Tenants", paying: "Paying", revenue: "Per month", health: "Health", growth: "Growth",
    postgres: "Database", rabbitmq: "Message broker", serving: "Gateway", ok: "Working", down: "Down", byStatus: "By status", at: "As of", checked: "checked every 15 s",
  },
  fr: {
    title: "Vue d'ensemble", lead: "Tous les locataires et ce qui demande votre attention.", tenants: "locataires", attention: "À traiter", allQuiet: "Rien ne vous attend", allQuietHint: "Ni création en échec, ni message en souffrance, ni événement Stripe en attente.",
    provisioning: "Créations en échec", payment: "Suspendus pour impayé", dead: "Messages en souffrance", stripe: "Événements Stripe en attente", outbox: "Plus ancien événement à publier", seconds: "{n} s",
    day: "Inscriptions du jour", week: "Inscriptions sur 7 jours", month: "Inscriptions sur 30 jours", trials: "Essais finissant sous 3 jours", plans: "Offres", plan: "Offre", count: "Locataires", paying: "Payants", revenue: "Par mois", health: "Santé", growth: "Croissance",
    postgres: "Base de données", rabbitmq: "Courtier de messages", serving: "Passerelle", ok: "En marche", down: "En panne", byStatus: "Par statut", at: "Au", checked: "vérifié toutes les 15 s",
  },
});

interface Overview {
  at: string;
  tenants: Record<string, number>;
  growth: { signups_of_a_day: number; signups_of_7_days: number; signups_of_30_days: number; trials_that_end_within_3_days: number };
  attention: { dead_letters: number; oldest_event_to_publish_seconds: number | null; provisioning_failed: number; stripe_events_parked: number; suspended_for_payment: number };
  plans: { plan: string; tenants: number; paying: number; recurring_monthly: { amount_minor: number; currency: string } }[];
}

export function Health() {
  const health = useLoad("health", async () => {
    const answer = await fetch("/readyz");  // 503 is an answer, too
    return (await answer.json()) as { checks: Record<string, string> };
  }, 15_000);
  return (
    <Card title={t("health")} actions={<span class="muted small">{t("checked")}</span>}>
      <Answer of={health} rows={2}>{(data) => (
        <div class="stack">{Object.entries(data.checks).map(([name, state]) => (
          <div class="row" key={name}><span class="grow">{["postgres", "rabbitmq", "serving"].includes(name) ? t(name as "serving") : name}</span>{state === "ok" ? <Chip tone="good" icon="check">{t("ok")}</Chip> : <Chip tone="bad" icon="cross">{t("down")}</Chip>}</div>
        ))}</div>
      )}</Answer>
    </Card>
  );
}

function Show() {
  const overview = useLoad("overview", (signal) => api.get<Overview>("/v1/admin/overview", undefined, signal));
  return (
    <Page title={t("title")} lead={t("lead")} actions={overview.data && <span class="muted small">{t("at")} <Time at={overview.data.at} /></span>}>
      <Answer of={overview}>{(data) => {
        const a = data.attention;
        const wants: [string, number, string][] = [
          [t("provisioning"), a.provisioning_failed, "/console/tenants?status=pending"], [t("payment"), a.suspended_for_payment, "/console/tenants?status=suspended"],
          [t("dead"), a.dead_letters, "/console/dead-letters"], [t("stripe"), a.stripe_events_parked, "/console/stripe"],
        ];
        const waiting = wants.filter(([, count]) => count > 0);
        const lag = a.oldest_event_to_publish_seconds ?? 0;
        return (
          <>
            <div class="stats">
              {Object.entries(data.tenants).map(([status, count]) => <Stat key={status} label={t("tenants")} value={number(count)} hint={<Status of={status} />} href={`/console/tenants?status=${status.toLowerCase()}`} />)}
            </div>
            <div class="grid">
              <Card title={t("attention")}>
                {waiting.length === 0 && lag < 30 ? <Empty icon="check" title={t("allQuiet")}>{t("allQuietHint")}</Empty> : (
                  <div class="stats">
                    {waiting.map(([label, count, href]) => <Stat key={label} label={label} value={number(count)} tone="bad" href={href} />)}
                    {lag >= 30 && <Stat label={t("outbox")} value={t("seconds", { n: lag })} tone="warn" />}
                  </div>
                )}
              </Card>
              <Health />
            </div>
            <div class="stats">
              <Stat label={t("day")} value={number(data.growth.signups_of_a_day)} />
              <Stat label={t("week")} value={number(data.growth.signups_of_7_days)} />
              <Stat label={t("month")} value={number(data.growth.signups_of_30_days)} />
              <Stat label={t("trials")} value={number(data.growth.trials_that_end_within_3_days)} />
            </div>
            <Card title={t("plans")} flush>
              <Table label={t("plans")} rows={data.plans} id={(row) => row.plan} columns={[
                { name: t("plan"), show: (row) => <strong>{row.plan}</strong> },
                { name: t("count"), kind: "number", show: (row) => number(row.tenants) },
                { name: t("paying"), kind: "number", show: (row) => number(row.paying) },
                { name: t("revenue"), kind: "number", show: (row) => money(row.recurring_monthly) },
              ]} />
            </Card>
          </>
        );
      }}</Answer>
    </Page>
  );
}

export const view: View = { path: "/console", root: "admin", title: () => t("title"), icon: "pulse", order: 0, show: Show };
