import { useEffect, useState } from "preact/hooks";
import { instant, number, words } from "../core/i18n.ts";
import { api } from "../core/api.ts";
import { usePages } from "../core/load.ts";
import { auditPath, Detail, idOf, SearchBox, type AuditRecord } from "../core/record.tsx";
import { query, setQuery } from "../core/router.ts";
import { session } from "../core/session.ts";
import { Fresh } from "../core/step-up.tsx";
import { Answer, Button, Card, Dialog, Empty, Foreign, LinkButton, More, Outcome, Page, Sparkline, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Audit log", lead: "Who did what, when, and what came of it. It cannot be changed.", when: "When", what: "What", who: "Who", on: "On", outcome: "Outcome", tenant: "Tenant", none: "Nothing matches", noneHint: "Try fewer terms, or an earlier from:.", looking: "Nothing so far, but the search is not at its end.", export: "Export", exportTitle: "Export what is shown", exportHint: "Every record that meets the search as it stands, not only the rows on the screen. The export is on record.", searchIs: "Search", all: "everything", csv: "CSV, for a spreadsheet", ndjson: "JSON lines, whole records", live: "Follow live", shown: "{n|one record shown|# records shown}", today: "Last hour", week: "7 days", failures: "Failures", logins: "Logins", people: "People", clear: "Clear", density: "Records over time", inAll: "{n|one record|# records} in all", soFar: "{n|one record|# records} so far" },
  fr: { title: "Journal d'audit", lead: "Qui a fait quoi, quand, et avec quel effet. Il ne peut être modifié.", when: "Quand", what: "Quoi", who: "Qui", on: "Sur", outcome: "Issue", tenant: "Locataire", none: "Rien ne correspond", noneHint: "Essayez moins de termes, ou un from: plus ancien.", looking: "Rien jusqu'ici, mais la recherche n'est pas à son terme.", export: "Exporter", exportTitle: "Exporter ce qui est affiché", exportHint: "Tous les enregistrements qui répondent à la recherche telle qu'elle est, et non les seules lignes à l'écran. L'export est consigné.", searchIs: "Recherche", all: "tout", csv: "CSV, pour un tableur", ndjson: "Lignes JSON, enregistrements entiers", live: "Suivre en direct", shown: "{n|un enregistrement affiché|# enregistrements affichés}", today: "Dernière heure", week: "7 jours", failures: "Échecs", logins: "Connexions", people: "Personnes", clear: "Effacer", density: "Enregistrements dans le temps", inAll: "{n|un enregistrement|# enregistrements} en tout", soFar: "{n|un enregistrement|# enregistrements} jusqu'ici" },
});
const saved = [["today", "from:1h"], ["week", "from:7d"], ["failures", "outcome:failure"], ["logins", "action:login"], ["people", "resource:user resource:invitation resource:role"]] as const;

interface Histogram { begins: string; ends: string; counts: number[]; next_cursor: string | null }

/** The search with another time: from: and to: are what was chosen, and nothing else of when. */
export function within(search: string, from: string, to: string): string {
  const rest = search.replace(/(^|\s)(from|to):("[^"]*"|\S+)/g, " ").trim().replace(/\s+/g, " ");
  return `${rest}${rest && " "}from:${from} to:${to}`;
}

/** Over the whole answer, not over the rows that show: counted by the server, bit by bit where it is long. */
function useHistogram(path: string, search: string) {
  const [of, set] = useState<{ key: string; data: Histogram; whole: boolean }>();
  const key = `${path} ${search}`;
  useEffect(() => {
    const stop = new AbortController();
    const go = async () => {
      let sum: Histogram | undefined;
      for (let cursor: string | null = ""; cursor !== null && !stop.signal.aborted;) {
        const next: Histogram = await api.get<Histogram>(`${path}/histogram`, { q: search, columns: 60, ...(sum ? { cursor, begins: sum.begins, ends: sum.ends } : {}) }, stop.signal);
        sum = { ...next, counts: next.counts.map((count, i) => count + (sum?.counts[i] ?? 0)) };
        cursor = next.next_cursor;
        if (!stop.signal.aborted) set({ key, data: sum, whole: cursor === null });
      }
    };
    go().catch(() => undefined);  // the list says what is wrong with the search
    return () => stop.abort();
  }, [key]);
  return of?.key === key ? of : undefined;
}

function Density({ of, whole, search }: { of: Histogram; whole: boolean; search: string }) {
  const [from, setFrom] = useState<number>();
  const first = Date.parse(of.begins), step = (Date.parse(of.ends) - first) / of.counts.length;
  const columnAt = (event: PointerEvent) => {
    const frame = (event.currentTarget as Element).getBoundingClientRect();
    return Math.max(0, Math.min(of.counts.length - 1, Math.floor(((event.clientX - frame.left) / frame.width) * of.counts.length)));
  };
  const choose = (event: PointerEvent) => {
    if (from === undefined) return;
    const [a, b] = [Math.min(from, columnAt(event)), Math.max(from, columnAt(event))];
    setFrom(undefined);
    const at = (time: number) => `${new Date(time).toISOString().slice(0, 19)}Z`;
    setQuery({ q: within(search, at(first + a * step), at(first + (b + 1) * step + 999)), record: "" }, "push");
  };
  const total = of.counts.reduce((sum, one) => sum + one, 0);
  return (
    <div class="density" data-total={whole ? total : undefined} onPointerDown={(event) => setFrom(columnAt(event))} onPointerUp={choose}>
      <Sparkline values={of.counts} label={`${t("density")}: ${number(total)}`} />
      <div class="row small muted"><span>{instant(of.begins)}</span><span class="right">{t(whole ? "inAll" : "soFar", { n: total })} · {instant(of.ends)}</span></div>
    </div>
  );
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
  const counted = useHistogram(auditPath(), search);
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
          {counted && <div class="pad"><Density of={counted.data} whole={counted.whole} search={search} /></div>}
          <Answer of={pages} rows={10}>{(rows) => rows.length === 0 ? <Empty icon="shield" title={pages.more ? t("looking") : t("none")}>{pages.more ? <More of={pages} /> : t("noneHint")}</Empty> : <>
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
