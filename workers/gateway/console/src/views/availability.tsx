import { api, part } from "../core/api.ts";
import { Columns, exactPercent, periodName, summary } from "../core/chart.tsx";
import { number, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { Answer, Button, Card, Chip, Empty, Page, Stat, Table } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Availability", lead: "Promised are {target} of requests served without an error of ours, over {days} days.", all: "All requests", served: "Served", promised: "promised: {target}", budget: "Error budget left", spent: "{n|one request|# requests} failed of {max} that may", requests: "Requests", failed: "Failed", slow: "Over 250 ms", quick: "Within 250 ms", worst: "Whose budget is burnt most", nobody: "Nobody's request failed", nobodyHint: "Every request of {days} days was answered.", tenant: "Tenant", day: "Day", days: "Day by day", none: "No requests yet", close: "Close", kept: "Kept", missed: "Missed", openTenant: "Open the tenant", state: "Promise" },
  fr: { title: "Disponibilité", lead: "Promis : {target} des requêtes servies sans erreur de notre part, sur {days} jours.", all: "Toutes les requêtes", served: "Servies", promised: "promis : {target}", budget: "Budget d'erreur restant", spent: "{n|une requête en échec|# requêtes en échec} sur {max} permises", requests: "Requêtes", failed: "En échec", slow: "Plus de 250 ms", quick: "Sous 250 ms", worst: "Budgets les plus entamés", nobody: "Aucune requête en échec", nobodyHint: "Toutes les requêtes de {days} jours ont reçu une réponse.", tenant: "Locataire", day: "Jour", days: "Jour par jour", none: "Pas encore de requêtes", close: "Fermer", kept: "Tenue", missed: "Manquée", openTenant: "Ouvrir le locataire", state: "Promesse" },
});

interface Figures { requests: number; failed: number; slow: number; availability: number; within_250_ms: number; budget_left: number }
interface Window extends Figures { target: number; days: number }
interface Overall extends Window { worst: (Figures & { tenant_id: string })[] }
interface Own extends Window { by_day: (Figures & { day: string })[] }

function Verdict({ of, target }: { of: Figures; target: number }) {
  return of.availability >= target ? <Chip tone="good" icon="check">{t("kept")}</Chip> : <Chip tone="bad" icon="cross">{t("missed")}</Chip>;
}

function Budget({ of }: { of: Window }) {
  const left = Math.max(0, of.budget_left);
  const tone = of.budget_left <= 0 ? "bad" : of.budget_left < 0.25 ? "warn" : "good";
  return (
    <div class="usage">
      <div class="usage-head"><span>{t("budget")}: {exactPercent(of.budget_left)}</span><span class="muted">{t("spent", { n: of.failed, max: number(Math.floor(of.requests * (1 - of.target) + 1e-6)) })}</span></div>
      <div class="bar" role="meter" aria-label={t("budget")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(left * 100)}><i class={tone} style={{ width: `${left * 100}%` }} /></div>
    </div>
  );
}

function Kept({ of }: { of: Window }) {
  return (
    <>
      <div class="stats">
        <Stat label={t("served")} value={exactPercent(of.availability)} hint={<>{t("promised", { target: exactPercent(of.target) })} <Verdict of={of} target={of.target} /></>} {...(of.availability < of.target ? { tone: "bad" as const } : {})} />
        <Stat label={t("requests")} value={number(of.requests)} />
        <Stat label={t("failed")} value={number(of.failed)} {...(of.failed > 0 ? { tone: "bad" as const } : {})} />
        <Stat label={t("quick")} value={exactPercent(of.within_250_ms)} />
      </div>
      <Budget of={of} />
    </>
  );
}

function Days({ of }: { of: Own }) {
  if (of.by_day.length === 0) return <Empty icon="pulse" title={t("none")} />;
  const name = (day: string) => periodName(Date.parse(day), "day");
  const series = [{ name: t("failed"), values: of.by_day.map((one) => one.failed) }, { name: t("slow"), values: of.by_day.map((one) => one.slow) }];
  return (
    <>
      <Columns labels={of.by_day.map((one) => name(one.day))} series={series} label={summary(series)} />
      <Table label={t("days")} rows={[...of.by_day].reverse()} id={(row) => row.day} columns={[
        { name: t("day"), show: (row) => name(row.day) },
        { name: t("requests"), kind: "number", show: (row) => number(row.requests) },
        { name: t("failed"), kind: "number", show: (row) => number(row.failed) },
        { name: t("served"), kind: "number", show: (row) => exactPercent(row.availability) },
        { name: t("quick"), kind: "number", show: (row) => exactPercent(row.within_250_ms) },
        { name: t("state"), kind: "tight", show: (row) => <Verdict of={row} target={of.target} /> },
      ]} />
    </>
  );
}

/** Of one tenant, day by day: for its people, and for super-admins. */
export function OwnAvailability({ path }: { path: string }) {
  const own = useLoad(path, (signal) => api.get<Own>(path, undefined, signal));
  return <Answer of={own}>{(data) => <div class="stack"><p class="muted">{t("lead", { target: exactPercent(data.target), days: data.days })}</p><Kept of={data} /><Days of={data} /></div>}</Answer>;
}

function ShowAll() {
  const tenant = query("tenant");
  const all = useLoad("availability", (signal) => api.get<Overall>("/v1/admin/availability", undefined, signal));
  return (
    <Page title={t("title")} lead={all.data && t("lead", { target: exactPercent(all.data.target), days: all.data.days })}>
      <Card title={t("all")}><Answer of={all}>{(data) => <div class="stack"><Kept of={data} /></div>}</Answer></Card>
      <Card title={t("worst")} flush>
        <Answer of={all}>{(data) => data.worst.length === 0 ? <Empty icon="check" title={t("nobody")}>{t("nobodyHint", { days: data.days })}</Empty> : (
          <Table label={t("worst")} rows={data.worst} id={(row) => row.tenant_id} open={tenant} onOpen={(row) => setQuery({ tenant: row.tenant_id === tenant ? "" : row.tenant_id })} columns={[
            { name: t("tenant"), show: (row) => row.tenant_id },
            { name: t("requests"), kind: "number", show: (row) => number(row.requests) },
            { name: t("failed"), kind: "number", show: (row) => number(row.failed) },
            { name: t("served"), kind: "number", show: (row) => exactPercent(row.availability) },
            { name: t("budget"), kind: "number", show: (row) => exactPercent(row.budget_left) },
            { name: t("state"), kind: "tight", show: (row) => <Verdict of={row} target={data.target} /> },
          ]} />
        )}</Answer>
      </Card>
      {tenant && <Card title={tenant} actions={<><a class="button small" href={`/console/tenants/${part(tenant)}`}>{t("openTenant")}</a><Button small kind="quiet" icon="cross" onClick={() => setQuery({ tenant: "" })}>{t("close")}</Button></>}><OwnAvailability key={tenant} path={`/v1/admin/tenants/${part(tenant)}/availability`} /></Card>}
    </Page>
  );
}

export const view: View = { path: "/console/availability", root: "admin", title: () => t("title"), icon: "check", order: 13, show: ShowAll };
