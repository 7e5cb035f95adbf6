import { useState } from "preact/hooks";
import { api } from "../core/api.ts";
import { Icon } from "../core/icons.tsx";
import { words } from "../core/i18n.ts";
import { useLoad } from "../core/load.ts";
import { query, setQuery } from "../core/router.ts";
import { example, resolve, type Schema } from "../core/schema.ts";
import { Answer, Card, Copyable, Empty, Json, LinkButton, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Event catalogue", lead: "Every event of the platform, with its fields and an example to copy.", search: "Search the events", none: "No event matches", noneHint: "Try payment, tenant, user…", payload: "Example", schema: "Fields", calls: "API docs", raw: "asyncapi.json" },
  fr: { title: "Catalogue d'événements", lead: "Tous les événements de la plateforme, avec leurs champs et un exemple à copier.", search: "Rechercher un événement", none: "Aucun événement ne correspond", noneHint: "Essayez payment, tenant, user…", payload: "Exemple", schema: "Champs", calls: "Documentation de l'API", raw: "asyncapi.json" },
});
interface Message { name: string; summary: string; raw: Schema }

export function messages(document: Schema): Message[] {
  const all = ((document["components"] as Schema | undefined)?.["messages"] ?? {}) as Record<string, Schema>;
  return Object.entries(all).map(([key, raw]) => ({ name: String(raw["name"] ?? key), summary: String(raw["summary"] ?? ""), raw })).sort((a, b) => a.name.localeCompare(b.name));
}

function One({ of, document }: { of: Message; document: Schema }) {
  const [shown, setShown] = useState(false);
  const payload = resolve(document, of.raw["payload"]);
  const given = (of.raw["examples"] as Schema[] | undefined)?.[0];
  return (
    <details class="operation" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary><code class="grow">{of.name}</code><span class="muted small">{of.summary}</span></summary>
      {shown && <div><Copyable text={of.name} /><h3>{t("payload")}</h3><Json value={given?.["payload"] ?? given ?? example(document, payload)} /><h3>{t("schema")}</h3><Json value={payload} /></div>}
    </details>
  );
}

function Show() {
  const document = useLoad("asyncapi", () => api.get<Schema>("/asyncapi.json"));
  const wanted = query("q").toLowerCase();
  return (
    <Page title={t("title")} lead={t("lead")} actions={<><LinkButton href="/docs" icon="book">{t("calls")}</LinkButton><a class="button" href="/asyncapi.json" data-plain download="asyncapi.json"><Icon name="download" size={16} />{t("raw")}</a></>}>
      <div class="search-box"><Icon name="search" size={16} /><input data-search type="search" aria-label={t("search")} placeholder={t("search")} value={query("q")} onInput={(event) => setQuery({ q: event.currentTarget.value })} /></div>
      <Answer of={document} rows={10}>{(data) => {
        const found = messages(data).filter((one) => `${one.name} ${one.summary}`.toLowerCase().includes(wanted));
        return <Card flush>{found.length === 0 ? <Empty icon="bolt" title={t("none")}>{t("noneHint")}</Empty> : found.map((one) => <One key={one.name} of={one} document={data} />)}</Card>;
      }}</Answer>
    </Page>
  );
}

export const view: View = { path: "/docs/events", root: "any", title: () => t("title"), icon: "bolt", order: 92, show: Show };
