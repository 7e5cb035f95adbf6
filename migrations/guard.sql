-- The guard: what keeps the audit log append-only cannot be taken away by the owner of its tables.
-- Run by a superuser in the database (psql -1), as often as you like, before `tenantry migrate`; after it: SELECT guard.arm().
-- From then on every statement that changes the database's objects and leaves schema audit different from what it was when
-- the guard was armed is refused, whoever the session is of, unless it is a superuser's. Months come (audit.ensure_partition)
-- and go (audit.archive_month) meanwhile. A later migration that changes schema audit needs SELECT guard.disarm() before it.
-- A superuser can take away all of this: then the signed heads outside PostgreSQL tell (docs/audit-verification.md).
CREATE SCHEMA IF NOT EXISTS guard;
REVOKE ALL ON SCHEMA guard FROM PUBLIC;

CREATE TABLE IF NOT EXISTS guard.baseline (
  kind       text NOT NULL,
  name       text NOT NULL,
  definition text NOT NULL,
  armed_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, name)
);

-- Schema audit as it is: all but the months of its records, which have a rule of their own.
CREATE OR REPLACE VIEW guard.state AS
  WITH relations AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = to_regnamespace('audit') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND c.relname !~ '^records_[0-9]{4,}_[0-9]{2}$'
  )
  SELECT 'relation' AS kind, c.relname::text AS name,
         concat_ws(' ', c.relkind, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity,
                   (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(c.relacl) AS a),
                   (SELECT string_agg(t.attname || ':' || t.attacl::text, ',' ORDER BY t.attname) FROM pg_attribute t
                    WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL)) AS definition
  FROM relations c
  UNION ALL
  SELECT 'column', c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
  FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT 'constraint', c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
  FROM relations c JOIN pg_constraint k ON k.conrelid = c.oid
  UNION ALL
  SELECT 'trigger', c.relname || '.' || t.tgname, t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
  FROM relations c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
  UNION ALL
  SELECT 'rule', c.relname || '.' || r.rulename, r.ev_enabled::text || ' ' || md5(pg_get_ruledef(r.oid))
  FROM relations c JOIN pg_rewrite r ON r.ev_class = c.oid
  UNION ALL
  SELECT 'policy', c.relname || '.' || p.polname,
         concat_ws(' ', p.polcmd, p.polpermissive,
                   (SELECT string_agg(CASE WHEN o = 0 THEN 'public' ELSE pg_get_userbyid(o) END, ',') FROM unnest(p.polroles) AS o),
                   pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  FROM relations c JOIN pg_policy p ON p.polrelid = c.oid
  UNION ALL
  SELECT 'function', f.oid::regprocedure::text,
         concat_ws(' ', pg_get_userbyid(f.proowner), md5(pg_get_functiondef(f.oid)),
                   (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(f.proacl) AS a))
  FROM pg_proc f WHERE f.pronamespace = to_regnamespace('audit') AND f.prokind = 'f';

-- A month of records: its row triggers are clones of its table's, and nothing else is on it but what audit.ensure_partition
-- makes.
CREATE OR REPLACE VIEW guard.odd_months AS
  SELECT c.relname::text AS name FROM pg_class c
  WHERE (c.relnamespace = to_regnamespace('audit') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
         AND c.relname ~ '^records_[0-9]{4,}_[0-9]{2}$'
         OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('audit.records'))) AND (
    c.relnamespace <> to_regnamespace('audit') OR NOT c.relispartition OR NOT c.relrowsecurity OR NOT c.relforcerowsecurity OR c.relacl IS NOT NULL
    OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
    OR EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid)
    OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname <> 'owner_all')
    OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND (t.tgenabled <> 'A'
               OR t.tgname NOT IN ('records_append_only', 'records_no_truncate')))
    OR (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) <> 2);

-- The first thing that is not as it was; NULL: nothing, or the guard is not armed.
CREATE OR REPLACE FUNCTION guard.difference() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT what FROM (
    SELECT coalesce(s.kind, b.kind) || ' ' || coalesce(s.name, b.name) || CASE
      WHEN s.name IS NULL THEN ' is gone' WHEN b.name IS NULL THEN ' is new' ELSE ' is another' END AS what
    FROM guard.state s FULL JOIN guard.baseline b ON (b.kind, b.name) = (s.kind, s.name)
    WHERE EXISTS (SELECT FROM guard.baseline) AND s.definition IS DISTINCT FROM b.definition
    UNION ALL
    SELECT 'month ' || name || ' is not guarded' FROM guard.odd_months WHERE EXISTS (SELECT FROM guard.baseline)
  ) AS found ORDER BY what LIMIT 1
$$;

CREATE OR REPLACE FUNCTION guard.disarm() RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM guard.baseline
$$;
CREATE OR REPLACE FUNCTION guard.arm() RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM guard.baseline;
  INSERT INTO guard.baseline (kind, name, definition) SELECT kind, name, definition FROM guard.state
$$;

CREATE OR REPLACE FUNCTION guard.after_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found text;
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RETURN;
  END IF;
  -- Making a month takes several statements; whoever makes it has finished when its last policy stands.
  SELECT guard.difference() INTO found;
  IF found IS NOT NULL AND NOT (found LIKE 'month %' AND session_user <> 'tenantry_owner') THEN
    RAISE EXCEPTION 'the audit log is guarded: %', found
      USING ERRCODE = 'insufficient_privilege', HINT = 'a superuser may: SELECT guard.disarm() (migrations/guard.sql)';
  END IF;
END $$;

-- What is dropped is not among what a statement has made: months leave by way of the archive alone.
CREATE OR REPLACE FUNCTION guard.after_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dropped record;
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) OR NOT EXISTS (SELECT FROM guard.baseline) THEN
    RETURN;
  END IF;
  FOR dropped IN SELECT * FROM pg_event_trigger_dropped_objects()
                 WHERE object_type = 'table' AND schema_name = 'audit' AND object_name ~ '^records_[0-9]{4,}_[0-9]{2}$' LOOP
    IF NOT EXISTS (SELECT FROM audit.archives a WHERE to_char(a.month, 'YYYY_MM') = substr(dropped.object_name, 9)) THEN
      RAISE EXCEPTION 'the audit log is guarded: month % is not archived', dropped.object_name
        USING ERRCODE = 'insufficient_privilege';
    END IF;
  END LOOP;
END $$;

DROP EVENT TRIGGER IF EXISTS tenantry_guard_ddl;
CREATE EVENT TRIGGER tenantry_guard_ddl ON ddl_command_end EXECUTE FUNCTION guard.after_ddl();
ALTER EVENT TRIGGER tenantry_guard_ddl ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS tenantry_guard_drop;
CREATE EVENT TRIGGER tenantry_guard_drop ON sql_drop EXECUTE FUNCTION guard.after_drop();
ALTER EVENT TRIGGER tenantry_guard_drop ENABLE ALWAYS;

-- For `tenantry doctor`: when the guard was armed (NULL: it is not), and what has changed since.
CREATE OR REPLACE FUNCTION guard.report(OUT armed_at timestamptz, OUT difference text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT (SELECT min(b.armed_at) FROM guard.baseline b
          WHERE (SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'tenantry\_guard\_%' AND evtenabled = 'A') = 2),
         guard.difference()
$$;

-- A session may lift the timeouts that its role has; an analyst's statement and transaction end all the same.
-- housekeeping.sweep calls this once a minute.
CREATE OR REPLACE FUNCTION guard.end_long_reads(longest interval DEFAULT '5 minutes') RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity a
  WHERE a.usename = 'tenantry_analyst' AND a.datname = current_database()
    AND CASE WHEN a.state = 'active' THEN a.query_start WHEN a.state LIKE 'idle in transaction%' THEN a.xact_start END
        < clock_timestamp() - longest
$$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA guard FROM PUBLIC;
GRANT USAGE ON SCHEMA guard TO tenantry_owner;
GRANT EXECUTE ON FUNCTION guard.report(), guard.end_long_reads(interval) TO tenantry_owner;

-- Analysts read, and hold nothing: no lock by name that others wait for, no large object.
DO $$
DECLARE
  each record;
BEGIN
  FOR each IN SELECT oid::regprocedure AS signature FROM pg_proc
              WHERE pronamespace = 'pg_catalog'::regnamespace
                AND proname ~ '^(pg_(try_)?advisory_|lo_(?!import|export)|loread$|lowrite$)' LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', each.signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', each.signature,
      (SELECT string_agg(quote_ident(rolname), ', ') FROM pg_roles
       WHERE rolname LIKE 'tenantry\_%' AND rolname <> 'tenantry_analyst'));
  END LOOP;
END $$;
