-- Dead letters that can be looked at by the hundred, sent again and dropped. What an admin decided stays on the row, so
-- that nobody does it twice; the message stays, too, for a decision that turns out to be wrong.
ALTER TABLE messaging.dead_letters
  DROP CONSTRAINT dead_letters_reason_check,
  ADD CONSTRAINT dead_letters_reason_check
    CHECK (reason IN ('invalid', 'exhausted', 'timeout', 'crash', 'refused')),
  -- event: properties and body are those of the event as we would publish it. message: as they came off the wire.
  ADD COLUMN form       text        NOT NULL DEFAULT 'message' CHECK (form IN ('event', 'message')),
  ADD COLUMN whole      boolean     NOT NULL DEFAULT true,     -- false: not all of it could be kept; it cannot be sent again
  ADD COLUMN state      text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'redriven', 'dropped')),
  ADD COLUMN redrives   int         NOT NULL DEFAULT 0 CHECK (redrives >= 0),
  ADD COLUMN settled_at timestamptz,
  ADD COLUMN note       text        NOT NULL DEFAULT '';
CREATE INDEX dead_letters_by_time ON messaging.dead_letters (created_at, dead_letter_id);

-- What two errors of one cause have in common: ids, quoted values and numbers are left out.
CREATE FUNCTION messaging.error_shape(error text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(regexp_replace(regexp_replace(regexp_replace(error,
  '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '<id>', 'gi'),
  '"[^"]*"', '<text>', 'g'),
  '[0-9]+(\.[0-9]+)?', '<n>', 'g'), 200);

CREATE VIEW messaging.dead_letter_groups WITH (security_invoker = true) AS
  SELECT worker, tenant_id, type, reason, messaging.error_shape(error) AS error_shape, state, count(*) AS letters,
         min(created_at) AS first_at, max(last_seen_at) AS last_at,
         (array_agg(dead_letter_id ORDER BY last_seen_at DESC, dead_letter_id DESC))[1] AS newest_id
  FROM messaging.dead_letters
  GROUP BY worker, tenant_id, type, reason, messaging.error_shape(error), state;
COMMENT ON VIEW messaging.dead_letter_groups IS 'Dead letters of one worker, tenant, type, reason and kind of error';

-- The gateway, for super-admins: what was decided about a letter, and nothing of the letter itself.
GRANT SELECT ON messaging.dead_letter_groups TO tenantry_gateway;
GRANT UPDATE (state, redrives, settled_at, note) ON messaging.dead_letters TO tenantry_gateway;
