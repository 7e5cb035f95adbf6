-- Who deals with a tenant's own roles and with its keys for machines.
INSERT INTO platform.role_permissions (role, permission) VALUES
  ('admin', 'roles:*'), ('admin', 'api_keys:*'), ('manager', 'roles:read');
