import { useState } from "preact/hooks";
import { api, Problem } from "../core/api.ts";
import { words } from "../core/i18n.ts";
import { problemFrom, useLoad } from "../core/load.ts";
import { may } from "../core/session.ts";
import { Act, Answer, Button, Card, Chip, Copyable, Empty, ErrorBox, Facts, Field, Foreign, Moment, Notice, Page, type Tone } from "../core/ui.tsx";
import type { IconName } from "../core/icons.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: {
    title: "Own domain", lead: "A name of yours under which your company is reached.", none: "No domain yet", noneHint: "Name one, and show by a record of its DNS that it is yours.", domain: "Domain", domainHint: "Like crm.acme.example, without https.", set: "Use this domain", change: "Use another", changeHint: "The domain that is proven now ends at once.", remove: "Give it up", removeWhat: "{domain} leads nowhere any more, at once.",
    record: "The record that proves it", recordHint: "Add it at whoever keeps your DNS. It may take hours until it is seen everywhere; we look by ourselves, too, more and more rarely.", type: "Type", name: "Name", value: "Value", state: "State", pending: "Not proven yet", verified: "Proven", lost: "The record is gone",
    verify: "Look now", asked: "We are looking.", checked: "Looked last", next: "Looks next", since: "Proven since", missing: "Missing since",
    not_found: "There is no such record.", wrong: "There is a record of this name, with other texts.", no_answer: "The DNS did not answer.", taken: "Another company has proven this domain.",
  },
  fr: {
    title: "Domaine propre", lead: "Un nom à vous sous lequel votre entreprise est atteinte.", none: "Aucun domaine", noneHint: "Nommez-en un, et montrez par un enregistrement de son DNS qu'il est à vous.", domain: "Domaine", domainHint: "Comme crm.acme.example, sans https.", set: "Employer ce domaine", change: "En employer un autre", changeHint: "Le domaine prouvé aujourd'hui cesse aussitôt.", remove: "L'abandonner", removeWhat: "{domain} ne mène plus nulle part, aussitôt.",
    record: "L'enregistrement qui le prouve", recordHint: "Ajoutez-le chez qui tient votre DNS. Il faut parfois des heures avant qu'il soit visible partout ; nous regardons aussi de nous-mêmes, de plus en plus rarement.", type: "Type", name: "Nom", value: "Valeur", state: "État", pending: "Pas encore prouvé", verified: "Prouvé", lost: "L'enregistrement a disparu",
    verify: "Regarder maintenant", asked: "Nous regardons.", checked: "Dernier regard", next: "Prochain regard", since: "Prouvé depuis", missing: "Absent depuis",
    not_found: "Il n'y a pas de tel enregistrement.", wrong: "Il y a un enregistrement de ce nom, avec d'autres textes.", no_answer: "Le DNS n'a pas répondu.", taken: "Une autre entreprise a prouvé ce domaine.",
  },
});
interface Domain {
  domain: string; shown: string; state: "pending" | "verified" | "lost"; record: { type: string; name: string; value: string }; problem: "not_found" | "wrong" | "no_answer" | "taken" | null;
  checked_at: string | null; verified_at: string | null; missing_since: string | null; next_check_at: string | null;
}
const tones: Record<Domain["state"], [Tone, IconName]> = { pending: ["warn", "clock"], verified: ["good", "check"], lost: ["bad", "alert"] };
const everyWhileAsked = 3000;

function Name({ verb, hint, onDone }: { verb: string; hint: string; onDone: () => void }) {
  const [domain, setDomain] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const save = (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    api.put("/v1/domain", { domain: domain.trim() }).then(onDone, (error) => setProblem(problemFrom(error)));
  };
  return (
    <form class="stack" onSubmit={save}>
      <Field label={t("domain")} name="domain" value={domain} onInput={setDomain} required hint={hint} error={problem?.field("domain")} />
      {problem && <ErrorBox problem={problem} />}
      <div><Button type="submit" kind="primary">{verb}</Button></div>
    </form>
  );
}

function Shown({ of, onAsked, onDone }: { of: Domain; onAsked: (before: string | null) => void; onDone: () => void }) {
  const [removing, setRemoving] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const changes = may("settings:update");
  const [tone, icon] = tones[of.state];
  const verify = () => {
    setProblem(undefined);
    api.post("/v1/domain/verify", {}).then(() => onAsked(of.checked_at), (error) => setProblem(problemFrom(error)));
  };
  return (
    <>
      <Card title={<Foreign text={of.shown} longest={240} />} actions={changes && <><Button small icon="refresh" onClick={verify}>{t("verify")}</Button><Button small kind="quiet" onClick={() => setRemoving(true)}>{t("remove")}…</Button></>}>
        <div class="stack">
          {problem && <ErrorBox problem={problem} />}
          {of.problem && <Notice tone="warn">{t(of.problem)}</Notice>}
          <Facts of={[[t("state"), <Chip tone={tone} icon={icon}>{t(of.state)}</Chip>], [t("checked"), <Moment at={of.checked_at} />], [t("next"), <Moment at={of.next_check_at} />],
            ...(of.verified_at ? [[t("since"), <Moment at={of.verified_at} />] as [string, preact.ComponentChildren]] : []), ...(of.missing_since ? [[t("missing"), <Moment at={of.missing_since} />] as [string, preact.ComponentChildren]] : [])]} />
        </div>
      </Card>
      <Card title={t("record")}>
        <div class="stack">
          <p class="muted">{t("recordHint")}</p>
          <Facts of={[[t("type"), of.record.type], [t("name"), <Copyable text={of.record.name} />], [t("value"), <Copyable text={of.record.value} />]]} />
        </div>
      </Card>
      {changes && <Card title={t("change")}><Name verb={t("set")} hint={of.state === "pending" ? t("domainHint") : t("changeHint")} onDone={onDone} /></Card>}
      {removing && <Act title={t("remove")} verb={t("remove")} danger reason={false} what={t("removeWhat", { domain: of.shown })} act={() => api.remove("/v1/domain")} onDone={() => { setRemoving(false); onDone(); }} onClose={() => setRemoving(false)} />}
    </>
  );
}

function Show() {
  const [asked, setAsked] = useState<{ before: string | null }>();  // somebody waits for the DNS's answer
  const domain = useLoad("domain", async (signal) => {
    try {
      const of = await api.get<Domain>("/v1/domain", undefined, signal);
      if (asked && of.checked_at !== asked.before) setAsked(undefined);
      return { of };
    } catch (error) {
      if (error instanceof Problem && error.code === "no_domain") return { of: undefined };
      throw error;
    }
  }, asked ? everyWhileAsked : 0);
  return (
    <Page title={t("title")} lead={t("lead")}>
      {asked && <p role="status" class="muted">{t("asked")}</p>}
      <Answer of={domain}>{({ of }) => of ? <Shown key={of.domain} of={of} onAsked={(before) => { setAsked({ before }); domain.again(); }} onDone={domain.again} />
        : <Card><Empty icon="globe" title={t("none")}>{t("noneHint")}</Empty>{may("settings:update") && <Name verb={t("set")} hint={t("domainHint")} onDone={domain.again} />}</Card>}</Answer>
    </Page>
  );
}

export const view: View = { path: "/console/domain", root: "tenant", title: () => t("title"), icon: "globe", order: 5, permission: "settings:read", show: Show };
