-- Checkpoints: heads of the audit logs as the signer signed them (C2SP notes). The role tenantry_signer is made by
-- migrations/roles.sql, which is run again before this one in a cluster that is older.
CREATE TABLE audit.checkpoints (
  tenant_id text        NOT NULL CHECK (tenant_id <> ''),
  size      bigint      NOT NULL CHECK (size > 0),
  root      bytea       NOT NULL CHECK (length(root) = 32),
  note      text        NOT NULL CHECK (length(note) <= 65536),
  signed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, size)
);
COMMENT ON TABLE audit.checkpoints IS 'Signed heads of the audit logs; what counts is the note''s signature, not the row';

CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE ON audit.checkpoints
  FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER checkpoints_no_truncate BEFORE TRUNCATE ON audit.checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.checkpoints ENABLE ALWAYS TRIGGER checkpoints_append_only;
ALTER TABLE audit.checkpoints ENABLE ALWAYS TRIGGER checkpoints_no_truncate;

ALTER TABLE audit.checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON audit.checkpoints TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY signer_all ON audit.checkpoints TO tenantry_signer USING (true) WITH CHECK (true);
CREATE POLICY own_tenant ON audit.checkpoints TO tenantry_gateway
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
GRANT SELECT ON audit.checkpoints TO tenantry_gateway;

-- The signer reads every log, writes checkpoints and nothing else, and raises the alarm through the outbox.
GRANT USAGE ON SCHEMA audit, messaging, platform TO tenantry_signer;
GRANT SELECT, INSERT ON audit.checkpoints TO tenantry_signer;
GRANT SELECT ON audit.heads, audit.nodes TO tenantry_signer;
GRANT SELECT (tenant_id, sequence, leaf, leaf_hash, event_id, type, occurred_at, recorded_at, action, crud, resource,
              actor_kind, outcome, correlation_id, causation_id, source, exchange) ON audit.records TO tenantry_signer;
GRANT SELECT ON platform.clock TO tenantry_signer;
GRANT INSERT ON messaging.outbox TO tenantry_signer;
CREATE POLICY signer_reads ON audit.records FOR SELECT TO tenantry_signer USING (true);
CREATE POLICY signer_reads ON audit.heads FOR SELECT TO tenantry_signer USING (true);
CREATE POLICY signer_reads ON audit.nodes FOR SELECT TO tenantry_signer USING (true);
CREATE POLICY signer_raises_alarm ON messaging.outbox FOR INSERT TO tenantry_signer
  WITH CHECK (type = 'audit.tampering_detected');
