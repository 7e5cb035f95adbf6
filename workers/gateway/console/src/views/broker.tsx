import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { bytes, number, words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { may } from "../core/session.ts";
import { Act, Answer, Button, Card, Check, Chip, Copyable, Dialog, Empty, ErrorBox, Facts, Field, Foreign, Notice, Page, Table, Time, Usage, type Tone } from "../core/ui.tsx";
import type { IconName } from "../core/icons.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: {
    title: "Broker", lead: "Where your applications publish events and hear them, by AMQP.", place: "Connection", url: "Address, without the password", vhost: "Virtual host", exchange: "They publish to", prefix: "Their queues begin with", tls: "Encrypted", yes: "Yes", no: "No", message: "A message at most", connections: "Connections at most", unlimited: "unlimited",
    logins: "Logins", login: "Login", state: "State", pending: "Being made", valid: "Good", ending: "Ending", made: "Made", validSince: "Good since", ends: "Ends at the latest", rotate: "New login", rotateWhat: "Your applications get a new login. The present one is good until the new one is first used, for an hour at most.",
    once: "Copy it now: it is shown this once.", user: "Login", password: "Password", whole: "Address with the password", done: "Done",
    queues: "Queues", queue: "Queue", hears: "Hears", expires: "Messages expire after", never: "never", add: "New queue", none: "No queues yet", noneHint: "A queue keeps what your applications want to hear until they take it.", remove: "Remove", removeWhat: "The queue goes, with whatever waits in it.", there: "There", created: "Made",
    name: "Name", nameHint: "Of a-z, 0-9, dot, dash and underscore.", own: "Events of your own", ownHint: "Patterns, comma-separated: order.* for one word, order.# for any number.", platform: "Events of the platform", ttl: "Messages expire after so many seconds (optional)", create: "Make the queue",
  },
  fr: {
    title: "Courtier", lead: "Où vos applications publient des événements et les entendent, par AMQP.", place: "Connexion", url: "Adresse, sans le mot de passe", vhost: "Hôte virtuel", exchange: "Elles publient vers", prefix: "Leurs files commencent par", tls: "Chiffrée", yes: "Oui", no: "Non", message: "Taille maximale d'un message", connections: "Connexions au plus", unlimited: "illimité",
    logins: "Identifiants", login: "Identifiant", state: "État", pending: "En création", valid: "Valable", ending: "En fin de vie", made: "Créé", validSince: "Valable depuis", ends: "Fin au plus tard", rotate: "Nouvel identifiant", rotateWhat: "Vos applications reçoivent un nouvel identifiant. L'actuel vaut jusqu'au premier emploi du nouveau, une heure au plus.",
    once: "Copiez-le maintenant : il n'est montré qu'une fois.", user: "Identifiant", password: "Mot de passe", whole: "Adresse avec le mot de passe", done: "Terminé",
    queues: "Files", queue: "File", hears: "Entend", expires: "Les messages expirent après", never: "jamais", add: "Nouvelle file", none: "Aucune file", noneHint: "Une file garde ce que vos applications veulent entendre jusqu'à ce qu'elles le prennent.", remove: "Retirer", removeWhat: "La file disparaît, avec tout ce qui y attend.", there: "En place", created: "Créée",
    name: "Nom", nameHint: "De a-z, 0-9, point, tiret et tiret bas.", own: "Vos propres événements", ownHint: "Motifs, séparés par des virgules : order.* pour un mot, order.# pour autant qu'on veut.", platform: "Événements de la plateforme", ttl: "Les messages expirent après tant de secondes (facultatif)", create: "Créer la file",
  },
});
type State = "pending" | "valid" | "ending";
interface Broker {
  url: string; tls: boolean; vhost: string; exchange: string; users: { user: string; state: State; created_at: string; valid_at: string | null; ends_at: string | null }[]; queue_prefix: string; platform_events: string[];
  limits: { message_bytes_max: number; connections_max: number; queues: number; queues_max: number };
}
interface Queue { name: string; queue: string; own_events: string[]; platform_events: string[]; message_ttl_seconds: number | null; state: string; created_at: string }
interface Login { user: string; password: string; url: string }
const looks: Record<State, [Tone, IconName]> = { pending: ["info", "clock"], valid: ["good", "check"], ending: ["warn", "clock"] };
const everyWhilePending = 3000;  // a broker has it within seconds

function Secret({ of, onClose }: { of: Login; onClose: () => void }) {
  return (
    <Dialog title={t("rotate")} onClose={onClose} wide>
      <div class="stack">
        <Notice tone="warn">{t("once")}</Notice>
        {([["user", of.user], ["password", of.password], ["whole", of.url]] as const).map(([name, text]) => <div key={name}><p class="muted small">{t(name)}</p><div class="secret" data-secret={name}><Copyable text={text} /></div></div>)}
        <div class="dialog-actions"><Button kind="primary" onClick={onClose}>{t("done")}</Button></div>
      </div>
    </Dialog>
  );
}

function Create({ events, onDone, onClose }: { events: string[]; onDone: () => void; onClose: () => void }) {
  const [name, setName] = useState("");
  const [own, setOwn] = useState("");
  const [platform, setPlatform] = useState<string[]>([]);
  const [ttl, setTtl] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const save = (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    const patterns = own.split(",").map((one) => one.trim()).filter(Boolean);
    api.post("/v1/broker/queues", { name: name.trim(), own_events: patterns, platform_events: platform, ...(ttl === "" ? {} : { message_ttl_seconds: Number(ttl) }) }).then(onDone, (error) => setProblem(problemFrom(error)));
  };
  return (
    <Dialog title={t("add")} onClose={onClose} wide>
      <form class="stack" onSubmit={save}>
        <Field label={t("name")} name="queue" value={name} onInput={setName} required autoFocus hint={t("nameHint")} error={problem?.field("name")} />
        <Field label={t("own")} name="own_events" value={own} onInput={setOwn} hint={t("ownHint")} error={problem?.field("own_events")} />
        <fieldset class="stack"><legend>{t("platform")}</legend><div class="toggle-list">{events.map((one) => <Check key={one} label={<code>{one}</code>} checked={platform.includes(one)} onChange={(to) => setPlatform(to ? [...platform, one] : platform.filter((other) => other !== one))} />)}</div></fieldset>
        <Field label={t("ttl")} type="number" value={ttl} onInput={setTtl} error={problem?.field("message_ttl_seconds")} />
        {problem && <ErrorBox problem={problem} />}
        <div class="dialog-actions"><Button type="submit" kind="primary" disabled={own.trim() === "" && platform.length === 0}>{t("create")}</Button></div>
      </form>
    </Dialog>
  );
}

function Show() {
  const [waits, setWaits] = useState(false);  // for the broker to have what was asked for
  const every = waits ? everyWhilePending : 0;
  const broker = useLoad("broker", (signal) => api.get<Broker>("/v1/broker", undefined, signal), every);
  const queues = useLoad("broker queues", (signal) => api.get<{ queues: Queue[] }>("/v1/broker/queues", undefined, signal), every);
  const [secret, setSecret] = useState<Login>();
  const [rotating, setRotating] = useState(false);
  const [creating, setCreating] = useState(false);
  const [removing, setRemoving] = useState<Queue>();
  const pending = (broker.data?.users.some((one) => one.state === "pending") ?? false) || (queues.data?.queues.some((one) => one.state !== "ready") ?? false);
  if (pending !== waits) setWaits(pending);
  const done = () => { setRotating(false); setCreating(false); setRemoving(undefined); broker.again(); queues.again(); };
  const manages = may("broker:manage");
  return (
    <Page title={t("title")} lead={t("lead")}>
      <Answer of={broker} rows={6}>{(data) => (
        <>
          <Card title={t("place")}>
            <Facts of={[[t("url"), <Copyable text={data.url} />], [t("vhost"), <Copyable text={data.vhost} />], [t("exchange"), <Copyable text={data.exchange} />], [t("prefix"), <code>{data.queue_prefix}</code>], [t("tls"), data.tls ? t("yes") : t("no")],
              [t("message"), bytes(data.limits.message_bytes_max)], [t("connections"), data.limits.connections_max < 0 ? t("unlimited") : number(data.limits.connections_max)]]} />
          </Card>
          <Card flush title={t("logins")} actions={may("broker:rotate") && <Button small icon="refresh" onClick={() => setRotating(true)}>{t("rotate")}…</Button>}>
            <Table label={t("logins")} rows={data.users} id={(row) => row.user} columns={[
              { name: t("login"), show: (row) => <Copyable text={row.user} /> },
              { name: t("state"), show: (row) => <Chip tone={looks[row.state][0]} icon={looks[row.state][1]}>{t(row.state)}</Chip> },
              { name: t("made"), show: (row) => <Time at={row.created_at} /> }, { name: t("validSince"), show: (row) => <Time at={row.valid_at} /> }, { name: t("ends"), show: (row) => <Time at={row.ends_at} /> },
            ]} />
          </Card>
          <Card flush title={t("queues")} actions={manages && <Button small icon="plus" onClick={() => setCreating(true)}>{t("add")}</Button>}>
            <div class="pad"><Usage label={t("queues")} used={data.limits.queues} limit={data.limits.queues_max} /></div>
            <Answer of={queues}>{({ queues: list }) => list.length === 0 ? <Empty icon="inbox" title={t("none")}>{t("noneHint")}</Empty> : (
              <Table label={t("queues")} rows={list} id={(row) => row.name} columns={[
                { name: t("queue"), show: (row) => <><Foreign text={row.name} /><span class="sub"><code>{row.queue}</code></span></> },
                { name: t("hears"), kind: "wide", show: (row) => [...row.own_events, ...row.platform_events].join(", ") },
                { name: t("expires"), show: (row) => row.message_ttl_seconds === null ? t("never") : `${number(row.message_ttl_seconds)} s` },
                { name: t("state"), show: (row) => <Chip tone={row.state === "ready" ? "good" : row.state === "ending" ? "warn" : "info"} icon={row.state === "ready" ? "check" : "clock"}>{row.state === "ready" ? t("there") : row.state === "ending" ? t("ending") : t("pending")}</Chip> },
                { name: t("created"), show: (row) => <Time at={row.created_at} /> },
                { name: "", kind: "tight", show: (row) => manages && row.state !== "ending" && <Button small kind="quiet" onClick={() => setRemoving(row)}>{t("remove")}…</Button> },
              ]} />
            )}</Answer>
          </Card>
          {creating && <Create events={data.platform_events} onDone={done} onClose={() => setCreating(false)} />}
        </>
      )}</Answer>
      {rotating && <Act title={t("rotate")} verb={t("rotate")} reason={false} what={t("rotateWhat")} act={async () => setSecret(await api.post<Login>("/v1/broker/rotate", {}))} onDone={done} onClose={() => setRotating(false)} />}
      {removing && <Act title={`${t("remove")}: ${removing.name}`} verb={t("remove")} danger reason={false} what={t("removeWhat")} act={() => api.remove(`/v1/broker/queues/${part(removing.name)}`)} onDone={done} onClose={() => setRemoving(undefined)} />}
      {secret && <Secret of={secret} onClose={() => setSecret(undefined)} />}
    </Page>
  );
}

export const view: View = { path: "/console/broker", root: "tenant", title: () => t("title"), icon: "plug", order: 13, permission: "broker:read", show: Show };
