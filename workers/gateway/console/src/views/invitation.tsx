import { useState } from "preact/hooks";
import { api, part, type Problem } from "../core/api.ts";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { go, here } from "../core/router.ts";
import { refreshSession } from "../core/session.ts";
import { Answer, Button, Card, Check, Empty, ErrorBox, Field, Foreign, Moment, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Invitation", invited: "{who} invites you to {company}.", as: "Your role", until: "Good until", email: "Address", accept: "Accept", decline: "Decline", declined: "You have declined", declinedHint: "Nothing else happens. Whoever invited you sees it.", first: "First name", last: "Last name", password: "Choose a password", passwordHint: "At least 12 characters.", yours: "Your password", terms: "I accept the terms of use", none: "The link is incomplete", noneHint: "Open it from the mail once more, whole." },
  fr: { title: "Invitation", invited: "{who} vous invite chez {company}.", as: "Votre rôle", until: "Valable jusqu'au", email: "Adresse", accept: "Accepter", decline: "Refuser", declined: "Vous avez refusé", declinedHint: "Rien d'autre ne se passe. Qui vous a invité le voit.", first: "Prénom", last: "Nom", password: "Choisissez un mot de passe", passwordHint: "Au moins 12 caractères.", yours: "Votre mot de passe", terms: "J'accepte les conditions d'utilisation", none: "Le lien est incomplet", noneHint: "Ouvrez-le à nouveau depuis le courriel, en entier." },
});
interface Opened { tenant_id: string; company_name: string; inviter_name: string; email: string; role: string; expires_at: string; account: boolean }

function Form({ of, token }: { of: Opened; token: string }) {
  const [first, setFirst] = useState("");
  const [last, setLast] = useState("");
  const [password, setPassword] = useState("");
  const [terms, setTerms] = useState(false);
  const [declined, setDeclined] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const path = `/v1/invitations/${part(token)}`;
  const accept = async (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    try {
      if (of.account) {
        // Who has an account shows that it is theirs; what shows it is used for this alone, and never kept.
        const shown = await api.post<{ access_token?: string; select_token?: string }>("/auth/login", { email: of.email, password }, { bearer: "" });
        await api.post(`${path}/accept`, {}, { bearer: shown.access_token ?? shown.select_token ?? "" });
        if (shown.access_token) await api.post("/auth/logout", {}, { bearer: shown.access_token });
      } else {
        await api.post(`${path}/accept`, { first_name: first, last_name: last, password, accept_terms: terms }, { bearer: "" });
      }
      await api.post("/auth/login", { email: of.email, password }, { headers: { "X-Tenant-ID": of.tenant_id } });
      await refreshSession();
      go("/console");
    } catch (error) {
      setProblem(problemFrom(error));
    }
  };
  if (declined) return <Empty icon="check" title={t("declined")}>{t("declinedHint")}</Empty>;
  return (
    <form class="stack" onSubmit={accept}>
      <p>{t("invited", { who: of.inviter_name || "?", company: of.company_name })}</p>
      <dl class="facts"><div><dt>{t("email")}</dt><dd><Foreign text={of.email} /></dd></div><div><dt>{t("as")}</dt><dd>{of.role}</dd></div><div><dt>{t("until")}</dt><dd><Moment at={of.expires_at} /></dd></div></dl>
      <input type="email" class="hidden" autocomplete="username" value={of.email} readOnly tabIndex={-1} aria-hidden="true" />
      {of.account ? <Field label={t("yours")} type="password" autoComplete="current-password" value={password} onInput={setPassword} required /> : <>
        <div class="form-grid"><Field label={t("first")} autoComplete="given-name" value={first} onInput={setFirst} required error={problem?.field("first_name")} /><Field label={t("last")} autoComplete="family-name" value={last} onInput={setLast} required error={problem?.field("last_name")} /></div>
        <Field label={t("password")} type="password" autoComplete="new-password" value={password} onInput={setPassword} required hint={t("passwordHint")} error={problem?.field("password")} />
        <Check label={t("terms")} checked={terms} onChange={setTerms} />
      </>}
      {problem && <ErrorBox problem={problem} />}
      <div class="dialog-actions"><Button kind="quiet" onClick={() => api.post(`${path}/decline`, {}, { bearer: "" }).then(() => setDeclined(true), (error) => setProblem(problemFrom(error)))}>{t("decline")}</Button><Button type="submit" kind="primary" disabled={!of.account && !terms}>{t("accept")}</Button></div>
    </form>
  );
}

function Show() {
  const token = new URLSearchParams(here.value.hash.slice(1)).get("t") ?? "";
  const opened = useLoad(`invitation ${token}`, () => api.get<Opened>(`/v1/invitations/${part(token)}`));
  return (
    <Page title={t("title")}>
      <Card>{token === "" ? <Empty icon="mail" title={t("none")}>{t("noneHint")}</Empty> : <Answer of={opened}>{(data) => <Form of={data} token={token} />}</Answer>}</Card>
    </Page>
  );
}

export const view: View = { path: "/invitation", root: "out", title: () => t("title"), show: Show };
