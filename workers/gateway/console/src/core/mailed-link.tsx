// A link of a mail that does one thing: opened by a press, since programs open links, too.
import { useState } from "preact/hooks";
import { api, type Problem } from "./api.ts";
import { words } from "./i18n.ts";
import { problemFrom } from "./load.ts";
import { here } from "./router.ts";
import { Button, Card, Empty, ErrorBox, LinkButton, Page } from "./ui.tsx";

const t = words({
  en: { none: "The link is incomplete", noneHint: "Open it from the mail once more, whole.", open: "Open the console" },
  fr: { none: "Le lien est incomplet", noneHint: "Ouvrez-le à nouveau depuis le courriel, en entier.", open: "Ouvrir la console" },
});

export function MailedLink({ title, lead, verb, done, path }: { title: string; lead: string; verb: string; done: string; path: string }) {
  const token = new URLSearchParams(here.value.hash.slice(1)).get("t") ?? "";
  const [over, setOver] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const act = () => {
    setProblem(undefined);
    api.post(path, { token }, { bearer: "" }).then(() => setOver(true), (error) => setProblem(problemFrom(error)));
  };
  return (
    <Page title={title}>
      <Card>
        {token === "" ? <Empty icon="mail" title={t("none")}>{t("noneHint")}</Empty>
          : over ? <Empty icon="check" title={done}><LinkButton kind="primary" href="/console">{t("open")}</LinkButton></Empty> : (
            <div class="stack"><p>{lead}</p>{problem && <ErrorBox problem={problem} />}<div><Button kind="primary" onClick={act}>{verb}</Button></div></div>
          )}
      </Card>
    </Page>
  );
}
