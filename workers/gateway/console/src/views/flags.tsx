import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { number, words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { Act, Answer, Button, Card, Check, Chip, Dialog, Empty, ErrorBox, Field, Foreign, Page, Table, Time } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Flags", lead: "What is switched on for whom, before it is for everybody.", add: "New flag", flag: "Flag", description: "What it switches", state: "State", share: "Share of tenants", plans: "Plans", overrides: "Overrides", ends: "Ends", on: "On", off: "Off", none: "No flags yet", noneHint: "A flag opens something to a share of the tenants, to some plans, or to single ones.", save: "Save", edit: "Edit", remove: "Remove", removeWhat: "Whoever asks for the flag is told that it is off.", name: "Name", namesHint: "Lower case letters, digits and _", enabled: "Enabled", percentage: "Percent of the tenants", plansHint: "Comma-separated; empty: all", expires: "Ends on (optional)", everyone: "all" },
  fr: { title: "Options", lead: "Ce qui est activé pour qui, avant de l'être pour tous.", add: "Nouvelle option", flag: "Option", description: "Ce qu'elle active", state: "État", share: "Part des locataires", plans: "Offres", overrides: "Dérogations", ends: "Fin", on: "Activée", off: "Désactivée", none: "Aucune option", noneHint: "Une option ouvre une nouveauté à une part des locataires, à certaines offres ou à quelques-uns.", save: "Enregistrer", edit: "Modifier", remove: "Retirer", removeWhat: "Qui demande l'option apprend qu'elle est désactivée.", name: "Nom", namesHint: "Minuscules, chiffres et _", enabled: "Activée", percentage: "Pourcentage des locataires", plansHint: "Séparées par des virgules ; vide : toutes", expires: "Fin (facultatif)", everyone: "toutes" },
});
interface Flag { flag: string; description: string; enabled: boolean; percentage: number; plans: string[]; expires_at: string | null; overrides?: number }

function Edit({ of, onDone, onClose }: { of: Flag | undefined; onDone: () => void; onClose: () => void }) {
  const [name, setName] = useState(of?.flag ?? "");
  const [description, setDescription] = useState(of?.description ?? "");
  const [enabled, setEnabled] = useState(of?.enabled ?? true);
  const [percentage, setPercentage] = useState(String(of?.percentage ?? 100));
  const [plans, setPlans] = useState((of?.plans ?? []).join(", "));
  const [expires, setExpires] = useState(of?.expires_at?.slice(0, 10) ?? "");
  const [problem, setProblem] = useState<Problem>();
  const save = async (event: Event) => {
    event.preventDefault();
    try {
      await api.put(`/v1/admin/flags/${part(name)}`, { description, enabled, percentage: Number(percentage), plans: plans.split(",").map((one) => one.trim()).filter(Boolean), ...(expires ? { expires_at: `${expires}T00:00:00Z` } : {}) });
      onDone();
    } catch (error) {
      setProblem(problemFrom(error));
    }
  };
  return (
    <Dialog title={of ? of.flag : t("add")} onClose={onClose}>
      <form class="stack" onSubmit={save}>
        {!of && <Field label={t("name")} value={name} onInput={setName} required hint={t("namesHint")} autoFocus />}
        <Field label={t("description")} value={description} onInput={setDescription} required error={problem?.field("description")} />
        <Check label={t("enabled")} checked={enabled} onChange={setEnabled} />
        <div class="form-grid"><Field label={t("percentage")} type="number" value={percentage} onInput={setPercentage} error={problem?.field("percentage")} /><Field label={t("expires")} type="date" value={expires} onInput={setExpires} error={problem?.field("expires_at")} /></div>
        <Field label={t("plans")} value={plans} onInput={setPlans} hint={t("plansHint")} error={problem?.field("plans")} />
        {problem && <ErrorBox problem={problem} />}
        <div class="dialog-actions"><Button type="submit" kind="primary">{t("save")}</Button></div>
      </form>
    </Dialog>
  );
}

function Show() {
  const flags = useLoad("flags", () => api.get<{ flags: Flag[] }>("/v1/admin/flags"));
  const [edit, setEdit] = useState<Flag | "new">();
  const [gone, setGone] = useState<Flag>();
  const done = () => { setEdit(undefined); setGone(undefined); flags.again(); };
  return (
    <Page title={t("title")} lead={t("lead")} actions={<Button kind="primary" icon="plus" onClick={() => setEdit("new")}>{t("add")}</Button>}>
      <Card flush>
        <Answer of={flags}>{({ flags: list }) => list.length === 0 ? <Empty icon="flag" title={t("none")}>{t("noneHint")}<Button small icon="plus" onClick={() => setEdit("new")}>{t("add")}</Button></Empty> : (
          <Table label={t("title")} rows={list} id={(row) => row.flag} onOpen={setEdit} columns={[
            { name: t("flag"), show: (row) => <code>{row.flag}</code> },
            { name: t("description"), kind: "wide", show: (row) => <Foreign text={row.description} /> },
            { name: t("state"), show: (row) => row.enabled ? <Chip tone="good" icon="check">{t("on")}</Chip> : <Chip tone="calm" icon="cross">{t("off")}</Chip> },
            { name: t("share"), kind: "number", show: (row) => `${number(row.percentage)} %` },
            { name: t("plans"), show: (row) => row.plans.join(", ") || t("everyone") },
            { name: t("overrides"), kind: "number", show: (row) => number(row.overrides ?? 0) },
            { name: t("ends"), show: (row) => <Time at={row.expires_at} /> },
            { name: "", kind: "tight", show: (row) => <Button small kind="quiet" onClick={() => setGone(row)}>{t("remove")}…</Button> },
          ]} />
        )}</Answer>
      </Card>
      {edit && <Edit of={edit === "new" ? undefined : edit} onDone={done} onClose={() => setEdit(undefined)} />}
      {gone && <Act title={`${t("remove")}: ${gone.flag}`} verb={t("remove")} danger reason={false} what={t("removeWhat")} act={() => api.remove(`/v1/admin/flags/${part(gone.flag)}`)} onDone={done} onClose={() => setGone(undefined)} />}
    </Page>
  );
}

export const view: View = { path: "/console/flags", root: "admin", title: () => t("title"), icon: "flag", order: 2, show: Show };
