// Views that a super-admin has named: an address holds all that a view shows, so a name for it is a view that is kept.
import { useState } from "preact/hooks";
import { api, part } from "./api.ts";
import { Icon } from "./icons.tsx";
import { words } from "./i18n.ts";
import { problemFrom, useLoad } from "./load.ts";
import { here } from "./router.ts";
import { Button, Dialog, ErrorBox, Field, Foreign } from "./ui.tsx";

const t = words({
  en: { views: "Saved views", save: "Save this view", name: "Name", hint: "What is searched and filtered now. One of the same name is replaced.", keep: "Save", remove: "Remove the view “{name}”", cancel: "Cancel" },
  fr: { views: "Vues enregistrées", save: "Enregistrer cette vue", name: "Nom", hint: "La recherche et les filtres actuels. Une vue du même nom est remplacée.", keep: "Enregistrer", remove: "Retirer la vue « {name} »", cancel: "Annuler" },
});
interface SavedView { id: string; name: string; address: string }

/** Those of the page that shows; `address`: of the page, without what it shows. */
export function SavedViews({ address }: { address: string }) {
  const views = useLoad("saved views", (signal) => api.get<{ views: SavedView[] }>("/v1/admin/me/views", undefined, signal));
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<ReturnType<typeof problemFrom>>();
  const present = here.value.pathname + here.value.search;
  const mine = (views.data?.views ?? []).filter((view) => view.address === address || view.address.startsWith(`${address}?`));
  const save = async (event: Event) => {
    event.preventDefault();
    try {
      await api.post("/v1/admin/me/views", { name: name.trim(), address: present });
      setNaming(false);
      setName("");
      setProblem(undefined);
      views.again();
    } catch (error) {
      setProblem(problemFrom(error));
    }
  };
  const remove = (view: SavedView) => api.remove(`/v1/admin/me/views/${part(view.id)}`).then(views.again, (error) => setProblem(problemFrom(error)));
  return (
    <div class="filters" role="group" aria-label={t("views")}>
      {mine.map((view) => (
        <span key={view.id} class="saved-view">
          <a class="facet" href={view.address} aria-current={view.address === present ? "page" : undefined}><Foreign text={view.name} longest={60} /></a>
          <button type="button" class="icon-button" aria-label={t("remove", { name: view.name })} title={t("remove", { name: view.name })} onClick={() => remove(view)}><Icon name="cross" size={14} /></button>
        </span>
      ))}
      <Button small kind="quiet" icon="plus" onClick={() => setNaming(true)}>{t("save")}</Button>
      {problem && !naming && <ErrorBox problem={problem} />}
      {naming && (
        <Dialog title={t("save")} onClose={() => setNaming(false)}>
          <form class="stack" onSubmit={save}>
            <Field label={t("name")} value={name} onInput={setName} required hint={t("hint")} error={problem?.field("name")} autoFocus />
            {problem && !problem.field("name") && <ErrorBox problem={problem} />}
            <div class="dialog-actions"><Button kind="quiet" onClick={() => setNaming(false)}>{t("cancel")}</Button><Button type="submit" kind="primary" disabled={name.trim() === ""}>{t("keep")}</Button></div>
          </form>
        </Dialog>
      )}
    </div>
  );
}
