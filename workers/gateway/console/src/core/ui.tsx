// The parts that views are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { api, type Problem } from "./api.ts";
import { Icon, type IconName } from "./icons.tsx";
import { instant, number, relative, words } from "./i18n.ts";
import { problemFrom, rowsMax, type Loaded, type Pages } from "./load.ts";
import { StepUp, stepUpWanted } from "./step-up.tsx";
import { visible } from "./text.ts";

const t = words({
  en: {
    loading: "Loading…", retry: "Try again", copy: "Copy", copied: "Copied", more: "Show more", full: "The first {n} are shown. Narrow the search to see others.",
    offlineTitle: "The server does not answer", offline: "Your connection, or the server, is away. What you see may be old.",
    deniedTitle: "You may not see this", denied: "Your role does not reach this page. An owner of your company can change that.",
    refused: "That did not work", trace: "Trace", close: "Close", cancel: "Cancel", reason: "Reason", reasonHint: "Goes on record with your name.", confirmType: "Type {what} to confirm", none: "—",
    unexpected: "The page has met something it does not know.", waitSeconds: "Try again in {n} s.",
    PENDING: "Being set up", TRIAL: "Trial", ACTIVE: "Active", SUSPENDED: "Suspended", CANCELLED: "Cancelled", DELETED: "Deleted",
    verifyTitle: "Your e-mail address is not confirmed", verify: "Who invites others, or makes keys, has confirmed the own address.", resend: "Send me the link", sent: "A mail with a link is under way. Open it, then try again.",
    unlimited: "unlimited", ofLimit: "{used} of {limit}", success: "Success", failure: "Failure",
  },
  fr: {
    loading: "Chargement…", retry: "Réessayer", copy: "Copier", copied: "Copié", more: "Afficher la suite", full: "Les {n} premières lignes sont affichées. Précisez la recherche pour voir les autres.",
    offlineTitle: "Le serveur ne répond pas", offline: "Votre connexion ou le serveur est indisponible. L'affichage peut dater.",
    deniedTitle: "Accès non autorisé", denied: "Votre rôle ne donne pas accès à cette page. Un propriétaire de votre entreprise peut le changer.",
    refused: "L'action a échoué", trace: "Trace", close: "Fermer", cancel: "Annuler", reason: "Motif", reasonHint: "Consigné avec votre nom.", confirmType: "Saisissez {what} pour confirmer", none: "—",
    unexpected: "La page a rencontré une situation inconnue.", waitSeconds: "Réessayez dans {n} s.",
    PENDING: "En création", TRIAL: "Essai", ACTIVE: "Actif", SUSPENDED: "Suspendu", CANCELLED: "Résilié", DELETED: "Supprimé",
    verifyTitle: "Votre adresse n'est pas confirmée", verify: "Qui invite d'autres personnes, ou crée des clés, a confirmé son adresse.", resend: "M'envoyer le lien", sent: "Un courriel contenant un lien est en route. Ouvrez-le, puis réessayez.",
    unlimited: "illimité", ofLimit: "{used} sur {limit}", success: "Succès", failure: "Échec",
  },
});

// ---- frame

export function Page({ title, lead, actions, children }: { title: string; lead?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren }) {
  useEffect(() => { document.title = `${title} · Tenantry`; }, [title]);
  return (
    <>
      <header class="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <div class="lead">{lead}</div>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

export function Card({ title, actions, children, flush = false, id }: { title?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; flush?: boolean; id?: string }) {
  return (
    <section class={`card${flush ? " flush" : ""}`} id={id}>
      {(title || actions) && <header><h2>{title}</h2>{actions && <div class="actions">{actions}</div>}</header>}
      <div class="card-body">{children}</div>
    </section>
  );
}

// ---- states

export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div class="skeleton" role="status">
      <span class="hidden">{t("loading")}</span>
      {Array.from({ length: rows }, (_, i) => <i key={i} />)}
    </div>
  );
}

export function Empty({ icon = "inbox", title, children }: { icon?: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="bubble"><Icon name={icon} size={26} /></span>
      <h3>{title}</h3>
      {children && <div class="muted">{children}</div>}
    </div>
  );
}

export function Denied() {
  return <Empty icon="lock" title={t("deniedTitle")}>{t("denied")}</Empty>;
}

/** What was refused until one's own address is confirmed. */
function ConfirmFirst() {
  const [sent, setSent] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  if (problem) return <ErrorBox problem={problem} />;
  if (sent) return <Notice tone="good" icon="mail">{t("sent")}</Notice>;
  return (
    <Notice tone="warn" icon="mail">
      <div class="stack">
        <strong>{t("verifyTitle")}</strong>
        <span>{t("verify")}</span>
        <div><Button small onClick={() => api.post("/v1/me/email/verify", {}).then(() => setSent(true), (error) => setProblem(problemFrom(error)))}>{t("resend")}</Button></div>
      </div>
    </Notice>
  );
}

export function ErrorBox({ problem, again }: { problem: Problem; again?: () => void }) {
  if (problem.code === "email_not_verified") return <ConfirmFirst />;
  if (problem.status === 403 && ["forbidden", "permission_denied"].includes(problem.code)) return <Denied />;
  const away = problem.code === "offline";
  const title = away ? t("offlineTitle") : problem.title || t("refused");
  const detail = away ? t("offline") : problem.code === "unexpected" ? t("unexpected") : problem.detail;
  return (
    <div class="error-box" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{title}</strong>
        {detail && detail !== title && <p>{visible(detail)}</p>}
        {(problem.errors.length > 1 || (problem.errors.length === 1 && !problem.detail.includes(problem.errors[0]!.detail))) && (
          <ul>{problem.errors.map((error) => <li key={error.pointer + error.code}><code>{error.pointer}</code> {visible(error.detail)}</li>)}</ul>
        )}
        {problem.retryAfter > 1 && <p>{t("waitSeconds", { n: problem.retryAfter })}</p>}
        {problem.trace && <p class="muted small">{t("trace")} <Copyable text={problem.trace} short={16} /></p>}
      </div>
      {again && <Button small onClick={again} icon="refresh">{t("retry")}</Button>}
    </div>
  );
}

/** What was asked for, or how it stands with it. */
export function Answer<T>({ of, rows, children }: { of: Loaded<T>; rows?: number; children: (data: T) => ComponentChildren }) {
  if (of.data === undefined) return of.problem ? <ErrorBox problem={of.problem} again={of.again} /> : <Loading {...(rows === undefined ? {} : { rows })} />;
  return <>{of.problem && <ErrorBox problem={of.problem} again={of.again} />}{children(of.data)}</>;
}

// ---- words

export type Tone = "good" | "warn" | "bad" | "info" | "calm";
export function Chip({ tone, icon, children }: { tone: Tone; icon?: IconName; children: ComponentChildren }) {
  return <span class={`chip ${tone}`}>{icon && <Icon name={icon} size={14} />}<span>{children}</span></span>;
}

const statuses: Record<string, [Tone, IconName]> = {
  PENDING: ["info", "clock"], TRIAL: ["info", "bolt"], ACTIVE: ["good", "check"], SUSPENDED: ["bad", "pause"], CANCELLED: ["warn", "cross"], DELETED: ["calm", "cross"],
};
export function Status({ of }: { of: string }) {
  const [tone, icon] = statuses[of] ?? ["calm", "dot"];
  return <Chip tone={tone} icon={icon}>{of in statuses ? t(of as "TRIAL") : of}</Chip>;
}
export function Outcome({ of }: { of: string }) {
  return of === "failure" ? <Chip tone="bad" icon="cross">{t("failure")}</Chip> : <Chip tone="good" icon="check">{t("success")}</Chip>;
}

export function Time({ at, none }: { at: string | null | undefined; none?: string }) {
  if (!at) return <span class="muted">{none ?? t("none")}</span>;
  const exact = instant(at);
  return <time dateTime={at} title={`${exact}\n${at}`}>{relative(at)}</time>;
}
export function Moment({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="muted">{t("none")}</span>;
  return <time dateTime={at} title={at}>{instant(at)} <span class="muted">({relative(at)})</span></time>;
}

/** Somebody else's text. */
export function Foreign({ text, longest = 120 }: { text: string; longest?: number }) {
  const shown = visible(text, longest);
  const marked = visible(text, text.length) !== text;
  return <bdi class={marked ? "marked" : undefined} title={shown === text ? undefined : visible(text, 2000)}>{shown}</bdi>;
}

export function Copyable({ text, short }: { text: string; short?: number }) {
  const [done, set] = useState(false);
  const shown = short && text.length > short ? `${text.slice(0, short)}…` : text;
  return (
    <span class="copyable">
      <code title={text}>{shown}</code>
      <button type="button" class="icon-button" aria-label={`${done ? t("copied") : t("copy")} ${text}`} title={done ? t("copied") : t("copy")}
        onClick={() => navigator.clipboard.writeText(text).then(() => { set(true); setTimeout(() => set(false), 1500); })}>
        <Icon name={done ? "check" : "copy"} size={14} />
      </button>
    </span>
  );
}

export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return <dl class="facts">{of.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

export function Json({ value }: { value: unknown }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return <pre class="json" tabIndex={0}>{visible(text ?? "", 200_000)}</pre>;
}

export function Stat({ label, value, tone, href, hint }: { label: string; value: ComponentChildren; tone?: Tone; href?: string; hint?: ComponentChildren }) {
  const inside = <><span class="stat-label">{label}</span><strong class={tone}>{value}</strong>{hint && <span class="muted small">{hint}</span>}</>;
  return href ? <a class="stat" href={href}>{inside}</a> : <div class="stat">{inside}</div>;
}

/** How much of a limit is used; -1 is no limit. */
export function Usage({ label, used, limit, show = number }: { label: string; used: number; limit: number; show?: (value: number) => string }) {
  const share = limit > 0 ? used / limit : 0;
  const tone = limit < 0 ? "good" : share >= 1 ? "bad" : share >= 0.8 ? "warn" : "good";
  return (
    <div class="usage">
      <div class="usage-head"><span>{label}</span><span class="muted">{t("ofLimit", { used: show(used), limit: limit < 0 ? t("unlimited") : show(limit) })}</span></div>
      <div class="bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={limit < 0 ? Math.max(used, 1) : limit} aria-valuenow={Math.min(used, limit < 0 ? used : limit)}>
        <i class={tone} style={{ width: `${Math.min(100, limit < 0 ? (used > 0 ? 4 : 0) : share * 100)}%` }} />
      </div>
    </div>
  );
}

/** Columns without axes, for a trend at a glance; what it says stands in `label`. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const most = Math.max(1, ...values);
  const width = 100 / Math.max(1, values.length);
  return (
    <svg class="sparkline" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label={label}>
      {values.map((value, i) => <rect key={i} x={i * width + width * 0.12} width={width * 0.76} y={30 - (value / most) * 28} height={(value / most) * 28 + (value > 0 ? 0.5 : 0)} rx="0.8" />)}
    </svg>
  );
}

// ---- controls

interface ButtonProps { children: ComponentChildren; onClick?: (event: MouseEvent) => void; kind?: "primary" | "danger" | "quiet" | "plain"; small?: boolean; type?: "button" | "submit"; busy?: boolean; disabled?: boolean; icon?: IconName; label?: string }
export function Button({ children, onClick, kind = "plain", small = false, type = "button", busy = false, disabled = false, icon, label }: ButtonProps) {
  return (
    <button type={type} class={`button ${kind}${small ? " small" : ""}`} onClick={onClick} disabled={disabled || busy} aria-busy={busy || undefined} aria-label={label}>
      {icon && <Icon name={icon} size={16} />}{children}
    </button>
  );
}
export function LinkButton({ href, children, kind = "plain", icon, small = false }: { href: string; children: ComponentChildren; kind?: "primary" | "plain" | "quiet"; icon?: IconName; small?: boolean }) {
  return <a class={`button ${kind}${small ? " small" : ""}`} href={href}>{icon && <Icon name={icon} size={16} />}{children}</a>;
}

interface FieldProps { label: string; value: string; onInput: (value: string) => void; type?: "text" | "email" | "password" | "number" | "date" | "color" | "url"; error?: string | undefined; hint?: ComponentChildren; required?: boolean; autoComplete?: string; options?: [string, string][]; rows?: number; autoFocus?: boolean; placeholder?: string; minLength?: number; name?: string }
export function Field({ label, value, onInput, type = "text", error, hint, required = false, autoComplete = "off", options, rows, autoFocus = false, placeholder, minLength, name }: FieldProps) {
  const id = useId();
  const told = error || hint ? `${id}-told` : undefined;
  const shared = { id, value, required, name, "aria-invalid": error ? true : undefined, "aria-describedby": told, autoFocus } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {options ? (
        <select {...shared} onChange={(event) => onInput(event.currentTarget.value)}>{options.map(([key, words]) => <option key={key} value={key}>{words}</option>)}</select>
      ) : rows ? (
        <textarea {...shared} rows={rows} spellcheck={false} placeholder={placeholder} onInput={(event) => onInput(event.currentTarget.value)} />
      ) : (
        <input {...shared} type={type as "text"} autocomplete={autoComplete} placeholder={placeholder} minLength={minLength} onInput={(event) => onInput(event.currentTarget.value)} />
      )}
      {told && <div id={told} class={error ? "field-error" : "hint"}>{error ? visible(error) : hint}</div>}
    </div>
  );
}

export function Check({ label, checked, onChange, error }: { label: ComponentChildren; checked: boolean; onChange: (to: boolean) => void; error?: string | undefined }) {
  return <label class="check"><input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} /><span>{label}{error && <span class="field-error">{visible(error)}</span>}</span></label>;
}

export function Dialog({ title, children, onClose, wide = false }: { title: string; children: ComponentChildren; onClose: () => void; wide?: boolean }) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => { element.current?.showModal(); }, []);
  return (
    <dialog ref={element} class={wide ? "wide" : undefined} aria-labelledby={id} onClose={onClose} onClick={(event) => { if (event.target === element.current) element.current?.close(); }}>
      <header><h2 id={id}>{title}</h2><button type="button" class="icon-button" aria-label={t("close")} onClick={() => element.current?.close()}><Icon name="cross" /></button></header>
      {children}
    </dialog>
  );
}

interface ActProps {
  title: string;
  /** What will happen, in words. */
  what: ComponentChildren;
  verb: string;
  danger?: boolean;
  /** What to type before it can be done, for what reaches far. */
  confirm?: string;
  reason?: boolean;
  extra?: ComponentChildren;
  act: (reason: string) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}
/** Something that is done once, with its reason on record. */
export function Act({ title, what, verb, danger = false, confirm, reason: asks = true, extra, act, onDone, onClose }: ActProps) {
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event?: Event) => {
    event?.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await act(reason.trim());
      onDone();
    } catch (error) {
      setProblem(problemFrom(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} class="stack">
        <div>{what}</div>
        {extra}
        {asks && <Field label={t("reason")} value={reason} onInput={setReason} required rows={2} hint={t("reasonHint")} error={problem?.field("reason") ?? problem?.field("note")} autoFocus />}
        {confirm !== undefined && <Field label={t("confirmType", { what: confirm })} value={typed} onInput={setTyped} required />}
        {problem && (stepUpWanted(problem) ? <StepUp onDone={() => void submit()} /> : <ErrorBox problem={problem} />)}
        <div class="dialog-actions">
          <Button kind="quiet" onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" kind={danger ? "danger" : "primary"} busy={busy} disabled={(asks && reason.trim() === "") || (confirm !== undefined && typed !== confirm)}>{verb}</Button>
        </div>
      </form>
    </Dialog>
  );
}

// ---- tables

export interface Column<Row> { name: string; sort?: string; show: (row: Row) => ComponentChildren; kind?: "number" | "wide" | "tight" | "keep" }
/** By which column rows come, as the API names it (“-” before it: the other way round), and the address for another. */
export interface Sorting { by: string; href: (by: string) => string }
interface TableProps<Row> { label: string; columns: Column<Row>[]; rows: Row[]; id: (row: Row) => string; href?: (row: Row) => string; onOpen?: (row: Row) => void; open?: string; sort?: Sorting }
function Head<Row>({ of, sort }: { of: Column<Row>; sort: Sorting | undefined }) {
  if (of.sort === undefined || sort === undefined) return <th scope="col" class={of.kind}>{of.name}</th>;
  const up = sort.by === of.sort, down = sort.by === `-${of.sort}`;
  return <th scope="col" class={of.kind} aria-sort={up ? "ascending" : down ? "descending" : "none"}><a class="sort" href={sort.href(up ? `-${of.sort}` : of.sort)}>{of.name}<span aria-hidden="true">{up ? " ↑" : down ? " ↓" : ""}</span></a></th>;
}

/** Rows are gone through by j and k and opened by Enter (keys.ts finds them by data-row). */
export function Table<Row>({ label, columns, rows, id, href, onOpen, open, sort }: TableProps<Row>) {
  return (
    <div class="table-frame" tabIndex={0} role="group" aria-label={label}>
      <table aria-label={label}>
        <thead><tr>{columns.map((column) => <Head key={column.name} of={column} sort={sort} />)}</tr></thead>
        <tbody>
          {rows.slice(0, rowsMax).map((row) => {
            const key = id(row);
            const to = href?.(row);
            return (
              <tr key={key} data-row={key} class={open === key ? "open" : undefined} onClick={onOpen && ((event) => { if (!(event.target as Element).closest("a,button,input,label")) onOpen(row); })}>
                {columns.map((column, i) => (
                  <td key={column.name} class={column.kind}>
                    {i === 0 && to !== undefined ? <a class="row-link" href={to}>{column.show(row)}</a>
                      : i === 0 && onOpen ? <button type="button" class="row-link" aria-expanded={open === key} onClick={() => onOpen(row)}>{column.show(row)}</button> : column.show(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

export function More<Item, Head>({ of }: { of: Pages<Item, Head> }) {
  if (of.full) return <p class="muted small center pad">{t("full", { n: rowsMax })}</p>;
  return of.more ? <div class="center pad"><Button onClick={of.more} busy={of.busy}>{t("more")}</Button></div> : null;
}

export function Tabs({ of, at, href }: { of: [string, string][]; at: string; href: (key: string) => string }) {
  return <nav class="tabs">{of.map(([key, name]) => <a key={key} href={href(key)} aria-current={key === at ? "page" : undefined}>{name}</a>)}</nav>;
}

export function Notice({ tone = "info", icon = "alert", children }: { tone?: Tone; icon?: IconName; children: ComponentChildren }) {
  return <div class={`notice ${tone}`}><Icon name={icon} /><div>{children}</div></div>;
}
