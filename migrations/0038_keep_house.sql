-- Nothing grows for ever: one table says of every table of ours how long its rows are kept and why, one function removes
-- what is over, a batch of each at a time. Every process calls it; one at a time does anything.
CREATE SCHEMA housekeeping;
REVOKE ALL ON SCHEMA housekeeping FROM PUBLIC;

CREATE TABLE housekeeping.rules (
  relation   regclass PRIMARY KEY,
  keep       interval CHECK (keep >= interval '0'),  -- NULL: for good, or until what `reason` says removes it
  over       text     NOT NULL DEFAULT '',           -- which rows: a condition over $1, the time before which they are over
  blank      text     NOT NULL DEFAULT '',           -- what is set instead of removing the row; '': it is removed
  batch_rows int      NOT NULL DEFAULT 1000 CHECK (batch_rows > 0),
  reason     text     NOT NULL CHECK (reason <> ''),
  CHECK ((keep IS NULL) = (over = ''))
);
COMMENT ON TABLE housekeeping.rules IS 'How long rows are kept, of every table: docs/housekeeping.md';

CREATE INDEX inbox_foreign_by_age ON messaging.inbox_foreign (handled_at);
CREATE INDEX attempts_by_age ON messaging.attempts (last_at);
CREATE INDEX dead_letters_settled ON messaging.dead_letters (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX signups_by_age ON platform.signups (created_at);
CREATE INDEX stripe_events_with_body ON billing.stripe_events (received_at) WHERE state <> 'parked' AND body <> ''::bytea;
CREATE INDEX idempotency_keys_by_age ON metering.idempotency_keys (at);
CREATE INDEX unique_members_by_age ON metering.unique_members (window_start) WHERE span <> 'total';
CREATE INDEX deliveries_by_age ON notification.deliveries (at);

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('messaging.inbox_foreign', '40 days', 'handled_at < $1', 'an event of an application is known again for 40 days'),
  ('messaging.attempts', '40 days', 'last_at < $1', 'a message that stopped a process is tried again within days'),
  ('messaging.dead_letters', '30 days', 'settled_at < $1', 'sent again or dropped, it can be looked at for 30 days'),
  ('platform.idempotency_keys', '1 day', 'created_at < $1', 'a request is repeated under its key within a day'),
  ('platform.refresh_tokens', '0', 'expires_at < $1', 'an expired token is nothing'),
  ('platform.revoked_tokens', '0', 'expires_at < $1', 'what has expired need not be revoked'),
  ('platform.signups', '400 days', 'created_at < $1', 'its events are in the audit log'),
  ('metering.idempotency_keys', '40 days', 'at < $1', 'a key counts once within 40 days'),
  ('metering.unique_members', '400 days', 'span <> ''total'' AND window_start < $1', 'usage of a window comes within a year'),
  ('notification.deliveries', '400 days', 'at < $1', 'what was mailed is in the audit log');
UPDATE housekeeping.rules SET batch_rows = 20000  -- what comes by the thousand a second goes as fast
  WHERE relation IN ('messaging.inbox_foreign'::regclass, 'metering.idempotency_keys'::regclass);
INSERT INTO housekeeping.rules (relation, keep, over, blank, reason) VALUES
  ('billing.stripe_events', '90 days', 'state <> ''parked'' AND body <> ''''::bytea AND received_at < $1', 'body = ''''',
   'ids stay for ever, so that no fact counts twice; bytes are there for a dispute about a delivery');
INSERT INTO housekeeping.rules (relation, reason) VALUES
  ('messaging.inbox', 'months of 40 days ago leave whole: housekeeping.drop_inbox_months'),
  ('messaging.inbox_default', 'takes what belongs to no month; a test finds it empty'),
  ('messaging.outbox', 'a row is deleted when the broker has confirmed it'),
  ('platform.cells', 'as many as there are cells'),
  ('platform.plans', 'as many as there are plans'),
  ('platform.role_permissions', 'as many as there are rights'),
  ('platform.clock', 'one row'),
  ('platform.signing_keys', 'one in months'),
  ('platform.tenants', 'a tenant''s id is never given again'),
  ('platform.tenant_keys', 'with its tenant; erasure destroys it'),
  ('platform.lifecycle_history', 'a few rows a tenant, and analysts'' cohorts rest on them'),
  ('platform.overrides', 'a few rows a tenant'),
  ('platform.holds', 'a few rows a tenant'),
  ('platform.users', 'people; removed with their last membership'),
  ('platform.memberships', 'people; removed with their tenant'),
  ('billing.customers', 'one row a customer of Stripe''s; accounts rest on them'),
  ('billing.stripe_subscriptions', 'one row a subscription; accounts rest on them'),
  ('billing.payments', 'kept for the tax office; one row a payment'),
  ('billing.invoices', 'kept for the tax office; one row an invoice'),
  ('billing.accounts', 'one row a tenant'),
  ('metering.metrics', 'as many as there are metrics'),
  ('metering.counters', 'what tenants and invoices are shown'),
  ('metering.crossings', 'a few rows a period, so that no mail is sent twice'),
  ('audit.heads', 'one row a log'),
  ('audit.records', 'months leave by way of the archive: tenantry audit archive'),
  ('audit.keys', 'one row a tenant'),
  ('audit.nodes', 'a 255th of the records; proofs rest on them'),
  ('audit.checkpoints', 'proofs rest on them'),
  ('audit.archives', 'one row a log and month'),
  ('audit.archived_leaves', '32 bytes a record that is archived; proofs rest on them'),
  ('provisioning.sagas', 'two rows a tenant'),
  ('provisioning.steps', 'a dozen rows a tenant'),
  ('provisioning.resources', 'empty again once the tenant is deleted'),
  ('provisioning.credentials', 'empty again once the tenant is deleted'),
  ('provisioning.backups', 'until keep_until, when the next backup is made'),
  ('provisioning.backup_parts', 'with their backup'),
  ('tenant_data.stores', 'with its tenant'),
  ('tenant_data.clients', 'a tenant''s own'),
  ('housekeeping.rules', 'as many as there are tables'),
  ('public.schema_migrations', 'as many as there are migrations');

-- Months of the inbox whose last event is older than `before`.
CREATE FUNCTION housekeeping.drop_inbox_months(before timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name    text;
  dropped bigint := 0;
BEGIN
  FOR name IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'messaging.inbox'::regclass AND c.relname ~ '^inbox_[0-9]{4}_[0-9]{2}$'
      AND (to_date(substr(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= before
  LOOP
    EXECUTE format('DROP TABLE messaging.%I', name);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;

-- Removes a batch of what is over, of each table; what was full has more. Whoever comes while another is at it does nothing.
CREATE FUNCTION housekeeping.sweep(at timestamptz) RETURNS TABLE (relation text, removed bigint, more boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rule  housekeeping.rules;
  count bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('housekeeping', 0)) THEN
    RETURN;
  END IF;
  FOR rule IN SELECT * FROM housekeeping.rules r WHERE r.keep IS NOT NULL ORDER BY r.relation::text LOOP
    EXECUTE format(CASE WHEN rule.blank = '' THEN 'DELETE FROM %1$s' ELSE 'UPDATE %1$s SET %4$s' END
                   || ' WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$s WHERE %2$s LIMIT %3$s FOR UPDATE SKIP LOCKED))',
                   rule.relation, rule.over, rule.batch_rows, rule.blank) USING at - rule.keep;
    GET DIAGNOSTICS count = ROW_COUNT;
    relation := rule.relation::text;
    removed := count;
    more := count = rule.batch_rows;
    RETURN NEXT;
  END LOOP;
  relation := 'messaging.inbox';
  removed := housekeeping.drop_inbox_months(at - interval '40 days');
  more := false;
  RETURN NEXT;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA housekeeping FROM PUBLIC;
GRANT USAGE ON SCHEMA housekeeping TO tenantry_runtime;
GRANT EXECUTE ON FUNCTION housekeeping.sweep(timestamptz) TO tenantry_runtime;

-- The gateway did a part of this itself.
REVOKE DELETE ON platform.revoked_tokens FROM tenantry_gateway;
