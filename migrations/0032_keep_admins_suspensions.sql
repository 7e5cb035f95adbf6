-- An admin's suspension outlives what the status is meanwhile: cancelled and paid again, the tenant is suspended as
-- before. Its reason and words are kept apart from the status's, which the next move replaces.
ALTER TABLE platform.tenants
  ADD COLUMN suspension      text NOT NULL DEFAULT '',
  ADD COLUMN suspension_note text NOT NULL DEFAULT '';
GRANT UPDATE (suspension, suspension_note) ON platform.tenants TO tenantry_gateway, tenantry_signup,
  tenantry_provisioning, tenantry_billing;

UPDATE platform.tenants SET suspension = status_reason, suspension_note = status_note
WHERE status = 'suspended' AND status_reason NOT IN ('trial_expired', 'payment_failed', '');

-- Cancelled while suspended: the last suspension before says why it was.
UPDATE platform.tenants t SET suspension = h.reason
FROM (SELECT DISTINCT ON (tenant_id) tenant_id, reason FROM platform.lifecycle_history
      WHERE to_status = 'suspended' ORDER BY tenant_id, at DESC, event_id DESC) h
WHERE h.tenant_id = t.tenant_id AND t.status = 'cancelled' AND t.resumes_to = 'suspended'
  AND h.reason NOT IN ('trial_expired', 'payment_failed', '');
