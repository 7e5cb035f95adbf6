import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { Email } from "../core/email.tsx";
import { Factors } from "../core/factors.tsx";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { Leave } from "../core/leave.tsx";
import { go } from "../core/router.ts";
import { enterCompany, factorDemanded, membership, session } from "../core/session.ts";
import { Answer, Button, Card, Chip, ErrorBox, Facts, Field, Foreign, Notice, Page, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "My account", name: "Name", email: "E-mail address", role: "Role here", sessions: "My sessions", where: "Program", address: "Address", began: "Began", seen: "Last seen", here: "This one", end: "End", endOthers: "End all others", password: "Change the password", current: "Present password", fresh: "New password", hint: "At least 12 characters. Your other sessions end.", change: "Change it", changed: "Changed. Your other sessions have ended.", companies: "Companies", into: "Go there", tenant: "Company", at: "Here", demanded: "This company demands a second factor. Set one up, and everything is open." },
  fr: { title: "Mon compte", name: "Nom", email: "Adresse électronique", role: "Rôle ici", sessions: "Mes sessions", where: "Programme", address: "Adresse", began: "Début", seen: "Vue", here: "Celle-ci", end: "Terminer", endOthers: "Terminer toutes les autres", password: "Changer le mot de passe", current: "Mot de passe actuel", fresh: "Nouveau mot de passe", hint: "Au moins 12 caractères. Vos autres sessions se terminent.", change: "Le changer", changed: "Changé. Vos autres sessions sont terminées.", companies: "Entreprises", into: "Y aller", tenant: "Entreprise", at: "Ici", demanded: "Cette entreprise exige un second facteur. Installez-en un, et tout est ouvert." },
});
interface Session { id: string; tenant_id: string; user_agent: string; address: string; created_at: string; last_seen_at: string; current: boolean }

function Password() {
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const save = (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    api.post("/v1/me/password", { current_password: current, password: fresh }).then(() => { setDone(true); setCurrent(""); setFresh(""); }, (error) => setProblem(problemFrom(error)));
  };
  return (
    <form class="stack" onSubmit={save}>
      <Field label={t("current")} type="password" autoComplete="current-password" value={current} onInput={setCurrent} required error={problem?.field("current_password")} />
      <Field label={t("fresh")} type="password" autoComplete="new-password" value={fresh} onInput={setFresh} required hint={t("hint")} error={problem?.field("password")} />
      {problem && <ErrorBox problem={problem} />}
      {done && <Notice tone="good" icon="check">{t("changed")}</Notice>}
      <div><Button type="submit">{t("change")}</Button></div>
    </form>
  );
}

function Sessions({ onProblem }: { onProblem: (problem: Problem) => void }) {
  const sessions = useLoad("sessions", () => api.get<{ sessions: Session[] }>("/v1/me/sessions"));
  const end = (asked: Promise<unknown>) => asked.then(sessions.again, (error) => onProblem(problemFrom(error)));
  return (
    <Card flush title={t("sessions")} actions={<Button small onClick={() => end(api.remove("/v1/me/sessions"))}>{t("endOthers")}</Button>}>
      <Answer of={sessions}>{(data) => (
        <Table label={t("sessions")} rows={data.sessions} id={(row) => row.id} columns={[
          { name: t("where"), kind: "wide", show: (row) => <Foreign text={row.user_agent || "—"} /> },
          { name: t("tenant"), show: (row) => row.tenant_id }, { name: t("address"), show: (row) => row.address },
          { name: t("began"), show: (row) => <Time at={row.created_at} /> }, { name: t("seen"), show: (row) => <Time at={row.last_seen_at} /> },
          { name: "", kind: "tight", show: (row) => row.current ? <Chip tone="good" icon="check">{t("here")}</Chip> : <Button small kind="quiet" onClick={() => end(api.remove(`/v1/me/sessions/${part(row.id)}`))}>{t("end")}</Button> },
        ]} />
      )}</Answer>
    </Card>
  );
}

/** Of a company that is closed one sees the same: that is when one goes to another. */
function Show() {
  const member = membership.value;
  const here = session.value?.kind === "member" ? session.value.tenant_id : "";
  const [problem, setProblem] = useState<Problem>();
  const enter = async (tenant: string) => {
    try {
      await enterCompany(tenant);
      go("/console");
    } catch (error) {
      setProblem(problemFrom(error));
    }
  };
  return (
    <Page title={t("title")}>
      {problem && <ErrorBox problem={problem} />}
      {factorDemanded.value && <Notice tone="warn" icon="lock">{t("demanded")}</Notice>}
      <div class="grid">
        {member && <Card><div class="stack"><Facts of={[[t("name"), `${member.user.first_name} ${member.user.last_name}`], [t("email"), <Foreign text={member.user.email} />], [t("role"), member.tenant_role]]} /><div><Leave /></div></div></Card>}
        {member && member.tenants.length > 1 && <Card title={t("companies")}><div class="stack">{member.tenants.map((one) => <div class="row" key={one.tenant_id}><span class="grow">{one.slug}</span><span class="muted small">{one.role}</span>{one.tenant_id === here ? <Chip tone="good" icon="check">{t("at")}</Chip> : <Button small onClick={() => enter(one.tenant_id)}>{t("into")}</Button>}</div>)}</div></Card>}
        {!factorDemanded.value && <Card title={t("password")}><Password /></Card>}
        <Factors />
        {member && !factorDemanded.value && <Card title={t("email")}><Email verified={member.email_verified} /></Card>}
      </div>
      {!factorDemanded.value && <Sessions onProblem={setProblem} />}
    </Page>
  );
}

export const view: View = { path: "/console/account", root: "tenant", title: () => t("title"), icon: "lock", order: 90, own: true, show: Show };
