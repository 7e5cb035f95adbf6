-- What a super-admin saved goes with the person: when the role is revoked (the gateway), and when the person is erased.
DELETE FROM platform.saved_views v WHERE v.owner !~ '/' AND NOT EXISTS
  (SELECT FROM platform.admins a WHERE a.user_id::text = v.owner AND a.revoked_at IS NULL);
ALTER TABLE platform.saved_views
  ADD COLUMN person uuid GENERATED ALWAYS AS
    (CASE WHEN owner ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN owner::uuid END) STORED
    REFERENCES platform.users ON DELETE CASCADE;
CREATE INDEX saved_views_by_person ON platform.saved_views (person);

-- Who was a super-admin and is none any more goes with the last company, like anybody: the row stood for a name in the audit
-- log, in which an erased person has none.
GRANT SELECT (user_id, revoked_at), DELETE ON platform.admins TO tenantry_provisioning;
GRANT SELECT (user_id), DELETE ON platform.admin_sessions TO tenantry_provisioning;
GRANT SELECT (user_id) ON platform.sessions TO tenantry_provisioning;  -- visits
