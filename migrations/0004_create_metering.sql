-- Schema metering: what counts, and how much of it was used per hour, day and month (UTC).
CREATE SCHEMA metering;
REVOKE ALL ON SCHEMA metering FROM PUBLIC;

CREATE TABLE metering.metrics (
  metric      text PRIMARY KEY CHECK (metric ~ '^[a-z][a-z0-9_]{0,62}$'),
  aggregation text NOT NULL CHECK (aggregation IN ('sum', 'count', 'max', 'last', 'unique')),
  unit        text NOT NULL,
  reset       text NOT NULL CHECK (reset IN ('monthly', 'never')),
  limit_name  text  -- the plan's column that limits it, where one does
);
INSERT INTO metering.metrics (metric, aggregation, unit, reset, limit_name) VALUES
  ('api_calls', 'sum', 'calls', 'monthly', 'api_calls_max'),
  ('storage_bytes', 'last', 'bytes', 'never', 'storage_bytes_max'),
  ('users', 'last', 'users', 'never', 'users_max'),
  ('orders', 'sum', 'orders', 'monthly', NULL),
  ('emails_sent', 'sum', 'mails', 'monthly', NULL),
  ('active_users', 'unique', 'users', 'monthly', NULL);

-- quantity holds the aggregate; events how many distinct events went into it; last_at and last_id which event a
-- 'last' aggregate shows. Window starts are UTC; a metric that never resets has its total in the window 'total'.
CREATE TABLE metering.counters (
  tenant_id    text             NOT NULL,
  metric       text             NOT NULL REFERENCES metering.metrics,
  span         text             NOT NULL CHECK (span IN ('hour', 'day', 'month', 'total')),
  window_start timestamptz      NOT NULL,
  quantity     numeric          NOT NULL,
  events       bigint           NOT NULL,
  last_at      timestamptz,
  last_id      uuid,
  updated_at   timestamptz      NOT NULL,
  PRIMARY KEY (tenant_id, metric, span, window_start)
);

-- A key given by the caller counts once, whatever ids its events had.
CREATE TABLE metering.idempotency_keys (
  tenant_id text        NOT NULL,
  key       text        NOT NULL,
  event_id  uuid        NOT NULL,
  at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, key)
);

-- Members of a 'unique' aggregate, per window.
CREATE TABLE metering.unique_members (
  tenant_id    text        NOT NULL,
  metric       text        NOT NULL REFERENCES metering.metrics,
  span         text        NOT NULL,
  window_start timestamptz NOT NULL,
  member       text        NOT NULL,
  PRIMARY KEY (tenant_id, metric, span, window_start, member)
);

-- Each crossing of a threshold, once per period.
CREATE TABLE metering.crossings (
  tenant_id    text        NOT NULL,
  metric       text        NOT NULL,
  period_start timestamptz NOT NULL,
  percent      int         NOT NULL,
  at           timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, metric, period_start, percent)
);
