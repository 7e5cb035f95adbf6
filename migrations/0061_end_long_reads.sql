-- Once a minute, with what else is over, analysts' sessions that read for too long (migrations/guard.sql).
CREATE OR REPLACE FUNCTION housekeeping.sweep(at timestamptz) RETURNS TABLE (relation text, removed bigint, more boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rule  housekeeping.rules;
  count bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('housekeeping', 0)) THEN
    RETURN;
  END IF;
  FOR rule IN SELECT * FROM housekeeping.rules r WHERE r.keep IS NOT NULL ORDER BY r.relation::text LOOP
    EXECUTE format(CASE WHEN rule.blank = '' THEN 'DELETE FROM %1$s' ELSE 'UPDATE %1$s SET %4$s' END
                   || ' WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$s WHERE %2$s LIMIT %3$s FOR UPDATE SKIP LOCKED))',
                   rule.relation, rule.over, rule.batch_rows, rule.blank) USING at - rule.keep;
    GET DIAGNOSTICS count = ROW_COUNT;
    relation := rule.relation::text;
    removed := count;
    more := count = rule.batch_rows;
    RETURN NEXT;
  END LOOP;
  relation := 'messaging.inbox';
  removed := housekeeping.drop_inbox_months(at - interval '40 days');
  more := false;
  RETURN NEXT;
  IF to_regprocedure('guard.end_long_reads(interval)') IS NOT NULL THEN
    EXECUTE 'SELECT guard.end_long_reads()' INTO removed;
    relation := 'sessions of analysts';
    RETURN NEXT;
  END IF;
END $$;
