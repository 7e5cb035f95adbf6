import { words } from "../core/i18n.ts";
import { MailedLink } from "../core/mailed-link.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Confirm your address", lead: "With this the address of the mail is yours here.", go: "Confirm", done: "The address is confirmed" },
  fr: { title: "Confirmer votre adresse", lead: "L'adresse du courriel devient ainsi la vôtre ici.", go: "Confirmer", done: "L'adresse est confirmée" },
});

export const view: View = { path: "/confirm-email", root: "out", title: () => t("title"), show: () => <MailedLink title={t("title")} lead={t("lead")} verb={t("go")} done={t("done")} path="/auth/email/confirm" /> };
