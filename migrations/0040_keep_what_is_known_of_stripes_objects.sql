-- Owed, paid and ended are facts of an invoice and of a subscription. What is known of each stands in its own row, and the
-- account is derived from those: until now a tenant had one list of failures, and any payment ended them all.
ALTER TABLE billing.stripe_subscriptions
  ADD COLUMN items        jsonb  NOT NULL DEFAULT '[]',
  -- Every status that was stated, as "seconds status", with a "~" behind it where the statement was about something else.
  ADD COLUMN history      text[] NOT NULL DEFAULT '{}',
  ADD COLUMN trial_end    timestamptz,
  ADD COLUMN pause_reason text   NOT NULL DEFAULT '';

-- A lapse goes on from where it began: its timers name that instant.
UPDATE billing.stripe_subscriptions s SET
  items = CASE WHEN s.price_id = '' THEN '[]' ELSE jsonb_build_array(jsonb_build_object('price_id', s.price_id,
                                                                                        'quantity', s.quantity)) END,
  history = ARRAY[extract(epoch FROM CASE WHEN s.status IN ('past_due', 'unpaid') AND a.past_due_since <= s.stated_at
                                          THEN a.past_due_since ELSE s.stated_at END)::bigint || ' ' || s.status]
FROM billing.stripe_subscriptions AS own LEFT JOIN billing.accounts AS a ON a.tenant_id = own.tenant_id
WHERE own.stripe_subscription_id = s.stripe_subscription_id;

ALTER TABLE billing.invoices
  ALTER COLUMN issued_at DROP NOT NULL,
  ADD COLUMN stripe_subscription_id text NOT NULL DEFAULT '',
  ADD COLUMN billing_reason         text NOT NULL DEFAULT '',
  ADD COLUMN status                 text NOT NULL DEFAULT 'open'
    CHECK (status IN ('open', 'uncollectible', 'void', 'paid')),
  ADD COLUMN closed_at              timestamptz,
  ADD COLUMN failed_at              timestamptz,
  ADD COLUMN failed_last_at         timestamptz,
  ADD COLUMN stated_at              timestamptz,
  ADD COLUMN stripe_event_id        text NOT NULL DEFAULT '',
  ADD CONSTRAINT invoices_closed CHECK ((status = 'open') = (closed_at IS NULL));
COMMENT ON COLUMN billing.invoices.issued_at IS 'When Stripe finalised it; NULL: it was heard of, and not yet of that';

UPDATE billing.invoices SET stated_at = issued_at;
INSERT INTO billing.invoices AS i (stripe_invoice_id, tenant_id, amount_minor, currency, stripe_subscription_id, status,
                                   closed_at, failed_at, failed_last_at, stated_at, stripe_event_id)
SELECT p.stripe_object_id, p.tenant_id, p.amount_minor, p.currency, p.stripe_subscription_id,
       CASE WHEN p.state = 'failed' THEN 'open' ELSE 'paid' END,
       CASE WHEN p.state = 'failed' THEN NULL ELSE p.stated_at END,
       CASE WHEN p.state = 'failed' THEN least(p.stated_at, a.past_due_since) END,
       CASE WHEN p.state = 'failed' THEN p.stated_at END,
       p.stated_at, p.stripe_event_id
FROM billing.payments p LEFT JOIN billing.accounts a ON a.tenant_id = p.tenant_id
WHERE p.stripe_object_id LIKE 'in\_%' AND p.state IN ('failed', 'succeeded')
ON CONFLICT (stripe_invoice_id) DO UPDATE SET
  stripe_subscription_id = excluded.stripe_subscription_id, status = excluded.status, closed_at = excluded.closed_at,
  failed_at = excluded.failed_at, failed_last_at = excluded.failed_last_at,
  stated_at = greatest(i.stated_at, excluded.stated_at), stripe_event_id = excluded.stripe_event_id;
-- What had failed before the newest payment was paid for by the old rule; it stays so.
UPDATE billing.invoices i SET status = 'uncollectible', closed_at = i.stated_at, failed_at = NULL, failed_last_at = NULL
FROM billing.accounts a
WHERE a.tenant_id = i.tenant_id AND i.status = 'open' AND i.failed_at IS NOT NULL
  AND (a.past_due_since IS NULL OR i.failed_last_at < a.past_due_since);
ALTER TABLE billing.invoices ALTER COLUMN stated_at SET NOT NULL;

CREATE INDEX invoices_open ON billing.invoices (tenant_id) WHERE status = 'open';
CREATE INDEX invoices_closed ON billing.invoices (tenant_id, stripe_subscription_id, status, closed_at DESC)
  WHERE status <> 'open';

ALTER TABLE billing.accounts
  ADD COLUMN received_at timestamptz,  -- the newest payment of an invoice or a checkout session
  ADD COLUMN trial_ends_at timestamptz,  -- our own trial's end, where Stripe's is later
  DROP COLUMN failures,
  DROP COLUMN failed_at;
UPDATE billing.accounts SET received_at = paid_at;

ALTER TABLE billing.payments DROP CONSTRAINT payments_state_check;
ALTER TABLE billing.payments ADD CONSTRAINT payments_state_check
  CHECK (state IN ('failed', 'succeeded', 'refunded', 'disputed', 'dispute_won', 'dispute_lost'));
