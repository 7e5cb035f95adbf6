-- Migration 40 wrote off what had failed before the newest payment, as the old rule had, and took every failure for one of an account that
-- was past due since later, or since never. An account that had ended was past due since never, too, whatever had failed after its last
-- payment: a tenant that the end of a second subscription had cancelled owed nothing any more for the first. Those are open again; only
-- that migration left a failed invoice that is written off and knows of no failure.
UPDATE billing.invoices AS i SET status = 'open', closed_at = NULL, failed_at = i.stated_at, failed_last_at = i.stated_at
FROM billing.accounts AS a, billing.payments AS p
WHERE a.tenant_id = i.tenant_id AND p.stripe_object_id = i.stripe_invoice_id AND p.state = 'failed'
  AND i.status = 'uncollectible' AND i.failed_at IS NULL AND i.closed_at = p.stated_at
  AND (a.received_at IS NULL OR p.stated_at > a.received_at);
