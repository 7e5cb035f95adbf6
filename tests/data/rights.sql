-- Who may what in our schemas, as the catalogue says it: lines of Markdown, in their order. The owner's rights are not told:
-- everything is its own. Of a role rights on a whole object, on columns, and which rows its policies show it.
WITH ours AS (
  SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'public')
), roles AS (
  SELECT oid, substr(rolname, 10) AS name FROM pg_roles WHERE rolname LIKE 'tenantry\_%' AND rolname <> 'tenantry_owner'
  UNION ALL SELECT 0, 'everybody'
), objects AS (
  SELECT 'Schemas' AS kind, nspname::text AS object, oid, coalesce(nspacl, acldefault('n', nspowner)) AS acl
  FROM pg_namespace JOIN ours USING (oid)
  UNION ALL
  SELECT CASE c.relkind WHEN 'v' THEN 'Views' WHEN 'S' THEN 'Sequences' ELSE 'Tables' END, c.oid::regclass::text, c.oid,
         coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
  FROM pg_class c JOIN ours n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition
  UNION ALL
  SELECT 'Functions', p.oid::regproc::text || '/' || p.pronargs, p.oid, coalesce(p.proacl, acldefault('f', p.proowner))
  FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace
), granted AS (
  SELECT o.oid, a.grantee, a.privilege_type AS may FROM objects o, aclexplode(o.acl) a
  UNION ALL
  SELECT t.attrelid, a.grantee, a.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attnum) || ')'
  FROM pg_attribute t, aclexplode(t.attacl) a WHERE NOT t.attisdropped GROUP BY t.attrelid, a.grantee, a.privilege_type
), rights AS (
  SELECT oid, string_agg(name || ': ' || may, '; ' ORDER BY name) AS text FROM (
    SELECT g.oid, r.name, string_agg(g.may, ', ' ORDER BY g.may) AS may FROM granted g JOIN roles r ON r.oid = g.grantee
    GROUP BY g.oid, r.name) AS by_role GROUP BY oid
), policies AS (
  SELECT p.polrelid AS oid, r.name, CASE p.polcmd WHEN '*' THEN '' WHEN 'r' THEN 'SELECT ' WHEN 'a' THEN 'INSERT ' WHEN 'w' THEN 'UPDATE ' ELSE 'DELETE ' END
         || CASE regexp_replace(coalesce(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), '\s+', ' ', 'g')
              WHEN 'true' THEN 'all'
              WHEN '(tenant_id = NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))' THEN 'those of the tenant that is set'
              WHEN '(current_setting(''app.all_tenants''::text, true) = ''on''::text)' THEN 'all, once it says so'
              ELSE '`' || btrim(regexp_replace(coalesce(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), '\s+', ' ', 'g')) || '`'
            END AS text
  FROM pg_policy p JOIN roles r ON r.oid = ANY (p.polroles)
  WHERE r.oid = 0 OR EXISTS (SELECT FROM granted g WHERE g.oid = p.polrelid AND g.grantee = r.oid)
), rows AS (
  SELECT oid, string_agg(names || ': ' || text, '; ' ORDER BY names, text) AS text FROM (
    SELECT oid, text, string_agg(name, ', ' ORDER BY name) AS names FROM policies GROUP BY oid, text) AS by_text GROUP BY oid
), lines AS (
  SELECT o.kind, 3 AS place, o.object, '| `' || o.object || '` | ' || coalesce(rights.text, 'nobody')
         || CASE o.kind WHEN 'Tables' THEN ' | ' || coalesce(rows.text, CASE WHEN c.relrowsecurity THEN 'nobody''s' ELSE 'all' END) ELSE '' END || ' |' AS line
  FROM objects o LEFT JOIN rights ON rights.oid = o.oid LEFT JOIN rows ON rows.oid = o.oid
  LEFT JOIN pg_class c ON c.oid = o.oid AND o.kind = 'Tables'
  UNION ALL
  SELECT kind, 1, '', E'\n## ' || kind || E'\n' FROM objects GROUP BY kind
  UNION ALL
  SELECT kind, 2, '', CASE kind WHEN 'Tables' THEN E'| | who may what | which rows |\n|---|---|---|' ELSE E'| | who may what |\n|---|---|' END
  FROM objects GROUP BY kind
)
SELECT line FROM lines ORDER BY kind, place, object COLLATE "C"
