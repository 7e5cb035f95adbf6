// What a super-admin sees of a tenant beside its history: its usage with where that leads to, its people, its keys.
import { api, part } from "./api.ts";
import { courseOf, type Course } from "./course.ts";
import { day, words } from "./i18n.ts";
import { useLoad, usePages } from "./load.ts";
import { term } from "./text.ts";
import { Answer, Card, Chip, Empty, Foreign, LinkButton, More, Notice, Sparkline, Table, Time, Usage, type Tone } from "./ui.tsx";
import { metricName, metricValue } from "../views/usage.tsx";

const t = words({
  en: { period: "{from} to {to}", ahead: "At this pace: {n} at the end of the period.", full: "The limit is reached", reached: "The limit is reached.", curve: "{name}: {n} so far, {then} at the end of the period at this pace", ofLimit: ", of {n}", standing: "What there is", standingHint: "Counted as it stands; it does not begin anew with the month.", days: "{name}, day by day",
    people: "People", person: "Person", role: "Role", state: "State", factor: "Second factor", login: "Last login", joined: "Since", none: "Nobody", has: "Yes", hasNot: "No", log: "Their log", loginHint: "Of the sessions that are kept: who has been away longer than one lasts has none.",
    active: "Active", inactive: "Locked out", removed: "Removed", invited: "Not in yet", pending: "Invited", expired: "Invitation over",
    keys: "API keys", key: "Key", scopes: "May", expires: "Expires", used: "Last use", uses: "{n|one use|# uses}", never: "never", noKeys: "No API keys", revoked: "Revoked", anywhere: "from anywhere", networks: "from {n|one network|# networks}", overdue: "Expired" },
  fr: { period: "du {from} au {to}", ahead: "À ce rythme : {n} en fin de période.", full: "La limite est atteinte", reached: "La limite est atteinte.", curve: "{name} : {n} à ce jour, {then} en fin de période à ce rythme", ofLimit: ", sur {n}", standing: "Ce qu'il y a", standingHint: "Compté tel quel ; ne repart pas de zéro avec le mois.", days: "{name}, jour par jour",
    people: "Personnes", person: "Personne", role: "Rôle", state: "État", factor: "Second facteur", login: "Dernière connexion", joined: "Depuis", none: "Personne", has: "Oui", hasNot: "Non", log: "Leur journal", loginHint: "D'après les sessions conservées : qui s'est absenté plus longtemps n'en a plus.",
    active: "Actif", inactive: "Bloqué", removed: "Retiré", invited: "Pas encore entré", pending: "Invité", expired: "Invitation échue",
    keys: "Clés d'API", key: "Clé", scopes: "Peut", expires: "Expire", used: "Dernier usage", uses: "{n|un usage|# usages}", never: "jamais", noKeys: "Aucune clé d'API", revoked: "Révoquée", anywhere: "de partout", networks: "de {n|un réseau|# réseaux}", overdue: "Expirée" },
});

interface Metric { metric: string; unit: string; reset: "monthly" | "never"; quantity: number; limit: number; by_day: { day: string; quantity: number }[] }
interface Used { at: string; period_start: string; period_end: string; metrics: Metric[] }

const width = 720, height = 150, bottom = 4, top = 6;

/** The period as it went, dashed where it goes if nothing changes, under its limit and the four fifths that are told of. */
function Curve({ of, limit, label }: { of: Course; limit: number; label: string }) {
  const most = Math.max(1, limit, of.projected, ...of.points.map(([, sum]) => sum)) * 1.06;
  const x = (at: number) => at * width;
  const y = (value: number) => height - bottom - (value / most) * (height - bottom - top);
  const path = (points: [number, number][]) => points.map(([at, sum], i) => `${i === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(sum).toFixed(1)}`).join("");
  const last = of.points[of.points.length - 1]!;
  return (
    <svg class="course" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {limit >= 0 && <line class="near" x1={0} x2={width} y1={y(limit * 0.8)} y2={y(limit * 0.8)} />}
      {limit >= 0 && <line class="limit" x1={0} x2={width} y1={y(limit)} y2={y(limit)} />}
      <path class="went" d={path(of.points)} />
      <path class="goes" d={path([last, [1, of.projected]])} />
    </svg>
  );
}

function Monthly({ of, used }: { of: Metric; used: Used }) {
  const course = courseOf(of, used.period_start, used.period_end, used.at);
  const name = metricName(of.metric);
  const show = metricValue(of.metric);
  const then = Math.round(course.projected);
  return (
    <div data-metric={of.metric}>
      <Usage label={name} used={of.quantity} limit={of.limit} show={show} />
      {of.quantity > 0 && <Curve of={course} limit={of.limit} label={t("curve", { name, n: show(of.quantity), then: show(then) }) + (of.limit >= 0 ? t("ofLimit", { n: show(of.limit) }) : "")} />}
      <p class="hint">{t("ahead", { n: show(then) })}</p>
      {course.full && <Notice tone={of.quantity >= of.limit ? "bad" : "warn"}>{of.quantity >= of.limit ? t("reached") : <>{t("full")} <Time at={course.full} /></>}</Notice>}
    </div>
  );
}

export function TenantUsage({ id }: { id: string }) {
  const used = useLoad(`usage of ${id}`, (signal) => api.get<Used>(`/v1/admin/tenants/${part(id)}/usage`, undefined, signal));
  return (
    <Answer of={used}>{(data) => {
      const monthly = data.metrics.filter((one) => one.reset === "monthly");
      const standing = data.metrics.filter((one) => one.reset !== "monthly");
      return (
        <div class="grid">
          <Card title={t("period", { from: day(data.period_start), to: day(data.period_end) })}><div class="stack">{monthly.map((one) => <Monthly key={one.metric} of={one} used={data} />)}</div></Card>
          <Card title={t("standing")}><div class="stack">
            <p class="hint">{t("standingHint")}</p>
            {standing.map((one) => <div key={one.metric} data-metric={one.metric}><Usage label={metricName(one.metric)} used={one.quantity} limit={one.limit} show={metricValue(one.metric)} />{one.by_day.length > 1 && <Sparkline values={one.by_day.map((each) => each.quantity)} label={t("days", { name: metricName(one.metric) })} />}</div>)}
          </div></Card>
        </div>
      );
    }}</Answer>
  );
}

interface Person { id: string; kind: "member" | "invitation"; email: string; first_name: string; last_name: string; role: string; state: "invited" | "active" | "inactive" | "removed" | "pending" | "expired"; created_at: string; expires_at: string | null; last_login_at: string | null; last_seen_at: string | null; second_factor: boolean | null }
const standings: Record<Person["state"], Tone> = { active: "good", inactive: "warn", removed: "calm", invited: "info", pending: "info", expired: "calm" };

export function TenantPeople({ id }: { id: string }) {
  const pages = usePages<Person>(`people of ${id}`, async (cursor, signal) => {
    const answer = await api.get<{ users: Person[]; next_cursor: string | null }>(`/v1/admin/tenants/${part(id)}/users`, { state: "all", cursor, limit: 50 }, signal);
    return { items: answer.users, next: answer.next_cursor, head: undefined };
  });
  return (
    <Card flush title={t("people")} actions={<LinkButton small icon="shield" href={`/console/audit?q=${part(`${term("tenant", id)} resource:user resource:invitation resource:session`)}`}>{t("log")}</LinkButton>}>
      <Answer of={pages}>{(rows) => rows.length === 0 ? <Empty icon="people" title={t("none")} /> : <>
        <Table label={t("people")} rows={rows} id={(row) => row.id} columns={[
          { name: t("person"), kind: "wide", show: (row) => <><Foreign text={`${row.first_name} ${row.last_name}`.trim() || row.email} /><span class="sub"><Foreign text={row.email} /></span></> },
          { name: t("role"), show: (row) => <Foreign text={row.role} /> },
          { name: t("state"), show: (row) => <Chip tone={standings[row.state]} icon={row.state === "active" ? "check" : row.kind === "invitation" ? "mail" : "cross"}>{t(row.state)}</Chip> },
          { name: t("factor"), show: (row) => row.second_factor === null ? <span class="muted">—</span> : row.second_factor ? <Chip tone="good" icon="lock">{t("has")}</Chip> : <Chip tone="warn" icon="alert">{t("hasNot")}</Chip> },
          { name: t("login"), show: (row) => <Time at={row.last_login_at} /> },
          { name: t("joined"), show: (row) => <Time at={row.created_at} /> },
        ]} />
        <p class="hint pad">{t("loginHint")}</p>
        <More of={pages} />
      </>}</Answer>
    </Card>
  );
}

interface Key { id: string; prefix: string; name: string; permissions: string[]; networks: string[]; created_at: string; expires_at: string | null; last_used_at: string | null; uses: number; state: "active" | "expired" | "revoked" }

export function TenantKeys({ id }: { id: string }) {
  const pages = usePages<Key>(`keys of ${id}`, async (cursor, signal) => {
    const answer = await api.get<{ api_keys: Key[]; next_cursor: string | null }>(`/v1/admin/tenants/${part(id)}/api-keys`, { cursor, limit: 50 }, signal);
    return { items: answer.api_keys, next: answer.next_cursor, head: undefined };
  });
  return (
    <Card flush title={t("keys")}>
      <Answer of={pages}>{(rows) => rows.length === 0 ? <Empty icon="key" title={t("noKeys")} /> : <>
        <Table label={t("keys")} rows={rows} id={(row) => row.id} columns={[
          { name: t("key"), show: (row) => <><Foreign text={row.name} /><span class="sub"><code>{row.prefix}…</code></span></> },
          { name: t("scopes"), kind: "wide", show: (row) => <><Foreign text={row.permissions.join(", ")} longest={160} /><span class="sub">{row.networks.length === 0 ? t("anywhere") : t("networks", { n: row.networks.length })}</span></> },
          { name: t("state"), show: (row) => row.state === "active" ? <Chip tone="good" icon="check">{t("active")}</Chip> : <Chip tone="calm" icon="cross">{t(row.state === "revoked" ? "revoked" : "overdue")}</Chip> },
          { name: t("expires"), show: (row) => <Time at={row.expires_at} none={t("never")} /> },
          { name: t("used"), show: (row) => <><Time at={row.last_used_at} none={t("never")} /><span class="sub">{t("uses", { n: row.uses })}</span></> },
        ]} />
        <More of={pages} />
      </>}</Answer>
    </Card>
  );
}
