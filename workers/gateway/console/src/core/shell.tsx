// The frame around the views: the menu, what is at the top, the palette, and the keys' help.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { views } from "views:all";
import { api, part, sessionEnded } from "./api.ts";
import { Icon, Logo, type IconName } from "./icons.tsx";
import { language, setLanguage, words } from "./i18n.ts";
import { helpOpen, letters, paletteOpen, setLetters } from "./keys.ts";
import { go, path } from "./router.ts";
import { endVisit, hasOwnLogin, logOut, may, me, membership, refreshSession, session, visit } from "./session.ts";
import { recognise, term } from "./text.ts";
import { setTheme, theme } from "./theme.ts";
import { Button, Check, Dialog, Foreign, Moment, Notice, Status } from "./ui.tsx";

const t = words({
  en: {
    skip: "Skip to content", menu: "Menu", go: "Go to…", logOut: "Log out", admin: "Super-admin", toFrench: "Français", toEnglish: "English", dark: "Dark", light: "Light",
    ended: "Your session is over. What you see may be old.", logIn: "Log in", paletteHint: "A page, a tenant, an e-mail address, an event's id…", nothing: "Nothing is called that.",
    keys: "Keyboard", keyPalette: "Go anywhere", keySearch: "Search on this page", keyRows: "Next, previous row", keyOpen: "Open the row", keySelect: "Select the row", keyHelp: "This help", keyClose: "Close", letters: "Single-letter keys",
    visiting: "You are visiting {name} as a super-admin", looks: "You see what its people see, and change nothing. Each look is in the company's own log.", until: "Until", why: "Reason", leave: "End the visit", over: "The visit is over.", back: "Back",
    tenant: "Tenant {id}", record: "Record of event {id}", stripe: "Stripe object {id} in the audit log", person: "What {id} did", text: "Search the audit log for “{id}”", docs: "API docs", pages: "Pages", results: "Results",
    gTenants: "Tenants", gRun: "Operations", gAudit: "Evidence", gHome: "Workspace", gPeople: "Access", gBilling: "Billing", gMore: "More",
  },
  fr: {
    skip: "Aller au contenu", menu: "Menu", go: "Aller à…", logOut: "Se déconnecter", admin: "Super-administrateur", toFrench: "Français", toEnglish: "English", dark: "Sombre", light: "Clair",
    ended: "Votre session est terminée. L'affichage peut dater.", logIn: "Se connecter", paletteHint: "Une page, un locataire, une adresse, l'identifiant d'un événement…", nothing: "Rien ne porte ce nom.",
    keys: "Clavier", keyPalette: "Aller partout", keySearch: "Rechercher dans la page", keyRows: "Ligne suivante, précédente", keyOpen: "Ouvrir la ligne", keySelect: "Sélectionner la ligne", keyHelp: "Cette aide", keyClose: "Fermer", letters: "Raccourcis d'une seule lettre",
    visiting: "Vous visitez {name} en tant que super-administrateur", looks: "Vous voyez ce que voient ses membres et ne changez rien. Chaque regard figure dans le journal de l'entreprise.", until: "Jusqu'au", why: "Motif", leave: "Terminer la visite", over: "La visite est terminée.", back: "Retour",
    tenant: "Locataire {id}", record: "Enregistrement de l'événement {id}", stripe: "Objet Stripe {id} dans le journal", person: "Les actes de {id}", text: "Rechercher « {id} » dans le journal", docs: "Documentation de l'API", pages: "Pages", results: "Résultats",
    gTenants: "Locataires", gRun: "Exploitation", gAudit: "Preuves", gHome: "Espace", gPeople: "Accès", gBilling: "Facturation", gMore: "Autres",
  },
});

const groups = { admin: ["gTenants", "gRun", "gBilling", "gAudit", "gMore"], tenant: ["gHome", "gPeople", "gBilling", "gAudit", "gMore"] } as const;

function mine() {
  const kind = session.value?.kind;
  return views.filter((view) => (view.root === "any" || (kind === "admin" && view.root === "admin") || (kind === "member" && view.root === "tenant")) && (view.permission === undefined || may(view.permission)) && (!view.own || hasOwnLogin()));
}

function Menu() {
  const kind = session.value?.kind === "admin" ? "admin" : "tenant";
  const listed = mine().filter((view) => view.order !== undefined).sort((a, b) => a.order! - b.order!);
  return (
    <nav class="menu" aria-label={t("menu")}>
      {groups[kind].map((group, i) => {
        const inside = listed.filter((view) => Math.floor(view.order! / 10) === i || (i === groups[kind].length - 1 && view.order! >= 90));
        return inside.length === 0 ? null : (
          <div key={group}>
            <h2>{t(group)}</h2>
            {inside.map((view) => (
              <a key={view.path} href={view.path} aria-current={path.value === view.path || (view.path !== "/console" && path.value.startsWith(`${view.path}/`)) ? "page" : undefined}>
                {view.icon && <Icon name={view.icon} />}{view.title()}
              </a>
            ))}
          </div>
        );
      })}
    </nav>
  );
}

export function Preferences() {
  const dark = theme.value === "dark";
  return (
    <div class="preferences">
      <button type="button" class="icon-button" lang={language.value === "fr" ? "en" : "fr"} onClick={() => setLanguage(language.value === "fr" ? "en" : "fr")}>
        {language.value === "fr" ? t("toEnglish") : t("toFrench")}
      </button>
      <button type="button" class="icon-button" aria-label={dark ? t("light") : t("dark")} title={dark ? t("light") : t("dark")} onClick={() => setTheme(dark ? "light" : "dark")}>
        <Icon name={dark ? "sun" : "moon"} />
      </button>
    </div>
  );
}

/** Always in view while a company is visited. */
function Visiting() {
  const of = visit.value;
  if (!of) return null;
  const leave = async () => { await endVisit(); go(`/console/tenants/${part(of.tenant_id)}`); };
  return (
    <div class="visit">
      <Notice tone="warn" icon="shield">
        <div class="row">
          <span class="grow"><strong>{t("visiting", { name: me.value?.tenant.company_name ?? of.tenant_id })}</strong> {t("looks")} <span class="small">{t("until")} <Moment at={of.ends_at} />. {t("why")}: <Foreign text={of.reason} longest={200} /></span></span>
          <Button small onClick={leave}>{t("leave")}</Button>
        </div>
      </Notice>
    </div>
  );
}

function Ended() {
  if (visit.value) return <Notice tone="warn">{t("over")} <Button small onClick={async () => { await refreshSession(); go("/console"); }}>{t("back")}</Button></Notice>;
  return <Notice tone="warn">{t("ended")} <a href={`/login?next=${part(path.value)}`}>{t("logIn")}</a></Notice>;
}

/** What a company calls itself, where it says so. */
function brand(): string {
  const branding = me.value?.tenant.settings["branding"] as { name?: string } | undefined;
  return branding?.name ?? "";
}

export function Shell({ children }: { children: ComponentChildren }) {
  const [menu, setMenu] = useState(false);
  useEffect(() => setMenu(false), [path.value]);
  const current = session.value;
  const member = membership.value;
  return (
    <div class={`shell${menu ? " menu-open" : ""}`}>
      <a class="skip" href="#main" data-plain>{t("skip")}</a>
      <aside>
        <a class="brand" href="/console"><Logo /><span><Foreign text={brand() || "Tenantry"} longest={60} /></span></a>
        {current?.kind === "admin" && <div class="who admin"><Icon name="shield" size={16} /><div><strong><Foreign text={current.name} longest={40} /></strong><span>{t("admin")}</span></div></div>}
        {member && <div class="who"><div><strong><Foreign text={member.tenant.company_name} longest={60} /></strong><span><Status of={member.tenant.status} /></span></div></div>}
        <Menu />
      </aside>
      <div class="column">
        <header class="top">
          <button type="button" class="icon-button only-narrow" aria-expanded={menu} aria-label={t("menu")} onClick={() => setMenu(!menu)}><Icon name="menu" /></button>
          <button type="button" class="go" onClick={() => (paletteOpen.value = true)}><Icon name="search" size={16} /><span>{t("go")}</span><kbd>Ctrl K</kbd></button>
          <Preferences />
          <Button small kind="quiet" icon="out" onClick={async () => { await logOut(); go("/login"); }}>{t("logOut")}</Button>
        </header>
        <Visiting />
        {sessionEnded.value && <Ended />}
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
      {paletteOpen.value && <Palette />}
      {helpOpen.value && <Help />}
    </div>
  );
}

interface Choice { name: string; icon: IconName; to: string }
function Palette() {
  const [text, setText] = useState("");
  const [found, setFound] = useState<Choice[]>([]);
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const admin = session.value?.kind === "admin";
  useEffect(() => {
    setFound([]);
    if (!admin || text.trim().length < 2) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      api.get<{ tenants: { tenant_id: string; company_name: string }[] }>("/v1/admin/tenants", { q: text.trim(), limit: 6 }, stop.signal)
        .then((answer) => setFound(answer.tenants.map((tenant) => ({ name: `${tenant.company_name} · ${tenant.tenant_id}`, icon: "building" as const, to: `/console/tenants/${part(tenant.tenant_id)}` }))))
        .catch(() => undefined);  // the palette's pages are there without
    }, 120);
    return () => { stop.abort(); clearTimeout(timer); };
  }, [text, admin]);

  const audit = (search: string) => `/console/audit?q=${part(search)}`;
  const pasted = recognise(text);
  const choices: Choice[] = mine()
    .filter((view) => view.order !== undefined && view.title().toLowerCase().includes(text.trim().toLowerCase()))
    .map((view) => ({ name: view.title(), icon: view.icon ?? "arrow", to: view.path }));
  if (text.trim() !== "" && may("audit:read")) {
    const id = pasted.value;
    if (pasted.kind === "event") choices.unshift({ name: t("record", { id }), icon: "shield", to: audit(term("id", id)) });
    else if (pasted.kind === "email") choices.unshift({ name: t("person", { id }), icon: "people", to: audit(term("actor", id)) });
    else if (pasted.kind === "stripe") choices.unshift({ name: t("stripe", { id }), icon: "card", to: audit(`"${id}"`) });
    else choices.push({ name: t("text", { id }), icon: "search", to: audit(id) });
  }
  const all = [...found, ...choices].slice(0, 12);
  const chosen = Math.min(at, all.length - 1);
  const close = () => (paletteOpen.value = false);
  // A list that changes under a pointer that rests is no choice of anybody's, though browsers tell of a move.
  const moved = (event: MouseEvent) => event.movementX !== 0 || event.movementY !== 0;
  const take = (choice: Choice | undefined) => { if (choice) { close(); go(choice.to); } };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, all.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") take(all[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={t("go")} onClose={close}>
      <div class="palette">
        <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={all.length > 0 ? `palette-${chosen}` : undefined} aria-label={t("go")} placeholder={t("paletteHint")}
          autoFocus value={text} onInput={(event) => { setText(event.currentTarget.value); setAt(0); }} onKeyDown={onKeyDown} />
        <ul id="palette-list" role="listbox" aria-label={t("results")} ref={list}>
          {all.map((choice, i) => (
            <li key={choice.to + choice.name} id={`palette-${i}`} role="option" aria-selected={i === chosen} onClick={() => take(choice)} onMouseMove={(event) => moved(event) && setAt(i)}>
              <Icon name={choice.icon} /><Foreign text={choice.name} longest={90} />
            </li>
          ))}
        </ul>
        {all.length === 0 && <p class="muted pad">{t("nothing")}</p>}
      </div>
    </Dialog>
  );
}

function Help() {
  const keys: [string, string][] = [["Ctrl K", t("keyPalette")], ["/", t("keySearch")], ["j  k", t("keyRows")], ["Enter", t("keyOpen")], ["x", t("keySelect")], ["Esc", t("keyClose")], ["?", t("keyHelp")]];
  return (
    <Dialog title={t("keys")} onClose={() => (helpOpen.value = false)}>
      <dl class="keys">{keys.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
      <Check label={t("letters")} checked={letters.value} onChange={setLetters} />
    </Dialog>
  );
}

/** The frame of who is not logged in. */
export function Gate({ children, wide = false }: { children: ComponentChildren; wide?: boolean }) {
  return (
    <div class="gate">
      <header><a class="brand" href="/"><Logo /><span>Tenantry</span></a><div class="actions"><a href="/docs">{t("docs")}</a><Preferences /></div></header>
      <main id="main" class={wide ? "wide" : undefined}>{children}</main>
    </div>
  );
}
