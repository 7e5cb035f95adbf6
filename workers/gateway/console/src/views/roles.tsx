import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { number, words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { covers, may } from "../core/session.ts";
import { Act, Answer, Button, Card, Check, Chip, Dialog, Empty, ErrorBox, Field, Foreign, Page, Table } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Roles", lead: "What each role may do. The built-in ones stay as they are; yours you can shape.", add: "New role", edit: "Edit", remove: "Delete", role: "Role", members: "Members", builtIn: "Built in", own: "Your own", description: "Description", permissions: "May", name: "Name", save: "Save", removeWhat: "Nobody can be given the role any more. Who has it, has the replacement.", replacement: "Replacement", matrix: "Matrix of permissions", yes: "yes", no: "no", permission: "Permission", everything: "everything", none: "No roles", nameHint: "Lower case letters, digits, - and _" },
  fr: { title: "Rôles", lead: "Ce que chaque rôle permet. Ceux d'origine restent tels quels ; les vôtres se façonnent.", add: "Nouveau rôle", edit: "Modifier", remove: "Supprimer", role: "Rôle", members: "Membres", builtIn: "D'origine", own: "Le vôtre", description: "Description", permissions: "Permet", name: "Nom", save: "Enregistrer", removeWhat: "Personne ne peut plus recevoir ce rôle. Qui l'a reçoit le remplaçant.", replacement: "Remplaçant", matrix: "Tableau des permissions", yes: "oui", no: "non", permission: "Permission", everything: "tout", none: "Aucun rôle", nameHint: "Minuscules, chiffres, - et _" },
});
interface Role { role: string; built_in: boolean; description: string; permissions: string[]; members: number }
interface Permission { permission: string; description: string; own: boolean; for_people: boolean }

export function PermissionPicker({ chosen, onChange, machines = false }: { chosen: string[]; onChange: (to: string[]) => void; machines?: boolean }) {
  const permissions = useLoad("permissions", () => api.get<{ permissions: Permission[] }>("/v1/permissions"));
  return (
    <Answer of={permissions}>{(data) => (
      <fieldset class="toggle-list"><legend class="hidden">{t("permissions")}</legend>{data.permissions.filter((one) => !machines || !one.for_people).map((one) => (
        <Check key={one.permission} label={<>{one.description} <code class="muted">{one.permission}</code></>} checked={covers(chosen, one.permission)} onChange={(on) => onChange(on ? [...chosen, one.permission] : chosen.filter((grant) => grant !== one.permission))} />
      ))}</fieldset>
    )}</Answer>
  );
}

function Edit({ of, onDone, onClose }: { of: Role | undefined; onDone: () => void; onClose: () => void }) {
  const [name, setName] = useState(of?.role ?? "");
  const [description, setDescription] = useState(of?.description ?? "");
  const [permissions, setPermissions] = useState(of?.permissions ?? []);
  const [problem, setProblem] = useState<Problem>();
  const save = (event: Event) => {
    event.preventDefault();
    (of ? api.patch(`/v1/roles/${part(of.role)}`, { description, permissions }) : api.post("/v1/roles", { role: name, description, permissions })).then(onDone, (error) => setProblem(problemFrom(error)));
  };
  return (
    <Dialog title={of?.role ?? t("add")} onClose={onClose} wide>
      <form class="stack" onSubmit={save}>
        {!of && <Field label={t("name")} value={name} onInput={setName} required autoFocus hint={t("nameHint")} error={problem?.field("role")} />}
        <Field label={t("description")} value={description} onInput={setDescription} error={problem?.field("description")} />
        <PermissionPicker chosen={permissions} onChange={setPermissions} />
        {problem && <ErrorBox problem={problem} />}
        <div class="dialog-actions"><Button type="submit" kind="primary">{t("save")}</Button></div>
      </form>
    </Dialog>
  );
}

function Show() {
  const roles = useLoad("roles", () => api.get<{ roles: Role[] }>("/v1/roles"));
  const permissions = useLoad("permissions", () => api.get<{ permissions: Permission[] }>("/v1/permissions"));
  const [edit, setEdit] = useState<Role | "new">();
  const [gone, setGone] = useState<Role>();
  const [replacement, setReplacement] = useState("viewer");
  const matrix = query("matrix") !== "";
  const done = () => { setEdit(undefined); setGone(undefined); roles.again(); };
  return (
    <Page title={t("title")} lead={t("lead")} actions={<><Button onClick={() => setQuery({ matrix: matrix ? "" : "1" })}>{t("matrix")}</Button>{may("roles:create") && <Button kind="primary" icon="plus" onClick={() => setEdit("new")}>{t("add")}</Button>}</>}>
      <Card flush>
        <Answer of={roles}>{({ roles: list }) => list.length === 0 ? <Empty icon="key" title={t("none")} /> : (
          <Table label={t("title")} rows={list} id={(row) => row.role} columns={[
            { name: t("role"), show: (row) => <><Foreign text={row.role} /><span class="sub"><Foreign text={row.description} /></span></> },
            { name: "", show: (row) => <Chip tone={row.built_in ? "calm" : "info"} icon={row.built_in ? "lock" : "dot"}>{row.built_in ? t("builtIn") : t("own")}</Chip> },
            { name: t("permissions"), kind: "wide", show: (row) => row.permissions.includes("*") ? t("everything") : <Foreign text={row.permissions.join(", ")} longest={160} /> },
            { name: t("members"), kind: "number", show: (row) => number(row.members ?? 0) },
            { name: "", kind: "tight", show: (row) => !row.built_in && may("roles:update") && <div class="row"><Button small onClick={() => setEdit(row)}>{t("edit")}</Button><Button small kind="quiet" onClick={() => setGone(row)}>{t("remove")}…</Button></div> },
          ]} />
        )}</Answer>
      </Card>
      {matrix && roles.data && permissions.data && (
        <Card flush title={t("matrix")}><div class="matrix">
          <Table label={t("matrix")} rows={permissions.data.permissions} id={(row) => row.permission} columns={[
            { name: t("permission"), show: (row) => <>{row.description}<span class="sub">{row.permission}</span></> },
            ...roles.data.roles.map((role) => ({ name: role.role, show: (row: Permission) => covers(role.permissions, row.permission) ? <Chip tone="good" icon="check">{t("yes")}</Chip> : <span class="muted">{t("no")}</span> })),
          ]} />
        </div></Card>
      )}
      {edit && <Edit of={edit === "new" ? undefined : edit} onDone={done} onClose={() => setEdit(undefined)} />}
      {gone && <Act title={`${t("remove")}: ${gone.role}`} verb={t("remove")} danger reason={false} what={t("removeWhat")} extra={<Field label={t("replacement")} value={replacement} onInput={setReplacement} options={(roles.data?.roles ?? []).filter((one) => one.role !== gone.role).map((one) => [one.role, one.role])} />} act={() => api.remove(`/v1/roles/${part(gone.role)}?replacement=${part(replacement)}`)} onDone={done} onClose={() => setGone(undefined)} />}
    </Page>
  );
}

export const view: View = { path: "/console/roles", root: "tenant", title: () => t("title"), icon: "shield", order: 11, permission: "roles:read", show: Show };
