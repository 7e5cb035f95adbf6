-- Schema provisioning: the sagas that make and release a tenant's resources, and what they made.
CREATE SCHEMA provisioning;
REVOKE ALL ON SCHEMA provisioning FROM PUBLIC;

CREATE TABLE provisioning.sagas (
  tenant_id   text        NOT NULL,
  saga        text        NOT NULL CHECK (saga IN ('provision', 'release')),
  state       text        NOT NULL CHECK (state IN ('running', 'compensating', 'done', 'failed')),
  cause_id    uuid        NOT NULL,  -- the event that started it
  attempt     int         NOT NULL,  -- of the present step
  error       text        NOT NULL DEFAULT '',
  started_at  timestamptz NOT NULL,
  -- The transaction that started it: once no older one is open, everybody sees what it changed.
  started_xid xid8        NOT NULL DEFAULT pg_current_xact_id(),
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, saga)
);

CREATE TABLE provisioning.steps (
  tenant_id   text        NOT NULL,
  saga        text        NOT NULL,
  step        text        NOT NULL,
  position    int         NOT NULL,
  state       text        NOT NULL CHECK (state IN ('pending', 'done', 'removed', 'failed')),
  error       text        NOT NULL DEFAULT '',
  duration_ms bigint      NOT NULL DEFAULT 0,
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, saga, step),
  FOREIGN KEY (tenant_id, saga) REFERENCES provisioning.sagas
);

-- What exists outside this database because of a tenant; empty again once it is deleted.
CREATE TABLE provisioning.resources (
  tenant_id  text        NOT NULL,
  kind       text        NOT NULL,
  name       text        NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, kind, name)
);

-- Credentials we hold for a tenant, sealed under its data key.
CREATE TABLE provisioning.credentials (
  tenant_id   text        NOT NULL,
  name        text        NOT NULL,
  key_version int         NOT NULL,
  sealed      bytea       NOT NULL,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
