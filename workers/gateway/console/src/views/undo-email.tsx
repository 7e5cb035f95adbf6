import { words } from "../core/i18n.ts";
import { MailedLink } from "../core/mailed-link.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Take the change back", lead: "The address of the mail is yours again, and all your sessions end. Change your password then, if the change was not yours.", go: "Take it back", done: "The former address is back" },
  fr: { title: "Annuler le changement", lead: "L'adresse du courriel redevient la vôtre et toutes vos sessions se terminent. Changez ensuite votre mot de passe si le changement n'était pas de vous.", go: "Annuler le changement", done: "L'ancienne adresse est rétablie" },
});

export const view: View = { path: "/undo-email", root: "out", title: () => t("title"), show: () => <MailedLink title={t("title")} lead={t("lead")} verb={t("go")} done={t("done")} path="/auth/email/undo" /> };
