-- One request may name one key for each of its metrics: a key counts once for each of them. Keys from before are every
-- metric's ('').
ALTER TABLE metering.idempotency_keys ADD COLUMN metric text NOT NULL DEFAULT '';
ALTER TABLE metering.idempotency_keys ALTER COLUMN metric DROP DEFAULT;
ALTER TABLE metering.idempotency_keys DROP CONSTRAINT idempotency_keys_pkey;
ALTER TABLE metering.idempotency_keys ADD PRIMARY KEY (tenant_id, key, metric);
