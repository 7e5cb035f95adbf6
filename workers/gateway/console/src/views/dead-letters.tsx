import { useState } from "preact/hooks";
import { api, part } from "../core/api.ts";
import { number, words } from "../core/i18n.ts";
import { useLoad, usePages } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { term } from "../core/text.ts";
import { Act, Answer, Button, Card, Chip, Copyable, Empty, ErrorBox, Facts, Field, Foreign, Json, Loading, Moment, More, Notice, Page, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: {
    title: "Dead letters", lead: "Messages that a worker could not take, grouped by what went wrong.", waiting: "Waiting", redriven: "Sent again", dropped: "Dropped", what: "What went wrong", worker: "Worker", anyWorker: "All workers", type: "Event", count: "Letters", tenants: "Tenants", first: "First", last: "Last", why: "Reason",
    none: "No dead letters", noneHint: "Every message that was sent has been taken.", redrive: "Send again", drop: "Drop", redriveWhat: "{n|One message goes|# messages go} to {worker} again, as they were first sent. What they do cannot be undone.", dropWhat: "{n|One message is|# messages are} dropped: no worker will ever see them. They stay on record for 30 days.", max: "At most", rate: "Per second (0: as fast as it goes)", dry: "Dry run", dryWould: "{n|One message|# messages} would be touched{more}.", andMore: ", and there are more behind them", done: "{n|One message|# messages} done{more}.", close: "Close group", letters: "Messages of the group", tenant: "Tenant", attempts: "Attempts", at: "Dead since", reveal: "Reveal the message", revealHint: "What the message holds may be personal. That you look is put on record.", payload: "Message", event: "Event id", error: "Error", seen: "Deliveries", headers: "Headers", inAudit: "In the audit log",
    invalid: "Invalid", exhausted: "Tries used up", timeout: "Too slow", crash: "Crashed the worker", refused: "Refused",
  },
  fr: {
    title: "Messages en souffrance", lead: "Les messages qu'un ouvrier n'a pas pu traiter, groupés par cause.", waiting: "En attente", redriven: "Renvoyés", dropped: "Abandonnés", what: "Ce qui s'est passé", worker: "Ouvrier", anyWorker: "Tous les ouvriers", type: "Événement", count: "Messages", tenants: "Locataires", first: "Premier", last: "Dernier", why: "Cause",
    none: "Aucun message en souffrance", noneHint: "Tout ce qui a été envoyé a été traité.", redrive: "Renvoyer", drop: "Abandonner", redriveWhat: "{n|Un message repart|# messages repartent} vers {worker}, tels qu'ils furent envoyés. Leurs effets ne s'annulent pas.", dropWhat: "{n|Un message est abandonné|# messages sont abandonnés} : aucun ouvrier ne les verra plus. Ils restent consignés 30 jours.", max: "Au plus", rate: "Par seconde (0 : au plus vite)", dry: "Essai à blanc", dryWould: "{n|Un message serait touché|# messages seraient touchés}{more}.", andMore: ", et d'autres suivent", done: "{n|Un message traité|# messages traités}{more}.", close: "Fermer le groupe", letters: "Messages du groupe", tenant: "Locataire", attempts: "Tentatives", at: "En souffrance depuis", reveal: "Révéler le message", revealHint: "Le contenu peut être personnel. Votre consultation est consignée.", payload: "Message", event: "Identifiant d'événement", error: "Erreur", seen: "Livraisons", headers: "En-têtes", inAudit: "Dans le journal d'audit",
    invalid: "Invalide", exhausted: "Tentatives épuisées", timeout: "Trop lent", crash: "A fait tomber l'ouvrier", refused: "Refusé",
  },
});
type Reason = "invalid" | "exhausted" | "timeout" | "crash" | "refused";
interface Group { worker: string; type: string; reason: Reason; error_shape: string; state: string; count: number; tenants: number; first_at: string; last_at: string; newest_id: string }
interface Letter { id: string; tenant_id: string; worker: string; type: string; reason: Reason; error: string; event_id: string; attempts: number; seen: number; created_at: string; state: string }
interface Settled { count: number; more: boolean }

// Of the groups the largest are shown: a flood of one worker's hides none of another's.
const workers = ["signup", "provisioning", "billing", "metering", "notification", "audit", "relay"];
const keyOf = (group: Group) => [group.worker, group.type, group.reason, group.error_shape].join("\n");

function Batch({ group, deed, onDone, onClose }: { group: Group; deed: "redrive" | "drop"; onDone: () => void; onClose: () => void }) {
  const [max, setMax] = useState(String(Math.min(100, group.count)));
  const [rate, setRate] = useState("0");
  const [dry, setDry] = useState<Settled>();
  const [told, setTold] = useState<Settled>();
  const body = (more: object) => ({ worker: group.worker, type: group.type, reason: group.reason, error_shape: group.error_shape, max: Number(max), ...(deed === "redrive" ? { rate: Number(rate) } : {}), ...more });
  const path = `/v1/admin/dead-letters/${deed}`;
  if (told) return <Act title={t(deed)} verb={t("close")} reason={false} what={<Notice tone="good" icon="check">{t("done", { n: told.count, more: told.more ? t("andMore") : "" })}</Notice>} act={async () => undefined} onDone={onDone} onClose={onDone} />;
  return (
    <Act title={`${t(deed)} · ${group.type}`} verb={t(deed)} danger={deed === "drop"} what={t(deed === "redrive" ? "redriveWhat" : "dropWhat", { n: Number(max), worker: group.worker })}
      onClose={onClose} onDone={() => undefined} act={async (note) => setTold(await api.post<Settled>(path, body({ note })))}
      extra={<>
        <div class="form-grid"><Field label={t("max")} type="number" value={max} onInput={setMax} required />{deed === "redrive" && <Field label={t("rate")} type="number" value={rate} onInput={setRate} />}</div>
        <div class="row"><Button small onClick={() => api.post<Settled>(path, body({ dry_run: true })).then(setDry, () => setDry(undefined))}>{t("dry")}</Button>{dry && <span class="muted" role="status">{t("dryWould", { n: dry.count, more: dry.more ? t("andMore") : "" })}</span>}</div>
      </>} />
  );
}

/** As text where it is some, else as it was told. */
function readable(base64: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
  } catch {
    return base64;
  }
}

interface Message extends Letter { message: { event: unknown; headers: Record<string, string>; body_base64: string; error: string | null } }
function Detail({ letter, onDone }: { letter: Letter; onDone: () => void }) {
  const [revealed, setRevealed] = useState<Message>();
  const [problem, setProblem] = useState<Parameters<typeof ErrorBox>[0]["problem"]>();
  const [deed, setDeed] = useState<"redrive" | "drop">();
  return (
    <Card title={<Foreign text={letter.type} />} actions={letter.state === "waiting" && <><Button small onClick={() => setDeed("redrive")}>{t("redrive")}…</Button><Button small kind="quiet" onClick={() => setDeed("drop")}>{t("drop")}…</Button></>}>
      <div class="stack">
        <Facts of={[[t("tenant"), letter.tenant_id ? <a href={`/console/tenants/${part(letter.tenant_id)}`}>{letter.tenant_id}</a> : "—"], [t("worker"), letter.worker], [t("why"), t(letter.reason)], [t("at"), <Moment at={letter.created_at} />], [t("attempts"), number(letter.attempts)], [t("seen"), number(letter.seen)], [t("event"), <Copyable text={letter.event_id || letter.id} short={13} />]]} />
        <div><h3>{t("error")}</h3><Json value={letter.error} /></div>
        {revealed ? <><div><h3>{t("payload")}</h3><Json value={revealed.message.event ?? readable(revealed.message.body_base64)} /></div><div><h3>{t("headers")}</h3><Json value={revealed.message.headers} /></div></>
          : <Notice icon="lock"><p>{t("revealHint")}</p><p><Button small onClick={() => api.post<Message>(`/v1/admin/dead-letters/${part(letter.id)}/reveal`).then(setRevealed, setProblem)}>{t("reveal")}</Button></p></Notice>}
        {problem && <ErrorBox problem={problem} />}
        {letter.event_id && <a href={`/console/audit?q=${part(term("id", letter.event_id))}`}>{t("inAudit")}</a>}
      </div>
      {deed && <Act title={t(deed)} verb={t(deed)} danger={deed === "drop"} what={t(deed === "redrive" ? "redriveWhat" : "dropWhat", { n: 1, worker: letter.worker })} act={(note) => api.post(`/v1/admin/dead-letters/${part(letter.id)}/${deed}`, { note })} onDone={() => { setDeed(undefined); onDone(); }} onClose={() => setDeed(undefined)} />}
    </Card>
  );
}

function Letters({ group, onDone }: { group: Group; onDone: () => void }) {
  const open = query("letter");
  const pages = usePages<Letter>(`letters ${keyOf(group)} ${group.state}`, async (cursor, signal) => {
    const answer = await api.get<{ dead_letters: Letter[]; next_cursor: string | null }>("/v1/admin/dead-letters", { worker: group.worker, type: group.type, reason: group.reason, error_shape: group.error_shape, state: group.state, cursor, limit: 25 }, signal);
    return { items: answer.dead_letters, next: answer.next_cursor, head: undefined };
  });
  const letter = pages.data?.find((one) => one.id === open);
  return (
    <div class={`split${letter ? " with-detail" : ""}`}>
      <Card flush title={t("letters")} actions={<Button small kind="quiet" icon="cross" onClick={() => setQuery({ group: "", letter: "" })}>{t("close")}</Button>}>
        <Answer of={pages}>{(rows) => <>
          <Table label={t("letters")} rows={rows} id={(row) => row.id} open={open} onOpen={(row) => setQuery({ letter: row.id === open ? "" : row.id })} columns={[
            { name: t("tenant"), show: (row) => <Foreign text={row.tenant_id || "—"} /> },
            { name: t("error"), kind: "wide", show: (row) => <Foreign text={row.error} longest={90} /> },
            { name: t("attempts"), kind: "number", show: (row) => number(row.attempts) },
            { name: t("at"), show: (row) => <Time at={row.created_at} /> },
          ]} />
          <More of={pages} />
        </>}</Answer>
      </Card>
      {letter && <div class="detail"><Detail key={letter.id} letter={letter} onDone={() => { pages.again(); onDone(); }} /></div>}
    </div>
  );
}

function Show() {
  const state = query("state") || "waiting";
  const open = query("group");
  const worker = query("worker");
  const groups = useLoad(`groups ${state} ${worker}`, (signal) => api.get<{ groups: Group[] }>("/v1/admin/dead-letters/groups", { state, worker: worker || undefined }, signal));
  const [batch, setBatch] = useState<{ group: Group; deed: "redrive" | "drop" }>();
  const group = groups.data?.groups.find((one) => keyOf(one) === open);
  return (
    <Page title={t("title")} lead={t("lead")}>
      <div class="filters">{(["waiting", "redriven", "dropped"] as const).map((one) => <button key={one} type="button" class="facet" aria-pressed={state === one} onClick={() => setQuery({ state: one === "waiting" ? "" : one, group: "", letter: "" }, "push")}>{t(one)}</button>)}</div>
      <div class="filters" role="group" aria-label={t("worker")}>{["", ...workers].map((one) => <button key={one} type="button" class="facet" aria-pressed={worker === one} onClick={() => setQuery({ worker: one, group: "", letter: "" }, "push")}>{one || t("anyWorker")}</button>)}</div>
      <Card flush>
        <Answer of={groups}>{({ groups: list }) => list.length === 0 ? <Empty icon="check" title={t("none")}>{t("noneHint")}</Empty> : (
          <Table label={t("title")} rows={list} id={keyOf} open={open} onOpen={(row) => setQuery({ group: keyOf(row) === open ? "" : keyOf(row), letter: "" })} columns={[
            { name: t("what"), kind: "wide", show: (row) => <><Foreign text={row.error_shape || t(row.reason)} /><span class="sub">{row.type}</span></> },
            { name: t("why"), show: (row) => <Chip tone={row.reason === "crash" ? "bad" : "warn"} icon="alert">{t(row.reason)}</Chip> },
            { name: t("worker"), show: (row) => row.worker },
            { name: t("count"), kind: "number", show: (row) => number(row.count) },
            { name: t("tenants"), kind: "number", show: (row) => number(row.tenants) },
            { name: t("first"), show: (row) => <Time at={row.first_at} /> },
            { name: t("last"), show: (row) => <Time at={row.last_at} /> },
            { name: "", kind: "tight", show: (row) => state !== "redriven" && <div class="row"><Button small onClick={() => setBatch({ group: row, deed: "redrive" })}>{t("redrive")}…</Button>{state === "waiting" && <Button small kind="quiet" onClick={() => setBatch({ group: row, deed: "drop" })}>{t("drop")}…</Button>}</div> },
          ]} />
        )}</Answer>
      </Card>
      {open && !group && groups.busy && <Loading />}
      {group && <Letters key={keyOf(group)} group={group} onDone={groups.again} />}
      {batch && <Batch {...batch} onClose={() => setBatch(undefined)} onDone={() => { setBatch(undefined); groups.again(); }} />}
    </Page>
  );
}

export const view: View = { path: "/console/dead-letters", root: "admin", title: () => t("title"), icon: "inbox", order: 11, show: Show };
