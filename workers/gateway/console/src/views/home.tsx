import { api } from "../core/api.ts";
import { Icon } from "../core/icons.tsx";
import { relative, words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { closed, factorDemanded, may, me, membership, type Me } from "../core/session.ts";
import { kindOf, Standing } from "../core/standing.tsx";
import { Answer, Card, Empty, ErrorBox, LinkButton, Moment, Notice, Page, Status, Usage } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import type { Subscription } from "./plan.tsx";
import { metricName, metricValue } from "./usage.tsx";

const t = words({
  en: { title: "Home", hello: "Hello {name}", trial: "Your trial ends {when}. What you have made stays, whatever plan you take.", plans: "See the plans", start: "Get started", startHint: "What most companies do first.", account: "Create your company", invite: "Invite somebody", key: "Make an API key", settings: "Set your time zone, language and looks", event: "Read how to call the API", audit: "Look at your audit log", doneAll: "All done", limits: "This month", more: "All usage", quick: "Go on", billing: "Open billing", ask: "Whoever sees to billing in your company can do something about it.", pastDue: "A payment is overdue since", pastDueHint: "Access is closed where it stays unpaid.", pay: "See what is to be paid", factor: "Your company demands a second factor", factorHint: "Set one up, and everything is open.", setUp: "Set it up" },
  fr: { title: "Accueil", hello: "Bonjour {name}", trial: "Votre essai se termine {when}. Ce que vous avez créé reste, quelle que soit l'offre choisie.", plans: "Voir les offres", start: "Pour commencer", startHint: "Ce que la plupart des entreprises font d'abord.", account: "Créer votre entreprise", invite: "Inviter quelqu'un", key: "Créer une clé d'API", settings: "Régler fuseau horaire, langue et apparence", event: "Lire comment appeler l'API", audit: "Consulter votre journal d'audit", doneAll: "Tout est fait", limits: "Ce mois-ci", more: "Toute l'utilisation", quick: "Continuer", billing: "Ouvrir la facturation", ask: "Qui s'occupe de la facturation dans votre entreprise peut y remédier.", pastDue: "Un paiement est en retard depuis", pastDueHint: "L'accès est fermé s'il reste impayé.", pay: "Voir ce qui est à payer", factor: "Votre entreprise exige un second facteur", factorHint: "Installez-en un, et tout est ouvert.", setUp: "L'installer" },
});
interface Metric { metric: string; quantity: number; limit: number; unit: string }

async function steps() {
  const count = async (path: string, name: string) => {
    const answer = await api.get<Record<string, unknown[]>>(path, { limit: 2 });
    return answer[name]?.length ?? 0;
  };
  const [users, keys] = await Promise.all([may("users:read") ? count("/v1/users", "users") : 0, may("api_keys:read") ? count("/v1/api-keys", "api_keys") : 0]);
  return { users, keys };
}

function Closed() {
  const of = membership.value?.tenant;
  const problem = closed.value;
  const kind = problem?.code === "tenant_pending" ? "pending" : of && kindOf(of, problem?.code);
  if (factorDemanded.value) return <Page title={t("title")}><Card><Empty icon="lock" title={t("factor")}><p>{t("factorHint")}</p><LinkButton kind="primary" href="/console/account">{t("setUp")}</LinkButton></Empty></Card></Page>;
  return (
    <Page title={t("title")} lead={of && <><span>{of.company_name}</span><Status of={of.status} /></>}>
      {kind ? <Standing kind={kind} reason={of?.status_reason ?? ""} /> : problem && <ErrorBox problem={problem} />}
      {kind && kind !== "pending" && <Card><div class="row">{may("subscription:read") ? <LinkButton kind="primary" icon="card" href="/console/plan">{t("billing")}</LinkButton> : <p>{t("ask")}</p>}</div></Card>}
    </Page>
  );
}

/** While something is owed and the company is still open. */
function Owed() {
  const subscription = useLoad("subscription", () => api.get<Subscription>("/v1/subscription"));
  const since = subscription.data?.billing?.past_due_since;
  if (!since) return null;
  return <Notice tone="bad"><div class="row" data-owed><span class="grow"><strong>{t("pastDue")} <Moment at={since} />.</strong> {t("pastDueHint")}</span><LinkButton small kind="primary" href="/console/plan">{t("pay")}</LinkButton></div></Notice>;
}

function Open({ member }: { member: Me }) {
  const state = useLoad("home", steps);
  const usage = useLoad("usage now", () => api.get<{ metrics: Metric[] }>("/v1/usage"));
  const list: [string, boolean, string, boolean][] = [
    [t("account"), true, "/console", true],
    [t("settings"), Boolean(localStorage.getItem("seen-settings")), "/console/settings", may("settings:read")],
    [t("invite"), (state.data?.users ?? 0) > 1, "/console/users", may("users:read")],
    [t("key"), (state.data?.keys ?? 0) > 0, "/console/keys", may("api_keys:read")],
    [t("event"), Boolean(localStorage.getItem("seen-docs")), "/docs", true],
    [t("audit"), Boolean(localStorage.getItem("seen-audit")), "/console/audit", may("audit:read")],
  ];
  const shown = list.filter(([, , , allowed]) => allowed);
  return (
    <Page title={t("hello", { name: member.user.first_name })} lead={<><span>{member.tenant.company_name}</span><Status of={member.tenant.status} /><span>{member.tenant.plan}</span></>}>
      {member.tenant.status === "TRIAL" && <Notice icon="bolt"><div class="row"><span class="grow">{t("trial", { when: relative(member.tenant.trial_ends_at) })}</span>{may("subscription:read") && <LinkButton small kind="primary" href="/console/plan">{t("plans")}</LinkButton>}</div></Notice>}
      {member.tenant.status === "ACTIVE" && may("subscription:read") && <Owed />}
      <div class="grid">
        <Card title={t("start")}>
          <p class="muted">{t("startHint")}</p>
          <ul class="checklist">{shown.map(([name, done, href]) => (
            <li key={name} class={done ? "done" : undefined}><span class="tick"><Icon name="check" size={16} /></span><span class="grow">{name}</span>{!done && <LinkButton small href={href} icon="arrow">{t("quick")}</LinkButton>}</li>
          ))}</ul>
        </Card>
        <Card title={t("limits")} actions={<a href="/console/usage">{t("more")}</a>}>
          <Answer of={usage}>{(data) => <div class="stack">{data.metrics.map((one) => <Usage key={one.metric} label={metricName(one.metric)} used={one.quantity} limit={one.limit} show={metricValue(one.metric)} />)}</div>}</Answer>
        </Card>
      </div>
    </Page>
  );
}

function Show() {
  return me.value ? <Open member={me.value} /> : <Closed />;
}

export const view: View = { path: "/console", root: "tenant", title: () => t("title"), icon: "home", order: 0, show: Show };
