import { useEffect, useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { Icon } from "../core/icons.tsx";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { verify, type StepName, type Verdict } from "../core/merkle.ts";
import { query, setQuery } from "../core/router.ts";
import { me, session } from "../core/session.ts";
import { Button, Card, Copyable, ErrorBox, Field, Json, Notice, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: {
    title: "Proofs", lead: "Check in this browser that the log holds what it held, without trusting the server's word.", own: "A record of your log", any: "A record of a log", whose: "Whose log", whoseHint: "A tenant's id, or `platform`. That you have looked is in that log.", sequence: "Number of the record", fetch: "Fetch and verify", range: "Everything up to the newest signed head", rangeHint: "At most 10,000 records or 8 MiB at a time.", paste: "A proof or evidence you were given", document: "Proof or evidence", key: "Public key of the signer", keyHint: "As you obtained it before, or from somebody else than the operator: base64, or a whole vkey.", verify: "Verify", keyOf: "Key the server publishes", download: "Download it", offline: "Verify it offline with `tenantry audit verify` or tests/e2e/audit_verifier.py: neither asks this server.",
    holds: "It holds", fails: "It does not hold", inclusion: "The record is in the signed log, as it stands below.", consistency: "The newer log begins with the whole of the older one.", evidence: "The records are those of the signed log, without gap or change.", unknown: "", failsHint: "Keep the document: whoever gave it cannot take it back. The red step says what does not fit.", record: "The record as it was signed",
    step: "Step",
  },
  fr: {
    title: "Preuves", lead: "Vérifiez dans ce navigateur que le journal contient ce qu'il contenait, sans croire le serveur sur parole.", own: "Un enregistrement de votre journal", any: "Un enregistrement d'un journal", whose: "Journal de", whoseHint: "L'identifiant d'un locataire, ou `platform`. Votre consultation figure dans ce journal.", sequence: "Numéro de l'enregistrement", fetch: "Chercher et vérifier", range: "Tout, jusqu'à la dernière tête signée", rangeHint: "Au plus 10 000 enregistrements ou 8 Mio à la fois.", paste: "Une preuve qu'on vous a remise", document: "Preuve", key: "Clé publique du signataire", keyHint: "Telle que vous l'aviez obtenue, ou d'un autre que l'opérateur : base64, ou une vkey entière.", verify: "Vérifier", keyOf: "Clé que le serveur publie", download: "La télécharger", offline: "Vérifiez-la hors ligne avec `tenantry audit verify` ou tests/e2e/audit_verifier.py : ni l'un ni l'autre n'interroge ce serveur.",
    holds: "Elle tient", fails: "Elle ne tient pas", inclusion: "L'enregistrement est dans le journal signé, tel que ci-dessous.", consistency: "Le journal récent commence par tout l'ancien.", evidence: "Les enregistrements sont ceux du journal signé, sans manque ni changement.", unknown: "", failsHint: "Conservez le document : qui l'a remis ne peut le reprendre. L'étape rouge dit ce qui ne va pas.", record: "L'enregistrement tel qu'il fut signé",
    step: "Étape",
  },
});
const steps = words<StepName>({
  en: { document: "The document is a proof", key: "The key is one of Ed25519", signature: "The head of the log is signed by the key", leaf: "Hash of the record", path: "From leaf to root", root: "The root is the signed one", old: "The older head is signed by the key", grows: "The newer tree begins with the older one", records: "Every record, hashed and in its place" },
  fr: { document: "Le document est une preuve", key: "La clé est une clé Ed25519", signature: "La tête du journal est signée par la clé", leaf: "Empreinte de l'enregistrement", path: "De la feuille à la racine", root: "La racine est celle qui fut signée", old: "L'ancienne tête est signée par la clé", grows: "Le nouvel arbre commence par l'ancien", records: "Chaque enregistrement, haché et à sa place" },
});

function Result({ of, document }: { of: Verdict; document: string }) {
  const link = () => URL.createObjectURL(new Blob([document], { type: "application/json" }));
  return (
    <div class="stack" role="status">
      <div class={`verdict ${of.good ? "good" : "bad"}`} data-verdict={of.good ? "good" : "bad"}><Icon name={of.good ? "check" : "cross"} size={28} /><div>{of.good ? t("holds") : t("fails")}<div class="small">{of.good ? t(of.what) : t("failsHint")}</div></div></div>
      <ol class="proof-steps" aria-label={t("step")}>
        {of.steps.map((step) => <li key={step.name} class={step.good ? "good" : "bad"}><Icon name={step.good ? "check" : "cross"} /><div><strong>{steps(step.name)}</strong><div class="small"><code>{step.detail}</code></div></div></li>)}
      </ol>
      {of.leaf !== undefined && <><h3>{t("record")}</h3><Json value={of.leaf} /></>}
      <p class="muted small"><a href={link()} download={of.what === "evidence" ? "evidence.ndjson" : "proof.json"} data-plain>{t("download")}</a>. {t("offline")}</p>
    </div>
  );
}

function Show() {
  const sequence = query("sequence");
  // A super-admin says whose log; a member has the own.
  const admin = session.value?.kind === "admin";
  const named = query("tenant");
  const tenant = me.value?.tenant.tenant_id ?? (admin ? named : "");
  const log = admin ? `/v1/admin/tenants/${part(tenant)}/audit` : "/v1/audit";
  const [whose, setWhose] = useState(named);
  useEffect(() => setWhose(named), [named]);
  const [number, setNumber] = useState(sequence || "0");
  const [document, setDocument] = useState("");
  const [key, setKey] = useState("");
  const [verdict, setVerdict] = useState<{ of: Verdict; document: string }>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const keys = useLoad(`keys ${tenant}`, () => api.get<{ keys: { public_key: string; status: string }[] }>("/.well-known/tenantry/audit-keys", { tenant_id: tenant }));
  const published = keys.data?.keys.find((one) => one.status === "current")?.public_key ?? "";
  useEffect(() => { if (published) setKey((old) => old || published); }, [published]);

  const check = async (get: () => Promise<string>, by: string) => {
    setBusy(true);
    setProblem(undefined);
    setVerdict(undefined);
    try {
      const text = await get();
      setVerdict({ of: await verify(text, by), document: text });
    } catch (error) {
      setProblem(problemFrom(error));
    }
    setBusy(false);
  };
  const one = (which: string) => check(() => api.text(`${log}/proof`, { sequence: which }), published);
  useEffect(() => { if (sequence && published && tenant) void one(sequence); }, [sequence, published, tenant]);
  return (
    <Page title={t("title")} lead={t("lead")}>
      {published && <Notice icon="key">{t("keyOf")}: <Copyable text={published} /></Notice>}
      <div class="grid">
        {(tenant || admin) && (
          <Card title={t(admin ? "any" : "own")}>
            <form class="stack" onSubmit={(event) => { event.preventDefault(); if (number === sequence && (!admin || whose === named)) void one(number); else setQuery({ sequence: number, ...(admin ? { tenant: whose } : {}) }); }}>
              {admin && <Field label={t("whose")} value={whose} onInput={setWhose} hint={t("whoseHint")} required name="tenant" />}
              <Field label={t("sequence")} type="number" value={number} onInput={setNumber} required />
              <div class="row"><Button type="submit" kind="primary" busy={busy}>{t("fetch")}</Button>
                <Button busy={busy} disabled={tenant === "" || (admin && whose !== named)} onClick={() => check(async () => { const head = await api.text(`${log}/checkpoint`); return api.text(`${log}/evidence`, { from: 0, to: Math.min(Number(head.split("\n")[1]), 10_000) }); }, published)}>{t("range")}</Button></div>
              <p class="hint">{t("rangeHint")}</p>
            </form>
          </Card>
        )}
        <Card title={t("paste")}>
          <form class="stack" onSubmit={(event) => { event.preventDefault(); void check(async () => document, key); }}>
            <Field label={t("document")} value={document} onInput={setDocument} rows={4} required name="document" />
            <Field label={t("key")} value={key} onInput={setKey} hint={t("keyHint")} required name="key" />
            <div><Button type="submit" busy={busy}>{t("verify")}</Button></div>
          </form>
        </Card>
      </div>
      {problem && <ErrorBox problem={problem} />}
      {verdict && <Card><Result of={verdict.of} document={verdict.document} /></Card>}
    </Page>
  );
}

export const view: View = { path: "/console/proofs", root: "any", title: () => t("title"), icon: "lock", order: 32, permission: "audit:read", show: Show };
