import { useEffect, useState } from "preact/hooks";
import { api, part } from "../core/api.ts";
import { BulkAct, type BulkDeed } from "../core/bulk-act.tsx";
import { Icon } from "../core/icons.tsx";
import { number, words } from "../core/i18n.ts";
import { usePages } from "../core/load.ts";
import { query, setQuery, withQuery } from "../core/router.ts";
import { SavedViews } from "../core/saved-views.tsx";
import { Answer, Button, Card, Chip, Empty, Foreign, More, Page, Status, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Tenants", lookAlike: "Looks like another", search: "Name, id, domain, e-mail or Stripe id", csv: "CSV", csvWhat: "All that match, as a file", all: "All", company: "Company", status: "Status", plan: "Plan", since: "Status since", created: "Signed up", none: "No tenant matches", noneHint: "Try another name, or clear the filters.", failed: "Set-up failed", clear: "Clear filters",
    pending: "Being set up", trial: "Trial", active: "Active", suspended: "Suspended", cancelled: "Cancelled", deleted: "Deleted", total: "{n|one tenant|# tenants}", select: "Select {name}", selectAll: "Select all that are shown", selected: "{n|one tenant selected|# tenants selected}", suspend: "Suspend", reactivate: "Reactivate", unselect: "Clear the selection", tooMany: "At most {n} at a time." },
  fr: { title: "Locataires", lookAlike: "Ressemble à un autre", search: "Nom, identifiant, domaine, courriel ou id Stripe", csv: "CSV", csvWhat: "Tout ce qui correspond, en fichier", all: "Tous", company: "Entreprise", status: "Statut", plan: "Offre", since: "Statut depuis", created: "Inscription", none: "Aucun locataire ne correspond", noneHint: "Essayez un autre nom, ou retirez les filtres.", failed: "Création en échec", clear: "Retirer les filtres",
    pending: "En création", trial: "Essai", active: "Actif", suspended: "Suspendu", cancelled: "Résilié", deleted: "Supprimé", total: "{n|un locataire|# locataires}", select: "Sélectionner {name}", selectAll: "Sélectionner tout ce qui est affiché", selected: "{n|un locataire sélectionné|# locataires sélectionnés}", suspend: "Suspendre", reactivate: "Réactiver", unselect: "Vider la sélection", tooMany: "Au plus {n} à la fois." },
});
const statuses = ["pending", "trial", "active", "suspended", "cancelled", "deleted"] as const;

export interface Summary { tenant_id: string; company_name: string; status: string; status_reason: string; status_since: string; plan: string; created_at: string; provisioning_failed: boolean; look_alikes: string[] }
type Stats = Record<string, number>;
const selectedMax = 100;
const newestFirst = "-created_at";

function Show() {
  const status = query("status");
  const wanted = query("q");
  const sort = query("sort") || newestFirst;
  const [text, setText] = useState(wanted);
  useEffect(() => setText(wanted), [wanted]);
  useEffect(() => {
    if (text === wanted) return;
    const timer = setTimeout(() => setQuery({ q: text }), 180);
    return () => clearTimeout(timer);
  }, [text]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [deed, setDeed] = useState<BulkDeed>();
  const select = (ids: string[], on: boolean) => setSelected((before) => {
    const after = new Set(before);
    for (const id of ids) on ? after.add(id) : after.delete(id);
    return after;
  });
  const pages = usePages<Summary, Stats>(`tenants ${status} ${sort} ${wanted}`, async (cursor, signal) => {
    const answer = await api.get<{ tenants: Summary[]; next_cursor: string | null; stats: Stats }>("/v1/admin/tenants", { q: wanted, status, sort, cursor, limit: 50 }, signal);
    return { items: answer.tenants, next: answer.next_cursor, head: answer.stats };
  });
  return (
    <Page title={t("title")} lead={pages.head && t("total", { n: pages.head["total"] ?? 0 })}
      actions={<a class="button small" href={`/v1/admin/tenants?${new URLSearchParams({ ...(wanted ? { q: wanted } : {}), ...(status ? { status } : {}), sort, format: "csv" })}`} download="tenants.csv" title={t("csvWhat")} data-plain><Icon name="download" size={16} />{t("csv")}</a>}>
      <div class="filters">
        <div class="search-box"><Icon name="search" size={16} /><input data-search type="search" aria-label={t("search")} placeholder={t("search")} value={text} onInput={(event) => setText(event.currentTarget.value)} /></div>
        <button type="button" class="facet" aria-pressed={status === ""} onClick={() => setQuery({ status: "" }, "push")}>{t("all")}</button>
        {statuses.map((one) => (
          <button key={one} type="button" class="facet" aria-pressed={status === one} onClick={() => setQuery({ status: status === one ? "" : one }, "push")}>{t(one)}<span class="count">{pages.head ? number(pages.head[one] ?? 0) : "…"}</span></button>
        ))}
      </div>
      <SavedViews address="/console/tenants" />
      {selected.size > 0 && (
        <div class="filters" role="group" aria-label={t("selected", { n: selected.size })}>
          <strong role="status">{t("selected", { n: selected.size })}</strong>
          <Button small disabled={selected.size > selectedMax} onClick={() => setDeed("suspend")}>{t("suspend")}…</Button>
          <Button small disabled={selected.size > selectedMax} onClick={() => setDeed("reactivate")}>{t("reactivate")}…</Button>
          <Button small kind="quiet" icon="cross" onClick={() => setSelected(new Set())}>{t("unselect")}</Button>
          {selected.size > selectedMax && <span class="muted small">{t("tooMany", { n: selectedMax })}</span>}
        </div>
      )}
      <Card flush>
        <Answer of={pages} rows={8}>{(rows) => rows.length === 0 ? (
          <Empty icon="building" title={t("none")}>{t("noneHint")}<button type="button" class="button small" onClick={() => setQuery({ q: "", status: "" })}>{t("clear")}</button></Empty>
        ) : (
          <>
            <Table label={t("title")} rows={rows} id={(row) => row.tenant_id} href={(row) => `/console/tenants/${part(row.tenant_id)}`} sort={{ by: sort, href: (by) => withQuery({ sort: by === newestFirst ? "" : by }) }} columns={[
              { name: t("company"), sort: "company_name", kind: "wide", show: (row) => <><Foreign text={row.company_name} />{row.look_alikes.length > 0 && <> <Chip tone="warn" icon="alert">{t("lookAlike")}</Chip></>}<span class="sub">{row.tenant_id}</span></> },
              { name: t("status"), sort: "status", show: (row) => <div class="row"><Status of={row.status} />{row.provisioning_failed && <Chip tone="bad" icon="alert">{t("failed")}</Chip>}</div> },
              { name: t("plan"), sort: "plan", show: (row) => row.plan },
              { name: t("since"), sort: "status_since", show: (row) => <Time at={row.status_since} /> },
              { name: t("created"), sort: "created_at", show: (row) => <Time at={row.created_at} /> },
              { name: "", kind: "tight", show: (row) => <input type="checkbox" data-select aria-label={t("select", { name: row.tenant_id })} checked={selected.has(row.tenant_id)} onChange={(event) => select([row.tenant_id], event.currentTarget.checked)} /> },
            ]} />
            <div class="pad"><label class="check"><input type="checkbox" checked={rows.every((row) => selected.has(row.tenant_id))} onChange={(event) => select(rows.map((row) => row.tenant_id), event.currentTarget.checked)} /><span>{t("selectAll")}</span></label></div>
            <More of={pages} />
          </>
        )}</Answer>
      </Card>
      {deed && <BulkAct deed={deed} ids={[...selected]} onClose={() => { setDeed(undefined); setSelected(new Set()); pages.again(); }} />}
    </Page>
  );
}

export const view: View = { path: "/console/tenants", root: "admin", title: () => t("title"), icon: "building", order: 1, show: Show };
