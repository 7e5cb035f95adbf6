// One's own address: whether it is confirmed, and another one.
import { useState } from "preact/hooks";
import { api, type Problem } from "./api.ts";
import { words } from "./i18n.ts";
import { problemFrom } from "./load.ts";
import { StepUp, stepUpWanted } from "./step-up.tsx";
import { Button, Chip, ErrorBox, Field, Notice } from "./ui.tsx";

const t = words({
  en: { confirmed: "Confirmed", open: "Not confirmed yet", confirm: "Send the link once more", sent: "A mail with a link is under way.", fresh: "New address", hint: "It counts once you have opened the link that is sent there. The present one hears of it, and can take it back for seven days.", change: "Change the address" },
  fr: { confirmed: "Confirmée", open: "Pas encore confirmée", confirm: "Renvoyer le lien", sent: "Un courriel contenant un lien est en route.", fresh: "Nouvelle adresse", hint: "Elle compte une fois ouvert le lien qui y est envoyé. L'adresse actuelle en est avertie et peut revenir en arrière pendant sept jours.", change: "Changer l'adresse" },
});

export function Email({ verified }: { verified: boolean }) {
  const [fresh, setFresh] = useState("");
  const [sent, setSent] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const send = (asked: Promise<unknown>) => {
    setProblem(undefined);
    setSent(false);
    asked.then(() => { setSent(true); setFresh(""); }, (error) => setProblem(problemFrom(error)));
  };
  const change = () => send(api.post("/v1/me/email", { email: fresh.trim() }));
  return (
    <div class="stack">
      <div class="row">
        <span class="grow">{verified ? <Chip tone="good" icon="check">{t("confirmed")}</Chip> : <Chip tone="warn" icon="mail">{t("open")}</Chip>}</span>
        {!verified && <Button small onClick={() => send(api.post("/v1/me/email/verify", {}))}>{t("confirm")}</Button>}
      </div>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); change(); }}>
        <Field label={t("fresh")} type="email" autoComplete="email" value={fresh} onInput={setFresh} required hint={t("hint")} error={problem?.field("email")} />
        {problem && (stepUpWanted(problem) ? <StepUp onDone={change} /> : <ErrorBox problem={problem} />)}
        {sent && <Notice tone="good" icon="mail">{t("sent")}</Notice>}
        <div><Button type="submit">{t("change")}</Button></div>
      </form>
    </div>
  );
}
