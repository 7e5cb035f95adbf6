-- Mails bear the name that a tenant sets for them, and lead answers where it says; of its settings notification sees no more.
GRANT SELECT ON platform.settings TO tenantry_notification;
CREATE POLICY mails ON platform.settings FOR SELECT TO tenantry_notification
  USING (name IN ('sender/name', 'sender/reply_to', 'branding/name'));
-- What was typed at a signup is told to who has shown that the address is theirs.
GRANT SELECT (email_verified_at) ON platform.users TO tenantry_notification;
