// What is to be paid, and where: Stripe's page of the invoice.
import { api } from "./api.ts";
import { money, words } from "./i18n.ts";
import { useLoad } from "./load.ts";
import { Answer } from "./ui.tsx";

const t = words({
  en: { pay: "Pay {amount}", invoice: "Invoice {number}", mailed: "The link to pay is in Stripe's mail.", none: "No open invoice is on record yet. Stripe's mail has the link to pay." },
  fr: { pay: "Régler {amount}", invoice: "Facture {number}", mailed: "Le lien de paiement est dans le courriel de Stripe.", none: "Aucune facture ouverte n'est encore consignée. Le courriel de Stripe contient le lien de paiement." },
});

export interface Invoice { id: string; number: string; issued_at: string; amount: { amount_minor: number; currency: string }; status: "open" | "paid" | "void" | "uncollectible"; url: string }
/** Of Stripe's page for it; somebody else's text, so nothing but https. */
export const payLink = (invoice: Invoice) => (/^https:\/\//.test(invoice.url ?? "") ? invoice.url : undefined);

export function Payment() {
  const invoices = useLoad("invoices to pay", () => api.get<{ invoices: Invoice[] }>("/v1/invoices", { limit: 50 }));
  return (
    <Answer of={invoices} rows={1}>{(data) => {
      const open = data.invoices.filter((one) => one.status === "open");
      return open.length === 0 ? <p>{t("none")}</p> : <div class="stack">{open.map((one) => (
        <div class="row" key={one.id}>
          <span class="grow">{t("invoice", { number: one.number || one.id })}</span>
          {payLink(one) ? <a class="button primary" href={payLink(one)} target="_blank" rel="noreferrer noopener">{t("pay", { amount: money(one.amount) })}</a> : <span>{money(one.amount)}. {t("mailed")}</span>}
        </div>
      ))}</div>;
    }}</Answer>
  );
}
