import { api } from "../core/api.ts";
import { day, money, words } from "../core/i18n.ts";
import { usePages } from "../core/load.ts";
import { payLink, type Invoice } from "../core/payment.tsx";
import { Answer, Card, Chip, Empty, More, Page, Table, type Tone } from "../core/ui.tsx";
import type { View } from "../core/view.ts";

const t = words({
  en: { title: "Invoices", number: "Number", issued: "Issued", amount: "Amount", status: "Status", open: "To pay", paid: "Paid", void: "Void", uncollectible: "Written off", see: "Open at Stripe", none: "No invoices yet", noneHint: "The first one comes when your trial is over and a plan is paid for." },
  fr: { title: "Factures", number: "Numéro", issued: "Émise", amount: "Montant", status: "Statut", open: "À payer", paid: "Payée", void: "Annulée", uncollectible: "Irrécouvrable", see: "Ouvrir chez Stripe", none: "Aucune facture", noneHint: "La première arrive quand l'essai est fini et qu'une offre est payée." },
});
const tones: Record<Invoice["status"], Tone> = { open: "warn", paid: "good", void: "calm", uncollectible: "bad" };

function Show() {
  const pages = usePages<Invoice>("invoices", async (cursor, signal) => {
    const answer = await api.get<{ invoices: Invoice[]; next_cursor: string | null }>("/v1/invoices", { cursor, limit: 50 }, signal);
    return { items: answer.invoices, next: answer.next_cursor, head: undefined };
  });
  return (
    <Page title={t("title")}>
      <Card flush>
        <Answer of={pages}>{(rows) => rows.length === 0 ? <Empty icon="card" title={t("none")}>{t("noneHint")}</Empty> : <>
          <Table label={t("title")} rows={rows} id={(row) => row.id} columns={[
            { name: t("number"), show: (row) => row.number || row.id },
            { name: t("issued"), show: (row) => day(row.issued_at) },
            { name: t("amount"), kind: "number", show: (row) => money(row.amount) },
            { name: t("status"), show: (row) => <Chip tone={tones[row.status]} icon={row.status === "paid" ? "check" : row.status === "open" ? "clock" : "cross"}>{t(row.status)}</Chip> },
            { name: "", kind: "tight", show: (row) => payLink(row) && <a href={payLink(row)} target="_blank" rel="noreferrer noopener">{t("see")}</a> },
          ]} />
          <More of={pages} />
        </>}</Answer>
      </Card>
    </Page>
  );
}

export const view: View = { path: "/console/invoices", root: "tenant", title: () => t("title"), icon: "book", order: 21, permission: "subscription:read", show: Show };
