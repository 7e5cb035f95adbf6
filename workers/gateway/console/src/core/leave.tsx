// Leaving a company oneself. Its last owner hands it over first, to somebody who is an admin already.
import { useState } from "preact/hooks";
import { api, part } from "./api.ts";
import { words } from "./i18n.ts";
import { useLoad } from "./load.ts";
import { go } from "./router.ts";
import { me, refreshSession, type Me } from "./session.ts";
import { Act, Answer, Button, Dialog, Field, LinkButton, Notice } from "./ui.tsx";

const t = words({
  en: { leave: "Leave {company}", verb: "Leave", what: "You lose access to {company} at once. What you have made stays. Only an invitation leads back.", last: "You are the only owner. Who is owner after you?", heir: "New owner", hand: "Hand over and leave", nobody: "You are the only owner, and nobody is an admin. Make somebody an admin first.", users: "Open users", close: "Close" },
  fr: { leave: "Quitter {company}", verb: "Quitter", what: "Vous perdez aussitôt l'accès à {company}. Ce que vous avez créé reste. Seule une invitation y ramène.", last: "Vous êtes le seul propriétaire. Qui le sera après vous ?", heir: "Nouveau propriétaire", hand: "Transférer et quitter", nobody: "Vous êtes le seul propriétaire, et personne n'est administrateur. Nommez d'abord un administrateur.", users: "Ouvrir les utilisateurs", close: "Fermer" },
});
interface User { id: string; kind: string; email: string; role: string; state: string }

/** The members of a role that are active; an owner may see them. */
async function others(self: string): Promise<{ owners: User[]; admins: User[] }> {
  const found: User[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const page: { users: User[]; next_cursor: string | null } = await api.get("/v1/users", { state: "active", cursor, limit: 100 });
    found.push(...page.users.filter((one) => one.id !== self));
    cursor = page.next_cursor;
  }
  return { owners: found.filter((one) => one.role === "owner"), admins: found.filter((one) => one.role === "admin") };
}

async function gone() {
  await refreshSession();
  go("/login");
}

function AsOwner({ member, onClose }: { member: Me; onClose: () => void }) {
  const company = member.tenant.company_name;
  const found = useLoad("who stays", () => others(member.user.id));
  const [heir, setHeir] = useState("");
  if (!found.data) return <Dialog title={t("leave", { company })} onClose={onClose}><div class="stack"><Answer of={found} rows={2}>{() => null}</Answer></div></Dialog>;
  const { owners, admins } = found.data;
  if (owners.length > 0) return <Plainly member={member} onClose={onClose} />;
  if (admins.length === 0) return <Dialog title={t("leave", { company })} onClose={onClose}><div class="stack"><Notice tone="warn">{t("nobody")}</Notice><div class="dialog-actions"><Button onClick={onClose}>{t("close")}</Button><LinkButton kind="primary" href="/console/users">{t("users")}</LinkButton></div></div></Dialog>;
  const chosen = heir || admins[0]!.id;
  return <Act title={t("leave", { company })} verb={t("hand")} danger reason={false} what={<><p>{t("last")}</p><p>{t("what", { company })}</p></>} confirm={member.tenant.tenant_id}
    extra={<Field label={t("heir")} value={chosen} onInput={setHeir} options={admins.map((one) => [one.id, one.email])} />}
    act={() => api.post(`/v1/users/${part(chosen)}/transfer-ownership`, { leave: true })} onDone={gone} onClose={onClose} />;
}

function Plainly({ member, onClose }: { member: Me; onClose: () => void }) {
  const company = member.tenant.company_name;
  return <Act title={t("leave", { company })} verb={t("verb")} danger reason={false} what={t("what", { company })} act={() => api.remove(`/v1/users/${part(member.user.id)}`)} onDone={gone} onClose={onClose} />;
}

/** Of a company that is open: in a closed one nobody comes or goes. */
export function Leave() {
  const [open, setOpen] = useState(false);
  const member = me.value;
  if (!member) return null;
  const close = () => setOpen(false);
  return (
    <>
      <Button small kind="quiet" icon="out" onClick={() => setOpen(true)}>{t("leave", { company: member.tenant.company_name })}…</Button>
      {open && (member.tenant_role === "owner" ? <AsOwner member={member} onClose={close} /> : <Plainly member={member} onClose={close} />)}
    </>
  );
}
