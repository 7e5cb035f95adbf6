-- A month of the audit logs leaves the database as a whole, once its records are in archive files (docs/audit-retention.md).
-- Its leaf hashes stay: with them every proof across the cut can still be made, under old and new heads alike.

CREATE TABLE audit.archives (
  tenant_id       text        NOT NULL CHECK (tenant_id <> ''),
  month           date        NOT NULL CHECK (extract(day FROM month) = 1),
  first_sequence  bigint      NOT NULL CHECK (first_sequence >= 0),
  records         bigint      NOT NULL CHECK (records > 0),
  file_sha256     bytea       NOT NULL CHECK (length(file_sha256) = 32),
  manifest_sha256 bytea       NOT NULL CHECK (length(manifest_sha256) = 32),
  archived_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, month)
);
CREATE UNIQUE INDEX archives_by_sequence ON audit.archives (tenant_id, first_sequence);
COMMENT ON TABLE audit.archives IS 'Stretches of the audit logs whose records are in archive files';

-- Level 0 of the trees where the records are gone. A row holds hashes side by side, and crosses no multiple of 256.
CREATE TABLE audit.archived_leaves (
  tenant_id      text   NOT NULL CHECK (tenant_id <> ''),
  first_sequence bigint NOT NULL CHECK (first_sequence >= 0),
  hashes         bytea  NOT NULL CHECK (length(hashes) > 0 AND length(hashes) % 32 = 0
                                        AND (first_sequence & 255) + length(hashes) / 32 <= 256),
  PRIMARY KEY (tenant_id, first_sequence)
);
ALTER TABLE audit.archived_leaves ALTER COLUMN hashes SET STORAGE EXTERNAL;  -- hashes do not compress
COMMENT ON TABLE audit.archived_leaves IS 'Leaf hashes of archived records, 32 bytes each';

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['archives', 'archived_leaves'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON audit.%I FOR EACH ROW EXECUTE FUNCTION '
                   'audit.refuse_change()', name || '_append_only', name);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON audit.%I FOR EACH STATEMENT EXECUTE FUNCTION '
                   'audit.refuse_change()', name || '_no_truncate', name);
    EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER %I', name, name || '_append_only');
    EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER %I', name, name || '_no_truncate');
    EXECUTE format('ALTER TABLE audit.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE audit.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_all ON audit.%I TO tenantry_owner USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY own_tenant ON audit.%I FOR SELECT TO tenantry_gateway '
                   'USING (tenant_id = NULLIF(current_setting(''app.tenant_id'', true), ''''))', name);
    EXECUTE format('CREATE POLICY signer_reads ON audit.%I FOR SELECT TO tenantry_signer USING (true)', name);
    EXECUTE format('GRANT SELECT ON audit.%I TO tenantry_gateway, tenantry_signer', name);
  END LOOP;
END $$;

CREATE POLICY analyst_reads ON audit.archives FOR SELECT TO tenantry_analyst USING (true);
GRANT SELECT ON audit.archives TO tenantry_analyst;

-- What is archived is not begun anew: a record of that month would be one of a clock that went back.
CREATE OR REPLACE FUNCTION audit.ensure_partition(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  month timestamptz := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
  name  text := 'records_' || to_char(at AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
  IF to_regclass('audit.' || quote_ident(name)) IS NOT NULL THEN
    RETURN;
  END IF;
  LOCK TABLE audit.records IN SHARE UPDATE EXCLUSIVE MODE;  -- readers and writers go on
  IF to_regclass('audit.' || quote_ident(name)) IS NOT NULL THEN
    RETURN;  -- somebody else has made it while we waited
  END IF;
  IF EXISTS (SELECT FROM audit.archives a WHERE a.month = (ensure_partition.at AT TIME ZONE 'UTC')::date
             - (extract(day FROM ensure_partition.at AT TIME ZONE 'UTC')::int - 1)) THEN
    RAISE EXCEPTION 'the month of % is archived: nothing is recorded in it any more', at
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('CREATE TABLE audit.%I (LIKE audit.records INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
  EXECUTE format('ALTER TABLE audit.records ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)', name, month,
                 (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
  -- Triggers of rows are the parent's; those of statements, and row-level security, are each table's own.
  EXECUTE format('CREATE TRIGGER records_no_truncate BEFORE TRUNCATE ON audit.%I FOR EACH STATEMENT '
                 'EXECUTE FUNCTION audit.refuse_change()', name);
  EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER records_no_truncate', name);
  EXECUTE format('ALTER TABLE audit.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE audit.%I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY owner_all ON audit.%I TO tenantry_owner USING (true) WITH CHECK (true)', name);
END $$;

-- The functions below run with the caller's own rights and are the owner's alone: no service archives anything.

-- Months that are in the database.
CREATE FUNCTION audit.kept_months() RETURNS TABLE (month date)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_date(substr(c.relname, 9), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'audit.records'::regclass AND c.relname ~ '^records_[0-9]{4,}_[0-9]{2}$' ORDER BY 1
$$;

-- The logs with records in a month: where they begin in it, how many they are, how long their plan keeps them and
-- until when somebody holds them. `others`: months for logs of no tenant.
CREATE FUNCTION audit.logs_of_month(month date, at timestamptz, others int)
RETURNS TABLE (tenant_id text, first_sequence bigint, records bigint, retention_months int, kept_until timestamptz,
               held_until timestamptz, hold_reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  -- First and last by the key's index: a month has millions of records.
  RETURN QUERY EXECUTE format($query$
    SELECT l.tenant_id, l.first_sequence, l.records, l.months,
           ($1 + interval '1 month' + l.months * interval '1 month') AT TIME ZONE 'UTC', h.ends_at, coalesce(h.reason, '')
    FROM (SELECT d.tenant_id, f.sequence AS first_sequence, z.sequence - f.sequence + 1 AS records,
                 coalesce(p.audit_retention_months, $3) AS months
          FROM audit.heads d
          CROSS JOIN LATERAL (SELECT r.sequence FROM audit.%1$I r WHERE r.tenant_id = d.tenant_id
                              ORDER BY r.sequence LIMIT 1) AS f
          CROSS JOIN LATERAL (SELECT r.sequence FROM audit.%1$I r WHERE r.tenant_id = d.tenant_id
                              ORDER BY r.sequence DESC LIMIT 1) AS z
          LEFT JOIN platform.tenants t ON t.tenant_id = d.tenant_id
          LEFT JOIN platform.plans p ON p.plan = t.plan AND p.version = t.plan_version) AS l
    LEFT JOIN platform.holds h ON h.tenant_id = l.tenant_id AND h.hold = 'legal' AND h.ends_at > $2
    ORDER BY l.tenant_id
    $query$, 'records_' || to_char(month, 'YYYY_MM')) USING month, at, others;
END $$;

-- Lets a month go, or raises an exception that says why it stays. What the caller has found in the archive files, by
-- log: the place and number of the records, SHA-256 of their leaf hashes side by side, and of the file.
CREATE FUNCTION audit.archive_month(month date, at timestamptz, others int, tenants text[], firsts bigint[],
                                    counts bigint[], leaf_digests bytea[], file_digests bytea[], manifest bytea)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name  text := 'records_' || to_char(month, 'YYYY_MM');
  many  bigint;
  named text;
BEGIN
  LOCK TABLE platform.holds IN SHARE MODE;  -- nobody places one meanwhile
  EXECUTE format('LOCK TABLE audit.%I IN SHARE MODE', name);  -- readers go on
  SELECT l.tenant_id INTO named FROM audit.logs_of_month(month, at, others) l
    WHERE l.kept_until > at OR l.held_until IS NOT NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the records of % are kept', named USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  PERFORM FROM audit.kept_months() k CROSS JOIN LATERAL audit.logs_of_month(k.month, at, others) l
    WHERE k.month < archive_month.month;
  IF FOUND THEN
    RAISE EXCEPTION 'an earlier month is still there' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;

  -- The files hold exactly the month.
  SELECT coalesce(l.tenant_id, f.tenant_id) INTO named FROM audit.logs_of_month(month, at, others) l
    FULL JOIN unnest(tenants, firsts, counts) AS f (tenant_id, first_sequence, records)
      ON f.tenant_id = l.tenant_id AND f.first_sequence = l.first_sequence AND f.records = l.records
    WHERE l.tenant_id IS NULL OR f.tenant_id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the archive does not hold the records of %', named USING ERRCODE = 'data_exception';
  END IF;
  EXECUTE format('SELECT count(*) FROM audit.%I', name) INTO many;
  IF many <> (SELECT coalesce(sum(c), 0) FROM unnest(counts) AS c) THEN
    RAISE EXCEPTION 'the month holds % records, its logs others', many USING ERRCODE = 'data_exception';
  END IF;

  -- No gap on either side: before it lies what was archived, behind it what is still there, or the head.
  SELECT f.tenant_id INTO named FROM unnest(tenants, firsts, counts) AS f (tenant_id, first, records)
    JOIN audit.heads h ON h.tenant_id = f.tenant_id
    WHERE f.first <> coalesce((SELECT a.first_sequence + a.records FROM audit.archives a WHERE a.tenant_id = f.tenant_id
                               ORDER BY a.first_sequence DESC LIMIT 1), 0)
      OR f.first + f.records <> coalesce((SELECT r.sequence FROM audit.records r WHERE r.tenant_id = f.tenant_id
                                          AND r.sequence >= f.first + f.records ORDER BY r.sequence LIMIT 1), h.size)
    LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the log of % has a gap', named USING ERRCODE = 'data_exception';
  END IF;

  EXECUTE format('INSERT INTO audit.archived_leaves SELECT r.tenant_id, min(r.sequence), '
                 'string_agg(r.leaf_hash, '''' ORDER BY r.sequence) FROM audit.%I r '
                 'GROUP BY r.tenant_id, r.sequence >> 8', name);
  SELECT f.tenant_id INTO named
    FROM unnest(tenants, firsts, counts, leaf_digests) AS f (tenant_id, first, records, digest)
    WHERE f.digest IS DISTINCT FROM (
      SELECT sha256(string_agg(t.hashes, '' ORDER BY t.first_sequence)) FROM audit.archived_leaves t
      WHERE t.tenant_id = f.tenant_id AND t.first_sequence >= f.first) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the leaf hashes of % are not those of the archive', named USING ERRCODE = 'data_exception';
  END IF;
  INSERT INTO audit.archives (tenant_id, month, first_sequence, records, file_sha256, manifest_sha256, archived_at)
    SELECT f.tenant_id, archive_month.month, f.first, f.records, f.digest, manifest, at
    FROM unnest(tenants, firsts, counts, file_digests) AS f (tenant_id, first, records, digest);
  -- Last, as it makes readers of the log wait, for as short as may be.
  EXECUTE format('DROP TABLE audit.%I', name);
END $$;
REVOKE ALL ON FUNCTION audit.kept_months(), audit.logs_of_month(date, timestamptz, int),
  audit.archive_month(date, timestamptz, int, text[], bigint[], bigint[], bytea[], bytea[], bytea) FROM PUBLIC;
