import { api } from "../core/api.ts";
import { projected } from "../core/course.ts";
import { bytes, day, number, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { Answer, Card, Empty, Notice, Page, Sparkline, Table, Usage } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Usage", lead: "What your company has used, against what its plan allows.", period: "{from} to {to}", trend: "Day by day", none: "Nothing yet", noneHint: "What your people and programs do is counted here within a second.", day: "Day", quantity: "Quantity", events: "Events", pace: "At this pace: {n} at the end of the period.", over: "At this pace {name} is used up before the period ends.", active_users: "Active users", emails_sent: "E-mails sent", api_calls: "API calls", storage_bytes: "Storage", users: "Users", clients: "Clients", messages: "Messages", events_published: "Events published", which: "Metric" },
  fr: { title: "Utilisation", lead: "Ce que votre entreprise a utilisé, face à ce que son offre permet.", period: "du {from} au {to}", trend: "Jour par jour", none: "Rien encore", noneHint: "Ce que font vos membres et vos programmes est compté ici en une seconde.", day: "Jour", quantity: "Quantité", events: "Événements", pace: "À ce rythme : {n} en fin de période.", over: "À ce rythme, {name} sera épuisé avant la fin de la période.", active_users: "Utilisateurs actifs", emails_sent: "Courriels envoyés", api_calls: "Appels d'API", storage_bytes: "Stockage", users: "Utilisateurs", clients: "Clients", messages: "Messages", events_published: "Événements publiés", which: "Mesure" },
});
const known = ["active_users", "emails_sent", "api_calls", "storage_bytes", "users", "clients", "messages", "events_published"];
export const metricValue = (name: string) => (name.includes("bytes") ? bytes : (value: number) => number(value));
export const metricName = (name: string) => (known.includes(name) ? t(name as "users") : name.replaceAll("_", " "));

interface Now { metrics: { metric: string; quantity: number; limit: number; unit: string }[]; period_start: string; period_end: string }
interface Point { metric: string; quantity: number; events: number; window_start: string }

function Show() {
  const now = useLoad("usage now", () => api.get<Now>("/v1/usage"));
  const metric = query("metric") || now.data?.metrics[0]?.metric || "api_calls";
  const from = new Date(Date.now() - 30 * 86_400_000).toISOString().slice(0, 10);
  const trend = useLoad(`usage ${metric}`, () => api.get<{ usage: Point[] }>("/v1/usage", { metric, span: "day", from: `${from}T00:00:00Z` }));
  return (
    <Page title={t("title")} lead={t("lead")}>
      <Answer of={now}>{(data) => (
        <Card title={t("period", { from: day(data.period_start), to: day(data.period_end) })}>
          <div class="stack">
            {data.metrics.map((one) => {
              const then = Math.round(projected(one.quantity, data.period_start, data.period_end));
              return <div key={one.metric}><Usage label={metricName(one.metric)} used={one.quantity} limit={one.limit} show={metricValue(one.metric)} /><p class="hint">{t("pace", { n: metricValue(one.metric)(then) })}</p>{one.limit > 0 && then > one.limit && <Notice tone="warn">{t("over", { name: metricName(one.metric) })}</Notice>}</div>;
            })}
          </div>
        </Card>
      )}</Answer>
      <Card title={t("trend")} actions={<div class="filters">{now.data?.metrics.map((one) => <button key={one.metric} type="button" class="facet" aria-pressed={one.metric === metric} onClick={() => setQuery({ metric: one.metric })}>{metricName(one.metric)}</button>)}</div>}>
        <Answer of={trend}>{(data) => data.usage.length === 0 ? <Empty icon="chart" title={t("none")}>{t("noneHint")}</Empty> : (
          <div class="stack">
            <Sparkline values={data.usage.map((one) => one.quantity)} label={`${metricName(metric)}: ${number(data.usage.reduce((sum, one) => sum + one.quantity, 0))}`} />
            <Table label={t("trend")} rows={[...data.usage].reverse()} id={(row) => row.window_start} columns={[{ name: t("day"), show: (row) => day(row.window_start) }, { name: t("quantity"), kind: "number", show: (row) => metricValue(metric)(row.quantity) }, { name: t("events"), kind: "number", show: (row) => number(row.events) }]} />
          </div>
        )}</Answer>
      </Card>
    </Page>
  );
}

export const view: View = { path: "/console/usage", root: "tenant", title: () => t("title"), icon: "chart", order: 1, permission: "usage:read", show: Show };
