import type { ComponentChildren } from "preact";
import { ChartCard, Columns, percent, periodName, summary } from "../core/chart.tsx";
import { money, number, words } from "../core/i18n.ts";
import { query, setQuery } from "../core/router.ts";
import { cohortsOf, periodsOf, seriesOf, type ChartData } from "../core/series.ts";
import { Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import { Draw } from "./analytics.tsx";

const t = words({
  en: { title: "Analytics", lead: "What all tenants come to. Times are UTC; a tenant counts for a month at whose end it is active, at the price of its present plan.", revenue: "Revenue", mrr: "Monthly recurring revenue by plan", churn: "Churn", cohorts: "Cohorts: signups by month, and how many still pay", six: "6 months", twelve: "12 months", thirtySix: "36 months", paid: "Paid", returned: "Refunded or lost", signedUp: "Signed up in", signups: "Signups", after: "After {n|one month|# months}", same: "Same month" },
  fr: { title: "Analyses", lead: "Ce que représentent tous les locataires. Heures UTC ; un locataire compte pour un mois à la fin duquel il est actif, au prix de son offre actuelle.", revenue: "Chiffre d'affaires", mrr: "Revenu mensuel récurrent par offre", churn: "Attrition", cohorts: "Cohortes : inscriptions par mois, et combien paient encore", six: "6 mois", twelve: "12 mois", thirtySix: "36 mois", paid: "Encaissé", returned: "Remboursé ou perdu", signedUp: "Inscrits en", signups: "Inscriptions", after: "Après {n|un mois|# mois}", same: "Même mois" },
});
const spans = [[6, "six"], [12, "twelve"], [36, "thirtySix"]] as const;
const base = "/v1/admin/analytics";

const labelsOf = (data: ChartData) => periodsOf(data.from, data.to, data.period).map((at) => periodName(at, data.period));

/** Amounts of different currencies are not added up: each has a chart of its own. */
function ByCurrency({ data, children }: { data: ChartData; children: (data: ChartData, currency: string) => ComponentChildren }) {
  const currencies = [...new Set(data.rows.map((row) => String(row["currency"])))].sort();
  return <>{currencies.map((currency) => <section key={currency} class="stack"><h3>{currency}</h3>{children({ ...data, rows: data.rows.filter((row) => row["currency"] === currency) }, currency)}</section>)}</>;
}

function Revenue({ data, currency }: { data: ChartData; currency: string }) {
  const show = (value: number) => money({ amount_minor: value, currency });
  const series = [{ ...seriesOf(data, "paid_minor")[0]!, name: t("paid") }, { ...seriesOf(data, "returned_minor")[0]!, name: t("returned") }];
  return <Columns labels={labelsOf(data)} series={series} label={summary(series, show)} show={show} axis={show} />;
}

function Recurring({ data, currency }: { data: ChartData; currency: string }) {
  const show = (value: number) => money({ amount_minor: value, currency });
  const series = seriesOf(data, "mrr_minor", "plan");
  return <Columns labels={labelsOf(data)} series={series} label={summary(series, show)} show={show} axis={show} stacked />;
}

function Cohorts({ data }: { data: ChartData }) {
  const cohorts = cohortsOf(data);
  const longest = Math.max(...cohorts.map((cohort) => cohort.paying.length));
  return (
    <div class="table-frame" tabIndex={0} role="group" aria-label={t("cohorts")}>
      <table class="cohorts" aria-label={t("cohorts")}>
        <thead><tr><th scope="col">{t("signedUp")}</th><th scope="col" class="number">{t("signups")}</th>{Array.from({ length: longest }, (_, i) => <th key={i} scope="col" class="number">{i === 0 ? t("same") : t("after", { n: i })}</th>)}</tr></thead>
        <tbody>{cohorts.map((cohort) => (
          <tr key={cohort.month}>
            <th scope="row">{periodName(cohort.month, "month")}</th><td class="number">{number(cohort.signups)}</td>
            {cohort.paying.map((paying, i) => <td key={i} class={`number heat${Math.ceil((paying / cohort.signups) * 4)}`}>{percent(paying / cohort.signups)} <span class="sub">{number(paying)}</span></td>)}
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}

function Show() {
  const count = spans.find(([n]) => String(n) === query("months"))?.[0] ?? 12;
  return (
    <Page title={t("title")} lead={t("lead")}>
      <div class="filters">{spans.map(([n, name]) => <button key={n} type="button" class="facet" aria-pressed={count === n} onClick={() => setQuery({ months: n === 12 ? "" : String(n) }, "push")}>{t(name)}</button>)}</div>
      <ChartCard title={t("revenue")} path={`${base}/revenue`} period="month" count={count}>{(data) => <ByCurrency data={data}>{(part, currency) => <Revenue data={part} currency={currency} />}</ByCurrency>}</ChartCard>
      <ChartCard title={t("mrr")} path={`${base}/mrr`} period="month" count={count}>{(data) => <ByCurrency data={data}>{(part, currency) => <Recurring data={part} currency={currency} />}</ByCurrency>}</ChartCard>
      <ChartCard title={t("churn")} path={`${base}/churn`} period="month" count={count}>{(data) => <Draw data={data} columns={["active_before", "churned"]} />}</ChartCard>
      <ChartCard title={t("cohorts")} path={`${base}/cohorts`} period="month" count={count}>{(data) => <Cohorts data={data} />}</ChartCard>
    </Page>
  );
}

export const view: View = { path: "/console/analytics", root: "admin", title: () => t("title"), icon: "chart", order: 3, show: Show };
