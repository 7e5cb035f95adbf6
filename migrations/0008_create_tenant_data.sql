-- Schema tenant_data: business tables of tenants in isolation mode 'pool', behind forced row-level security.
CREATE SCHEMA tenant_data;
REVOKE ALL ON SCHEMA tenant_data FROM PUBLIC;

-- A tenant whose store is open; provisioning makes the row, release removes it and all that refers to it.
CREATE TABLE tenant_data.stores (
  tenant_id  text        PRIMARY KEY CHECK (tenant_id <> ''),
  created_at timestamptz NOT NULL
);

CREATE TABLE tenant_data.clients (
  tenant_id  text        NOT NULL CHECK (tenant_id <> '') REFERENCES tenant_data.stores,
  client_id  uuid        NOT NULL,
  name       text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  email      text        NOT NULL DEFAULT '',
  created_by uuid        NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, client_id)
);
CREATE INDEX clients_by_time ON tenant_data.clients (tenant_id, created_at, client_id);

ALTER TABLE tenant_data.stores ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_data.stores FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant_data.clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_data.clients FORCE ROW LEVEL SECURITY;

-- An unset variable is NULL or '' (after an earlier transaction): neither matches any row.
CREATE POLICY own_tenant ON tenant_data.stores
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''))
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
CREATE POLICY own_tenant ON tenant_data.clients
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''))
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
