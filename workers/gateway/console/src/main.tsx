// Which view shows: by the address, and by whose session the browser has.
import { Component, render, type ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { views } from "views:all";
import { language, words } from "./core/i18n.ts";
import { onKey } from "./core/keys.ts";
import { problemFrom } from "./core/load.ts";
import type { Problem } from "./core/api.ts";
import { go, here, match, path, startRouter } from "./core/router.ts";
import { identity, may, refreshSession, session } from "./core/session.ts";
import { Gate, Shell } from "./core/shell.tsx";
import { theme } from "./core/theme.ts";
import { Card, Denied, Empty, ErrorBox, Loading, Page } from "./core/ui.tsx";
import type { View } from "./core/view.ts";

const t = words({
  en: { broken: "This page has failed", missing: "There is no such page", missingHint: "The address may be old, or have a letter too many." },
  fr: { broken: "Cette page a échoué", missing: "Cette page n'existe pas", missingHint: "L'adresse est peut-être ancienne, ou comporte une lettre de trop." },
});

function find(): { view: View; parameters: Record<string, string> } | undefined {
  const kind = session.value?.kind;
  // What has a place of its own before what has parameters.
  const ordered = [...views].sort((a, b) => a.path.split("{").length - b.path.split("{").length);
  for (const view of ordered) {
    const fits = view.root === "any" || view.root === "out" || (view.root === "admin" && kind === "admin") || (view.root === "tenant" && kind === "member");
    const parameters = fits ? match(view.path, path.value) : null;
    if (parameters) return { view, parameters };
  }
  return undefined;
}

/** A view that fails takes nothing else with it: the menu and the palette still lead away. */
class Boundary extends Component<{ children: ComponentChildren }, { problem?: Problem }> {
  static override getDerivedStateFromError(error: unknown) {
    return { problem: problemFrom(error) };
  }
  override componentDidCatch(error: unknown) {
    reportError(error);
  }
  override render() {
    return this.state.problem ? <Page title={t("broken")}><ErrorBox problem={this.state.problem} again={() => location.reload()} /></Page> : this.props.children;
  }
}

const isInside = () => path.value === "/" || path.value.startsWith("/console");

function App() {
  const [problem, setProblem] = useState<Problem>();
  const start = () => {
    setProblem(undefined);
    refreshSession().catch((error) => setProblem(problemFrom(error)));
  };
  useEffect(start, []);
  useEffect(() => {
    document.documentElement.lang = language.value;
    document.documentElement.dataset["theme"] = theme.value;
  }, [language.value, theme.value]);
  const current = session.value;
  const inside = isInside();
  useEffect(() => {
    if (!current) return;
    // Not what was inside when this was drawn: whoever logs out has gone to the login since.
    if (current.kind === "none" && isInside()) go(path.value === "/" || path.value === "/console" ? "/login" : `/login?next=${encodeURIComponent(path.value + here.value.search)}`, "replace");
    else if (path.value === "/") go("/console", "replace");
  }, [current, inside, path.value]);

  if (problem) return <Gate><ErrorBox problem={problem} again={start} /></Gate>;
  if (!current || (current.kind === "none" && inside)) return <Gate><Loading /></Gate>;
  const found = find();
  const shown = !found ? <Page title={t("missing")}><Card><Empty icon="search" title={t("missing")}>{t("missingHint")}</Empty></Card></Page>
    : found.view.permission !== undefined && !may(found.view.permission) ? <Page title={found.view.title()}><Card><Denied /></Card></Page>
    : <Boundary key={`${found.view.root === "out" ? "" : identity.value} ${found.view.path} ${JSON.stringify(found.parameters)}`}><found.view.show parameters={found.parameters} /></Boundary>;
  if (current.kind === "none" || found?.view.root === "out") return <Gate wide={found?.view.root === "any" || found?.view.path === "/signup"}>{shown}</Gate>;
  return <Shell>{shown}</Shell>;
}

startRouter();
addEventListener("keydown", onKey);
document.documentElement.lang = language.value;
document.documentElement.dataset["theme"] = theme.value;
render(<App />, document.getElementById("app")!);
