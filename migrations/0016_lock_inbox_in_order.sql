-- Processes that start together all make the month's partitions. Each had read the default partition before it asked
-- for the parent, as CREATE TABLE ... PARTITION OF does: two of them, or one and a worker's INSERT, waited for each
-- other, and a dozen kept it up for half a minute. Now only who finds a partition missing locks anything, and in the
-- order of an INSERT: the parent, then what is below it.
CREATE OR REPLACE FUNCTION messaging.ensure_inbox_partitions(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  month timestamptz;
  name  text;
BEGIN
  FOR step IN 0..1 LOOP
    month := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(months => step);
    name := 'inbox_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass('messaging.' || name) IS NOT NULL;
    LOCK TABLE messaging.inbox IN ACCESS EXCLUSIVE MODE;
    -- Somebody else may have made it while we waited.
    IF to_regclass('messaging.' || name) IS NULL
       AND NOT EXISTS (SELECT FROM messaging.inbox_default
                       WHERE event_id >= messaging.first_uuid_at(month)
                         AND event_id < messaging.first_uuid_at(month + interval '1 month')) THEN
      EXECUTE format('CREATE TABLE messaging.%I PARTITION OF messaging.inbox FOR VALUES FROM (%L) TO (%L)',
                     name, messaging.first_uuid_at(month), messaging.first_uuid_at(month + interval '1 month'));
    END IF;
  END LOOP;
END $$;
