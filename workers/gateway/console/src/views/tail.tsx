import { useEffect, useRef, useState } from "preact/hooks";
import { words } from "../core/i18n.ts";
import { auditPath, Detail, idOf, SearchBox, type AuditRecord } from "../core/record.tsx";
import { query, setQuery } from "../core/router.ts";
import { session } from "../core/session.ts";
import { openTail, type TailState } from "../core/stream.ts";
import { Button, Card, Chip, Empty, Foreign, Notice, Outcome, Page, Table } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Live tail", lead: "Records as they are written.", pause: "Pause", go: "Go on", paused: "Paused, {n|one new record|# new records}", open: "Following", connecting: "Connecting", over: "Ended", refused: "The stream was refused. Is the search as it should be?", none: "Waiting for the next record", noneHint: "It shows here within half a second of being written.", time: "At", what: "What", who: "Who", on: "On", outcome: "Outcome", tenant: "Tenant", rate: "{n} a second", gap: "{n|one record|# records} more came than are kept here; the audit log has them." },
  fr: { title: "Suivi en direct", lead: "Les enregistrements au moment où ils sont écrits.", pause: "Suspendre", go: "Reprendre", paused: "Suspendu, {n|un nouvel enregistrement|# nouveaux enregistrements}", open: "En direct", connecting: "Connexion", over: "Terminé", refused: "Le flux a été refusé. La recherche est-elle correcte ?", none: "En attente du prochain enregistrement", noneHint: "Il s'affiche ici moins d'une demi-seconde après son écriture.", time: "À", what: "Quoi", who: "Qui", on: "Sur", outcome: "Issue", tenant: "Locataire", rate: "{n} par seconde", gap: "{n|un enregistrement|# enregistrements} de plus qu'on n'en garde ici ; le journal les contient." },
});
const keptMax = 200;
const knownMax = 1000;

function Show() {
  const search = query("q");
  const [rows, setRows] = useState<AuditRecord[]>([]);
  const [state, setState] = useState<TailState>("connecting");
  const [paused, setPaused] = useState(false);
  const [waiting, setWaiting] = useState(0);
  const [lost, setLost] = useState(0);
  const [rate, setRate] = useState(0);
  const [open, setOpen] = useState("");
  const held = useRef<AuditRecord[]>([]);
  const missed = useRef(0);  // came while nothing was drawn, and are more than are kept
  const stopped = useRef(false);
  stopped.current = paused;
  const show = () => {
    const fresh = held.current.splice(0).reverse();
    const over = missed.current;
    missed.current = 0;
    setRows((old) => {
      const all = [...fresh, ...old];
      if (over + all.length > keptMax) setLost((n) => n + over + Math.max(0, all.length - keptMax));
      return all.slice(0, keptMax);
    });
  };
  useEffect(() => {
    setRows([]);
    setLost(0);
    held.current = [];
    missed.current = 0;
    const times: number[] = [];
    const known = new Set<string>();
    let frame = 0;
    const draw = () => {
      frame = 0;
      if (stopped.current) return setWaiting(held.current.length + missed.current);
      show();
    };
    const close = openTail(auditPath(), search, (record) => {
      if (known.has(idOf(record))) return;  // told by the tab that led before, and again by the stream that goes on
      known.add(idOf(record));
      if (known.size > knownMax) known.delete(known.values().next().value!);
      held.current.push(record);
      if (held.current.length > 2 * keptMax) missed.current += held.current.splice(0, keptMax).length;
      times.push(performance.now());
      frame ||= requestAnimationFrame(draw);
    }, setState);
    const timer = setInterval(() => {
      while (times.length > 0 && times[0]! < performance.now() - 5000) times.shift();
      setRate(times.length / 5);
    }, 1000);
    return () => { close(); clearInterval(timer); cancelAnimationFrame(frame); };
  }, [search]);
  const goOn = () => { setPaused(false); setWaiting(0); show(); };
  const admin = session.value?.kind === "admin";
  const record = rows.find((one) => idOf(one) === open);
  return (
    <Page title={t("title")} lead={<><Chip tone={state === "open" ? "good" : state === "refused" ? "bad" : "info"} icon={state === "open" ? "pulse" : "clock"}>{state === "open" ? t("open") : state === "refused" ? t("over") : t("connecting")}</Chip><span>{t("rate", { n: Math.round(rate * 10) / 10 })}</span></>}
      actions={paused ? <Button kind="primary" icon="play" onClick={goOn}>{waiting > 0 ? t("paused", { n: waiting }) : t("go")}</Button> : <Button icon="pause" onClick={() => setPaused(true)}>{t("pause")}</Button>}>
      <SearchBox value={search} onSearch={(text) => setQuery({ q: text })} />
      {state === "refused" && <Notice tone="bad">{t("refused")}</Notice>}
      {lost > 0 && <Notice>{t("gap", { n: lost })}</Notice>}
      <div class={`split${record ? " with-detail" : ""}`}>
        <Card flush>
          {rows.length === 0 ? <Empty icon="pulse" title={t("none")}>{t("noneHint")}</Empty> : (
            <div class="tail">
              <Table label={t("title")} rows={rows} id={idOf} open={open} onOpen={(row) => { setOpen(idOf(row) === open ? "" : idOf(row)); setPaused(true); }} columns={[
                { name: t("what"), show: (row) => row.type },
                ...(admin ? [{ name: t("tenant"), show: (row: AuditRecord) => <Foreign text={row.tenant_id} longest={30} /> }] : []),
                { name: t("who"), show: (row) => <Foreign text={`${row.actor.kind} ${row.actor.id}`} longest={32} /> },
                { name: t("on"), show: (row) => <Foreign text={`${row.resource.kind} ${row.resource.id}`} longest={32} /> },
                { name: t("outcome"), show: (row) => <Outcome of={row.outcome} /> },
                { name: t("time"), show: (row) => <time dateTime={row.recorded_at}>{row.recorded_at.slice(11, 23)}</time> },
              ]} />
            </div>
          )}
        </Card>
        {record && <div class="detail"><Detail key={open} of={record} onClose={() => setOpen("")} /></div>}
      </div>
    </Page>
  );
}

export const view: View = { path: "/console/tail", root: "any", title: () => t("title"), icon: "pulse", order: 31, permission: "audit:read", show: Show };
