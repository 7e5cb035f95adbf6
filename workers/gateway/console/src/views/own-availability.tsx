import { words } from "../core/i18n.ts";
import { Card, Page } from "../core/ui.tsx";
import type { View } from "../core/view.ts";
import { OwnAvailability } from "./availability.tsx";

const t = words({
  en: { title: "Availability", lead: "How many of your company's requests were served." },
  fr: { title: "Disponibilité", lead: "La part des requêtes de votre entreprise qui ont été servies." },
});

function Show() {
  return <Page title={t("title")} lead={t("lead")}><Card><OwnAvailability path="/v1/availability" /></Card></Page>;
}

export const view: View = { path: "/console/availability", root: "tenant", title: () => t("title"), icon: "pulse", order: 4, permission: "usage:read", show: Show };
