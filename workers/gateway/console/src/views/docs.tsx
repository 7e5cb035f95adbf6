import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api.ts";
import { Icon } from "../core/icons.tsx";
import { words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { curl, operations, type Operation, type Schema } from "../core/schema.ts";
import { Answer, Card, Chip, Copyable, Empty, Json, LinkButton, Page, Table } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "API docs", lead: "Every call of the HTTP API, made from the routes themselves.", search: "Search the calls", none: "No call matches", noneHint: "Try part of a path, or a word of what it does.", open: "Open to anybody", tenant: "A tenant's token or key", admin: "Super-admins", parameters: "Parameters", body: "Body", answers: "Answers", try: "As a command", name: "Name", place: "In", what: "What", status: "Status", events: "Event catalogue", raw: "openapi.json" },
  fr: { title: "Documentation de l'API", lead: "Tous les appels de l'API HTTP, tirés des routes elles-mêmes.", search: "Rechercher un appel", none: "Aucun appel ne correspond", noneHint: "Essayez une partie du chemin, ou un mot de ce qu'il fait.", open: "Ouvert à tous", tenant: "Jeton ou clé d'un locataire", admin: "Super-administrateurs", parameters: "Paramètres", body: "Corps", answers: "Réponses", try: "En commande", name: "Nom", place: "Dans", what: "Quoi", status: "Statut", events: "Catalogue d'événements", raw: "openapi.json" },
});

function One({ of, open }: { of: Operation; open: boolean }) {
  const [shown, setShown] = useState(open);
  return (
    <details class="operation" id={of.id} open={open} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary><span class={`method ${of.method.toLowerCase()}`}>{of.method}</span><code class="grow">{of.path}</code><span class="muted small">{of.summary}</span></summary>
      {shown && <div>
        <div class="row"><Chip tone={of.access === "open" ? "calm" : of.access === "tenant" ? "info" : "warn"} icon={of.access === "open" ? "dot" : "lock"}>{t(of.access)}</Chip><Copyable text={of.id} /></div>
        {of.parameters.length > 0 && <Table label={t("parameters")} rows={of.parameters} id={(row) => row.in + row.name} columns={[{ name: t("name"), show: (row) => <code>{row.name}{row.required && " *"}</code> }, { name: t("place"), show: (row) => row.in }, { name: t("what"), kind: "wide", show: (row) => row.description }]} />}
        {of.body !== undefined && <><h3>{t("body")}</h3><Json value={of.body} /></>}
        <h3>{t("try")}</h3><Json value={curl(of, location.origin)} />
        <h3>{t("answers")}</h3>
        {of.answers.map((answer) => <div key={answer.status} class="stack"><div class="row"><code>{answer.status}</code><span class="muted">{answer.description}</span></div>{answer.body !== undefined && <Json value={answer.body} />}</div>)}
      </div>}
    </details>
  );
}

function Show() {
  useEffect(() => localStorage.setItem("seen-docs", "1"), []);
  const document = useLoad("openapi", () => api.get<Schema>("/openapi.json"));
  const wanted = query("q");
  return (
    <Page title={t("title")} lead={t("lead")} actions={<><LinkButton href="/docs/events" icon="bolt">{t("events")}</LinkButton><a class="button" href="/openapi.json" data-plain download="openapi.json"><Icon name="download" size={16} />{t("raw")}</a></>}>
      <div class="search-box"><Icon name="search" size={16} /><input data-search type="search" aria-label={t("search")} placeholder={t("search")} value={wanted} onInput={(event) => setQuery({ q: event.currentTarget.value })} /></div>
      <Answer of={document} rows={10}>{(data) => {
        const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
        const found = operations(data).filter((one) => words.every((word) => `${one.method} ${one.path} ${one.summary} ${one.id}`.toLowerCase().includes(word)));
        const tags = [...new Set(found.map((one) => one.tag))];
        return found.length === 0 ? <Card><Empty icon="book" title={t("none")}>{t("noneHint")}</Empty></Card> : <>{tags.map((tag) => <Card key={tag} flush title={tag}>{found.filter((one) => one.tag === tag).map((one) => <One key={one.id} of={one} open={found.length === 1} />)}</Card>)}</>;
      }}</Answer>
    </Page>
  );
}

export const view: View = { path: "/docs", root: "any", title: () => t("title"), icon: "book", order: 91, show: Show };
