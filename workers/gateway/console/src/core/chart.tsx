// A chart of the API: columns over time, the same as a table, the statement behind it, and its rows as a file.
import type { ComponentChildren } from "preact";
import { api } from "./api.ts";
import { language, money, number, words } from "./i18n.ts";
import { useLoad } from "./load.ts";
import { ticks, type Cell, type ChartData, type Series } from "./series.ts";
import { Answer, Card, Copyable, Empty, Table, Time } from "./ui.tsx";

const t = words({
  en: {
    period: "Period", signup_month: "Signed up in", events: "Events", failures: "Failures", calls: "API calls", active: "Active people", members: "Members", currency: "Currency", payments: "Payments", paid_minor: "Paid", returned_minor: "Refunded or lost", net_minor: "Net", plan: "Plan", tenants: "Tenants", mrr_minor: "Per month", active_before: "Paying before", churned: "Left", churn_rate: "Churn", signups: "Signups", paying: "Paying",
    data: "As a table", query: "Show me the query", csv: "CSV", csvOf: "CSV of “{name}”", read: "Read", keptFor: "kept for five minutes", parameters: "Its parameters", views: "The statement that gave these rows, over the views that analysts have.", none: "Nothing in this time", summary: "{name}: {n} in all, at most {most}", and: "; ",
  },
  fr: {
    period: "Période", signup_month: "Inscription en", events: "Événements", failures: "Échecs", calls: "Appels d'API", active: "Personnes actives", members: "Membres", currency: "Monnaie", payments: "Paiements", paid_minor: "Encaissé", returned_minor: "Remboursé ou perdu", net_minor: "Net", plan: "Offre", tenants: "Locataires", mrr_minor: "Par mois", active_before: "Payants avant", churned: "Partis", churn_rate: "Attrition", signups: "Inscriptions", paying: "Payants",
    data: "En tableau", query: "Voir la requête", csv: "CSV", csvOf: "CSV de « {name} »", read: "Lu", keptFor: "conservé cinq minutes", parameters: "Ses paramètres", views: "L'instruction qui a donné ces lignes, sur les vues dont disposent les analystes.", none: "Rien sur cette durée", summary: "{name} : {n} au total, au plus {most}", and: " ; ",
  },
});
export const columnName = (name: string): string => t(name as "period");

const locale = () => (language.value === "fr" ? "fr-FR" : "en-GB");
export function periodName(at: number, period: ChartData["period"]): string {
  const form: Intl.DateTimeFormatOptions = period === "month" ? { month: "short", year: "numeric" } : period === "day" ? { day: "numeric", month: "short" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(locale(), { ...form, timeZone: "UTC" }).format(at);
}
const short = (value: number) => new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }).format(value);
export const percent = (value: number) => new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(value);
/** Where a hundredth of a hundredth counts. */
export const exactPercent = (value: number) => new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 3 }).format(value);

const width = 720, height = 210, left = 52, bottom = 24, top = 8;

/** Columns side by side, or on top of each other. What it says stands in `label`, and in the table beside it. */
export function Columns({ labels, series, label, stacked = false, show = number, axis = short }: { labels: string[]; series: Series[]; label: string; stacked?: boolean; show?: (value: number) => string; axis?: (value: number) => string }) {
  const sums = labels.map((_, i) => series.reduce((sum, one) => (stacked ? sum + one.values[i]! : Math.max(sum, one.values[i]!)), 0));
  const marks = ticks(Math.max(0, ...sums));
  const most = marks[marks.length - 1]!;
  const room = height - bottom - top;
  const y = (value: number) => top + room - (value / most) * room;
  const step = (width - left) / Math.max(1, labels.length);
  const each = Math.min(44, stacked ? step * 0.72 : (step * 0.78) / series.length);
  const all = stacked ? each : each * series.length;
  const every = Math.ceil(labels.length / 8);
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
        {marks.map((mark) => <g key={mark}><line x1={left} x2={width} y1={y(mark)} y2={y(mark)} /><text x={left - 8} y={y(mark) + 4} text-anchor="end">{axis(mark)}</text></g>)}
        {labels.map((name, i) => i % every === 0 && <text key={name} x={left + i * step + step / 2} y={height - 6} text-anchor="middle">{name}</text>)}
        {labels.map((name, i) => {
          let below = 0;
          return series.map((one, at) => {
            const value = one.values[i]!;
            const from = stacked ? below : 0;
            below += value;
            return value > 0 && (
              <rect key={`${name} ${one.name}`} class={`s${at % 6}`} x={left + i * step + (step - all) / 2 + (stacked ? 0 : at * each)} width={Math.max(0.5, each - 0.5)} y={y(from + value)} height={y(from) - y(from + value)} rx="1">
                <title>{`${name} · ${one.name}: ${show(value)}`}</title>
              </rect>
            );
          });
        })}
      </svg>
      {series.length > 1 && <figcaption class="legend">{series.map((one, at) => <span key={one.name}><i class={`s${at % 6}`} aria-hidden="true" />{one.name}</span>)}</figcaption>}
    </figure>
  );
}

/** What columns say, for who does not see them. */
export function summary(series: Series[], show: (value: number) => string = number): string {
  return series.map((one) => t("summary", { name: one.name, n: show(one.values.reduce((sum, value) => sum + value, 0)), most: show(Math.max(0, ...one.values)) })).join(t("and"));
}

function cell(data: ChartData, column: ChartData["columns"][number], row: Record<string, Cell>) {
  const value = row[column.name];
  if (value === null || value === undefined) return <span class="muted">—</span>;
  switch (column.kind) {
    case "instant": return periodName(Date.parse(String(value)), data.period);
    case "money": return money({ amount_minor: Number(value), currency: String(row["currency"]) });
    case "share": return percent(Number(value));
    case "count": return number(Number(value));
    default: return value;
  }
}

function Query({ of }: { of: ChartData }) {
  return (
    <details class="behind">
      <summary>{t("query")}</summary>
      <div class="stack">
        <p class="muted small">{t("views")}</p>
        <pre class="json" tabIndex={0} data-sql>{of.sql}</pre>
        <div class="row small"><span class="muted">{t("parameters")}</span>{of.parameters.map((value, i) => <span key={i}>${i + 1} = <Copyable text={value} /></span>)}</div>
      </div>
    </details>
  );
}

interface Props { title: string; path: string; period: ChartData["period"]; count: number; children: (data: ChartData) => ComponentChildren }
export function ChartCard({ title, path, period, count, children }: Props) {
  const asked = { period, count };
  const chart = useLoad(`${path} ${period} ${count}`, (signal) => api.get<ChartData>(path, asked, signal));
  const file = `${path}?${new URLSearchParams({ period, count: String(count), format: "csv" })}`;
  return (
    <Card title={title} actions={<>
      {chart.data && <span class="muted small">{t("read")} <Time at={chart.data.at} />, {t("keptFor")}</span>}
      <a class="button small" href={file} download aria-label={t("csvOf", { name: title })}>{t("csv")}</a>
    </>}>
      <Answer of={chart}>{(data) => (
        <div class="stack">
          {data.rows.length === 0 ? <Empty icon="chart" title={t("none")} /> : children(data)}
          {data.rows.length > 0 && (
            <details class="behind">
              <summary>{t("data")}</summary>
              <Table label={title} rows={data.rows} id={(row) => data.columns.filter((column) => column.kind === "instant" || column.kind === "word").map((column) => row[column.name]).join(" ")}
                columns={data.columns.map((column) => ({ name: columnName(column.name), ...(["count", "money", "share"].includes(column.kind) ? { kind: "number" as const } : {}), show: (row: Record<string, Cell>) => cell(data, column, row) }))} />
            </details>
          )}
          <Query of={data} />
        </div>
      )}</Answer>
    </Card>
  );
}
