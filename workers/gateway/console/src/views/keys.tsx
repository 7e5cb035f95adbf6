import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { number, words } from "../core/i18n.ts";
import { problemFrom, usePages } from "../core/load.ts";
import { may } from "../core/session.ts";
import { Act, Answer, Button, Card, Chip, Copyable, Dialog, Empty, ErrorBox, Field, Foreign, More, Notice, Page, Table, Time, type Tone } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import { PermissionPicker } from "./roles.tsx";

const t = words({
  en: { title: "API keys", lead: "By which your programs act for your company.", add: "New key", name: "Name", begins: "Begins with", state: "State", used: "Last used", from: "from", uses: "Uses", ends: "Ends", never: "never", made: "Made by", active: "Active", expired: "Expired", revoked: "Revoked", rotate: "Rotate", revoke: "Revoke", rotateWhat: "The key gets a new secret. The former one is good for an hour after the new one's first use.", revokeWhat: "Whoever uses the key is refused within a second. It cannot be undone.", once: "Copy it now: it is shown this once.", networks: "From these networks only (optional, comma-separated)", expires: "Ends on (empty: in 90 days)", create: "Make the key", none: "No keys yet", noneHint: "A key lets a program call the API with no more rights than you give it.", makerGone: "Has left", makerInactive: "Deactivated", orphans: "Nobody who is here answers for {n|one key|# keys}. They go on working. Whoever rotates one answers for it from then on.", relogin: "This needs a login of the last ten minutes.", logIn: "Log in again", done: "Done" },
  fr: { title: "Clés d'API", lead: "Par lesquelles vos programmes agissent pour votre entreprise.", add: "Nouvelle clé", name: "Nom", begins: "Commence par", state: "État", used: "Utilisée", from: "depuis", uses: "Emplois", ends: "Fin", never: "jamais", made: "Créée par", active: "Active", expired: "Expirée", revoked: "Révoquée", rotate: "Renouveler", revoke: "Révoquer", rotateWhat: "La clé reçoit un nouveau secret. L'ancien vaut encore une heure après le premier emploi du nouveau.", revokeWhat: "Qui emploie la clé est refusé en une seconde. C'est irréversible.", once: "Copiez-la maintenant : elle n'est montrée qu'une fois.", networks: "Depuis ces réseaux seulement (facultatif, séparés par des virgules)", expires: "Fin (vide : dans 90 jours)", create: "Créer la clé", none: "Aucune clé", noneHint: "Une clé permet à un programme d'appeler l'API avec les seuls droits que vous lui donnez.", makerGone: "Est parti", makerInactive: "Désactivé", orphans: "Personne de présent ne répond {n|d'une clé|de # clés}. Elles fonctionnent toujours. Qui en renouvelle une en répond dès lors.", relogin: "Il faut une connexion de moins de dix minutes.", logIn: "Se reconnecter", done: "Terminé" },
});
interface Key { id: string; name: string; prefix: string; state: "active" | "expired" | "revoked"; permissions: string[]; last_used_at: string | null; last_used_from: string; uses: number; expires_at: string | null; created_by: { id: string; name: string; state: string } }
const tones: Record<Key["state"], Tone> = { active: "good", expired: "warn", revoked: "calm" };

/** Active keys whose maker is not here any more. */
const orphans = (keys: Key[]) => keys.filter((key) => key.state === "active" && key.created_by.state !== "active").length;

function Secret({ text, onClose }: { text: string; onClose: () => void }) {
  return <Dialog title={t("title")} onClose={onClose}><div class="stack"><Notice tone="warn">{t("once")}</Notice><div class="secret"><Copyable text={text} /></div><div class="dialog-actions"><Button kind="primary" onClick={onClose}>{t("done")}</Button></div></div></Dialog>;
}

function Told({ problem }: { problem: Problem }) {
  if (problem.code === "reauthentication_required") return <Notice tone="warn" icon="lock">{t("relogin")} <a href="/login?as=again&next=/console/keys">{t("logIn")}</a></Notice>;
  return <ErrorBox problem={problem} />;
}

function Create({ onMade, onClose }: { onMade: (key: string) => void; onClose: () => void }) {
  const [name, setName] = useState("");
  const [permissions, setPermissions] = useState<string[]>([]);
  const [networks, setNetworks] = useState("");
  const [expires, setExpires] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const save = (event: Event) => {
    event.preventDefault();
    const list = networks.split(",").map((one) => one.trim()).filter(Boolean);
    api.post<{ key: string }>("/v1/api-keys", { name, permissions, ...(list.length > 0 ? { networks: list } : {}), ...(expires ? { expires_at: `${expires}T00:00:00Z` } : {}) }).then((made) => onMade(made.key), (error) => setProblem(problemFrom(error)));
  };
  return (
    <Dialog title={t("add")} onClose={onClose} wide>
      <form class="stack" onSubmit={save}>
        <Field label={t("name")} value={name} onInput={setName} required autoFocus error={problem?.field("name")} />
        <PermissionPicker machines chosen={permissions} onChange={setPermissions} />
        <div class="form-grid"><Field label={t("networks")} value={networks} onInput={setNetworks} error={problem?.field("networks")} /><Field label={t("expires")} type="date" value={expires} onInput={setExpires} error={problem?.field("expires_at")} /></div>
        {problem && <Told problem={problem} />}
        <div class="dialog-actions"><Button type="submit" kind="primary" disabled={permissions.length === 0}>{t("create")}</Button></div>
      </form>
    </Dialog>
  );
}

function Show() {
  const pages = usePages<Key>("keys", async (cursor, signal) => {
    const answer = await api.get<{ api_keys: Key[]; next_cursor: string | null }>("/v1/api-keys", { cursor, limit: 50 }, signal);
    return { items: answer.api_keys, next: answer.next_cursor, head: undefined };
  });
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string>();
  const [doing, setDoing] = useState<{ of: Key; deed: "rotate" | "revoke" }>();
  const made = (key: string) => { setCreating(false); setDoing(undefined); setSecret(key); pages.again(); };
  const changes = may("api_keys:create");
  return (
    <Page title={t("title")} lead={t("lead")} actions={changes && <Button kind="primary" icon="plus" onClick={() => setCreating(true)}>{t("add")}</Button>}>
      <Card flush>
        <Answer of={pages}>{(rows) => rows.length === 0 ? <Empty icon="key" title={t("none")}>{t("noneHint")}{changes && <Button small icon="plus" onClick={() => setCreating(true)}>{t("add")}</Button>}</Empty> : <>
          {orphans(rows) > 0 && <div class="pad"><Notice tone="warn" icon="people">{t("orphans", { n: orphans(rows) })}</Notice></div>}
          <Table label={t("title")} rows={rows} id={(row) => row.id} columns={[
            { name: t("name"), show: (row) => <><Foreign text={row.name} /><span class="sub"><code>{row.prefix}</code></span></> },
            { name: t("state"), show: (row) => <Chip tone={tones[row.state]} icon={row.state === "active" ? "check" : "cross"}>{t(row.state)}</Chip> },
            { name: t("used"), show: (row) => <><Time at={row.last_used_at} none={t("never")} />{row.last_used_from && <span class="sub">{t("from")} {row.last_used_from}</span>}</> },
            { name: t("uses"), kind: "number", show: (row) => number(row.uses ?? 0) },
            { name: t("ends"), show: (row) => <Time at={row.expires_at} none={t("never")} /> },
            { name: t("made"), show: (row) => <><Foreign text={row.created_by.name} />{row.created_by.state !== "active" && <span class="sub" data-orphan><Chip tone="warn" icon="people">{t(row.created_by.state === "inactive" ? "makerInactive" : "makerGone")}</Chip></span>}</> },
            { name: "", kind: "tight", show: (row) => row.state === "active" && changes && <div class="row"><Button small onClick={() => setDoing({ of: row, deed: "rotate" })}>{t("rotate")}…</Button><Button small kind="quiet" onClick={() => setDoing({ of: row, deed: "revoke" })}>{t("revoke")}…</Button></div> },
          ]} />
          <More of={pages} />
        </>}</Answer>
      </Card>
      {creating && <Create onMade={made} onClose={() => setCreating(false)} />}
      {secret && <Secret text={secret} onClose={() => setSecret(undefined)} />}
      {doing?.deed === "rotate" && <Act title={`${t("rotate")}: ${doing.of.name}`} verb={t("rotate")} reason={false} what={t("rotateWhat")} act={async () => made((await api.post<{ key: string }>(`/v1/api-keys/${part(doing.of.id)}/rotate`, {})).key)} onDone={() => undefined} onClose={() => setDoing(undefined)} />}
      {doing?.deed === "revoke" && <Act title={`${t("revoke")}: ${doing.of.name}`} verb={t("revoke")} danger reason={false} what={t("revokeWhat")} act={() => api.remove(`/v1/api-keys/${part(doing.of.id)}`)} onDone={() => { setDoing(undefined); pages.again(); }} onClose={() => setDoing(undefined)} />}
    </Page>
  );
}

export const view: View = { path: "/console/keys", root: "tenant", title: () => t("title"), icon: "key", order: 12, permission: "api_keys:read", show: Show };
