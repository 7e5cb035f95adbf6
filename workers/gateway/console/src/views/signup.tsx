import { useEffect, useState } from "preact/hooks";
import { api, Problem } from "../core/api.ts";
import { Icon } from "../core/icons.tsx";
import { bytes, money, words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { go, query, setQuery } from "../core/router.ts";
import { Answer, Button, Card, Check, ErrorBox, Field, LinkButton, Notice, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Start your trial", lead: "Fourteen days, everything in the plan, no card.", plan: "Choose a plan", month: "a month", free: "Free", no_users_max: "Unlimited users", no_api_calls_max: "Unlimited API calls", no_clients_max: "Unlimited clients", limit: "{name}: {n}", unlimited: "{name}: unlimited", audit: "Audit log kept {n|one month|# months}", auditAlways: "Audit log kept for good", company: "Your company", companyName: "Company name", companyEmail: "Company e-mail", you: "You", first: "First name", last: "Last name", email: "Your e-mail", password: "Password", passwordHint: "At least 12 characters. A sentence is a good password.", terms: "I accept the terms of use", privacy: "I accept the privacy notice", go: "Create the company", free_name: "The name is free: your address will be {id}", taken: "Somebody has that name already", emailTaken: "The address has an account already", done: "Your company is being set up", doneHint: "It takes some seconds. Then log in as {email}.", ready: "It is ready", logIn: "Log in", haveOne: "You have an account? Log in",
    users_max: "{n|one user|# users}", api_calls_max: "{n|one API call|# API calls} a month", storage_bytes_max: "{size} of storage", requests_per_minute: "{n|one request|# requests} a minute", broker_connections_max: "{n|one broker connection|# broker connections}", clients_max: "{n|one client|# clients}", modules: "Modules" },
  fr: { title: "Commencez votre essai", lead: "Quatorze jours, toute l'offre, sans carte.", plan: "Choisissez une offre", month: "par mois", free: "Gratuit", no_users_max: "Utilisateurs illimités", no_api_calls_max: "Appels d'API illimités", no_clients_max: "Clients illimités", limit: "{name} : {n}", unlimited: "{name} : illimité", audit: "Journal conservé {n|un mois|# mois}", auditAlways: "Journal conservé sans limite", company: "Votre entreprise", companyName: "Nom de l'entreprise", companyEmail: "Adresse de l'entreprise", you: "Vous", first: "Prénom", last: "Nom", email: "Votre adresse", password: "Mot de passe", passwordHint: "Au moins 12 caractères. Une phrase est un bon mot de passe.", terms: "J'accepte les conditions d'utilisation", privacy: "J'accepte la notice de confidentialité", go: "Créer l'entreprise", free_name: "Le nom est libre : votre adresse sera {id}", taken: "Ce nom est déjà pris", emailTaken: "Cette adresse a déjà un compte", done: "Votre entreprise se crée", doneHint: "Quelques secondes suffisent. Connectez-vous ensuite avec {email}.", ready: "C'est prêt", logIn: "Se connecter", haveOne: "Vous avez un compte ? Connectez-vous",
    users_max: "{n|un utilisateur|# utilisateurs}", api_calls_max: "{n|un appel|# appels} d'API par mois", storage_bytes_max: "{size} de stockage", requests_per_minute: "{n|une requête|# requêtes} par minute", broker_connections_max: "{n|une connexion|# connexions} au courtier", clients_max: "{n|un client|# clients}", modules: "Modules" },
});
const named = ["users_max", "api_calls_max", "storage_bytes_max", "requests_per_minute", "broker_connections_max", "clients_max"];
/** What a plan allows, in words. */
export function allowance(name: string, value: number): string {
  if (value < 0) return name === "users_max" || name === "api_calls_max" || name === "clients_max" ? t(`no_${name}`) : t("unlimited", { name: name.replaceAll("_", " ") });
  return named.includes(name) ? t(name as "users_max", { n: value, size: bytes(value) }) : t("limit", { n: value, name: name.replaceAll("_", " ") });
}
export interface Plan { plan: string; limits: Record<string, number>; modules: string[]; price: { amount_minor: number; currency: string }; audit_retention_months: number }

export function PlanCards({ plans, chosen, onChoose }: { plans: Plan[]; chosen: string; onChoose: (plan: string) => void }) {
  return (
    <div class="plans" role="radiogroup" aria-label={t("plan")}>
      {plans.map((plan) => (
        <label key={plan.plan} class={`plan${plan.plan === chosen ? " chosen" : ""}`}>
          <input type="radio" name="plan" value={plan.plan} checked={plan.plan === chosen} onChange={() => onChoose(plan.plan)} />
          <h3>{plan.plan.charAt(0) + plan.plan.slice(1).toLowerCase()}</h3>
          <div class="price">{plan.price.amount_minor === 0 ? t("free") : <>{money(plan.price)} <small>{t("month")}</small></>}</div>
          <ul>
            {Object.entries(plan.limits).map(([name, count]) => <li key={name}><Icon name="check" size={16} />{allowance(name, count)}</li>)}
            <li><Icon name="check" size={16} />{plan.audit_retention_months > 0 ? t("audit", { n: plan.audit_retention_months }) : t("auditAlways")}</li>
            <li><Icon name="check" size={16} /><span>{t("modules")}: <span class="muted">{plan.modules.join(", ").replaceAll("_", " ")}</span></span></li>
          </ul>
        </label>
      ))}
    </div>
  );
}

function useCheck(path: string, key: string, value: string) {
  const [free, setFree] = useState<Record<string, unknown>>();
  useEffect(() => {
    setFree(undefined);
    if (value.trim().length < 3) return;
    const stop = new AbortController();
    const timer = setTimeout(() => api.get<Record<string, unknown>>(path, { [key]: value }, stop.signal).then(setFree, () => undefined), 350);  // the form itself says what is wrong with it
    return () => { stop.abort(); clearTimeout(timer); };
  }, [value]);
  return free;
}

function Show() {
  const plans = useLoad("plans", () => api.get<{ plans: Plan[] }>("/signup/plans"));
  const plan = query("plan") || plans.data?.plans[Math.min(1, plans.data.plans.length - 1)]?.plan || "";
  const [form, setForm] = useState({ company_name: "", company_email: "", admin_first_name: "", admin_last_name: "", admin_email: "", admin_password: "" });
  const [terms, setTerms] = useState(false);
  const [privacy, setPrivacy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<string>();
  const [key] = useState(() => crypto.randomUUID());
  const company = useCheck("/signup/check-company", "name", form.company_name);
  const email = useCheck("/signup/check-email", "email", form.admin_email);
  const field = (name: keyof typeof form) => ({ name, value: form[name], onInput: (value: string) => setForm((old) => ({ ...old, [name]: value })), error: problem?.field(name), required: true });
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await api.post<{ tenant_id?: string }>("/signup", { ...form, company_email: form.company_email || form.admin_email, plan, accept_terms: terms, accept_privacy: privacy }, { headers: { "Idempotency-Key": key } });
      setMade(answer.tenant_id ?? "");
    } catch (error) {
      setProblem(problemFrom(error));
    }
    setBusy(false);
  };
  if (made !== undefined) return (
    <Page title={t("done")} lead={t("doneHint", { email: form.admin_email })}><Card><Notice tone="good" icon="check">{made || form.company_name}</Notice><p class="pad"><Button kind="primary" onClick={() => go(`/login${made ? `?tenant=${encodeURIComponent(made)}` : ""}`)}>{t("logIn")}</Button></p></Card></Page>
  );
  const says = (free: Record<string, unknown> | undefined, taken: string, good?: string) => (free === undefined ? undefined : free["available"] === false ? <span class="field-error">{taken}</span> : good);
  return (
    <Page title={t("title")} lead={t("lead")} actions={<LinkButton href="/login" kind="quiet">{t("haveOne")}</LinkButton>}>
      <Answer of={plans}>{(data) => <PlanCards plans={data.plans} chosen={plan} onChoose={(to) => setQuery({ plan: to })} />}</Answer>
      <form class="stack" onSubmit={submit}>
        <div class="grid">
          <Card title={t("company")}><div class="stack">
            <Field label={t("companyName")} autoComplete="organization" {...field("company_name")} hint={says(company, t("taken"), t("free_name", { id: String(company?.["tenant_id"] ?? company?.["slug"] ?? "…") }))} />
            <Field label={t("companyEmail")} type="email" {...field("company_email")} />
          </div></Card>
          <Card title={t("you")}><div class="stack">
            <div class="form-grid"><Field label={t("first")} autoComplete="given-name" {...field("admin_first_name")} /><Field label={t("last")} autoComplete="family-name" {...field("admin_last_name")} /></div>
            <Field label={t("email")} type="email" autoComplete="username" {...field("admin_email")} hint={says(email, t("emailTaken"))} />
            <Field label={t("password")} type="password" autoComplete="new-password" minLength={12} {...field("admin_password")} hint={t("passwordHint")} />
          </div></Card>
        </div>
        <Check label={t("terms")} checked={terms} onChange={setTerms} error={problem?.field("accept_terms")} />
        <Check label={t("privacy")} checked={privacy} onChange={setPrivacy} error={problem?.field("accept_privacy")} />
        {problem && <ErrorBox problem={problem} />}
        <div><Button type="submit" kind="primary" busy={busy} disabled={!terms || !privacy}>{t("go")}</Button></div>
      </form>
    </Page>
  );
}

export const view: View = { path: "/signup", root: "out", title: () => t("title"), show: Show };
