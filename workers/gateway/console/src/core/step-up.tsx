// Saying again who one is, before what is dangerous.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api, type Problem } from "./api.ts";
import { words } from "./i18n.ts";
import { problemFrom, useLoad } from "./load.ts";
import { hasOwnLogin, own } from "./session.ts";
import { Answer, Button, ErrorBox, Field, Notice } from "./ui.tsx";

const t = words({
  en: { why: "Your login is a while ago. Say once more that it is you.", password: "Password", code: "Code of your app, where you have one", go: "Go on" },
  fr: { why: "Votre connexion date un peu. Montrez encore une fois que c'est vous.", password: "Mot de passe", code: "Code de votre application, si vous en avez une", go: "Continuer" },
});

export const stepUpWanted = (problem: Problem) => problem.code === "reauthentication_required";

/** Inside a form or not: it has none of its own, so Enter is the form's. */
export function StepUp({ onDone }: { onDone: () => void }) {
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const show = () => {
    setProblem(undefined);
    api.post(`${own()}/step-up`, { password, ...(code.trim() === "" ? {} : { code: code.replace(/\s/g, "") }) }).then(onDone, (error) => setProblem(problemFrom(error)));
  };
  return (
    <div class="stack">
      <Notice tone="warn" icon="lock">{t("why")}</Notice>
      <Field label={t("password")} type="password" autoComplete="current-password" value={password} onInput={setPassword} autoFocus />
      <Field label={t("code")} autoComplete="one-time-code" value={code} onInput={setCode} />
      {problem && <ErrorBox problem={problem} />}
      <div><Button kind="primary" onClick={show}>{t("go")}</Button></div>
    </div>
  );
}

/** What a link does cannot ask for it: it is asked for before the link shows. */
export function Fresh({ children }: { children: ComponentChildren }) {
  const login = useLoad("own sessions", async () => (hasOwnLogin() ? (await api.get<{ recently_authenticated: boolean }>(`${own()}/sessions`)).recently_authenticated : true));
  return <Answer of={login} rows={2}>{(recent) => (recent ? <>{children}</> : <StepUp onDone={login.again} />)}</Answer>;
}
