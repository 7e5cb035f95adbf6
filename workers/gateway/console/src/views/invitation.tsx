import { signal } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { ShowFactor, type Shown } from "../core/factor.tsx";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import type { UseOptions } from "../core/passkey.ts";
import { go, here } from "../core/router.ts";
import { enterCompany, hasOwnLogin, logOut, membership, refreshSession, session } from "../core/session.ts";
import { Answer, Button, Card, Check, Empty, ErrorBox, Field, Foreign, LinkButton, Moment, Notice, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Invitation", invited: "{who} invites you to {company}.", as: "Your role", until: "Good until", email: "Address", join: "Join {company} as {as}", other: "You are logged in as {who}.", otherHint: "The invitation is for {email}, and for nobody else.", switch: "Sign out and continue as {email}", stay: "Stay as you are", accept: "Accept", decline: "Decline", declined: "You have declined", declinedHint: "Nothing else happens. Whoever invited you sees it.", first: "First name", last: "Last name", password: "Choose a password", passwordHint: "At least 12 characters.", yours: "Your password", second: "Your password is right. Show your second factor to join.", terms: "I accept the terms of use", none: "The link is incomplete", noneHint: "Open it from the mail once more, whole." },
  fr: { title: "Invitation", invited: "{who} vous invite chez {company}.", as: "Votre rôle", until: "Valable jusqu'au", email: "Adresse", join: "Rejoindre {company} en tant que {as}", other: "Vous êtes connecté en tant que {who}.", otherHint: "L'invitation est pour {email}, et pour personne d'autre.", switch: "Se déconnecter et continuer en tant que {email}", stay: "Rester comme vous êtes", accept: "Accepter", decline: "Refuser", declined: "Vous avez refusé", declinedHint: "Rien d'autre ne se passe. Qui vous a invité le voit.", first: "Prénom", last: "Nom", password: "Choisissez un mot de passe", passwordHint: "Au moins 12 caractères.", yours: "Votre mot de passe", second: "Le mot de passe est bon. Montrez votre second facteur pour entrer.", terms: "J'accepte les conditions d'utilisation", none: "Le lien est incomplet", noneHint: "Ouvrez-le à nouveau depuis le courriel, en entier." },
});
interface Opened { tenant_id: string; company_name: string; inviter_name: string; email: string; role: string; expires_at: string; account: boolean }

/** Tokens, or a challenge to show a second factor first; of who belongs to several companies, or none, one that opens little. */
interface Login { access_token?: string; refresh_token?: string; select_token?: string; challenge_token?: string; factors?: string[] }

/** Who is logged in joins with one press: that it is theirs has been shown. */
function Join({ of, token, as }: { of: Opened; token: string; as: string }) {
  const accepted = useRef(false);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const join = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      if (!accepted.current) await api.post(`/v1/invitations/${part(token)}/accept`, {});
      accepted.current = true;  // a link is good once: what failed behind it is tried again without it
      await enterCompany(of.tenant_id);
      go("/console");
    } catch (error) {
      setProblem(problemFrom(error));
      setBusy(false);
    }
  };
  return (
    <div class="stack">
      <Facing of={of} />
      {problem && <ErrorBox problem={problem} />}
      <div class="dialog-actions"><Decline token={token} onProblem={setProblem} /><Button kind="primary" busy={busy} onClick={join}><Foreign text={t("join", { company: of.company_name, as })} /></Button></div>
    </div>
  );
}

/** Somebody else is logged in: nothing of theirs may end up in the company that invites. */
function Other({ of, who }: { of: Opened; who: string }) {
  return (
    <div class="stack">
      <Facing of={of} />
      <Notice tone="warn" icon="people"><span data-other><strong><Foreign text={t("other", { who })} /></strong> <Foreign text={t("otherHint", { email: of.email })} longest={300} /></span></Notice>
      <div class="dialog-actions"><LinkButton href="/console">{t("stay")}</LinkButton><Button kind="primary" icon="out" onClick={() => void logOut()}><Foreign text={t("switch", { email: of.email })} /></Button></div>
    </div>
  );
}

function Facing({ of }: { of: Opened }) {
  return (
    <>
      <p>{t("invited", { who: of.inviter_name || "?", company: of.company_name })}</p>
      <dl class="facts"><div><dt>{t("email")}</dt><dd><Foreign text={of.email} /></dd></div><div><dt>{t("as")}</dt><dd>{of.role}</dd></div><div><dt>{t("until")}</dt><dd><Moment at={of.expires_at} /></dd></div></dl>
    </>
  );
}

function Decline({ token, onProblem }: { token: string; onProblem: (problem: Problem) => void }) {
  return <Button kind="quiet" onClick={() => api.post(`/v1/invitations/${part(token)}/decline`, {}, { bearer: "" }).then(() => (declined.value = token), (error) => onProblem(problemFrom(error)))}>{t("decline")}</Button>;
}
const declined = signal("");

async function enter() {
  await refreshSession();
  go("/console");
}

function Form({ of, token }: { of: Opened; token: string }) {
  const [first, setFirst] = useState("");
  const [last, setLast] = useState("");
  const [password, setPassword] = useState("");
  const [terms, setTerms] = useState(false);
  const [challenge, setChallenge] = useState<{ token: string; factors: string[] }>();
  const [problem, setProblem] = useState<Problem>();
  const path = `/v1/invitations/${part(token)}`;
  // Who has an account shows that it is theirs, by a second factor, too, where there is one. A code is good once: the login
  // that showed it is the one that goes on in the company. Nobody else is logged in: As has seen to that.
  const join = async (shown: Login) => {
    if (shown.challenge_token) return setChallenge({ token: shown.challenge_token, factors: shown.factors ?? [] });
    await api.post(`${path}/accept`, {}, { bearer: shown.access_token ?? shown.select_token ?? "" });
    await api.post("/auth/switch", { tenant_id: of.tenant_id, ...(shown.refresh_token ? { refresh_token: shown.refresh_token } : {}) },
      shown.refresh_token ? {} : { headers: { Authorization: `Bearer ${shown.select_token}` } });
    await enter();
  };
  const accept = async (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    try {
      if (of.account) return await join(await api.post<Login>("/auth/login", { email: of.email, password }, { bearer: "" }));
      await api.post(`${path}/accept`, { first_name: first, last_name: last, password, accept_terms: terms }, { bearer: "" });
      await api.post("/auth/login", { email: of.email, password }, { headers: { "X-Tenant-ID": of.tenant_id } });
      await enter();
    } catch (error) {
      setProblem(problemFrom(error));
    }
  };
  if (challenge) return (
    <div class="stack">
      <p class="muted">{t("second")}</p>
      <ShowFactor factors={challenge.factors} options={() => api.post<UseOptions>("/auth/login/factor/options", {}, { bearer: challenge.token })}
        show={async (factor: Shown) => join(await api.post<Login>("/auth/login/factor", factor, { bearer: challenge.token }))} />
    </div>
  );
  return (
    <form class="stack" onSubmit={accept}>
      <Facing of={of} />
      <input type="email" class="hidden" autocomplete="username" value={of.email} readOnly tabIndex={-1} aria-hidden="true" />
      {of.account ? <Field label={t("yours")} type="password" autoComplete="current-password" value={password} onInput={setPassword} required /> : <>
        <div class="form-grid"><Field label={t("first")} autoComplete="given-name" value={first} onInput={setFirst} required error={problem?.field("first_name")} /><Field label={t("last")} autoComplete="family-name" value={last} onInput={setLast} required error={problem?.field("last_name")} /></div>
        <Field label={t("password")} type="password" autoComplete="new-password" value={password} onInput={setPassword} required hint={t("passwordHint")} error={problem?.field("password")} />
        <Check label={t("terms")} checked={terms} onChange={setTerms} />
      </>}
      {problem && <ErrorBox problem={problem} />}
      <div class="dialog-actions"><Decline token={token} onProblem={setProblem} /><Button type="submit" kind="primary" disabled={!of.account && !terms}>{t("accept")}</Button></div>
    </form>
  );
}

function As({ of, token }: { of: Opened; token: string }) {
  const current = session.value;
  if (!current || current.kind === "none") return <Form of={of} token={token} />;
  const person = hasOwnLogin() && current.kind === "member" ? membership.value?.user : undefined;
  if (person && person.email.toLowerCase() === of.email.toLowerCase()) return <Join of={of} token={token} as={`${person.first_name} ${person.last_name}`.trim() || person.email} />;
  return <Other of={of} who={current.kind === "admin" ? current.name : (person?.email ?? current.tenant_id)} />;
}

function Show() {
  const token = new URLSearchParams(here.value.hash.slice(1)).get("t") ?? "";
  const opened = useLoad(`invitation ${token}`, () => api.get<Opened>(`/v1/invitations/${part(token)}`));
  return (
    <Page title={t("title")}>
      <Card>{token === "" ? <Empty icon="mail" title={t("none")}>{t("noneHint")}</Empty> : declined.value === token ? <Empty icon="check" title={t("declined")}>{t("declinedHint")}</Empty> : <Answer of={opened}>{(data) => <As of={data} token={token} />}</Answer>}</Card>
    </Page>
  );
}

export const view: View = { path: "/invitation", root: "out", title: () => t("title"), show: Show };
