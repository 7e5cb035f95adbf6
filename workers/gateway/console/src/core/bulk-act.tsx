// Suspending or reactivating several tenants: who would be changed and who not and why, one reason, a typed confirmation for
// more than one, progress, and a way to stop.
import { useRef, useState } from "preact/hooks";
import { api, part } from "./api.ts";
import { oneByOne, type Done } from "./bulk.ts";
import { words } from "./i18n.ts";
import { useLoad } from "./load.ts";
import { Answer, Button, Chip, Dialog, Field, Foreign, Notice, Status, Table } from "./ui.tsx";

const t = words({
  en: {
    suspend: "Suspend", reactivate: "Reactivate", title: "{act} {n|one tenant|# tenants}", company: "Company", now: "Now", becomes: "Becomes", same: "Stays as it is", changed: "{n|one tenant changes|# tenants change}", unchanged: "{n|one stays as it is|# stay as they are}", nobody: "Nothing would change.",
    unknown: "There is no such tenant", suspended_already: "An admin has suspended it already", not_live: "Neither in trial nor active", not_suspended: "Not suspended",
    what_suspend: "Everybody of these companies loses access at once, but for billing. Their data stays.", what_reactivate: "These companies are open again at once; whose trial is over stays suspended for that.",
    reason: "Reason", reasonHint: "Goes on record with your name, for each of them.", confirm: "Type {n} to confirm", stop: "Stop", close: "Close", cancel: "Cancel", done: "Done", failed: "Refused", waiting: "Not yet", left: "Not done", progress: "{n} of {total}", over: "{n|One tenant was|# tenants were} changed, {failed} refused, {left} left as they were.", outcome: "Outcome",
  },
  fr: {
    suspend: "Suspendre", reactivate: "Réactiver", title: "{act} {n|un locataire|# locataires}", company: "Entreprise", now: "Actuellement", becomes: "Devient", same: "Reste tel quel", changed: "{n|un locataire change|# locataires changent}", unchanged: "{n|un reste tel quel|# restent tels quels}", nobody: "Rien ne changerait.",
    unknown: "Ce locataire n'existe pas", suspended_already: "Un administrateur l'a déjà suspendu", not_live: "Ni en essai ni actif", not_suspended: "N'est pas suspendu",
    what_suspend: "Tous les membres de ces entreprises perdent l'accès aussitôt, sauf à la facturation. Les données restent.", what_reactivate: "Ces entreprises sont rouvertes aussitôt ; celles dont l'essai est fini restent suspendues pour cela.",
    reason: "Motif", reasonHint: "Consigné avec votre nom, pour chacune.", confirm: "Saisissez {n} pour confirmer", stop: "Arrêter", close: "Fermer", cancel: "Annuler", done: "Fait", failed: "Refusé", waiting: "Pas encore", left: "Non fait", progress: "{n} sur {total}", over: "{n|Un locataire a été changé|# locataires ont été changés}, {failed} refusé(s), {left} laissé(s) tel(s) quel(s).", outcome: "Issue",
  },
});
export type BulkDeed = "suspend" | "reactivate";
type WhyNot = "unknown" | "suspended_already" | "not_live" | "not_suspended";
interface Foreseen { tenant_id: string; company_name: string; status: string | null; becomes: string | null; why_not: "" | WhyNot }

function Outcome({ of, running }: { of: Done | undefined; running: boolean }) {
  if (!of) return <Chip tone="calm" icon="clock">{t(running ? "waiting" : "left")}</Chip>;
  return of.problem ? <><Chip tone="bad" icon="cross">{t("failed")}</Chip><span class="sub"><Foreign text={of.problem.detail || of.problem.title} /></span></> : <Chip tone="good" icon="check">{t("done")}</Chip>;
}

function Run({ deed, tenants, onClose }: { deed: BulkDeed; tenants: Foreseen[]; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [state, setState] = useState<"asked" | "running" | "over">("asked");
  const [done, setDone] = useState<Done[]>([]);
  const stop = useRef(false);
  const touched = tenants.filter((one) => one.becomes !== null);
  const others = tenants.length - touched.length;
  const count = String(touched.length);
  const start = async (event: Event) => {
    event.preventDefault();
    setState("running");
    const note = reason.trim();
    const act = (id: string) => api.post(`/v1/admin/tenants/${part(id)}/${deed}`, deed === "suspend" ? { reason: "admin", note } : { note });
    await oneByOne(touched.map((one) => one.tenant_id), act, (one) => setDone((all) => [...all, one]), () => stop.current);
    setState("over");
  };
  const failed = done.filter((one) => one.problem).length;
  return (
    <form class="stack" onSubmit={start}>
      <Notice tone={deed === "suspend" ? "warn" : "info"}>{t(`what_${deed}`)}</Notice>
      <p><strong>{touched.length === 0 ? t("nobody") : t("changed", { n: touched.length })}</strong>{others > 0 && ` · ${t("unchanged", { n: others })}`}</p>
      <Table label={t("outcome")} rows={tenants} id={(row) => row.tenant_id} columns={[
        { name: t("company"), kind: "wide", show: (row) => <><Foreign text={row.company_name} /><span class="sub">{row.tenant_id}</span></> },
        { name: t("now"), show: (row) => row.status ? <Status of={row.status} /> : "—" },
        { name: t("becomes"), show: (row) => row.becomes ? <Status of={row.becomes} /> : <><span class="muted">{t("same")}</span>{row.why_not !== "" && <span class="sub">{t(row.why_not)}</span>}</> },
        ...(state === "asked" ? [] : [{ name: t("outcome"), show: (row: Foreseen) => row.becomes && <Outcome of={done.find((one) => one.id === row.tenant_id)} running={state === "running"} /> }]),
      ]} />
      {state === "asked" && touched.length > 0 && <>
        <Field label={t("reason")} value={reason} onInput={setReason} required rows={2} hint={t("reasonHint")} autoFocus />
        {touched.length > 1 && <Field label={t("confirm", { n: count })} value={typed} onInput={setTyped} required />}
      </>}
      {state !== "asked" && <div role="status" class="stack"><progress max={touched.length} value={done.length} aria-label={t("progress", { n: done.length, total: touched.length })} />
        <span>{state === "over" ? t("over", { n: done.length - failed, failed, left: touched.length - done.length }) : t("progress", { n: done.length, total: touched.length })}</span></div>}
      <div class="dialog-actions">
        {state === "running" ? <Button onClick={() => (stop.current = true)} icon="pause">{t("stop")}</Button> : <Button kind="quiet" onClick={onClose}>{t(state === "over" ? "close" : "cancel")}</Button>}
        {state === "asked" && touched.length > 0 && <Button type="submit" kind={deed === "suspend" ? "danger" : "primary"} disabled={reason.trim() === "" || (touched.length > 1 && typed !== count)}>{t(deed)}</Button>}
      </div>
    </form>
  );
}

export function BulkAct({ deed, ids, onClose }: { deed: BulkDeed; ids: string[]; onClose: () => void }) {
  const preview = useLoad(`preview ${deed} ${ids.join(" ")}`, (signal) => api.post<{ tenants: Foreseen[] }>("/v1/admin/bulk-acts/preview", { act: deed, tenant_ids: ids }, { signal }));
  return (
    <Dialog wide title={t("title", { act: t(deed), n: ids.length })} onClose={onClose}>
      <div class="stack"><Answer of={preview}>{(data) => <Run deed={deed} tenants={data.tenants} onClose={onClose} />}</Answer></div>
    </Dialog>
  );
}
