import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { words } from "../core/i18n.ts";
import { Leave } from "../core/leave.tsx";
import { problemFrom, useLoad, usePages } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { hasOwnLogin, may, me } from "../core/session.ts";
import { Act, Answer, Button, Card, Chip, Dialog, Empty, ErrorBox, Field, Foreign, Moment, More, Notice, Page, Table, Time, Usage, type Tone } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Users", lead: "Who belongs to your company, and who is invited.", invite: "Invite somebody", person: "Person", role: "Role", state: "State", seen: "Last seen", since: "Since", seats: "Seats", all: "All", active: "Active", invited: "Invited", inactive: "Inactive", removed: "Removed", expired: "Expired", pending: "Pending", email: "E-mail address", send: "Send the invitation", inviteHint: "The mail's link is good for seven days, once. The answer is the same whether or not the address has an account.", resend: "Send again", revoke: "Take back", deactivate: "Deactivate", reactivate: "Reactivate", remove: "Remove", change: "Change role", sessions: "End sessions", transfer: "Make owner", factors: "Reset lost second factors", you: "you",
    resendWhat: "Another mail goes out; the link sent before is dead.", revokeWhat: "The link in the mail is dead at once.", deactivateWhat: "{who} loses access at once, and takes no seat. It can be undone.", reactivateWhat: "{who} has access again, and takes a seat.", removeWhat: "{who} loses access for good. What {who} made stays.", changeWhat: "In force within a second, without a logout.", sessionsWhat: "{who} has to log in again, everywhere.", transferWhat: "{who} becomes owner, and you an admin.", factorsWhat: "A day from now {who} has no second factor any more, and sets up another. {who} is mailed, and whoever logs in with one meanwhile keeps it. Ask {who} in person first: whoever has stolen a password would ask you for the same.", resetAt: "The second factors of {who} are gone from:", none: "Nobody here yet", noneHint: "Invite the people you work with.", manage: "Manage", open: "Open" },
  fr: { title: "Utilisateurs", lead: "Qui appartient à votre entreprise, et qui est invité.", invite: "Inviter quelqu'un", person: "Personne", role: "Rôle", state: "État", seen: "Vu", since: "Depuis", seats: "Places", all: "Tous", active: "Actif", invited: "Invité", inactive: "Inactif", removed: "Retiré", expired: "Expirée", pending: "En attente", email: "Adresse électronique", send: "Envoyer l'invitation", inviteHint: "Le lien du courriel vaut sept jours, une fois. La réponse est la même que l'adresse ait un compte ou non.", resend: "Renvoyer", revoke: "Reprendre", deactivate: "Désactiver", reactivate: "Réactiver", remove: "Retirer", change: "Changer de rôle", sessions: "Terminer les sessions", transfer: "Rendre propriétaire", factors: "Réinitialiser les seconds facteurs perdus", you: "vous",
    resendWhat: "Un autre courriel part ; le lien précédent ne vaut plus.", revokeWhat: "Le lien du courriel ne vaut plus, aussitôt.", deactivateWhat: "{who} perd l'accès aussitôt et n'occupe plus de place. C'est réversible.", reactivateWhat: "{who} a de nouveau accès et occupe une place.", removeWhat: "{who} perd l'accès pour toujours. Ce que {who} a créé reste.", changeWhat: "En vigueur en une seconde, sans déconnexion.", sessionsWhat: "{who} devra se reconnecter partout.", transferWhat: "{who} devient propriétaire, et vous administrateur.", factorsWhat: "Dans un jour, {who} n'aura plus de second facteur et en installera un autre. {who} en est averti par courriel ; se connecter d'ici là avec l'un d'eux le conserve. Demandez d'abord à {who} en personne : qui a volé un mot de passe vous demanderait la même chose.", resetAt: "Les seconds facteurs de {who} disparaissent à partir du :", none: "Personne encore", noneHint: "Invitez les personnes avec qui vous travaillez.", manage: "Gérer", open: "Ouvrir" },
});
interface User { id: string; kind: "member" | "invitation"; email: string; first_name: string; last_name: string; role: string; state: string; created_at: string; last_seen_at: string | null; expires_at: string | null }
type Deed = "resend" | "revoke" | "deactivate" | "reactivate" | "remove" | "change" | "sessions" | "transfer" | "factors";
const tones: Record<string, Tone> = { active: "good", invited: "info", pending: "info", inactive: "calm", removed: "calm", expired: "warn" };
const known = ["active", "invited", "inactive", "removed", "expired", "pending", "open"];

export function useRoles() {
  return useLoad("roles", () => api.get<{ roles: { role: string }[] }>("/v1/roles")).data?.roles.map((one) => [one.role, one.role] as [string, string]) ?? [];
}

function Invite({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const roles = useRoles();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("viewer");
  const [problem, setProblem] = useState<Problem>();
  return (
    <Dialog title={t("invite")} onClose={onClose}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); api.post("/v1/users", { email, role }).then(onDone, (error) => setProblem(problemFrom(error))); }}>
        <Field label={t("email")} type="email" value={email} onInput={setEmail} required autoFocus error={problem?.field("email")} />
        <Field label={t("role")} value={role} onInput={setRole} options={roles} error={problem?.field("role")} />
        <p class="hint">{t("inviteHint")}</p>
        {problem && <ErrorBox problem={problem} />}
        <div class="dialog-actions"><Button type="submit" kind="primary" icon="mail">{t("send")}</Button></div>
      </form>
    </Dialog>
  );
}

function DoIt({ of, deed, onReset, onDone, onClose }: { of: User; deed: Deed; onReset: (at: string) => void; onDone: () => void; onClose: () => void }) {
  const roles = useRoles();
  const [role, setRole] = useState(of.role);
  const base = `/v1/users/${part(of.id)}`;
  const act: Record<Deed, (reason: string) => Promise<unknown>> = { resend: () => api.post(`${base}/resend`), revoke: () => api.post(`${base}/revoke`), deactivate: () => api.post(`${base}/deactivate`), reactivate: () => api.post(`${base}/reactivate`), remove: () => api.remove(base), change: () => api.patch(base, { role }), sessions: () => api.remove(`${base}/sessions`), transfer: () => api.post(`${base}/transfer-ownership`, {}), factors: async (reason) => onReset((await api.post<{ effective_at: string }>(`${base}/reset-factors`, { reason })).effective_at) };
  return <Act title={`${t(deed)}: ${of.email}`} verb={t(deed)} danger={deed === "remove"} reason={deed === "factors"} what={t(`${deed}What`, { who: of.first_name || of.email })} extra={deed === "change" && <Field label={t("role")} value={role} onInput={setRole} options={roles} />} act={act[deed]} onDone={onDone} onClose={onClose} />;
}

function Show() {
  const state = query("state");
  const pages = usePages<User, { active: number; pending: number; limit: number }>(`users ${state}`, async (cursor, signal) => {
    const answer = await api.get<{ users: User[]; next_cursor: string | null; seats: { active: number; pending: number; limit: number } }>("/v1/users", { state, cursor, limit: 50 }, signal);
    return { items: answer.users, next: answer.next_cursor, head: answer.seats };
  });
  const [inviting, setInviting] = useState(false);
  const [doing, setDoing] = useState<{ of: User; deed: Deed }>();
  const [reset, setReset] = useState<{ who: string; at: string }>();
  const done = () => { setInviting(false); setDoing(undefined); pages.again(); };
  const deeds = (user: User): Deed[] => user.kind === "invitation" ? ["resend", "revoke"] : user.state === "removed" ? [] : user.state === "inactive" ? ["reactivate", "remove"] : user.id === me.value?.user.id ? [] : ["change", "sessions", "factors", "deactivate", "transfer", "remove"];
  return (
    <Page title={t("title")} lead={t("lead")} actions={may("users:invite") && <Button kind="primary" icon="plus" onClick={() => setInviting(true)}>{t("invite")}</Button>}>
      {reset && <Notice tone="warn" icon="clock"><span data-reset><Foreign text={t("resetAt", { who: reset.who })} /> <Moment at={reset.at} /></span></Notice>}
      {pages.head && <Card><Usage label={t("seats")} used={pages.head.active + pages.head.pending} limit={pages.head.limit} /></Card>}
      <div class="filters">{["", "active", "invited", "inactive", "removed"].map((one) => <button key={one} type="button" class="facet" aria-pressed={state === one} onClick={() => setQuery({ state: one }, "push")}>{one === "" ? t("all") : t(one as "active")}</button>)}</div>
      <Card flush>
        <Answer of={pages}>{(rows) => rows.length === 0 ? <Empty icon="people" title={t("none")}>{t("noneHint")}</Empty> : <>
          <Table label={t("title")} rows={rows} id={(row) => row.id} columns={[
            { name: t("person"), kind: "wide", show: (row) => <><Foreign text={`${row.first_name} ${row.last_name}`.trim() || row.email} />{row.id === me.value?.user.id && <span class="muted"> ({t("you")})</span>}<span class="sub"><Foreign text={row.email} /></span></> },
            { name: t("role"), show: (row) => row.role },
            { name: t("state"), show: (row) => <Chip tone={tones[row.state] ?? "info"} icon={row.state === "active" ? "check" : "clock"}>{known.includes(row.state) ? t(row.state as "active") : row.state}</Chip> },
            { name: t("seen"), show: (row) => <Time at={row.last_seen_at} /> },
            { name: t("since"), show: (row) => <Time at={row.created_at} /> },
            { name: "", kind: "tight", show: (row) => row.id === me.value?.user.id ? hasOwnLogin() && <Leave /> : may("users:update") && deeds(row).length > 0 && (
              <select class="manage" aria-label={`${t("manage")}: ${row.email}`} value="" onChange={(event) => { const deed = event.currentTarget.value as Deed; event.currentTarget.value = ""; if (deed) setDoing({ of: row, deed }); }}>
                <option value="">{t("manage")}…</option>{deeds(row).map((one) => <option key={one} value={one}>{t(one)}</option>)}
              </select>
            ) },
          ]} />
          <More of={pages} />
        </>}</Answer>
      </Card>
      {inviting && <Invite onDone={done} onClose={() => setInviting(false)} />}
      {doing && <DoIt {...doing} onReset={(at) => setReset({ who: doing.of.email, at })} onDone={done} onClose={() => setDoing(undefined)} />}
    </Page>
  );
}

export const view: View = { path: "/console/users", root: "tenant", title: () => t("title"), icon: "people", order: 10, permission: "users:read", show: Show };
