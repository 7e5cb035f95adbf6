// Showing a second factor: a code, a passkey, or a recovery code. At the login, and where somebody has to say again who
// it is.
import { useState } from "preact/hooks";
import type { Problem } from "./api.ts";
import { words } from "./i18n.ts";
import { problemFrom } from "./load.ts";
import { passkeysWork, usePasskey, type UseOptions } from "./passkey.ts";
import { Button, ErrorBox, Field, Notice } from "./ui.tsx";

const t = words({
  en: { code: "Code of your authenticator app", codeHint: "Six digits.", recovery: "Recovery code", recoveryHint: "One of the ten that you have kept. Each is good once.", passkey: "Use a passkey", useRecovery: "The device is lost: use a recovery code", useCode: "Use a code of the app", go: "Go on", notConfirmed: "The passkey was not confirmed. Try again.", wrong: "The code is wrong, or was used before." },
  fr: { code: "Code de votre application", codeHint: "Six chiffres.", recovery: "Code de secours", recoveryHint: "L'un des dix que vous avez gardés. Chacun vaut une fois.", passkey: "Utiliser une clé d'accès", useRecovery: "L'appareil est perdu : utiliser un code de secours", useCode: "Utiliser un code de l'application", go: "Continuer", notConfirmed: "La clé d'accès n'a pas été confirmée. Réessayez.", wrong: "Le code est faux, ou a déjà servi." },
});

export type Shown = { code: string } | { recovery_code: string } | { passkey: Awaited<ReturnType<typeof usePasskey>> };

export function ShowFactor({ factors, options, show }: { factors: string[]; options: () => Promise<UseOptions>; show: (factor: Shown) => Promise<unknown> }) {
  const [recovery, setRecovery] = useState(!factors.includes("totp") && !factors.includes("passkey"));
  const [code, setCode] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const [notConfirmed, setNotConfirmed] = useState(false);
  const [busy, setBusy] = useState(false);
  const run = async (make: () => Promise<Shown>) => {
    setBusy(true);
    setProblem(undefined);
    setNotConfirmed(false);
    try {
      await show(await make());
    } catch (error) {
      if (error instanceof DOMException) setNotConfirmed(true);
      else setProblem(problemFrom(error));
      setCode("");
    }
    setBusy(false);
  };
  const typed = recovery || factors.includes("totp");
  return (
    <form class="stack" onSubmit={(event) => { event.preventDefault(); void run(async () => (recovery ? { recovery_code: code.trim() } : { code: code.replace(/\s/g, "") })); }}>
      {factors.includes("passkey") && passkeysWork() && <Button kind={typed ? "plain" : "primary"} icon="lock" busy={busy} onClick={() => run(async () => ({ passkey: await usePasskey(await options()) }))}>{t("passkey")}</Button>}
      {typed && <Field label={recovery ? t("recovery") : t("code")} name="one-time-code" hint={recovery ? t("recoveryHint") : t("codeHint")} autoComplete="one-time-code" value={code} onInput={setCode} required autoFocus />}
      {notConfirmed && <Notice tone="warn">{t("notConfirmed")}</Notice>}
      {problem && (problem.code === "second_factor_wrong" ? <Notice tone="bad">{t("wrong")}</Notice> : <ErrorBox problem={problem} />)}
      {typed && <Button type="submit" kind="primary" busy={busy}>{t("go")}</Button>}
      {factors.includes("recovery_code") && (recovery ? factors.includes("totp") && <button type="button" class="button quiet small" onClick={() => setRecovery(false)}>{t("useCode")}</button>
        : <button type="button" class="button quiet small" onClick={() => setRecovery(true)}>{t("useRecovery")}</button>)}
    </form>
  );
}
