import { useEffect, useState } from "preact/hooks";
import { api, call, type Problem } from "../core/api.ts";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { may, me, refreshSession } from "../core/session.ts";
import { StepUp, stepUpWanted } from "../core/step-up.tsx";
import { Answer, Button, Card, ErrorBox, Facts, Field, Foreign, Notice, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Settings", lead: "What holds for all of your company.", region: "Time, language, money", timezone: "Time zone", locale: "Language", currency: "Currency", date_format: "Dates", first_day_of_week: "The week begins on", branding: "Looks", name: "Name shown", logo_url: "Logo (https)", logoHint: "For your own applications, which read it from the API. The console loads nothing from elsewhere, and shows no logo.", primary_color: "Colour", accent_color: "Accent colour", contacts: "Whom we write to", billing: "Billing", security: "Security", technical: "Technical", sender: "Your mails", sender_name: "Sender's name", reply_to: "Answers go to", save: "Save", saved: "Saved", changed: "Somebody changed the settings meanwhile. Yours are still in the form; load theirs and look.", reload: "Load theirs", monday: "Monday", saturday: "Saturday", sunday: "Sunday", fr: "French", en: "English", preview: "As it will look", button: "Button", from: "Mails are from", via: "{name} via Tenantry", protection: "Protection", second_factor: "Second factor", optional: "As each likes", required: "Demanded of all", secondFactorHint: "Demanded: who has none sets one up at the next request, and reaches nothing else before. Programs' keys go on.", ownerOnly: "Only an owner changes this." },
  fr: { title: "Réglages", lead: "Ce qui vaut pour toute votre entreprise.", region: "Heure, langue, monnaie", timezone: "Fuseau horaire", locale: "Langue", currency: "Monnaie", date_format: "Dates", first_day_of_week: "La semaine commence le", branding: "Apparence", name: "Nom affiché", logo_url: "Logo (https)", primary_color: "Couleur", accent_color: "Couleur d'accent", contacts: "À qui nous écrivons", billing: "Facturation", security: "Sécurité", technical: "Technique", sender: "Vos courriels", sender_name: "Nom d'expéditeur", reply_to: "Réponses à", save: "Enregistrer", saved: "Enregistré", changed: "Quelqu'un a changé les réglages entre-temps. Les vôtres sont encore dans le formulaire ; chargez les siens et comparez.", reload: "Charger les siens", monday: "lundi", saturday: "samedi", sunday: "dimanche", fr: "Français", en: "Anglais", preview: "Aperçu", logoHint: "Pour vos propres applications, qui la lisent par l'API. La console ne charge rien d'ailleurs et n'affiche pas de logo.", button: "Bouton", from: "Les courriels viennent de", via: "{name} via Tenantry", protection: "Protection", second_factor: "Second facteur", optional: "Au choix de chacun", required: "Exigé de tous", secondFactorHint: "Exigé : qui n'en a pas en installe un à la prochaine requête et n'atteint rien d'autre avant. Les clés des programmes continuent.", ownerOnly: "Seul un propriétaire le change." },
});
interface Settings { timezone: string; locale: string; currency: string; date_format: string; first_day_of_week: string; branding: Record<string, string>; contacts: Record<string, string>; sender: Record<string, string>; security: Record<string, string> }
const groups = ["branding", "contacts", "sender", "security"] as const;
type Group = (typeof groups)[number];

/** Black or white, whichever is read better on the colour (WCAG's relative luminance). */
export function readableOn(colour: string): "#000000" | "#ffffff" {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) ? "#000000" : "#ffffff";
}
const isColour = (text: string) => /^#[0-9a-f]{6}$/i.test(text);

/** As the console's header, a page's buttons and a mail's sender will look, before it is saved. */
function Preview({ of }: { of: Settings }) {
  const branding = of.branding ?? {};
  const primary = isColour(branding["primary_color"] ?? "") ? branding["primary_color"]! : "#1f4e79";
  const accent = isColour(branding["accent_color"] ?? "") ? branding["accent_color"]! : "#e07a1f";
  const sender = of.sender?.["name"] || branding["name"];
  return (
    <div class="brand-preview">
      <h3>{t("preview")}</h3>
      <div class="brand-band" style={{ backgroundColor: primary, color: readableOn(primary) }}><strong data-brand><Foreign text={branding["name"] || me.value?.tenant.company_name || ""} longest={60} /></strong><span class="brand-accent" style={{ backgroundColor: accent, color: readableOn(accent) }}>{t("button")}</span></div>
      <p class="small"><span class="muted">{t("from")}:</span> <span data-from><Foreign text={sender ? t("via", { name: sender }) : "Tenantry"} longest={100} /></span></p>
    </div>
  );
}

function Form({ of, tag, saved, setSaved, onSaved }: { of: Settings; tag: string; saved: boolean; setSaved: (to: boolean) => void; onSaved: () => void }) {
  const [form, setForm] = useState(of);
  const [problem, setProblem] = useState<Problem>();
  const top = (name: keyof Omit<Settings, Group>) => ({ value: form[name], onInput: (value: string) => { setSaved(false); setForm((old) => ({ ...old, [name]: value })); }, error: problem?.field(name) });
  const inner = (group: Group, name: string) => ({ value: form[group]?.[name] ?? "", onInput: (value: string) => { setSaved(false); setForm((old) => ({ ...old, [group]: { ...old[group], [name]: value } })); }, error: problem?.field(`${group}/${name}`) });
  const save = async (event?: Event) => {
    event?.preventDefault();
    setProblem(undefined);
    try {
      // A merge patch of what differs: what stays is not said.
      const patch: Record<string, unknown> = {};
      for (const name of ["timezone", "locale", "currency", "date_format", "first_day_of_week"] as const) if (form[name] !== of[name]) patch[name] = form[name];
      for (const group of groups) {
        const changed = Object.entries(form[group] ?? {}).filter(([name, value]) => value !== (of[group]?.[name] ?? ""));
        if (changed.length > 0) patch[group] = Object.fromEntries(changed.map(([name, value]) => [name, value === "" ? null : value]));
      }
      await api.patch("/v1/settings", patch, tag ? { headers: { "If-Match": tag } } : {});
      setSaved(true);
      await refreshSession();
      onSaved();
    } catch (error) {
      setProblem(problemFrom(error));
    }
  };
  const can = may("settings:update");
  const owner = can && me.value?.tenant_role === "owner";
  return (
    <form class="stack" onSubmit={save}>
      <div class="grid">
        <Card title={t("region")}><div class="form-grid">
          <Field label={t("timezone")} {...top("timezone")} options={[...new Set([form.timezone, ...Intl.supportedValuesOf("timeZone")])].map((zone) => [zone, zone])} />
          <Field label={t("locale")} {...top("locale")} options={[["fr", t("fr")], ["en", t("en")]]} />
          <Field label={t("currency")} {...top("currency")} />
          <Field label={t("date_format")} {...top("date_format")} options={["dd/MM/yyyy", "yyyy-MM-dd", "MM/dd/yyyy", "dd.MM.yyyy", "d MMM yyyy"].map((one) => [one, one])} />
          <Field label={t("first_day_of_week")} {...top("first_day_of_week")} options={[["monday", t("monday")], ["saturday", t("saturday")], ["sunday", t("sunday")]]} />
        </div></Card>
        <Card title={t("branding")}><div class="form-grid">
          <Field label={t("name")} {...inner("branding", "name")} /><Field label={t("logo_url")} {...inner("branding", "logo_url")} hint={t("logoHint")} />
          <Field label={t("primary_color")} {...inner("branding", "primary_color")} placeholder="#336699" /><Field label={t("accent_color")} {...inner("branding", "accent_color")} placeholder="#ff8800" />
        </div><Preview of={form} /></Card>
        <Card title={t("contacts")}><div class="form-grid"><Field label={t("billing")} {...inner("contacts", "billing")} /><Field label={t("security")} {...inner("contacts", "security")} /><Field label={t("technical")} {...inner("contacts", "technical")} /></div></Card>
        <Card title={t("sender")}><div class="form-grid"><Field label={t("sender_name")} {...inner("sender", "name")} /><Field label={t("reply_to")} {...inner("sender", "reply_to")} /></div></Card>
        <Card title={t("protection")}>
          {owner ? <Field label={t("second_factor")} {...inner("security", "second_factor")} hint={t("secondFactorHint")} options={[["optional", t("optional")], ["required", t("required")]]} />
            : <div class="stack"><Facts of={[[t("second_factor"), t(form.security?.["second_factor"] === "required" ? "required" : "optional")]]} /><p class="hint">{t("ownerOnly")}</p></div>}
        </Card>
      </div>
      {problem && (problem.status === 412 ? <Notice tone="warn">{t("changed")} <Button small onClick={onSaved}>{t("reload")}</Button></Notice> : stepUpWanted(problem) ? <StepUp onDone={() => void save()} /> : <ErrorBox problem={problem} />)}
      {can && <div class="row"><Button type="submit" kind="primary">{t("save")}</Button>{saved && <span role="status" class="muted">{t("saved")}</span>}</div>}
    </form>
  );
}

function Show() {
  useEffect(() => localStorage.setItem("seen-settings", "1"), []);
  const [saved, setSaved] = useState(false);  // here, since the form is a new one once what it saved has come back
  const settings = useLoad("settings", async (signal) => {
    const answer = await call("GET", "/v1/settings", { signal });
    return { tag: answer.headers.get("ETag") ?? "", of: (await answer.json()) as Settings };
  });
  return <Page title={t("title")} lead={t("lead")}><Answer of={settings}>{(data) => <Form key={data.tag} of={data.of} tag={data.tag} saved={saved} setSaved={setSaved} onSaved={settings.again} />}</Answer></Page>;
}

export const view: View = { path: "/console/settings", root: "tenant", title: () => t("title"), icon: "gear", order: 3, permission: "settings:read", show: Show };
