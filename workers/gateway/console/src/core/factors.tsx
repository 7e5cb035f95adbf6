// One's own second factors: an authenticator app, passkeys, recovery codes.
import { useState } from "preact/hooks";
import { api, part, type Problem } from "./api.ts";
import { words } from "./i18n.ts";
import { problemFrom, useLoad } from "./load.ts";
import { makePasskey, passkeysWork, type CreationOptions } from "./passkey.ts";
import { factorDemanded, own, refreshSession, session } from "./session.ts";
import { StepUp, stepUpWanted } from "./step-up.tsx";
import { Answer, Button, Card, Chip, Copyable, ErrorBox, Field, Foreign, Notice, Time } from "./ui.tsx";

const t = words({
  en: {
    title: "Second factor", lead: "Besides the password, what only you have. Who learns your password then gets no further.", none: "None yet", app: "Authenticator app", since: "Since", add: "Set up an app", remove: "Remove",
    secret: "Put this key into your app, or open the link on the device that has it.", link: "Open in the app", code: "The code that the app shows", confirm: "Confirm", cancel: "Cancel",
    passkeys: "Passkeys", addPasskey: "Add a passkey", name: "What you call it", nameHint: "The device it is on, say.", used: "Last used", never: "never used",
    codes: "Recovery codes", codesHint: "Keep these ten where you find them without your device. Each is good once; they are shown this once.", kept: "I have kept them", left: "{n|one is left|# are left}", renew: "Make ten others", notConfirmed: "The passkey was not confirmed. Try again.",
  },
  fr: {
    title: "Second facteur", lead: "En plus du mot de passe, ce que vous seul possédez. Qui apprend votre mot de passe n'ira pas plus loin.", none: "Aucun pour l'instant", app: "Application d'authentification", since: "Depuis", add: "Installer une application", remove: "Retirer",
    secret: "Saisissez cette clé dans votre application, ou ouvrez le lien sur l'appareil qui l'a.", link: "Ouvrir dans l'application", code: "Le code affiché par l'application", confirm: "Confirmer", cancel: "Annuler",
    passkeys: "Clés d'accès", addPasskey: "Ajouter une clé d'accès", name: "Comment vous l'appelez", nameHint: "L'appareil où elle se trouve, par exemple.", used: "Dernier emploi", never: "jamais employée",
    codes: "Codes de secours", codesHint: "Gardez ces dix codes là où vous les trouverez sans votre appareil. Chacun vaut une fois ; ils ne sont affichés que maintenant.", kept: "Je les ai gardés", left: "{n|il en reste un|il en reste #}", renew: "En faire dix autres", notConfirmed: "La clé d'accès n'a pas été confirmée. Réessayez.",
  },
});
interface Mine { totp: string | null; passkeys: { id: string; name: string; created_at: string; used_at: string | null }[]; recovery_codes_left: number }
interface Codes { recovery_codes: string[] | null }

export function Factors() {
  const mine = useLoad("factors", () => api.get<Mine>(`${own()}/factors`));
  const [seed, setSeed] = useState<{ secret: string; uri: string }>();
  const [code, setCode] = useState("");
  const [name, setName] = useState<string>();
  const [codes, setCodes] = useState<string[]>();
  const [problem, setProblem] = useState<Problem>();
  const [again, setAgain] = useState<() => void>();
  const [notConfirmed, setNotConfirmed] = useState(false);
  const run = async (work: () => Promise<unknown>) => {
    setProblem(undefined);
    setAgain(undefined);
    setNotConfirmed(false);
    try {
      await work();
      mine.again();
      if (session.value?.kind === "admin" || factorDemanded.value) await refreshSession();  // with a first factor more is open
    } catch (error) {
      if (error instanceof DOMException) return setNotConfirmed(true);
      const found = problemFrom(error);
      setProblem(found);
      if (stepUpWanted(found)) setAgain(() => () => void run(work));
    }
  };
  const begin = () => run(async () => setSeed(await api.post(`${own()}/factors/totp`, {})));
  const confirm = () => run(async () => {
    const made = await api.post<Codes>(`${own()}/factors/totp/confirm`, { code: code.replace(/\s/g, "") });
    setSeed(undefined);
    setCode("");
    if (made.recovery_codes) setCodes(made.recovery_codes);
  });
  const addPasskey = () => run(async () => {
    const passkey = await makePasskey(await api.post<CreationOptions>(`${own()}/factors/passkeys/options`, {}));
    const made = await api.post<Codes>(`${own()}/factors/passkeys`, { name: name ?? "", passkey });
    setName(undefined);
    if (made.recovery_codes) setCodes(made.recovery_codes);
  });
  const renew = () => run(async () => setCodes((await api.post<{ recovery_codes: string[] }>(`${own()}/recovery-codes`, {})).recovery_codes));
  return (
    <Card title={t("title")}>
      <div class="stack">
        <p class="muted">{t("lead")}</p>
        {problem && (again ? <StepUp onDone={again} /> : <ErrorBox problem={problem} />)}
        {notConfirmed && <Notice tone="warn">{t("notConfirmed")}</Notice>}
        {codes && <Notice tone="good" icon="lock"><div class="stack"><strong>{t("codes")}</strong><span>{t("codesHint")}</span><Copyable text={codes.join("\n")} /><pre class="codes">{codes.join("\n")}</pre><div><Button small onClick={() => setCodes(undefined)}>{t("kept")}</Button></div></div></Notice>}
        <Answer of={mine}>{(data) => (
          <div class="stack">
            <div class="row">
              <span class="grow">{t("app")}</span>
              {data.totp ? <><Chip tone="good" icon="check"><Time at={data.totp} /></Chip><Button small kind="quiet" onClick={() => run(() => api.remove(`${own()}/factors/totp`))}>{t("remove")}</Button></>
                : !seed && <><span class="muted small">{t("none")}</span><Button small onClick={begin}>{t("add")}</Button></>}
            </div>
            {seed && (
              <form class="stack" onSubmit={(event) => { event.preventDefault(); void confirm(); }}>
                <p>{t("secret")}</p>
                <div class="row"><code class="grow" data-secret>{seed.secret}</code><a href={seed.uri}>{t("link")}</a></div>
                <Field label={t("code")} name="totp" autoComplete="one-time-code" value={code} onInput={setCode} required autoFocus />
                <div class="row"><Button type="submit" kind="primary">{t("confirm")}</Button><Button kind="quiet" onClick={() => setSeed(undefined)}>{t("cancel")}</Button></div>
              </form>
            )}
            <div class="row"><span class="grow">{t("passkeys")}</span>{name === undefined && passkeysWork() && <Button small onClick={() => setName("")}>{t("addPasskey")}</Button>}</div>
            {data.passkeys.map((one) => (
              <div class="row" key={one.id}><span class="grow"><Foreign text={one.name} /></span><span class="muted small">{t("used")}: {one.used_at ? <Time at={one.used_at} /> : t("never")}</span><Button small kind="quiet" onClick={() => run(() => api.remove(`${own()}/factors/passkeys/${part(one.id)}`))}>{t("remove")}</Button></div>
            ))}
            {name !== undefined && (
              <form class="stack" onSubmit={(event) => { event.preventDefault(); void addPasskey(); }}>
                <Field label={t("name")} name="passkey" value={name} onInput={setName} required hint={t("nameHint")} autoFocus error={problem?.field("name")} />
                <div class="row"><Button type="submit" kind="primary">{t("addPasskey")}</Button><Button kind="quiet" onClick={() => setName(undefined)}>{t("cancel")}</Button></div>
              </form>
            )}
            {(data.totp || data.passkeys.length > 0) && <div class="row"><span class="grow">{t("codes")}: {t("left", { n: data.recovery_codes_left })}</span><Button small kind="quiet" onClick={renew}>{t("renew")}</Button></div>}
          </div>
        )}</Answer>
      </div>
    </Card>
  );
}
