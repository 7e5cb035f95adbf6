// Why a company's API is closed, and what opens it again: an unpaid invoice, a trial that is over, somebody's decision.
import { words } from "./i18n.ts";
import { Foreign, Moment, Notice } from "./ui.tsx";

const t = words({
  en: {
    pending: "Your company is being set up", pendingHint: "It takes a few seconds. Load the page again.",
    trial: "Your trial is over", trialHint: "Everything you have made is there. Choose a plan: once it is paid for, everything is open again.",
    unpaid: "A payment has failed", unpaidHint: "Pay the open invoice and everything is as it was.",
    paused: "The subscription is paused", pausedHint: "Everything is open again once it is resumed. Nothing is to be paid for that.",
    admin: "The platform has suspended your company", adminHint: "Reason: {reason}. Paying does not end this: write to the platform's support.",
    cancelled: "The subscription is cancelled", cancelledHint: "Your data is kept until then, and whoever may can bring the company back.", cancelledSoon: "Whoever may can still bring the company back.", until: "All data is deleted",
  },
  fr: {
    pending: "Votre entreprise est en cours de création", pendingHint: "Cela prend quelques secondes. Rechargez la page.",
    trial: "Votre essai est terminé", trialHint: "Tout ce que vous avez créé est là. Choisissez une offre : une fois réglée, tout est rouvert.",
    unpaid: "Un paiement a échoué", unpaidHint: "Réglez la facture ouverte et tout redevient comme avant.",
    paused: "L'abonnement est suspendu", pausedHint: "Tout est rouvert dès qu'il reprend. Rien n'est à payer pour cela.",
    admin: "La plateforme a suspendu votre entreprise", adminHint: "Motif : {reason}. Un paiement n'y met pas fin : écrivez à l'assistance de la plateforme.",
    cancelled: "L'abonnement est résilié", cancelledHint: "Vos données sont conservées jusque-là, et qui en a le droit peut faire revenir l'entreprise.", cancelledSoon: "Qui en a le droit peut encore faire revenir l'entreprise.", until: "Suppression de toutes les données",
  },
});

export type Kind = "pending" | "trial" | "unpaid" | "paused" | "admin" | "cancelled";
/** Nothing of a company that is open. `code`: of the refusal, where the status does not say it: a trial may be over before its timer has rung. */
export function kindOf(of: { status: string; status_reason: string }, code = ""): Kind | undefined {
  if (of.status === "PENDING") return "pending";
  if (of.status === "CANCELLED") return "cancelled";
  if (of.status === "TRIAL" && code === "trial_expired") return "trial";
  if (of.status !== "SUSPENDED") return undefined;
  return of.status_reason === "trial_expired" ? "trial" : of.status_reason === "payment_failed" ? "unpaid" : of.status_reason === "paused" ? "paused" : "admin";
}

export const standingTitle = (kind: Kind) => t(kind);

/** `deletion`: when a cancelled company's data goes, where that is known. */
export function Standing({ kind, reason, deletion }: { kind: Kind; reason: string; deletion?: string | null }) {
  return (
    <Notice tone={kind === "pending" ? "info" : kind === "cancelled" || kind === "paused" ? "warn" : "bad"} icon={kind === "pending" ? "clock" : "alert"}>
      <div class="stack" data-standing={kind}>
        <strong>{t(kind)}</strong>
        {kind === "admin" ? <Foreign text={t("adminHint", { reason })} longest={400} />
          : kind === "cancelled" ? <span>{deletion ? <>{t("until")}: <Moment at={deletion} />. {t("cancelledHint")}</> : t("cancelledSoon")}</span>
          : <span>{t(`${kind}Hint`)}</span>}
      </div>
    </Notice>
  );
}
