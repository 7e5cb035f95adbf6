#!/bin/sh
# Run once by the postgres image: roles, then the database they use, and nobody else.
set -e
superuser() { psql -U postgres -v ON_ERROR_STOP=1 "$@"; }
TENANTRY_OWNER_PASSWORD=owner TENANTRY_SERVICE_PASSWORD=service superuser -f /roles.sql
superuser -c 'CREATE DATABASE tenantry OWNER tenantry_owner' -c 'REVOKE CONNECT, TEMP ON DATABASE tenantry FROM PUBLIC'
superuser << 'SQL'
SELECT format('GRANT CONNECT ON DATABASE tenantry TO %I', rolname) FROM pg_roles
WHERE rolname LIKE 'tenantry\_%' AND rolname <> 'tenantry_sandbox'
\gexec
SQL
