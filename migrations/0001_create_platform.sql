-- Schema platform: tenants and who belongs to them, plans, keys, settings, idempotency.
CREATE SCHEMA platform;
REVOKE ALL ON SCHEMA platform FROM PUBLIC;

CREATE TABLE platform.cells (
  name   text PRIMARY KEY,
  region text NOT NULL
);
INSERT INTO platform.cells (name, region) VALUES ('cell-1', 'eu-west');

-- Plans are data, loaded from plans.json by `tenantry migrate`; a tenant pins the version it was sold.
CREATE TABLE platform.plans (
  plan                text        NOT NULL CHECK (plan ~ '^[A-Z][A-Z0-9_]{1,31}$'),
  version             int         NOT NULL,
  users_max           bigint      NOT NULL CHECK (users_max >= -1),
  storage_bytes_max   bigint      NOT NULL CHECK (storage_bytes_max >= -1),
  api_calls_max       bigint      NOT NULL CHECK (api_calls_max >= -1),
  requests_per_minute int         NOT NULL CHECK (requests_per_minute > 0),
  price_minor         bigint      NOT NULL CHECK (price_minor >= 0),
  currency            text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  modules             text[]      NOT NULL,
  resource_tier       jsonb       NOT NULL,
  stripe_price_ids    text[]      NOT NULL DEFAULT '{}',
  position            int         NOT NULL,
  checksum            text        NOT NULL,
  created_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (plan, version)
);

CREATE TABLE platform.tenants (
  tenant_id       text        PRIMARY KEY CHECK (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
  company_name    text        NOT NULL,
  company_email   text        NOT NULL,
  status          text        NOT NULL CHECK (status IN ('pending', 'trial', 'active', 'suspended', 'cancelled', 'deleted')),
  status_reason   text        NOT NULL DEFAULT '',
  status_note     text        NOT NULL DEFAULT '',
  status_since    timestamptz NOT NULL,
  -- What a suspension by an admin, or a cancellation, interrupted.
  resumes_to      text        CHECK (resumes_to IN ('trial', 'active', 'suspended')),
  plan            text        NOT NULL,
  plan_version    int         NOT NULL,
  locale          text        NOT NULL DEFAULT 'fr',
  isolation_mode  text        NOT NULL DEFAULT 'pool' CHECK (isolation_mode IN ('pool', 'schema', 'database')),
  cell            text        NOT NULL DEFAULT 'cell-1' REFERENCES platform.cells,
  trial_ends_at   timestamptz NOT NULL,
  deletion_due_at timestamptz,
  -- PENDING only: provisioning gave up; an admin can retry.
  provisioning_failed boolean NOT NULL DEFAULT false,
  -- Whether new events of the tenant go to its own vhost; else they go through "platform".
  vhost_ready     boolean     NOT NULL DEFAULT false,
  -- Whether the vhost exists and workers consume from it: longer than vhost_ready, until its release.
  vhost_present   boolean     NOT NULL DEFAULT false,
  custom_domain   text        UNIQUE,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  FOREIGN KEY (plan, plan_version) REFERENCES platform.plans
);
CREATE INDEX tenants_by_status ON platform.tenants (status, tenant_id);

-- Every status a tenant has had: what analysts and `/v1/admin/tenants` show as its history.
CREATE TABLE platform.lifecycle_history (
  tenant_id   text        NOT NULL REFERENCES platform.tenants,
  event_id    uuid        NOT NULL,
  from_status text,
  to_status   text        NOT NULL,
  trigger     text        NOT NULL,
  reason      text        NOT NULL DEFAULT '',
  at          timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, event_id)
);

CREATE TABLE platform.overrides (
  tenant_id text  NOT NULL REFERENCES platform.tenants,
  name      text  NOT NULL,
  value     jsonb NOT NULL,
  PRIMARY KEY (tenant_id, name)
);

CREATE TABLE platform.holds (
  tenant_id text        NOT NULL REFERENCES platform.tenants,
  hold      text        NOT NULL CHECK (hold IN ('no_suspend', 'no_billing')),
  reason    text        NOT NULL,
  ends_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, hold)
);

-- E-mail addresses are kept folded (lower case, NFC), one person per address over all tenants.
CREATE TABLE platform.users (
  user_id       uuid        PRIMARY KEY,
  email         text        NOT NULL UNIQUE,
  first_name    text        NOT NULL,
  last_name     text        NOT NULL,
  locale        text        NOT NULL DEFAULT 'fr',
  password_hash text,
  created_at    timestamptz NOT NULL
);

CREATE TABLE platform.memberships (
  tenant_id  text        NOT NULL REFERENCES platform.tenants,
  user_id    uuid        NOT NULL REFERENCES platform.users,
  role       text        NOT NULL CHECK (role IN ('owner', 'admin', 'manager', 'employee', 'viewer')),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_by_user ON platform.memberships (user_id);

CREATE TABLE platform.role_permissions (
  role       text NOT NULL,
  permission text NOT NULL,
  PRIMARY KEY (role, permission)
);
INSERT INTO platform.role_permissions (role, permission) VALUES
  ('owner', '*'),
  ('admin', 'users:*'), ('admin', 'clients:*'), ('admin', 'usage:*'), ('admin', 'audit:*'), ('admin', 'events:*'),
  ('admin', 'settings:*'), ('admin', 'subscription:read'),
  ('manager', 'clients:*'), ('manager', 'usage:read'), ('manager', 'audit:read'), ('manager', 'events:publish'),
  ('manager', 'users:read'), ('manager', 'subscription:read'),
  ('employee', 'clients:read'), ('employee', 'clients:create'), ('employee', 'events:publish'), ('employee', 'usage:read'),
  ('viewer', 'clients:read'), ('viewer', 'usage:read');

-- A signup accepted by the gateway, or asked for by an event: the key under which it happens once.
CREATE TABLE platform.signups (
  signup_id  uuid        PRIMARY KEY,
  tenant_id  text        REFERENCES platform.tenants,
  user_id    uuid        REFERENCES platform.users,
  state      text        NOT NULL CHECK (state IN ('requested', 'registered', 'rejected')),
  reason     text        NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL
);

CREATE TABLE platform.idempotency_keys (
  scope        text        NOT NULL,
  key          text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea       NOT NULL,
  status       int         NOT NULL,
  response     text        NOT NULL,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_by_age ON platform.idempotency_keys (created_at);

CREATE TABLE platform.refresh_tokens (
  token_hash bytea       PRIMARY KEY,
  user_id    uuid        NOT NULL REFERENCES platform.users,
  tenant_id  text        NOT NULL REFERENCES platform.tenants,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE platform.revoked_tokens (
  jti        text        PRIMARY KEY,
  expires_at timestamptz NOT NULL
);

-- Keys that sign access tokens; the private JWK is sealed under the master key.
CREATE TABLE platform.signing_keys (
  kid         text        PRIMARY KEY,
  sealed_jwk  bytea       NOT NULL,
  public_jwk  jsonb       NOT NULL,
  created_at  timestamptz NOT NULL,
  retired_at  timestamptz
);

-- A data key per tenant, wrapped by the master key. Erasure deletes the row.
CREATE TABLE platform.tenant_keys (
  tenant_id   text        NOT NULL REFERENCES platform.tenants,
  key_version int         NOT NULL,
  wrapped_key bytea       NOT NULL,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, key_version)
);

-- The virtual clock of tests and of the demo: one row, moved by `tenantry clock advance`.
CREATE TABLE platform.clock (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  offset_us bigint  NOT NULL DEFAULT 0
);
INSERT INTO platform.clock DEFAULT VALUES;
