import { useState } from "preact/hooks";
import { api, type Problem } from "../core/api.ts";
import { ShowFactor, type Shown } from "../core/factor.tsx";
import { words } from "../core/i18n.ts";
import { problemFrom } from "../core/load.ts";
import type { UseOptions } from "../core/passkey.ts";
import { go, next, query, setQuery } from "../core/router.ts";
import { refreshSession, session } from "../core/session.ts";
import { Button, Card, ErrorBox, Field, Foreign, Notice, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Log in", lead: "Welcome back.", email: "E-mail address", password: "Password", go: "Log in", tenant: "Company id (optional)", into: "Into {tenant}", choose: "Where to?", chooseHint: "You belong to several companies.", forgot: "Forgotten your password?", forgotTitle: "Reset your password", forgotHint: "If the address has an account, a mail with a link is under way. It is good for half an hour.", send: "Send the link", back: "Back to the login", signup: "No account yet? Start a trial", admin: "Super-admin", adminHint: "For who runs the platform. What you do is on record by your name.", byToken: "No super-admin yet? Begin by the platform's token", tokenHint: "By the platform's token, while no super-admin logs in as a person. Your name goes on record with all you do.", token: "Super-admin's token", name: "Your name", member: "Log in to a company", already: "You are logged in.", open: "Open the console", wrong: "The e-mail address or the password is wrong.", second: "Second factor", secondHint: "Your password is right. Show that it is you." },
  fr: { title: "Se connecter", lead: "Heureux de vous revoir.", email: "Adresse électronique", password: "Mot de passe", go: "Se connecter", tenant: "Identifiant de l'entreprise (facultatif)", into: "Chez {tenant}", choose: "Où aller ?", chooseHint: "Vous appartenez à plusieurs entreprises.", forgot: "Mot de passe oublié ?", forgotTitle: "Réinitialiser le mot de passe", forgotHint: "Si l'adresse a un compte, un courriel contenant un lien est en route. Il vaut une demi-heure.", send: "Envoyer le lien", back: "Retour à la connexion", signup: "Pas encore de compte ? Commencer un essai", admin: "Super-administrateur", adminHint: "Pour qui exploite la plateforme. Vos actes sont consignés à votre nom.", byToken: "Pas encore de super-administrateur ? Commencez par le jeton de la plateforme", tokenHint: "Par le jeton de la plateforme, tant qu'aucun super-administrateur ne se connecte en personne. Votre nom est consigné avec tous vos actes.", token: "Jeton de super-administrateur", name: "Votre nom", member: "Se connecter à une entreprise", already: "Vous êtes connecté.", open: "Ouvrir la console", wrong: "L'adresse électronique ou le mot de passe est erroné.", second: "Second facteur", secondHint: "Le mot de passe est bon. Montrez que c'est bien vous." },
});
interface Membership { tenant_id: string; company_name: string; role: string }
/** The session's cookie is set; or the person chooses a company first, or shows a second factor. */
interface Answer { tenants?: Membership[]; select_token?: string; challenge_token?: string; factors?: string[] }

async function enter() {
  await refreshSession();
  go(next());
}

function Member() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [tenant, setTenant] = useState(query("tenant"));
  const [choice, setChoice] = useState<{ tenants: Membership[]; token: string }>();
  const [challenge, setChallenge] = useState<{ token: string; factors: string[] }>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const take = async (answer: Answer) => {
    if (answer.challenge_token) setChallenge({ token: answer.challenge_token, factors: answer.factors ?? [] });
    else if (answer.select_token) setChoice({ tenants: answer.tenants ?? [], token: answer.select_token });
    else await enter();
  };
  const run = async (asked: Promise<Answer>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await take(await asked);
    } catch (error) {
      setProblem(problemFrom(error));
    }
    setBusy(false);
  };
  const logIn = (into: string) => run(api.post<Answer>("/auth/login", { email, password }, into ? { headers: { "X-Tenant-ID": into } } : {}));
  // The token of the login's first step, beside what asks for a cookie.
  const by = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
  const choose = (into: string, token: string) => run(api.post<Answer>("/auth/switch", { tenant_id: into }, by(token)));
  if (challenge && !choice) return (
    <Card title={t("second")}>
      <p class="muted">{t("secondHint")}</p>
      <ShowFactor factors={challenge.factors} options={() => api.post<UseOptions>("/auth/login/factor/options", {}, by(challenge.token))}
        show={async (factor: Shown) => take(await api.post<Answer>("/auth/login/factor", factor, by(challenge.token)))} />
    </Card>
  );
  if (choice) return (
    <Card title={t("choose")}>
      <div class="stack"><p class="muted">{t("chooseHint")}</p>{choice.tenants.map((one) => <Button key={one.tenant_id} busy={busy} onClick={() => choose(one.tenant_id, choice.token)}><span class="grow"><Foreign text={one.company_name} /></span><span class="muted small">{one.role}</span></Button>)}{problem && <ErrorBox problem={problem} />}</div>
    </Card>
  );
  return (
    <Card>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); void logIn(tenant.trim()); }}>
        <Field label={t("email")} type="email" name="username" autoComplete="username" value={email} onInput={setEmail} required autoFocus />
        <Field label={t("password")} type="password" name="password" autoComplete="current-password" value={password} onInput={setPassword} required />
        <Field label={t("tenant")} name="tenant" value={tenant} onInput={setTenant} autoComplete="organization" />
        {problem && (problem.code === "invalid_credentials" ? <Notice tone="bad">{t("wrong")}</Notice> : <ErrorBox problem={problem} />)}
        <Button type="submit" kind="primary" busy={busy}>{t("go")}</Button>
        <a href="/login?as=forgotten">{t("forgot")}</a>
      </form>
    </Card>
  );
}

function Forgotten() {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  return (
    <Card>
      {sent ? <Notice tone="good" icon="mail">{t("forgotHint")}</Notice> : (
        <form class="stack" onSubmit={(event) => { event.preventDefault(); api.post("/auth/password/forgot", { email }).then(() => setSent(true), (error) => setProblem(problemFrom(error))); }}>
          <Field label={t("email")} type="email" autoComplete="username" value={email} onInput={setEmail} required autoFocus />
          {problem && <ErrorBox problem={problem} />}
          <Button type="submit" kind="primary">{t("send")}</Button>
        </form>
      )}
    </Card>
  );
}

/** A super-admin is a person: address, password, second factor. */
function Admin() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [challenge, setChallenge] = useState<{ token: string; factors: string[] }>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const take = async (answer: Answer) => {
    if (answer.challenge_token) return setChallenge({ token: answer.challenge_token, factors: answer.factors ?? [] });
    await refreshSession();
    const current = session.value;
    go(current?.kind === "admin" && current.second_factor === "" ? "/console/account" : next());
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await take(await api.post<Answer>("/v1/admin/auth/login", { email, password }));
    } catch (error) {
      setProblem(problemFrom(error));
    }
    setBusy(false);
  };
  if (challenge) {
    const by = { headers: { Authorization: `Bearer ${challenge.token}` } };
    return (
      <Card title={t("second")}>
        <p class="muted">{t("secondHint")}</p>
        <ShowFactor factors={challenge.factors} options={() => api.post<UseOptions>("/v1/admin/auth/login/factor/options", {}, by)}
          show={async (factor: Shown) => take(await api.post<Answer>("/v1/admin/auth/login/factor", factor, by))} />
      </Card>
    );
  }
  return (
    <Card>
      <form class="stack" onSubmit={submit}>
        <p class="muted">{t("adminHint")}</p>
        <Field label={t("email")} type="email" name="username" autoComplete="username" value={email} onInput={setEmail} required autoFocus />
        <Field label={t("password")} type="password" name="password" autoComplete="current-password" value={password} onInput={setPassword} required />
        {problem && (problem.code === "invalid_credentials" ? <Notice tone="bad">{t("wrong")}</Notice> : <ErrorBox problem={problem} />)}
        <Button type="submit" kind="primary" busy={busy}>{t("go")}</Button>
        <a href="/login?as=token">{t("byToken")}</a>
      </form>
    </Card>
  );
}

/** For the first super-admin: the server refuses it once there is one who logs in. */
function Token() {
  const [token, setToken] = useState("");
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    try {
      await api.post("/v1/console/admin-session", { token, name });
      await enter();
    } catch (error) {
      setProblem(problemFrom(error));
    }
  };
  return (
    <Card>
      <form class="stack" onSubmit={submit}>
        <p class="muted">{t("tokenHint")}</p>
        <Field label={t("name")} name="name" autoComplete="name" value={name} onInput={setName} required error={problem?.field("name")} autoFocus />
        <Field label={t("token")} type="password" name="token" autoComplete="current-password" value={token} onInput={setToken} required />
        {problem && <ErrorBox problem={problem} />}
        <Button type="submit" kind="primary">{t("go")}</Button>
      </form>
    </Card>
  );
}

function Show() {
  const as = query("as");
  if (session.value?.kind !== "none" && as !== "forgotten" && as !== "again") return <Page title={t("title")}><Card><div class="stack"><p>{t("already")}</p><a class="button primary" href={next()}>{t("open")}</a></div></Card></Page>;
  return (
    <Page title={as === "forgotten" ? t("forgotTitle") : as === "admin" || as === "token" ? t("admin") : t("title")} lead={as === "" ? t("lead") : undefined}>
      {as === "forgotten" ? <Forgotten /> : as === "admin" ? <Admin /> : as === "token" ? <Token /> : <Member />}
      <div class="row small">
        {as === "" ? <><a href="/signup">{t("signup")}</a><button type="button" class="button quiet small right" onClick={() => setQuery({ as: "admin" }, "push")}>{t("admin")}</button></> : <a href="/login">{as === "admin" || as === "token" ? t("member") : t("back")}</a>}
      </div>
    </Page>
  );
}

export const view: View = { path: "/login", root: "out", title: () => t("title"), show: Show };
