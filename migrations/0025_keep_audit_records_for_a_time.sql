-- How long a plan's tenants find their records in the audit log at least, and a hold that keeps what a court may ask for.
ALTER TABLE platform.plans ADD COLUMN audit_retention_months int CHECK (audit_retention_months BETWEEN 1 AND 1200);
-- Versions sold before: as the plan has it now; of a plan that nobody knows, the longest.
UPDATE platform.plans SET audit_retention_months =
  CASE plan WHEN 'FREE' THEN 3 WHEN 'STARTER' THEN 12 WHEN 'PROFESSIONAL' THEN 24 ELSE 84 END;
ALTER TABLE platform.plans ALTER COLUMN audit_retention_months SET NOT NULL;

ALTER TABLE platform.holds DROP CONSTRAINT holds_hold_check;
ALTER TABLE platform.holds ADD CONSTRAINT holds_hold_check CHECK (hold IN ('no_suspend', 'no_billing', 'legal'));

-- Whoever places a hold locks the tenant's row, as erasure does: one of them comes first.
ALTER FUNCTION platform.erase_tenant(text) RENAME TO erase_deleted_tenant;
REVOKE EXECUTE ON FUNCTION platform.erase_deleted_tenant(text) FROM tenantry_provisioning;
CREATE FUNCTION platform.erase_tenant(tenant text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM platform.tenants WHERE tenant_id = tenant FOR UPDATE;
  IF EXISTS (SELECT FROM platform.holds WHERE tenant_id = tenant AND hold = 'legal' AND ends_at > at) THEN
    RETURN false;
  END IF;
  RETURN platform.erase_deleted_tenant(tenant);
END $$;
REVOKE ALL ON FUNCTION platform.erase_tenant(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.erase_tenant(text, timestamptz) TO tenantry_provisioning;
