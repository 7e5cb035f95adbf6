import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { Factors } from "../core/factors.tsx";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { hasOwnLogin, session } from "../core/session.ts";
import { Answer, Button, Card, Chip, Empty, ErrorBox, Facts, Foreign, Notice, Page, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "My account", email: "E-mail address", role: "Role", first: "Set up a second factor first: without one nothing else is open to super-admins.", sessions: "My sessions", where: "Program", address: "Address", began: "Began", seen: "Last seen", here: "This one", end: "End", none: "The platform's token has no account", noneHint: "Add yourself as a super-admin: tenantry admins add." },
  fr: { title: "Mon compte", email: "Adresse électronique", role: "Rôle", first: "Installez d'abord un second facteur : sans lui, rien d'autre n'est ouvert aux super-administrateurs.", sessions: "Mes sessions", where: "Programme", address: "Adresse", began: "Début", seen: "Vue", here: "Celle-ci", end: "Terminer", none: "Le jeton de la plateforme n'a pas de compte", noneHint: "Ajoutez-vous comme super-administrateur : tenantry admins add." },
});
interface Session { id: string; user_agent: string; address: string; created_at: string; last_seen_at: string; current: boolean }

function Sessions() {
  const sessions = useLoad("admin sessions", () => api.get<{ sessions: Session[] }>("/v1/admin/me/sessions"));
  const [problem, setProblem] = useState<Problem>();
  return (
    <Card flush title={t("sessions")}>
      {problem && <ErrorBox problem={problem} />}
      <Answer of={sessions}>{(data) => (
        <Table label={t("sessions")} rows={data.sessions} id={(row) => row.id} columns={[
          { name: t("where"), kind: "wide", show: (row) => <Foreign text={row.user_agent || "—"} /> },
          { name: t("address"), show: (row) => row.address },
          { name: t("began"), show: (row) => <Time at={row.created_at} /> }, { name: t("seen"), show: (row) => <Time at={row.last_seen_at} /> },
          { name: "", kind: "tight", show: (row) => row.current ? <Chip tone="good" icon="check">{t("here")}</Chip> : <Button small kind="quiet" onClick={() => api.remove(`/v1/admin/me/sessions/${part(row.id)}`).then(sessions.again, (error) => setProblem(problemFrom(error)))}>{t("end")}</Button> },
        ]} />
      )}</Answer>
    </Card>
  );
}

function Show() {
  const current = session.value;
  if (current?.kind !== "admin" || !hasOwnLogin()) return <Page title={t("title")}><Card><Empty icon="lock" title={t("none")}>{t("noneHint")}</Empty></Card></Page>;
  return (
    <Page title={t("title")}>
      {current.second_factor === "" && <Notice tone="warn" icon="lock">{t("first")}</Notice>}
      <div class="grid">
        <Card><Facts of={[[t("email"), <Foreign text={current.name} />], [t("role"), current.role ?? ""]]} /></Card>
        <Factors />
      </div>
      <Sessions />
    </Page>
  );
}

export const view: View = { path: "/console/account", root: "admin", title: () => t("title"), icon: "lock", order: 90, own: true, show: Show };
