import { api, part, Problem } from "../core/api.ts";
import { words } from "../core/i18n.ts";
import { useLoad, usePages } from "../core/load.ts";
import { Detail, idOf, type AuditRecord } from "../core/record.tsx";
import { query, setQuery } from "../core/router.ts";
import { session } from "../core/session.ts";
import { Answer, Card, Empty, Foreign, LinkButton, More, Outcome, Page, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Who did what", lead: "What super-admins have done, and why they say they did. It cannot be changed.", changes: "Changes", looks: "Looks", visits: "Visits", logins: "Logins", tokens: "The platform's token", when: "When", who: "Who", what: "What", tenant: "Tenant", reason: "Reason", outcome: "Outcome", platform: "the platform", none: "Nothing of that kind", noneHint: "Acts of super-admins show here a second after they are done.", looking: "Nothing so far, but the log is not at its end.", inLog: "In the audit log" },
  fr: { title: "Qui a fait quoi", lead: "Ce que les super-administrateurs ont fait, et pour quel motif. Rien n'en peut être modifié.", changes: "Changements", looks: "Regards", visits: "Visites", logins: "Connexions", tokens: "Jeton de la plateforme", when: "Quand", who: "Qui", what: "Quoi", tenant: "Locataire", reason: "Motif", outcome: "Issue", platform: "la plateforme", none: "Rien de ce genre", noneHint: "Les actes des super-administrateurs figurent ici une seconde après.", looking: "Rien jusqu'ici, mais le journal n'est pas à son terme.", inLog: "Dans le journal d'audit" },
});
const kinds = ["changes", "looks", "visits", "logins", "tokens"] as const;
type Kind = (typeof kinds)[number];

/** A person is an actor of their own kind; who came by the platform's token is that token and the name they gave. */
function actors(): string {
  const current = session.value;
  const token = current?.kind === "admin" ? current.token : null;
  return token === null ? "actor:admin" : `actor:admin actor:user:${token} actor:user:${token}/*`;
}
/** The search of the audit log that finds them. */
export function searchOf(kind: Kind, who: string): string {
  switch (kind) {
    case "changes": return `${who} -type:platform.data_read -type:admin.entered_tenant -type:user.logged_in -type:user.logged_out`;
    case "looks": return `${who} type:platform.data_read`;
    case "visits": return "type:admin.entered_tenant";
    case "logins": return `${who} type:user.logged_in type:user.logged_out`;
    case "tokens": return "type:admin.token_used";
  }
}

/** Why they say they did it: what an act asks for is called by one of these. */
export function reasonOf(record: AuditRecord): string {
  const payload = record.payload as Record<string, unknown> | null;
  for (const name of ["note", "reason"]) {
    const text = payload?.[name];
    if (typeof text === "string" && text !== "") return text;
  }
  return "";
}

interface Person { id: string; email: string }
/** Names for the ids of the log. For super-admins alone: others see the ids. */
function usePeople(): Map<string, string> {
  const people = useLoad("admins", async (signal) => {
    try {
      return (await api.get<{ admins: Person[] }>("/v1/admin/admins", undefined, signal)).admins;
    } catch (error) {
      if (error instanceof Problem && error.status === 403) return [];
      throw error;
    }
  });
  return new Map((people.data ?? []).map((one) => [one.id, one.email]));
}

function Show() {
  const asked = query("kind");
  const kind = kinds.find((one) => one === asked) ?? "changes";
  const open = query("record");
  const people = usePeople();
  const search = searchOf(kind, actors());
  const pages = usePages<AuditRecord>(`acts ${search}`, async (cursor, signal) => {
    const answer = await api.get<{ records: AuditRecord[]; next_cursor: string | null }>("/v1/admin/audit", { q: search, cursor, limit: 50 }, signal);
    return { items: answer.records, next: answer.next_cursor, head: undefined };
  });
  const record = pages.data?.find((one) => idOf(one) === open);
  const who = (row: AuditRecord) => people.get(row.actor.id) ?? row.actor.id;
  return (
    <Page title={t("title")} lead={t("lead")} actions={<LinkButton icon="shield" href={`/console/audit?q=${part(search)}`}>{t("inLog")}</LinkButton>}>
      <div class="filters">{kinds.map((one) => <button key={one} type="button" class="facet" aria-pressed={kind === one} onClick={() => setQuery({ kind: one === "changes" ? "" : one, record: "" }, "push")}>{t(one)}</button>)}</div>
      <div class={`split${record ? " with-detail" : ""}`}>
        <Card flush>
          <Answer of={pages} rows={8}>{(rows) => rows.length === 0 ? <Empty icon="shield" title={pages.more ? t("looking") : t("none")}>{pages.more ? <More of={pages} /> : t("noneHint")}</Empty> : <>
            <Table label={t("title")} rows={rows} id={idOf} open={open} onOpen={(row) => setQuery({ record: idOf(row) === open ? "" : idOf(row) })} columns={[
              { name: t("what"), kind: "keep", show: (row) => row.type },
              { name: t("who"), show: (row) => <Foreign text={who(row)} longest={record ? 24 : 48} /> },
              { name: t("tenant"), show: (row) => row.tenant_id === "platform" ? <span class="muted">{t("platform")}</span> : <a href={`/console/tenants/${part(row.tenant_id)}`}><Foreign text={row.tenant_id} longest={30} /></a> },
              ...(record ? [] : [{ name: t("reason"), kind: "wide" as const, show: (row: AuditRecord) => <Foreign text={reasonOf(row)} /> }, { name: t("outcome"), show: (row: AuditRecord) => <Outcome of={row.outcome} /> }]),
              { name: t("when"), show: (row) => <Time at={row.recorded_at} /> },
            ]} />
            <More of={pages} />
          </>}</Answer>
        </Card>
        {record && <div class="detail"><Detail key={open} of={record} onClose={() => setQuery({ record: "" })} /></div>}
      </div>
    </Page>
  );
}

export const view: View = { path: "/console/acts", root: "admin", title: () => t("title"), icon: "people", order: 33, show: Show };
