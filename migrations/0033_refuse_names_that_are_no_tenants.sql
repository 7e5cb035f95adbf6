-- Whatever a request or a message names, no audit log begins under a name that no tenant can have: the signer could not
-- sign it. Rows that are there stay (the log is append-only); the signer leaves them out.
ALTER TABLE audit.heads ADD CONSTRAINT heads_names
  CHECK (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$') NOT VALID;

-- And nothing at all is about nobody: row-level security compares with a setting that is '' where none was made.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN
    SELECT n.nspname AS schema, c.relname AS name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.atttypid = 'text'::regtype
      AND n.nspname IN ('platform', 'messaging', 'billing', 'metering', 'audit', 'provisioning', 'notification',
                        'tenant_data')
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
                      AND pg_get_constraintdef(k.oid) LIKE '%tenant_id <> ''''%')
  LOOP
    EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I CHECK (tenant_id <> '''') NOT VALID', t.schema, t.name,
                   t.name || '_of_somebody');
  END LOOP;
END $$;
