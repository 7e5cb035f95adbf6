-- Schema messaging: inbox, outbox, dead letters. Column names of the outbox follow Debezium's event router.
CREATE SCHEMA messaging;
REVOKE ALL ON SCHEMA messaging FROM PUBLIC;

-- One row per (worker, event) that took effect. Ids are UUIDv7, so they start with their time: a partition holds a
-- month and drops whole after retention, and the key stays unique over all of them.
CREATE TABLE messaging.inbox (
  event_id   uuid        NOT NULL,
  worker     text        NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_id, worker)
) PARTITION BY RANGE (event_id);
CREATE TABLE messaging.inbox_default PARTITION OF messaging.inbox DEFAULT;

-- The first id of a millisecond: its 48 bits, then zeros.
CREATE FUNCTION messaging.first_uuid_at(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;

-- Makes the partitions of the given month and the next. Those whose ids already lie in the default partition stay there.
CREATE FUNCTION messaging.ensure_inbox_partitions(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  month timestamptz;
  name  text;
BEGIN
  FOR step IN 0..1 LOOP
    month := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(months => step);
    name := 'inbox_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
    IF to_regclass('messaging.' || name) IS NULL
       AND NOT EXISTS (SELECT FROM messaging.inbox_default
                       WHERE event_id >= messaging.first_uuid_at(month)
                         AND event_id < messaging.first_uuid_at(month + interval '1 month')) THEN
      EXECUTE format('CREATE TABLE messaging.%I PARTITION OF messaging.inbox FOR VALUES FROM (%L) TO (%L)',
                     name, messaging.first_uuid_at(month), messaging.first_uuid_at(month + interval '1 month'));
    END IF;
  END LOOP;
END $$;

CREATE TABLE messaging.outbox (
  id            uuid        NOT NULL,              -- the event's id
  exchange      text        NOT NULL,              -- '' : straight to the queue named by routing_key
  routing_key   text        NOT NULL,
  vhost         text        NOT NULL,
  tenant_id     text        NOT NULL,
  aggregatetype text        NOT NULL DEFAULT 'tenant',
  aggregateid   text        NOT NULL DEFAULT '',
  type          text        NOT NULL,
  content_type  text        NOT NULL,
  headers       jsonb       NOT NULL,
  payload       bytea       NOT NULL,
  seq           bigint      GENERATED ALWAYS AS IDENTITY,
  created_at    timestamptz NOT NULL DEFAULT now(),
  available_at  timestamptz NOT NULL,              -- by the platform's clock, which tests can move
  claimed_until timestamptz,                       -- by the database's own clock: a lease, or the wait after a failure
  attempts      int         NOT NULL DEFAULT 0,
  last_error    text,
  timer_key     text,                              -- a timer: at most one per key, cancelled by deleting it
  PRIMARY KEY (id, exchange, routing_key)
);
CREATE INDEX outbox_due ON messaging.outbox (available_at, seq);
CREATE UNIQUE INDEX outbox_timers ON messaging.outbox (timer_key) WHERE timer_key IS NOT NULL;
CREATE INDEX outbox_by_tenant ON messaging.outbox (tenant_id);

CREATE TABLE messaging.dead_letters (
  dead_letter_id uuid        PRIMARY KEY,
  worker         text        NOT NULL,
  tenant_id      text        NOT NULL,
  event_id       uuid        NOT NULL,             -- the inbox's key: the event's id, or one hashed from a foreign id
  type           text        NOT NULL,
  reason         text        NOT NULL CHECK (reason IN ('invalid', 'exhausted', 'crash', 'refused')),
  error          text        NOT NULL,
  attempts       int         NOT NULL,
  seen           int         NOT NULL DEFAULT 1,   -- how often the same message came
  vhost          text        NOT NULL,
  exchange       text        NOT NULL,
  routing_key    text        NOT NULL,
  properties     jsonb       NOT NULL,
  body           bytea       NOT NULL,
  created_at     timestamptz NOT NULL,
  last_seen_at   timestamptz NOT NULL,
  UNIQUE (worker, event_id)
);
CREATE INDEX dead_letters_by_tenant ON messaging.dead_letters (tenant_id, created_at);

-- Tries of messages that may have stopped a process: counted before handling, in a transaction of their own.
CREATE TABLE messaging.attempts (
  worker   text        NOT NULL,
  event_id uuid        NOT NULL,
  attempts int         NOT NULL,
  last_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (worker, event_id)
);
