// A record of the audit log, as lists and details show it; and the search box that finds them.
import { useEffect, useState } from "preact/hooks";
import { api, part } from "./api.ts";
import { Icon } from "./icons.tsx";
import { words } from "./i18n.ts";
import { useLoad } from "./load.ts";
import { session } from "./session.ts";
import { term } from "./text.ts";
import { Button, Card, Copyable, Facts, Foreign, Json, Loading, Moment, Outcome } from "./ui.tsx";

const t = words({
  en: { close: "Close", summary: "Summary", raw: "Raw JSON", causation: "What led to what", actor: "Who", action: "Action", resource: "On", recorded: "Recorded", occurred: "Happened", outcome: "Outcome", address: "Address", agent: "Program", changes: "What changed", payload: "Content", nothing: "no value", correlation: "Request", event: "Event", link: "Link to this record", search: "Search the log", hint: "type:payment.* outcome:failure from:7d", keys: "Keys of the search", erased: "Its content is erased.", verify: "Verify its proof", same: "Everything of this request", seq: "Record" },
  fr: { close: "Fermer", summary: "Résumé", raw: "JSON brut", causation: "Enchaînement", actor: "Qui", action: "Action", resource: "Sur", recorded: "Consigné", occurred: "Survenu", outcome: "Issue", address: "Adresse", agent: "Programme", changes: "Ce qui a changé", payload: "Contenu", nothing: "sans valeur", correlation: "Requête", event: "Événement", link: "Lien vers cet enregistrement", search: "Rechercher dans le journal", hint: "type:payment.* outcome:failure from:7d", keys: "Clés de la recherche", erased: "Son contenu est effacé.", verify: "Vérifier sa preuve", same: "Tout ce qui vient de cette requête", seq: "Enregistrement" },
});

export interface AuditRecord {
  tenant_id: string; sequence: number; event_id: string; type: string; occurred_at: string; recorded_at: string;
  actor: { kind: string; id: string; ip: string; user_agent: string }; action: string; crud: string; resource: { kind: string; id: string };
  outcome: string; correlation_id: string; causation_id: string; source: string; payload: unknown; changes: Record<string, { old?: unknown; new?: unknown; from?: unknown; to?: unknown }> | null;
}

export const idOf = (record: AuditRecord) => `${record.tenant_id}/${record.sequence}`;
export const auditPath = () => (session.value?.kind === "admin" ? "/v1/admin/audit" : "/v1/audit");

export function Diff({ of }: { of: AuditRecord["changes"] }) {
  const show = (value: unknown) => (value === null || value === undefined || value === "" ? <span class="muted">{t("nothing")}</span> : <Foreign text={typeof value === "string" ? value : JSON.stringify(value)} longest={400} />);
  return (
    <div class="diff">
      {Object.entries(of ?? {}).map(([name, change]) => (
        <div key={name}><code>{name}</code><span class="old">{show(change?.old ?? change?.from)}</span><span aria-hidden="true">→</span><span class="new">{show(change?.new ?? change?.to)}</span></div>
      ))}
    </div>
  );
}

/** Records of the same request as the tree of what led to what; those whose cause is not among them stand first. */
export function treeOf(records: AuditRecord[]): { record: AuditRecord; depth: number }[] {
  const byCause = new Map<string, AuditRecord[]>();
  const ids = new Set(records.map((record) => record.event_id));
  for (const record of records) {
    const cause = ids.has(record.causation_id) && record.causation_id !== record.event_id ? record.causation_id : "";
    byCause.set(cause, [...(byCause.get(cause) ?? []), record]);
  }
  const out: { record: AuditRecord; depth: number }[] = [];
  const seen = new Set<string>();
  const walk = (cause: string, depth: number) => {
    for (const record of byCause.get(cause) ?? []) {
      if (seen.has(idOf(record))) continue;
      seen.add(idOf(record));
      out.push({ record, depth });
      walk(record.event_id, depth + 1);
    }
  };
  walk("", 0);
  for (const record of records) if (!seen.has(idOf(record))) out.push({ record, depth: 0 });  // a circle, which nobody should have made
  return out;
}

function Causation({ of }: { of: AuditRecord }) {
  // The log is read from when the request was: an id says it (UUIDv7), and all that followed came later.
  const began = beginning(of.correlation_id || of.event_id);
  const search = `${of.correlation_id ? term("correlation", of.correlation_id) : term("id", of.event_id)}${began && ` ${term("from", began)}`}`;
  const found = useLoad(`causation ${search}`, (signal) => api.get<{ records: AuditRecord[] }>(auditPath(), { q: search, limit: 100, order: "asc" }, signal));
  if (!found.data) return <Loading />;
  return (
    <ol class="timeline">
      {treeOf(found.data.records).map(({ record, depth }) => (
        <li key={idOf(record)} style={{ marginLeft: `${depth * 1.2}rem` }}>
          <div class="row"><a href={`/console/audit?q=${part(search)}&record=${part(idOf(record))}`}>{record.type}</a>{record.outcome === "failure" && <Outcome of="failure" />}{record.event_id === of.event_id && <Icon name="arrow" size={14} />}</div>
          <div class="small muted"><Foreign text={record.tenant_id} /> · {record.source}</div>
        </li>
      ))}
    </ol>
  );
}

/** An hour before the instant that a UUIDv7 holds: clocks differ. Empty: it is another kind of id. */
function beginning(id: string): string {
  const digits = id.replaceAll("-", "");
  if (!/^[0-9a-f]{12}7/.test(digits)) return "";
  return new Date(parseInt(digits.slice(0, 12), 16) - 3600_000).toISOString().slice(0, 19) + "Z";
}

export function Detail({ of, onClose }: { of: AuditRecord; onClose: () => void }) {
  const [tab, setTab] = useState<"summary" | "raw" | "causation">("summary");
  const admin = session.value?.kind === "admin";
  return (
    <Card title={of.type} actions={<Button small kind="quiet" icon="cross" onClick={onClose}>{t("close")}</Button>}>
      <div class="stack">
        <div class="row">{(["summary", "raw", "causation"] as const).map((one) => <button key={one} type="button" class="facet" aria-pressed={tab === one} onClick={() => setTab(one)}>{t(one)}</button>)}</div>
        {tab === "summary" && (
          <>
            <Facts of={[
              [t("actor"), <><Foreign text={`${of.actor.kind}${of.actor.id ? ` ${of.actor.id}` : ""}`} /></>], [t("action"), of.action], [t("resource"), <Foreign text={`${of.resource.kind}${of.resource.id ? `/${of.resource.id}` : ""}`} />], [t("outcome"), <Outcome of={of.outcome} />],
              [t("recorded"), <Moment at={of.recorded_at} />], [t("occurred"), <Moment at={of.occurred_at} />], [t("address"), of.actor.ip || "—"], [t("agent"), <Foreign text={of.actor.user_agent || "—"} longest={60} />],
              [t("seq"), `${of.tenant_id} #${of.sequence}`], [t("event"), <Copyable text={of.event_id} short={13} />], [t("correlation"), of.correlation_id ? <Copyable text={of.correlation_id} short={13} /> : "—"],
            ]} />
            {of.changes && Object.keys(of.changes).length > 0 && <div class="stack"><h3>{t("changes")}</h3><Diff of={of.changes} /></div>}
            <div class="stack"><h3>{t("payload")}</h3>{of.payload === null ? <p class="muted">{t("erased")}</p> : <Json value={of.payload} />}</div>
            <div class="row">
              {of.correlation_id && <a href={`/console/audit?q=${part(term("correlation", of.correlation_id))}`}>{t("same")}</a>}
              <a href={`/console/proofs?${admin ? `tenant=${part(of.tenant_id)}&` : ""}sequence=${of.sequence}`}>{t("verify")}</a>
              <a href={`/console/audit?q=${part(`${admin ? `${term("tenant", of.tenant_id)} ` : ""}${term("id", of.event_id)}`)}&record=${part(idOf(of))}`}>{t("link")}</a>
            </div>
          </>
        )}
        {tab === "raw" && <Json value={of} />}
        {tab === "causation" && <Causation of={of} />}
      </div>
    </Card>
  );
}

const keys = ["action:", "actor:", "type:", "resource:", "outcome:failure", "outcome:success", "crud:", "ip:", "id:", "correlation:", "causation:", "source:", "from:1h", "from:7d", "to:", "occurred_from:", "occurred_to:"];
/** Searches when Enter is pressed: what is half written breaks the grammar. */
export function SearchBox({ value, onSearch }: { value: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const head = text.slice(0, text.lastIndexOf(" ") + 1);
  const last = text.slice(head.length);
  const known = session.value?.kind === "admin" ? [...keys, "tenant:"] : keys;
  const fitting = last === "" ? [] : known.filter((key) => key.startsWith(last.replace(/^-/, "")) && key !== last);
  return (
    <form class="search-box" role="search" onSubmit={(event) => { event.preventDefault(); onSearch(text.trim()); }}>
      <Icon name="search" size={16} />
      <input data-search type="search" aria-label={t("search")} placeholder={t("hint")} value={text} spellcheck={false} autocomplete="off" list="audit-keys" maxLength={2048} onInput={(event) => setText(event.currentTarget.value)} />
      <datalist id="audit-keys" aria-label={t("keys")}>{fitting.map((key) => <option key={key} value={head + (last.startsWith("-") ? "-" : "") + key} />)}</datalist>
    </form>
  );
}
