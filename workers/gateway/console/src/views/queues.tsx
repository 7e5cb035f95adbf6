import { useEffect, useState } from "preact/hooks";
import { api, part } from "../core/api.ts";
import { Icon } from "../core/icons.tsx";
import { number, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { Answer, Card, Chip, Empty, Foreign, Page, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Queues", lead: "What waits on the broker, over all vhosts, the deepest first.", search: "Search by queue or tenant", queue: "Queue", ready: "Waiting", unacknowledged: "In hand", consumers: "Consumers", oldest: "Oldest", dead: "Dead letters", none: "No queue matches", noneHint: "Try another part of its name.", unread: "Nobody reads it", shown: "{n|one queue|# queues}, of which the {m} deepest are shown", read: "The {m} deepest queues, from {r} of {v} vhosts", at: "As of", stuck: "Waiting without a reader", comes: "Come", goes: "Go out", settled: "Settled", perSecond: "{n}/s" },
  fr: { title: "Files", lead: "Ce qui attend sur le courtier, tous vhosts confondus, les plus profondes d'abord.", search: "Rechercher par file ou locataire", queue: "File", ready: "En attente", unacknowledged: "En main", consumers: "Consommateurs", oldest: "Plus ancien", dead: "En souffrance", none: "Aucune file ne correspond", noneHint: "Essayez une autre partie de son nom.", unread: "Personne ne la lit", shown: "{n|une file|# files}, dont les {m} plus profondes sont affichées", read: "Les {m} files les plus profondes, de {r} vhosts sur {v}", at: "Au", stuck: "En attente sans lecteur", comes: "Arrivent", goes: "Sortent", settled: "Traités", perSecond: "{n}/s" },
});
export interface Queue { vhost: string; queue: string; tenant_id: string; worker: string; ready: number; unacknowledged: number; consumers: number; publish_rate: number; deliver_rate: number; ack_rate: number; oldest_at: string | null; dead_letters: number }
export interface Queues { queues: Queue[]; matching: number; vhosts: number; vhosts_read: number; at: string }

const rate = (value: number) => (value > 0 ? t("perSecond", { n: number(Math.round(value * 10) / 10) }) : <span class="muted">0</span>);

function Show() {
  const wanted = query("q");
  const [text, setText] = useState(wanted);
  useEffect(() => setText(wanted), [wanted]);
  useEffect(() => {
    if (text === wanted) return;
    const timer = setTimeout(() => setQuery({ q: text }), 250);
    return () => clearTimeout(timer);
  }, [text]);
  const queues = useLoad(`queues ${wanted}`, (signal) => api.get<Queues>("/v1/admin/queues", { q: wanted, limit: 200 }, signal), 15_000);
  const data = queues.data;
  return (
    <Page title={t("title")} lead={t("lead")} actions={data && <span class="muted small">{t("at")} <Time at={data.at} /></span>}>
      <div class="filters">
        <div class="search-box"><Icon name="search" size={16} /><input data-search type="search" maxLength={200} aria-label={t("search")} placeholder={t("search")} value={text} onInput={(event) => setText(event.currentTarget.value)} /></div>
        {data && <span class="muted small">{data.vhosts_read < data.vhosts ? t("read", { m: data.queues.length, r: number(data.vhosts_read), v: number(data.vhosts) }) : t("shown", { n: data.matching, m: data.queues.length })}</span>}
      </div>
      <Card flush>
        <Answer of={queues} rows={8}>{({ queues: rows }) => rows.length === 0 ? <Empty icon="inbox" title={t("none")}>{t("noneHint")}</Empty> : (
          <Table label={t("title")} rows={rows} id={(row) => `${row.vhost} ${row.queue}`} columns={[
            { name: t("queue"), kind: "wide", show: (row) => <>{row.tenant_id && row.tenant_id !== "platform" ? <a class="row-link" href={`/console/tenants/${part(row.tenant_id)}`}><Foreign text={row.queue} /></a> : <Foreign text={row.queue} />}<span class="sub"><Foreign text={row.vhost} /></span></> },
            { name: t("ready"), kind: "number", show: (row) => number(row.ready) },
            { name: t("unacknowledged"), kind: "number", show: (row) => number(row.unacknowledged) },
            { name: t("consumers"), kind: "number", show: (row) => row.consumers > 0 ? number(row.consumers) : <Chip tone={row.ready > 0 ? "bad" : "calm"} icon={row.ready > 0 ? "alert" : "pause"}>{t(row.ready > 0 ? "stuck" : "unread")}</Chip> },
            { name: t("comes"), kind: "number", show: (row) => rate(row.publish_rate) },
            { name: t("goes"), kind: "number", show: (row) => rate(row.deliver_rate) },
            { name: t("settled"), kind: "number", show: (row) => rate(row.ack_rate) },
            { name: t("oldest"), show: (row) => <Time at={row.oldest_at} /> },
            { name: t("dead"), kind: "number", show: (row) => row.dead_letters > 0 ? <a href="/console/dead-letters">{number(row.dead_letters)}</a> : number(0) },
          ]} />
        )}</Answer>
      </Card>
    </Page>
  );
}

export const view: View = { path: "/console/queues", root: "admin", title: () => t("title"), icon: "inbox", order: 14, show: Show };
