import { ChartCard, Columns, columnName, periodName, summary } from "../core/chart.tsx";
import { words } from "../core/i18n.ts";
import { query, setQuery } from "../core/router.ts";
import { periodsOf, seriesOf, type ChartData } from "../core/series.ts";
import { Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Analytics", lead: "How your company's use develops. Times are UTC.", activity: "Activity", calls: "API use", users: "Users", hour: "48 hours", day: "30 days", month: "12 months" },
  fr: { title: "Analyses", lead: "L'évolution de l'utilisation par votre entreprise. Heures UTC.", activity: "Activité", calls: "Usage de l'API", users: "Utilisateurs", hour: "48 heures", day: "30 jours", month: "12 mois" },
});
const counts = { hour: 48, day: 30, month: 12 } as const;
const known = ["day", "hour", "month"] as const;

export function Draw({ data, columns, stacked = false }: { data: ChartData; columns: string[]; stacked?: boolean }) {
  const series = columns.map((column) => ({ ...seriesOf(data, column)[0]!, name: columnName(column) }));
  return <Columns labels={periodsOf(data.from, data.to, data.period).map((at) => periodName(at, data.period))} series={series} label={summary(series)} stacked={stacked} />;
}

/** A tenant's charts, for its people and for super-admins. `base`: where the API has them. */
export function TenantCharts({ base }: { base: string }) {
  const period = known.find((one) => one === query("period")) ?? "day";
  const ofUsers = period === "hour" ? "day" : period;  // by the hour nobody is counted
  return (
    <>
      <div class="filters">{known.map((one) => <button key={one} type="button" class="facet" aria-pressed={period === one} onClick={() => setQuery({ period: one === "day" ? "" : one }, "push")}>{t(one)}</button>)}</div>
      <ChartCard title={t("activity")} path={`${base}/activity`} period={period} count={counts[period]}>{(data) => <Draw data={data} columns={["events", "failures"]} />}</ChartCard>
      <ChartCard title={t("calls")} path={`${base}/api-calls`} period={period} count={counts[period]}>{(data) => <Draw data={data} columns={["calls"]} />}</ChartCard>
      <ChartCard title={t("users")} path={`${base}/users`} period={ofUsers} count={counts[ofUsers]}>{(data) => <Draw data={data} columns={["active", "members"]} />}</ChartCard>
    </>
  );
}

function Show() {
  return <Page title={t("title")} lead={t("lead")}><TenantCharts base="/v1/analytics" /></Page>;
}

export const view: View = { path: "/console/analytics", root: "tenant", title: () => t("title"), icon: "chart", order: 2, permission: "usage:read", show: Show };
