-- A foreign event is known by (tenant, source, id) alone, so its id has no time in it: 48 bits of zeros. In the default
-- partition such ids would lie beside whatever the months' partitions do not take, for ever; in one of their own they
-- can be let go by handled_at.
CREATE TABLE messaging.inbox_foreign (LIKE messaging.inbox INCLUDING ALL);
LOCK TABLE messaging.inbox IN ACCESS EXCLUSIVE MODE;
WITH moved AS (
  DELETE FROM messaging.inbox_default WHERE event_id < '00000000-0001-0000-0000-000000000000' RETURNING *
)
INSERT INTO messaging.inbox_foreign SELECT * FROM moved;
ALTER TABLE messaging.inbox ATTACH PARTITION messaging.inbox_foreign
  FOR VALUES FROM (MINVALUE) TO ('00000000-0001-0000-0000-000000000000');
