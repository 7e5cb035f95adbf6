import { useEffect, useState } from "preact/hooks";
import { number, words } from "../core/i18n.ts";
import { api } from "../core/api.ts";
import { usePages } from "../core/load.ts";
import { auditPath, Detail, idOf, SearchBox, type AuditRecord } from "../core/record.tsx";
import { query, setQuery } from "../core/router.ts";
import { session } from "../core/session.ts";
import { Fresh } from "../core/step-up.tsx";
import { Answer, Button, Card, Dialog, Empty, Foreign, LinkButton, More, Outcome, Page, Sparkline, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Audit log", lead: "Who did what, when, and what came of it. It cannot be changed.", when: "When", what: "What", who: "Who", on: "On", outcome: "Outcome", tenant: "Tenant", none: "Nothing matches", noneHint: "Try fewer terms, or an earlier from:.", looking: "Nothing so far, but the search is not at its end.", export: "Export", exportTitle: "Export what is shown", exportHint: "Every record that meets the search as it stands, not only the rows on the screen. The export is on record.", searchIs: "Search", all: "everything", csv: "CSV, for a spreadsheet", ndjson: "JSON lines, whole records", live: "Follow live", shown: "{n|one record shown|# records shown}", today: "Last hour", week: "7 days", failures: "Failures", logins: "Logins", people: "People", clear: "Clear", density: "Records shown, over their time" },
  fr: { title: "Journal d'audit", lead: "Qui a fait quoi, quand, et avec quel effet. Il ne peut être modifié.", when: "Quand", what: "Quoi", who: "Qui", on: "Sur", outcome: "Issue", tenant: "Locataire", none: "Rien ne correspond", noneHint: "Essayez moins de termes, ou un from: plus ancien.", looking: "Rien jusqu'ici, mais la recherche n'est pas à son terme.", export: "Exporter", exportTitle: "Exporter ce qui est affiché", exportHint: "Tous les enregistrements qui répondent à la recherche telle qu'elle est, et non les seules lignes à l'écran. L'export est consigné.", searchIs: "Recherche", all: "tout", csv: "CSV, pour un tableur", ndjson: "Lignes JSON, enregistrements entiers", live: "Suivre en direct", shown: "{n|un enregistrement affiché|# enregistrements affichés}", today: "Dernière heure", week: "7 jours", failures: "Échecs", logins: "Connexions", people: "Personnes", clear: "Effacer", density: "Enregistrements affichés, dans le temps" },
});
const saved = [["today", "from:1h"], ["week", "from:7d"], ["failures", "outcome:failure"], ["logins", "action:login"], ["people", "resource:user resource:invitation resource:role"]] as const;

/** How many there are in each of so many equal stretches of time. */
export function histogram(times: string[], columns: number): number[] {
  const at = times.map(Date.parse);
  const first = Math.min(...at), last = Math.max(...at);
  const counts = Array<number>(columns).fill(0);
  for (const time of at) ++counts[last === first ? columns - 1 : Math.min(columns - 1, Math.floor(((time - first) / (last - first)) * columns))]!;
  return counts;
}

function Show() {
  useEffect(() => localStorage.setItem("seen-audit", "1"), []);
  const search = query("q");
  const open = query("record");
  const admin = session.value?.kind === "admin";
  const [exports, setExports] = useState(false);
  const pages = usePages<AuditRecord>(`audit ${auditPath()} ${search}`, async (cursor, signal) => {
    const answer = await api.get<{ records: AuditRecord[]; next_cursor: string | null }>(auditPath(), { q: search, cursor, limit: 50 }, signal);
    return { items: answer.records, next: answer.next_cursor, head: undefined };
  });
  const record = pages.data?.find((one) => idOf(one) === open);
  const link = (format: string) => `${auditPath()}/export?${new URLSearchParams({ ...(search ? { q: search } : {}), format })}`;
  return (
    <Page title={t("title")} lead={t("lead")} actions={<><LinkButton icon="pulse" href={`/console/tail${search ? `?q=${encodeURIComponent(search)}` : ""}`}>{t("live")}</LinkButton><Button icon="download" onClick={() => setExports(true)}>{t("export")}</Button></>}>
      <div class="stack">
        <SearchBox value={search} onSearch={(text) => setQuery({ q: text, record: "" }, "push")} />
        <div class="filters">
          {saved.map(([name, text]) => <button key={name} type="button" class="facet" aria-pressed={search === text} onClick={() => setQuery({ q: search === text ? "" : text, record: "" }, "push")}>{t(name)}</button>)}
          {search && <button type="button" class="facet" onClick={() => setQuery({ q: "", record: "" }, "push")}>{t("clear")}</button>}
          {pages.data && <span class="muted small right">{t("shown", { n: pages.data.length })}</span>}
        </div>
      </div>
      <div class={`split${record ? " with-detail" : ""}`}>
        <Card flush>
          <Answer of={pages} rows={10}>{(rows) => rows.length === 0 ? <Empty icon="shield" title={pages.more ? t("looking") : t("none")}>{pages.more ? <More of={pages} /> : t("noneHint")}</Empty> : <>
            <div class="pad"><Sparkline values={histogram(rows.map((row) => row.recorded_at), 60)} label={`${t("density")}: ${number(rows.length)}`} /></div>
            <Table label={t("title")} rows={rows} id={idOf} open={open} onOpen={(row) => setQuery({ record: idOf(row) === open ? "" : idOf(row) })} columns={[
              { name: t("what"), kind: "keep", show: (row) => <>{row.type}{record && admin && <span class="sub"><Foreign text={row.tenant_id} longest={30} /></span>}</> },
              ...(admin && !record ? [{ name: t("tenant"), show: (row: AuditRecord) => <Foreign text={row.tenant_id} longest={30} /> }] : []),
              { name: t("who"), show: (row) => <><Foreign text={row.actor.kind} />{!record && <span class="sub"><Foreign text={row.actor.id} longest={18} /></span>}</> },
              ...(record ? [] : [{ name: t("on"), show: (row: AuditRecord) => <><Foreign text={row.resource.kind} longest={40} /><span class="sub"><Foreign text={row.resource.id} longest={18} /></span></> }]),
              { name: t("outcome"), show: (row) => <Outcome of={row.outcome} /> },
              { name: t("when"), show: (row) => <Time at={row.recorded_at} /> },
            ]} />
            <More of={pages} />
          </>}</Answer>
        </Card>
        {record && <div class="detail"><Detail key={open} of={record} onClose={() => setQuery({ record: "" })} /></div>}
      </div>
      {exports && <Dialog title={t("exportTitle")} onClose={() => setExports(false)}>
        <div class="stack">
          <p>{t("exportHint")}</p>
          <p><strong>{t("searchIs")}:</strong> <code>{search || t("all")}</code></p>
          <Fresh>
            <a class="button" href={link("csv")} download="audit.csv">{t("csv")}</a>
            <a class="button" href={link("ndjson")} download="audit.ndjson">{t("ndjson")}</a>
          </Fresh>
        </div>
      </Dialog>}
    </Page>
  );
}

export const view: View = { path: "/console/audit", root: "any", title: () => t("title"), icon: "shield", order: 30, permission: "audit:read", show: Show };
