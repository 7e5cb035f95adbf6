import { useEffect, useState } from "preact/hooks";
import { api, part } from "../core/api.ts";
import { Icon } from "../core/icons.tsx";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad, usePages } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { Act, Answer, Button, Card, Chip, Copyable, Empty, ErrorBox, Facts, Field, Foreign, Json, Moment, More, Notice, Page, Table, Time, type Tone } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: {
    title: "Stripe inbox", lead: "What Stripe has told us, and what waits for a decision.", all: "All", parked: "Parked", published: "Taken", ignored: "Ignored", dropped: "Dropped", received: "Received", type: "Event", tenant: "Tenant", state: "State", why: "Why", none: "Nothing here", noneHint: "Events that cannot be told to belong to a tenant are parked until somebody decides.",
    redrive: "Try again", assign: "Assign to a tenant", drop: "Drop", redriveWhat: "The event is looked at again, as if it had just come.", assignWhat: "The event, and later ones about the same object, count for this tenant.", dropWhat: "The event has no effect, ever.", account: "Account", settledBy: "Settled by", settled: "Settled", stated: "Made by Stripe", tenantId: "Tenant id", says: "Told as", objects: "What it is about", counts: "Counts", older: "A later statement counts", unknown: "Nothing is kept of it", search: "An event's id, a tenant's, or what a type begins with", reveal: "Reveal what Stripe sent", revealHint: "It may hold names, addresses and the end of a card's number. That you have looked is put on record.", body: "As Stripe sent it", gone: "The body is not kept any more; its hash stays.",
  },
  fr: {
    title: "Réception Stripe", lead: "Ce que Stripe nous a dit, et ce qui attend une décision.", all: "Tous", parked: "En attente", published: "Pris", ignored: "Ignorés", dropped: "Abandonnés", received: "Reçu", type: "Événement", tenant: "Locataire", state: "État", why: "Pourquoi", none: "Rien ici", noneHint: "Un événement dont on ne sait à qui il appartient attend ici qu'on décide.",
    redrive: "Réessayer", assign: "Attribuer à un locataire", drop: "Abandonner", redriveWhat: "L'événement est examiné à nouveau, comme s'il venait d'arriver.", assignWhat: "L'événement, et les suivants du même objet, comptent pour ce locataire.", dropWhat: "L'événement n'aura jamais d'effet.", account: "Compte", settledBy: "Décidé par", settled: "Décidé", stated: "Créé par Stripe", tenantId: "Identifiant du locataire", says: "Traduit en", objects: "De quoi il parle", counts: "Compte", older: "Une déclaration ultérieure compte", unknown: "On n'en conserve rien", search: "L'identifiant d'un événement ou d'un locataire, ou le début d'un type", reveal: "Afficher ce que Stripe a envoyé", revealHint: "Il peut y avoir des noms, des adresses et la fin d'un numéro de carte. Votre consultation est consignée.", body: "Tel que Stripe l'a envoyé", gone: "Le corps n'est plus conservé ; son empreinte reste.",
  },
});
interface StripeEvent { id: string; type: string; state: string; reason: string; detail: string; account: string; tenant_id: string | null; received_at: string; stated_at: string; settled_at: string | null; settled_by: string }
const states = ["parked", "published", "ignored", "dropped"] as const;
const tones: Record<string, Tone> = { parked: "warn", published: "good", ignored: "calm", dropped: "calm" };
interface Body { body_base64: string | null; sha256: string }
const textOf = (base64: string) => new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
type Deed = "redrive" | "assign" | "drop";

function Detail({ of, onDone }: { of: StripeEvent; onDone: () => void }) {
  const [deed, setDeed] = useState<Deed>();
  const explained = useLoad(`stripe event ${of.id}`, (signal) => api.get<{ says: string | null; objects: { id: string; counts: boolean | null; tenant_id: string | null }[] }>(`/v1/admin/stripe-events/${part(of.id)}`, undefined, signal));
  const [tenant, setTenant] = useState("");
  const [revealed, setRevealed] = useState<Body>();
  const [problem, setProblem] = useState<Parameters<typeof ErrorBox>[0]["problem"]>();
  const path = `/v1/admin/stripe-events/${part(of.id)}/${deed}`;
  return (
    <Card title={of.type} actions={of.state === "parked" && <>{(["redrive", "assign", "drop"] as const).map((one) => <Button key={one} small kind={one === "drop" ? "quiet" : "plain"} onClick={() => setDeed(one)}>{t(one)}…</Button>)}</>}>
      <div class="stack">
        <Facts of={[["id", <Copyable text={of.id} short={20} />], [t("account"), of.account || "—"], [t("tenant"), of.tenant_id ? <a href={`/console/tenants/${part(of.tenant_id)}`}>{of.tenant_id}</a> : "—"], [t("stated"), <Moment at={of.stated_at} />], [t("received"), <Moment at={of.received_at} />], [t("settled"), <Moment at={of.settled_at} />], [t("settledBy"), of.settled_by || "—"]]} />
        {explained.data && <Facts of={[[t("says"), explained.data.says ?? "—"], [t("objects"), explained.data.objects.length === 0 ? "—" : explained.data.objects.map((one) => <div key={one.id}><Copyable text={one.id} short={22} /> <span class="muted small">{one.counts === null ? t("unknown") : one.counts ? t("counts") : t("older")}{one.tenant_id && ` · ${one.tenant_id}`}</span></div>)]]} />}
        {revealed ? <div data-body><h3>{t("body")}</h3>{revealed.body_base64 === null ? <p class="muted">{t("gone")}</p> : <Json value={textOf(revealed.body_base64)} />}<p class="small">SHA-256 <Copyable text={revealed.sha256} short={16} /></p></div>
          : <Notice icon="lock"><p>{t("revealHint")}</p><p><Button small onClick={() => api.post<Body>(`/v1/admin/stripe-events/${part(of.id)}/reveal`).then(setRevealed, (error) => setProblem(problemFrom(error)))}>{t("reveal")}</Button></p></Notice>}
        {problem && <ErrorBox problem={problem} />}
        {(of.reason || of.detail) && <Json value={[of.reason, of.detail].filter(Boolean).join("\n")} />}
      </div>
      {deed && <Act title={t(deed)} verb={t(deed)} danger={deed === "drop"} what={t(`${deed}What`)} extra={deed === "assign" && <Field label={t("tenantId")} value={tenant} onInput={setTenant} required />}
        act={(reason) => api.post(path, deed === "assign" ? { tenant_id: tenant, reason } : { reason })} onDone={() => { setDeed(undefined); onDone(); }} onClose={() => setDeed(undefined)} />}
    </Card>
  );
}

function Show() {
  const wanted = query("q");
  // What is searched for may be in any state, where none is chosen.
  const state = query("state") || (wanted ? "all" : "parked");
  const open = query("event");
  const [text, setText] = useState(wanted);
  useEffect(() => setText(wanted), [wanted]);
  useEffect(() => {
    if (text.trim() === wanted) return;
    const timer = setTimeout(() => setQuery({ q: text.trim(), event: "" }), 250);
    return () => clearTimeout(timer);
  }, [text]);
  const pages = usePages<StripeEvent>(`stripe ${state} ${wanted}`, async (cursor, signal) => {
    const answer = await api.get<{ stripe_events: StripeEvent[]; next_cursor: string | null }>("/v1/admin/stripe-events", { q: wanted, state: state === "all" ? "" : state, cursor, limit: 50 }, signal);
    return { items: answer.stripe_events, next: answer.next_cursor, head: undefined };
  });
  const chosen = pages.data?.find((one) => one.id === open);
  return (
    <Page title={t("title")} lead={t("lead")}>
      <div class="filters"><div class="search-box"><Icon name="search" size={16} /><input data-search type="search" maxLength={255} aria-label={t("search")} placeholder={t("search")} value={text} onInput={(event) => setText(event.currentTarget.value)} /></div>{(["parked", "all", "published", "ignored", "dropped"] as const).map((one) => <button key={one} type="button" class="facet" aria-pressed={state === one} onClick={() => setQuery({ state: one === "parked" && !wanted ? "" : one, event: "" }, "push")}>{t(one)}</button>)}</div>
      <div class={`split${chosen ? " with-detail" : ""}`}>
        <Card flush>
          <Answer of={pages}>{(rows) => rows.length === 0 ? <Empty icon="card" title={t("none")}>{t("noneHint")}</Empty> : <>
            <Table label={t("title")} rows={rows} id={(row) => row.id} open={open} onOpen={(row) => setQuery({ event: row.id === open ? "" : row.id })} columns={[
              { name: t("type"), show: (row) => <><Foreign text={row.type} /><span class="sub">{row.id}</span></> },
              { name: t("state"), show: (row) => <Chip tone={tones[row.state] ?? "calm"} icon={row.state === "parked" ? "clock" : row.state === "published" ? "check" : "cross"}>{(states as readonly string[]).includes(row.state) ? t(row.state as "parked") : row.state}</Chip> },
              { name: t("why"), kind: "wide", show: (row) => <Foreign text={row.reason} /> },
              { name: t("tenant"), show: (row) => row.tenant_id ?? "—" },
              { name: t("received"), show: (row) => <Time at={row.received_at} /> },
            ]} />
            <More of={pages} />
          </>}</Answer>
        </Card>
        {chosen && <div class="detail"><Detail key={chosen.id} of={chosen} onDone={pages.again} /></div>}
      </div>
    </Page>
  );
}

export const view: View = { path: "/console/stripe", root: "admin", title: () => t("title"), icon: "card", order: 12, show: Show };
