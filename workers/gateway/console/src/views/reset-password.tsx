import { useState } from "preact/hooks";
import { api, type Problem } from "../core/api.ts";
import { words } from "../core/i18n.ts";
import { problemFrom } from "../core/load.ts";
import { here } from "../core/router.ts";
import { Button, Card, Empty, ErrorBox, Field, LinkButton, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Another password", password: "New password", hint: "At least 12 characters. All your other sessions end.", go: "Set it", done: "It is set", doneHint: "You can log in with it now.", logIn: "Log in", none: "The link is incomplete", noneHint: "Open it from the mail once more, whole, or ask for another.", another: "Ask for another link" },
  fr: { title: "Un autre mot de passe", password: "Nouveau mot de passe", hint: "Au moins 12 caractères. Toutes vos autres sessions se terminent.", go: "L'enregistrer", done: "C'est fait", doneHint: "Vous pouvez maintenant vous connecter avec lui.", logIn: "Se connecter", none: "Le lien est incomplet", noneHint: "Ouvrez-le à nouveau depuis le courriel, en entier, ou demandez-en un autre.", another: "Demander un autre lien" },
});

function Show() {
  const token = new URLSearchParams(here.value.hash.slice(1)).get("t") ?? "";
  const [password, setPassword] = useState("");
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    api.post("/auth/password/reset", { token, password }, { bearer: "" }).then(() => setDone(true), (error) => setProblem(problemFrom(error)));
  };
  return (
    <Page title={t("title")}>
      <Card>
        {token === "" ? <Empty icon="mail" title={t("none")}>{t("noneHint")}<LinkButton href="/login?as=forgotten">{t("another")}</LinkButton></Empty>
          : done ? <Empty icon="check" title={t("done")}>{t("doneHint")}<LinkButton kind="primary" href="/login">{t("logIn")}</LinkButton></Empty> : (
          <form class="stack" onSubmit={submit}>
            <Field label={t("password")} type="password" autoComplete="new-password" value={password} onInput={setPassword} required autoFocus hint={t("hint")} error={problem?.field("password")} />
            {problem && <><ErrorBox problem={problem} />{problem.code === "link_not_found" && <a href="/login?as=forgotten">{t("another")}</a>}</>}
            <Button type="submit" kind="primary">{t("go")}</Button>
          </form>
        )}
      </Card>
    </Page>
  );
}

export const view: View = { path: "/reset-password", root: "out", title: () => t("title"), show: Show };
