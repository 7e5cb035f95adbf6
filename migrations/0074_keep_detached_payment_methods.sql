-- A payment method that is detached stays for a while, so that an older statement of it, come late, finds a newer one. How
-- long was told by when Stripe had stated it: of a statement that was itself late (parked for months, then released) nothing
-- stayed, and the older one after it attached the method again. Since when we know is what counts.
ALTER TABLE billing.payment_methods ADD COLUMN told_at timestamptz NOT NULL DEFAULT now();
DROP INDEX billing.payment_methods_detached;
CREATE INDEX payment_methods_detached ON billing.payment_methods (told_at) WHERE detached;
UPDATE housekeeping.rules SET over = 'detached AND told_at < $1' WHERE relation = 'billing.payment_methods'::regclass;
