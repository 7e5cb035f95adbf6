import { api } from "../core/api.ts";
import { number, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { Answer, Card, Chip, Empty, Foreign, Page, Stat, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import { Health } from "./overview.tsx";
import type { Queue, Queues } from "./queues.tsx";

const t = words({
  en: {
    title: "Health", lead: "What runs, what it stands on, and how far behind it is.", processes: "Processes", process: "Process", host: "From", count: "Running", consuming: "Consuming", since: "Connected", none: "No process is connected to the broker", noneHint: "Nothing is published and nothing is handled.", at: "As of", gone: "Who hangs is missing after a minute, who has ended at once. The signer is not connected: it writes by the database.",
    workers: "Workers", worker: "Worker", alive: "Reads", reads: "Yes", away: "Nobody reads its queues", partly: "{n|one queue is|# queues are} read by nobody", waiting: "Waiting", hand: "In hand", oldest: "Oldest", comes: "Come", goes: "Settled", perSecond: "{n}/s", ofDeepest: "Of the {n} deepest queues.", outbox: "Oldest event to publish", seconds: "{n} s", prompt: "on time", notWatched: "The broker is not watched here", notWatchedHint: "TENANTRY_AMQP_MONITOR_URL is not set in the gateway.",
  },
  fr: {
    title: "Santé", lead: "Ce qui tourne, ce sur quoi cela repose, et le retard pris.", processes: "Processus", process: "Processus", host: "Depuis", count: "En marche", consuming: "Consomment", since: "Connecté", none: "Aucun processus n'est connecté au courtier", noneHint: "Rien n'est publié et rien n'est traité.", at: "Au", gone: "Qui est bloqué disparaît en une minute, qui est terminé aussitôt. Le signataire n'est pas connecté : il écrit par la base.",
    workers: "Ouvriers", worker: "Ouvrier", alive: "Lit", reads: "Oui", away: "Personne ne lit ses files", partly: "{n|une file n'est lue|# files ne sont lues} par personne", waiting: "En attente", hand: "En main", oldest: "Plus ancien", comes: "Arrivent", goes: "Traités", perSecond: "{n}/s", ofDeepest: "D'après les {n} files les plus profondes.", outbox: "Plus ancien événement à publier", seconds: "{n} s", prompt: "à l'heure", notWatched: "Le courtier n'est pas observé ici", notWatchedHint: "TENANTRY_AMQP_MONITOR_URL n'est pas réglé dans la passerelle.",
  },
});
interface Process { name: string; host: string; processes: number; consumers: number; since: string }
export interface Lag { worker: string; queues: number; unread: number; ready: number; unacknowledged: number; publish_rate: number; ack_rate: number; oldest_at: string | null }
export const known = ["signup", "provisioning", "billing", "metering", "audit", "notification"];

/** What waits for each worker, over the queues that were read. */
export function lagsOf(queues: Queue[]): Lag[] {
  return known.map((worker) => {
    const mine = queues.filter((queue) => queue.worker === worker);
    const sum = (of: (queue: Queue) => number) => mine.reduce((all, queue) => all + of(queue), 0);
    return {
      worker, queues: mine.length, unread: mine.filter((queue) => queue.consumers === 0).length, ready: sum((queue) => queue.ready), unacknowledged: sum((queue) => queue.unacknowledged),
      publish_rate: sum((queue) => queue.publish_rate), ack_rate: sum((queue) => queue.ack_rate), oldest_at: mine.map((queue) => queue.oldest_at).filter((at) => at !== null).sort()[0] ?? null,
    };
  });
}

function Alive({ of }: { of: Lag }) {
  if (of.queues === 0) return <span class="muted">—</span>;
  if (of.unread === of.queues) return <Chip tone="bad" icon="alert">{t("away")}</Chip>;
  return of.unread > 0 ? <Chip tone="warn" icon="alert">{t("partly", { n: of.unread })}</Chip> : <Chip tone="good" icon="check">{t("reads")}</Chip>;
}

function Show() {
  const every = 15_000;
  const processes = useLoad("processes", (signal) => api.get<{ processes: Process[]; at: string }>("/v1/admin/processes", undefined, signal), every);
  const queues = useLoad("queues of workers", (signal) => api.get<Queues>("/v1/admin/queues", { limit: 200 }, signal), every);
  const overview = useLoad("overview", (signal) => api.get<{ attention: { oldest_event_to_publish_seconds: number | null } }>("/v1/admin/overview", undefined, signal), every);
  const late = overview.data?.attention.oldest_event_to_publish_seconds ?? 0;
  const watched = processes.problem?.code !== "queues_not_watched";
  const rate = (value: number) => t("perSecond", { n: number(Math.round(value * 10) / 10) });
  return (
    <Page title={t("title")} lead={t("lead")} actions={processes.data && <span class="muted small">{t("at")} <Time at={processes.data.at} /></span>}>
      <div class="grid">
        <Health />
        <div class="stats"><Answer of={overview} rows={1}>{() => <Stat label={t("outbox")} value={late < 5 ? t("prompt") : t("seconds", { n: late })} tone={late >= 60 ? "bad" : late >= 5 ? "warn" : "good"} />}</Answer></div>
      </div>
      {!watched ? <Card><Empty icon="lock" title={t("notWatched")}>{t("notWatchedHint")}</Empty></Card> : <>
        <Card flush title={t("processes")}>
          <Answer of={processes}>{({ processes: rows }) => rows.length === 0 ? <Empty icon="alert" title={t("none")}>{t("noneHint")}</Empty> : <>
            <Table label={t("processes")} rows={rows} id={(row) => `${row.name} ${row.host}`} columns={[
              { name: t("process"), kind: "wide", show: (row) => <Foreign text={row.name} /> },
              { name: t("host"), show: (row) => <Foreign text={row.host} /> },
              { name: t("count"), kind: "number", show: (row) => number(row.processes) },
              { name: t("consuming"), kind: "number", show: (row) => row.consumers >= row.processes ? number(row.consumers) : <Chip tone="bad" icon="alert">{number(row.consumers)}</Chip> },
              { name: t("since"), show: (row) => <Time at={row.since} /> },
            ]} />
            <p class="hint pad">{t("gone")}</p>
          </>}</Answer>
        </Card>
        <Card flush title={t("workers")} actions={queues.data && <span class="muted small">{t("ofDeepest", { n: queues.data.queues.length })}</span>}>
          <Answer of={queues}>{(data) => (
            <Table label={t("workers")} rows={lagsOf(data.queues)} id={(row) => row.worker} columns={[
              { name: t("worker"), show: (row) => row.worker },
              { name: t("alive"), show: (row) => <Alive of={row} /> },
              { name: t("waiting"), kind: "number", show: (row) => number(row.ready) },
              { name: t("hand"), kind: "number", show: (row) => number(row.unacknowledged) },
              { name: t("comes"), kind: "number", show: (row) => rate(row.publish_rate) },
              { name: t("goes"), kind: "number", show: (row) => rate(row.ack_rate) },
              { name: t("oldest"), show: (row) => <Time at={row.oldest_at} /> },
            ]} />
          )}</Answer>
        </Card>
      </>}
    </Page>
  );
}

export const view: View = { path: "/console/health", root: "admin", title: () => t("title"), icon: "pulse", order: 15, show: Show };
